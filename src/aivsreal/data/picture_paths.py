"""Which pictures a command line means: files, folders to walk, and lists from standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from aivsreal.data.folders import IMAGE_SUFFIXES


def picture_paths(
    paths: Sequence[str], *, recursive: bool = True, leave_out: Path | None = None
) -> Iterator[str]:
    """Yield the pictures meant by `paths`, lazily, folders in the order of their names.

    "-" reads one path a line from standard input. A file that is named is always given; within a folder only
    files with a picture's suffix, nothing hidden, and nothing below `leave_out`.
    """
    for path in paths:
        for named in lines_of_input() if path == "-" else (path,):
            if os.path.isdir(named):  # noqa: PTH112 - unlike Path's, false for a name that is no path at all
                yield from _within(named, recursive, leave_out)
            else:
                yield named


def lines_of_input() -> Iterator[str]:
    """Yield the lines of standard input that are not empty."""
    for line in sys.stdin:
        if named := line.rstrip("\r\n"):
            yield named


def _within(folder: str, recursive: bool, leave_out: Path | None) -> Iterator[str]:
    skipped = leave_out.resolve() if leave_out else None
    closed: list[str] = []
    for parent, folders, files in os.walk(folder, onerror=lambda error: closed.append(error.filename)):
        if skipped and Path(parent).resolve() == skipped:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield os.path.join(parent, name)  # noqa: PTH118 - "./a" stays as it was typed
    # A folder that may not be read is given as a picture that fails, so that it is reported and counted.
    yield from closed
