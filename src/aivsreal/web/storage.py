"""How much room what a server keeps takes up, by kind, and how much is left."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aivsreal.living.feedback import pictures_folder
from aivsreal.living.record import FOLDER as RECORDS
from aivsreal.web.examine import UPLOADS
from aivsreal.web.settings import Settings


@dataclass(frozen=True)
class Stored:
    """Files of one kind: how many, and how many bytes."""

    what: str
    files: int
    bytes: int


def stored(settings: Settings) -> list[Stored]:
    """Return what lies in the data folder, by kind; a database elsewhere is not among it."""
    folder = settings.folder
    kinds = {
        "verdicts, previews and feedback (SQLite)": folder.glob("web.sqlite*"),
        "kept files of uploads": _files(folder / UPLOADS),
        "records for monitoring": _files(folder / RECORDS),
        "pictures of accepted feedback": _files(pictures_folder()),
        "models of your own": _files(folder / "models"),
    }
    return [_sum(what, files) for what, files in kinds.items()]


def free(settings: Settings) -> tuple[int, int]:
    """Return how many bytes are free where the data folder lies, and how many there are."""
    usage = shutil.disk_usage(settings.folder)
    return usage.free, usage.total


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if not path.is_dir())


def _sum(what: str, files: Iterator[Path]) -> Stored:
    sizes = []
    for path in files:
        try:
            sizes.append(path.stat().st_size)
        except OSError:  # it has gone meanwhile
            continue
    return Stored(what, len(sizes), sum(sizes))
