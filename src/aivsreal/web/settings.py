"""What an operator may choose: one model, filled from a TOML file, the environment and the command line.

Each field is `name = value` in the file and AIVSREAL_NAME in the environment; the command line goes before
the environment, the environment before the file. docs/operate.md is written from the descriptions here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from limits import parse_many
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from aivsreal.bundle import data_folder
from aivsreal.errors import UsageError
from aivsreal.images import Limits

PREFIX = "AIVSREAL_"
CONFIG = "AIVSREAL_CONFIG"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
MIB = 2**20


def _words(value: object) -> object:
    """Return a comma-separated text, as the environment holds it, as a list."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def _rates(value: str) -> str:
    """Pass a text that `limits` can read."""
    if value:
        parse_many(value)
    return value


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


class Settings(BaseModel):
    """Every choice that `aivsreal serve` takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", description="address to listen on; 0.0.0.0 is every one")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    model: str | None = Field(
        default=None,
        description="a model's name or a bundle's folder; none: the one in use, and each that is promoted",
    )
    fast: bool = Field(
        default=False,
        description="score each file once only, not whether the answer holds when it is delivered again",
    )
    workers: int = Field(
        default=1, ge=1, le=64, description="processes; each holds the model, and has cores of its own"
    )
    data_dir: Path | None = Field(
        default=None, description="where records and models of one's own lie; none: the user's data folder"
    )
    database: str | None = Field(
        default=None,
        description="URL of the database, e.g. `postgresql://user@host/name`; none: SQLite in the data folder",
    )
    keep_uploads: bool = Field(
        default=False,
        description="keep the file of every examined picture, under a random name, until its record goes",
    )
    preview_hours: float = Field(
        default=24, gt=0, le=24 * 365, description="hours after which a preview and its heat map are deleted"
    )
    record_days: float = Field(
        default=30, gt=0, le=3650, description="days after which the record of a verdict is deleted"
    )
    record: bool = Field(
        default=True,
        description="keep a line of each verdict for `aivsreal monitor`: no picture, no name, no checksum",
    )
    queue: int = Field(
        default=32, ge=1, le=1000, description="pictures that may wait in a process; more get status 503"
    )
    queue_seconds: float = Field(
        default=30, gt=0, le=600, description="longest wait in the queue; then status 503"
    )
    examine_seconds: float = Field(
        default=30, gt=0, le=600, description="longest time for decoding and examining one picture"
    )
    body_seconds: float = Field(
        default=60, gt=0, le=3600, description="longest time in which a request's body must have arrived"
    )
    max_images: int = Field(default=16, ge=1, le=1000, description="most pictures in one request")
    max_request_bytes: int = Field(default=100 * MIB, ge=1024, description="largest body of a request")
    max_bytes: int = Field(default=50 * MIB, ge=1, description="largest file of a picture")
    max_pixels: int = Field(default=80_000_000, ge=1, description="most pixels of a picture")
    max_side: int = Field(default=30_000, ge=1, description="most pixels along one side of a picture")
    rate_limit: Annotated[str, AfterValidator(_rates)] = Field(
        default="",
        description="most pictures a client may send, e.g. `60 per minute; 1000 per day`; empty: no limit",
    )
    rate_storage: str = Field(
        default="memory://",
        description="where pictures are counted: memory (each process for itself), or `redis://host`",
    )
    require_key: bool = Field(
        default=False, description="refuse every request without an API key, those of the page included"
    )
    hide_metrics: bool = Field(default=False, description="show /metrics only to an operator's key")
    hosts: Words = Field(
        default=(),
        description="names that the server answers to; empty: on a loopback address only localhost, else all",
    )
    proxies: int = Field(
        default=0, ge=0, le=10, description="trusted proxies in front, whose X-Forwarded-* headers count"
    )

    @model_validator(mode="after")
    def _a_request_fits(self) -> Settings:
        if self.max_images > self.queue:
            raise ValueError(f"max_images {self.max_images} is more than the queue of {self.queue} holds")
        return self

    @property
    def folder(self) -> Path:
        """Where records lie."""
        return self.data_dir or data_folder()

    @property
    def database_url(self) -> str:
        """The URL that SQLAlchemy opens."""
        if self.database is None:
            return f"sqlite:///{self.folder / 'web.sqlite'}"
        scheme, mark, rest = self.database.partition("://")
        return f"postgresql+psycopg{mark}{rest}" if scheme in ("postgres", "postgresql") else self.database

    @property
    def limits(self) -> Limits:
        """What a picture may measure."""
        return Limits(self.max_bytes, self.max_pixels, self.max_side)

    @property
    def for_this_machine(self) -> bool:
        """Whether nobody but this machine's own users can reach it, as far as the settings say."""
        return self.host in LOOPBACK and not (self.hosts or self.proxies or self.require_key)

    @property
    def answers_to(self) -> tuple[str, ...] | None:
        """Names that a request's Host may have; None: any. Keeps other sites from naming localhost theirs."""
        if self.hosts:
            return self.hosts
        return LOOPBACK if self.host in LOOPBACK else None


def load_settings(
    config: Path | None, environment: Mapping[str, str], overrides: Mapping[str, Any] | None = None
) -> Settings:
    """Return the settings of a TOML file, the environment over it, and the command line over both.

    config: the file; None takes AIVSREAL_CONFIG's, if that is set. overrides: those that are not None count.
    Raises: UsageError naming the wrong setting, where it stands, and what it takes.
    """
    file = config or (Path(environment[CONFIG]) if environment.get(CONFIG) else None)
    values = _from_file(file) if file else {}
    where = dict.fromkeys(values, f"in {file}")
    for name, value in _from_environment(environment).items():
        values[name], where[name] = value, f"in {PREFIX}{name.upper()}"
    for name, value in (overrides or {}).items():
        if value is not None:
            values[name], where[name] = value, "on the command line"
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise _wrong(error, where) from error


def _from_file(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}", hint="check the path") from error
    except ValueError as error:
        raise UsageError(f"{file} is no TOML: {error}", hint="docs/operate.md shows an example") from error
    for name in values:
        if name not in Settings.model_fields:
            raise UsageError(f"{file} sets '{name}', which is no setting", hint=_nearest(name))
    return values


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what AIVSREAL_* variables set; one that is misspelt would otherwise go unnoticed."""
    values = {}
    for variable, value in environment.items():
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or variable == CONFIG or not value:
            continue
        if name not in Settings.model_fields:
            raise UsageError(f"{variable} is no setting", hint=_nearest(name, PREFIX))
        values[name] = value
    return values


def _nearest(name: str, prefix: str = "") -> str:
    close = get_close_matches(name.lower(), Settings.model_fields, n=1)
    if not close:
        return "docs/operate.md lists the settings"
    return f"did you mean {prefix}{close[0].upper()}?" if prefix else f"did you mean '{close[0]}'?"


def _wrong(error: ValidationError, where: Mapping[str, str]) -> UsageError:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    why = first["msg"].removeprefix("Value error, ").splitlines()[0]
    why = why[:1].lower() + why[1:]
    if not name:
        return UsageError(f"these settings do not fit together: {why}", hint="change one of the two")
    field = Settings.model_fields[name]
    return UsageError(f"{name}, set {where[name]}: {why}", hint=f"it is: {field.description}")
