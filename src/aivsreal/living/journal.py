"""Append-only files: a line a happening, each whole or not counted, whatever became of who wrote it.

Every line carries a checksum. A line that a killed writer, a full disk or a bad sector left damaged is counted
and passed over; what stands before and after it is still read.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from aivsreal.errors import CannotWrite, UsageError

SUM = "sum"


@dataclass(frozen=True)
class Journal:
    """What a file of lines holds: the whole ones in their order, and how many are damaged."""

    entries: tuple[dict[str, Any], ...]
    damaged: int = 0


def append(path: Path, entry: Mapping[str, Any], *, durable: bool = True) -> None:
    """Add a line to the file at `path`, whole or not at all.

    durable: wait until the disk has it
    Raises: CannotWrite.
    """
    line = _line(entry)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path):
            _write(path, line, durable)
    except OSError as error:
        raise CannotWrite(
            f"cannot write {path}: {error.strerror or error}",
            hint="free some space there, or set AIVSREAL_DATA_DIR to another folder",
        ) from error


def read(path: Path) -> Journal:
    """Return the whole lines of the file; none where there is no file. Raises: UsageError where it may not be read."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Journal(())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint="is it yours to read?") from error
    lines = [line for line in content.split(b"\n") if line]
    entries = [entry for line in lines if (entry := _entry(line)) is not None]
    return Journal(tuple(entries), len(lines) - len(entries))


def locked(path: Path) -> FileLock:
    """Return a lock to hold with `with`, which other processes that write `path` wait for."""
    return FileLock(path.with_name(f".{path.name}.lock"))


def _line(entry: Mapping[str, Any]) -> bytes:
    text = _text(entry)
    return f'{text[:-1]}{"," if entry else ""}"{SUM}":"{_sum(text)}"}}\n'.encode()


def _text(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _sum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def _entry(line: bytes) -> dict[str, Any] | None:
    """Return the line's entry; None where it is damaged."""
    try:
        entry = json.loads(line)
        found = entry.pop(SUM)
        return entry if found == _sum(_text(entry)) else None
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None


def _write(path: Path, line: bytes, durable: bool) -> None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(handle).st_size
        # A line that a killed writer left half written is closed off, so that it spoils no other.
        whole = b"" if size == 0 or os.pread(handle, 1, size - 1) == b"\n" else b"\n"
        try:
            _write_all(handle, whole + line)
            if durable:
                os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]
