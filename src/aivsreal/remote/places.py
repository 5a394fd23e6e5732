"""Where things lie: a local path, or a URL that fsspec opens; and what its many kinds of error mean.

What can be looked at again later (a server that is down, a broken connection) is told apart from what will
never be there.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import sleep
from typing import Any, TypeVar
from urllib.parse import urlsplit

from aivsreal.errors import AivsrealError, MissingDependency, Unreachable, UsageError, first_line

WEB = ("http://", "https://")
GONE = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
# 408: the server waited too long; 425: too early; 429: too many requests. Any other 4xx is our fault for good.
COMES_BACK = (408, 425, 429)
# Seconds before each further try. Storage packages try again by themselves, too, within a second or so.
WAITS = (0.5, 2.0, 5.0)

# Seconds for a web server to take a connection, to send the next bytes, and for the whole of a picture. Other
# storage packages have limits of their own; aiohttp's only one would let each try take five minutes of silence.
CONNECT, SILENCE, WHOLE = 10, 30, 300

_Result = TypeVar("_Result")


def is_local(place: str) -> bool:
    """Return whether a place is a path on this machine."""
    return "://" not in place or place.startswith("file://")


def local_path(place: str) -> str:
    """Return the absolute path of a local place, which a worker with another working folder finds, too."""
    return os.path.abspath(place.removeprefix("file://"))  # noqa: PTH100 - a Path resolves no ".."


def opened(place: str) -> tuple[Any, str]:
    """Return the filesystem that fsspec has for a place, and the place's name there.

    Raises: MissingDependency where a package for it is not installed; UsageError for an unknown kind.
    """
    try:
        from fsspec.core import url_to_fs

        filesystem, path = url_to_fs(place, **_options(place))
    except ImportError as error:
        raise _missing(error) from error
    except ValueError as error:
        raise UsageError(
            f"cannot open {place}: {error}", hint="fsspec's documents list what it opens"
        ) from error
    return filesystem, str(path)


def _options(place: str) -> dict[str, Any]:
    """Return what fsspec is told of a kind of place: for web servers, when to give up."""
    if not place.startswith(WEB):
        return {}
    from aiohttp import ClientTimeout

    return {"client_kwargs": {"timeout": ClientTimeout(total=WHOLE, sock_connect=CONNECT, sock_read=SILENCE)}}


def name_of(place: str) -> str:
    """Return the last part of a place's path, without the query that a URL may have."""
    path = place if is_local(place) else urlsplit(place).path
    return path.rstrip("/").rpartition("/")[2]


def suffix_of(place: str) -> str:
    """Return the suffix of a place's name in lower case, with its dot."""
    return os.path.splitext(name_of(place))[1].lower()  # noqa: PTH122 - the place need not be a path


def patiently(
    work: Callable[[], _Result], *, waits: Sequence[float] = WAITS, pause: Callable[[float], object] = sleep
) -> _Result:
    """Return what `work` returns, tried again after each of `waits` where what went wrong may pass.

    Raises: what `work` raises, in the end.
    """
    for wait in waits:
        try:
            return work()
        except AivsrealError:
            raise
        # Storage packages' exceptions share no base but Exception.
        except Exception as error:
            if not is_passing(error):
                raise
        # Not all at once, or a server that was overrun is overrun again.
        pause(wait * random.uniform(0.5, 1.5))
    return work()


def is_passing(error: BaseException) -> bool:
    """Return whether what an error tells of may be gone when it is tried again."""
    if isinstance(error, GONE):
        return False
    status = getattr(error, "status", None) or getattr(error, "code", None)
    if isinstance(status, int) and 400 <= status < 500:
        return status in COMES_BACK
    return True


def why(error: BaseException) -> str:
    """Return an error of any storage package in one line."""
    if isinstance(error, FileNotFoundError):
        return "it is not there"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer in time"
    return first_line(error)[:300]


@contextmanager
def reaching(place: str) -> Iterator[None]:
    """Turn what goes wrong within into errors for people.

    Raises: UsageError for what is not there; Unreachable for what may not be seen, or cannot at the moment.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise UsageError(f"there is nothing at {place}", hint="check its spelling") from error
    except AivsrealError:
        raise
    except ImportError as error:
        raise _missing(error) from error
    # Each storage package has exceptions of its own, which share no base but Exception.
    except Exception as error:
        raise Unreachable(
            f"cannot reach {place}: {why(error)}",
            hint="check network, login and address, then repeat the command",
        ) from error


def _missing(error: ImportError) -> MissingDependency:
    """Return what to say of fsspec's own way to tell that a storage package is not there."""
    name = (error.name or "").partition(".")[0]
    if name in ("fsspec", "pyarrow", "aiohttp"):
        return MissingDependency(
            f"this needs {name}, which is not installed", hint="pip install 'aivsreal[remote]'"
        )
    return MissingDependency(
        why(error), hint="install that package beside aivsreal[remote], e.g. pip install s3fs"
    )
