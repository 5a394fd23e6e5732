"""What a caller names (a path, or the bytes themselves) to bytes; nothing oversized is read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from aivsreal.errors import UnreadableImage
from aivsreal.images.limits import Limits

Source = str | os.PathLike[str] | bytes


def read_source(source: Source, limits: Limits) -> bytes:
    """Return all bytes of a picture file.

    Raises: UnreadableImage for whatever cannot be read, is empty or larger than `limits.max_bytes`.
    """
    data = source if isinstance(source, bytes) else _read_file(Path(source), limits)
    if not data:
        raise UnreadableImage("this file is empty", hint="download or copy it again")
    limits.check_bytes(len(data))
    return data


def _read_file(path: Path, limits: Limits) -> bytes:
    name = _shown(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            os.scandir(path).close()  # what a walk could not enter fails by its permission, not by its kind
            raise UnreadableImage(f"{name} is a folder, not a picture", hint="name the pictures in it")
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableImage(
                f"{name} is not an ordinary file", hint="copy the picture into a file first"
            )
        limits.check_bytes(status.st_size)
        with path.open("rb") as stream:
            return stream.read(limits.max_bytes + 1)  # the file may have grown since
    except FileNotFoundError as error:
        raise UnreadableImage(f"there is no file {name}", hint="check the spelling of the path") from error
    except PermissionError as error:
        raise UnreadableImage(
            f"{name} may not be read: permission denied", hint="ask for the right to read it, or copy it"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        why = getattr(error, "strerror", None) or error
        raise UnreadableImage(f"{name} cannot be read: {why}", hint="check the path") from error


def _shown(path: Path) -> str:
    """Return a path for a message: the end of it where it is long."""
    name = str(path)
    return name if len(name) <= 160 else f"...{name[-157:]}"
