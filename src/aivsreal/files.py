"""Writing so that a file or folder is either whole or not there: temporary name, fsync, rename.

Everything that the project writes and reads again goes through here (design decision 9).
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from aivsreal.errors import CannotWrite

CHOOSE_ANOTHER = "free some space there, or choose another folder"


def atomic_write_bytes(path: str | Path, data: bytes) -> Path:
    """Return `path` after it holds exactly `data`; a reader sees the old content or the new, never a part.

    Raises: CannotWrite.
    """
    path = Path(path)
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    return path


def atomic_write_text(path: str | Path, text: str) -> Path:
    """Return `path` after it holds exactly `text` as UTF-8. Raises: CannotWrite."""
    return atomic_write_bytes(path, text.encode("utf-8"))


def atomic_write_json(path: str | Path, value: Any) -> Path:
    """Return `path` after it holds `value` as readable JSON. Raises: CannotWrite."""
    return atomic_write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def atomic_folder(path: str | Path, *, replaces: str = "") -> Iterator[Path]:
    """Give a folder to fill; it appears at `path` only when the block ends well.

    replaces: the file by which an earlier folder of this kind is known, which may be replaced. Anything else
    at `path` but an empty folder is somebody's, and refused before the block begins.
    Raises: CannotWrite.
    """
    path = Path(path)
    put_back(path)
    with _writing(path):
        _refuse_what_is_not_ours(path, replaces)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        try:
            yield temporary
            temporary.chmod(0o755)
            for file in sorted(temporary.rglob("*")):
                _sync_file(file)
            _swap(temporary, path)
            _sync_folder(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def put_back(path: str | Path) -> None:
    """Undo a replacement of the folder at `path` that was killed half way: the earlier one comes back if need be.

    Raises: CannotWrite.
    """
    path = Path(path)
    with _writing(path):
        for earlier in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 8}.old"):
            if path.exists():
                shutil.rmtree(earlier, ignore_errors=True)
            else:
                earlier.rename(path)


def make_folder(path: str | Path, *, hint: str = CHOOSE_ANOTHER) -> Path:
    """Return `path` after the folder is there, and those above it. Raises: CannotWrite."""
    path = Path(path)
    with _writing(path, hint):
        path.mkdir(parents=True, exist_ok=True)
    return path


def clear_unfinished(folder: str | Path) -> None:
    """Remove what killed writers left half written in a folder that nobody else writes to now."""
    for left in Path(folder).glob(".*.part"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def sha256_of(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _writing(path: Path, hint: str = CHOOSE_ANOTHER) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror or error}", hint=hint) from error


def _refuse_what_is_not_ours(path: Path, replaces: str) -> None:
    if not path.is_dir():
        if path.exists():
            raise CannotWrite(f"{path} is a file; what is written is a folder", hint="name a new folder")
    elif any(path.iterdir()) and not (replaces and (path / replaces).is_file()):
        raise CannotWrite(
            f"{path} holds other files, which would be replaced", hint="name a new or an empty folder"
        )


def _swap(new: Path, path: Path) -> None:
    """Put `new` at `path`. A folder cannot be renamed over a full one, so the old one steps aside first."""
    if not path.exists():
        new.rename(path)
        return
    aside = path.with_name(f".{path.name}.{uuid4().hex[:8]}.old")
    path.rename(aside)
    try:
        new.rename(path)
    except BaseException:  # an interrupt, too, must not cost the old one
        aside.rename(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _sync_file(path: Path) -> None:
    if path.is_file():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; not every platform lets a folder be opened for that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
