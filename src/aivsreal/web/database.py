"""From a URL to an engine over a database that is up to date; each way it can fail as an error for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from aivsreal.errors import CannotServe, MissingDependency, first_line
from aivsreal.files import make_folder

MIGRATIONS = Path(__file__).parent / "migrations"
# Whoever migrates holds this lock in PostgreSQL, so that machines which start together do it once.
_LOCK = 4_155_729
# Execution options of a transaction that only reads.
READING = {"aivsreal_reading": True}
_BUSY_MS = 15_000


def open_engine(url: str) -> Engine:
    """Return an engine over the database, which is made or brought up to date first.

    Raises: CannotServe, CannotWrite, MissingDependency.
    """
    engine = _engine(url)
    try:
        _migrate(engine)
    except CommandError as error:
        raise CannotServe(
            "the database was made by a newer aivsreal", hint="pip install --upgrade aivsreal"
        ) from error
    except SQLAlchemyError as error:
        why = first_line(getattr(error, "orig", None) or error)
        raise CannotServe(
            f"the database {shown(url)} cannot be used: {why}",
            hint="check that it runs, its address, name and password, and that you may write there",
        ) from error
    return engine


def shown(url: str) -> str:
    """Return a database's URL without its password."""
    return make_url(url).render_as_string(hide_password=True)


def parsed_url(url: str) -> URL:
    """Return a database's URL in its parts. Raises: CannotServe."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:  # ValueError: a port that is no number
        raise _no_url() from error


def configuration(engine: Engine, connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for this project's migrations."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    config.attributes["engine"] = engine
    return config


def _engine(url: str) -> Engine:
    parsed = parsed_url(url)
    try:
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise CannotServe(
                f"a database of the kind '{parsed.get_backend_name()}' cannot be used",
                hint="use sqlite or postgresql",
            )
        if parsed.get_backend_name() == "postgresql":
            # Connections that a restart of the database has broken are noticed before they are used.
            return create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=20)
        make_folder(Path(parsed.database or ".").parent, hint="set AIVSREAL_DATA_DIR to a folder of yours")
        engine = create_engine(parsed, connect_args={"timeout": _BUSY_MS / 1000})
    except ArgumentError as error:
        raise _no_url() from error
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"this database needs {error.name}, which is not installed",
            hint="pip install 'aivsreal[postgres]'",
        ) from error
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _no_url() -> CannotServe:
    return CannotServe(
        "the database's URL cannot be understood", hint="for example postgresql://user@host/name"
    )


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    """Let readers and a writer work at once, hold foreign keys, and overwrite with zeros what is deleted."""
    connection.isolation_level = None  # transactions begin below, not where the driver thinks they should
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that turns from reading to writing may find that another was faster, and fail: those that
    # write begin as writers.
    reads = connection.get_execution_options().keys() >= READING.keys()
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _migrate(engine: Engine) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        command.upgrade(configuration(engine, connection), "head")


def head() -> str | None:
    """Return the newest revision that this program knows."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config).get_current_head()
