"""The study of a tuning: opened, joined, and every trouble with its database told in a line for people."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.exceptions import DuplicatedStudyError, StorageInternalError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from aivsreal.errors import BadRun, MissingDependency, UsageError, first_line
from aivsreal.files import make_folder

DATABASE = "study.db"
Direction = Literal["maximize", "minimize"]
OWN = "recipe's own values"
FACTS = "facts"
# How long a process waits for others to finish writing to the same SQLite file.
LOCK_SECONDS = 60.0
_ATTEMPTS = 5
# What a database says when two processes make the same tables in it at once.
_MADE_TWICE = ("already exists", "UNIQUE constraint failed: alembic_version", "duplicate key")


def begin_or_join(
    folder: Path, storage: str | None, name: str, facts: dict[str, Any], *, direction: Direction, resume: bool
) -> optuna.Study:
    """Return the study of that name, new or (with resume) as it is.

    facts: what must be the same for trials to belong to one study
    Raises: BadRun where it is there without resume, is of other facts, or has lost its database; CannotWrite.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    held = storage is not None or (folder / DATABASE).exists()
    if not held and (folder / "trials").exists():
        raise BadRun(
            f"{folder} holds trials, but their study ({DATABASE}) is gone",
            hint="put it back, or choose another --out",
        )
    opened = _opened(folder, storage)
    try:
        study = optuna.create_study(storage=opened, study_name=name, direction=direction)
        study.set_user_attr(FACTS, facts)
        return study
    except DuplicatedStudyError as error:
        if not resume:
            raise BadRun(
                f"there is a study '{name}' already", hint="go on with --resume, or choose another --out"
            ) from error
    study = optuna.load_study(storage=opened, study_name=name)
    _check_same(study, facts)
    return study


def _check_same(study: optuna.Study, facts: dict[str, Any]) -> None:
    found = study.user_attrs.get(FACTS)
    for _ in range(50):  # another process may be between making the study and saying what it is of
        if found is not None:
            break
        time.sleep(0.1)
        found = study.user_attrs.get(FACTS)
    different = [key for key in facts if (found or {}).get(key) != facts[key]]
    if not different:
        return
    what = {"recipe": "another recipe", "space": "another search", "data": "other data"}
    raise BadRun(
        f"the study '{study.study_name}' is of {what.get(different[0], 'another ' + different[0])}",
        hint="give what it was begun with, or another --out and --study",
    )


def unfinished(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that some process, alive or not, has begun."""
    return study.get_trials(deepcopy=False, states=[TrialState.RUNNING])


def started(study: optuna.Study) -> int:
    """Return how many trials the study has that are worth counting: neither waiting nor failed."""
    states = [TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED]
    return len(study.get_trials(deepcopy=False, states=states))


@contextmanager
def database(storage: str | None) -> Iterator[None]:
    """Turn what a database does wrong into an error for people; nothing that it holds is touched."""
    shown = DATABASE if storage is None else _shown(storage)
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        raise _explained(error, shown) from error


def _opened(folder: Path, storage: str | None) -> optuna.storages.RDBStorage:
    """Return the storage; two processes that make its tables at once get in each other's way once."""
    url = storage or f"sqlite:///{(folder / DATABASE).absolute()}"
    if storage is None:
        make_folder(folder, hint="choose another --out")
    lite = url.startswith("sqlite")
    options = {"connect_args": {"timeout": LOCK_SECONDS}} if lite else {"pool_pre_ping": True}
    for attempt in range(_ATTEMPTS):
        try:
            return optuna.storages.RDBStorage(url, engine_kwargs=options)
        except ImportError as error:
            raise MissingDependency(
                f"{_shown(url)} needs a package that is not installed: {error}",
                hint="pip install 'psycopg2-binary' for PostgreSQL, 'pymysql' for MySQL",
            ) from error
        except (SQLAlchemyError, StorageInternalError) as error:
            if attempt == _ATTEMPTS - 1 or not any(word in _driver_says(error) for word in _MADE_TWICE):
                raise
            time.sleep(0.2 * (attempt + 1))
    raise AssertionError


def _shown(url: str) -> str:
    """Return a database's URL without its password. Raises: UsageError where it is no URL."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError as error:
        raise UsageError(
            f"'{url}' is no database", hint="write --storage sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from error


def _explained(error: Exception, shown: str) -> BadRun:
    line = _driver_says(error)
    if "locked" in line:
        hint = "another program holds it; wait or end that one, then go on with --resume"
    else:
        hint = "is it there, whole, and yours to write to? Finished trials are kept; go on with --resume"
    return BadRun(f"the study's database {shown} cannot be used: {line}", hint=hint)


def _driver_says(error: Exception) -> str:
    """Return what the driver says, which stands at the end of the chain."""
    deepest: BaseException = error
    while deepest.__cause__ is not None:
        deepest = deepest.__cause__
    return first_line(deepest)
