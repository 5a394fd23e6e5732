"""A compact record of every verdict, for surveillance: no picture, no name, nothing that finds a picture again.

    recorder = Recorder()
    recorder.add(verdict, detector.bundle)

A line holds when, which model, logit, probability, verdict, format, size class, and a sketch of the embedding (16
numbers of eight bits). When a file is full the next one is begun, and the oldest goes: some 300,000 verdicts stay.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aivsreal.bundle import Bundle, data_folder
from aivsreal.errors import AivsrealError, CannotWrite
from aivsreal.living import journal
from aivsreal.living.memory import SKETCH, Memory, memory_of, size_class
from aivsreal.verdict import Verdict, Word

FOLDER = "records"
NAME = "verdicts.jsonl"
LARGEST = 8_000_000
FILES = 8


@dataclass(frozen=True, eq=False)
class Record:
    """One verdict as it is remembered; sketch: int8 [k], empty where the model has no memory to sketch by."""

    when: datetime
    model: str
    logit: float
    probability_ai: float
    verdict: Word
    format: str
    size: str
    sketch: NDArray[np.int8]


class Recorder:
    """Writes records; one may be used by many threads, and by many processes on one folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or data_folder() / FOLDER
        self.problem: str | None = None
        self._memories: dict[str, Memory | None] = {}

    def add(self, verdict: Verdict, bundle: Bundle, *, when: datetime | None = None) -> bool:
        """Return whether the verdict was written down; a full disk is told in `problem` and stops nobody."""
        try:
            self.write(verdict, bundle, when=when)
        except AivsrealError as error:
            self.problem = error.reason
            return False
        self.problem = None
        return True

    def write(self, verdict: Verdict, bundle: Bundle, *, when: datetime | None = None) -> None:
        """Write the verdict down. Raises: CannotWrite, BadBundle."""
        memory = self._memory(bundle)
        sketch = np.zeros(0, np.int8) if memory is None else memory.sketch(verdict.embedding[None])[0]
        entry = {
            "t": (when or datetime.now(UTC)).isoformat(timespec="seconds"),
            "m": verdict.model,
            "l": round(verdict.logit, 4),
            "p": round(verdict.probability_ai, 5),
            "v": verdict.verdict,
            "f": verdict.facts.format,
            "s": size_class(verdict.facts.width, verdict.facts.height),
            "e": base64.b64encode(sketch.tobytes()).decode(),
        }
        _make_room(self.folder / NAME)
        journal.append(self.folder / NAME, entry, durable=False)

    def _memory(self, bundle: Bundle) -> Memory | None:
        key = bundle.card.seal
        if key not in self._memories:
            self._memories = {key: memory_of(bundle)}
        return self._memories[key]


def read_records(
    folder: Path | None = None, *, model: str | None = None, latest: int | None = None
) -> tuple[list[Record], int]:
    """Return the records, oldest first, and how many lines are damaged.

    model: only those of this title; latest: so many will do, older files need not be read for more
    """
    records: list[Record] = []
    damaged = 0
    for file in _files((folder or data_folder() / FOLDER) / NAME):
        found = journal.read(file)
        damaged += found.damaged
        for entry in found.entries:
            record = _record(entry)
            if record is None:
                damaged += 1
            elif model is None or record.model == model:
                records.append(record)
        if latest is not None and len(records) >= latest:
            break
    return sorted(records, key=lambda record: record.when), damaged


def _record(entry: dict[str, Any]) -> Record | None:
    """Return the entry as a record; None where it is none."""
    try:
        sketch = np.frombuffer(base64.b64decode(entry["e"], validate=True), np.int8)
        when = datetime.fromisoformat(entry["t"]).astimezone(UTC)
        word: Word = entry["v"]
        if word not in ("ai", "real", "uncertain") or len(sketch) > SKETCH:
            return None
        numbers = float(entry["l"]), float(entry["p"])
        return Record(when, str(entry["m"]), *numbers, word, str(entry["f"]), str(entry["s"]), sketch)
    except (KeyError, ValueError, TypeError):
        return None


def _files(path: Path) -> Iterator[Path]:
    """Yield the files that there are, newest first."""
    if path.exists():
        yield path
    for number in range(1, FILES):
        if (older := _older(path, number)).exists():
            yield older


def _older(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.{number}{path.suffix}")


def _make_room(path: Path) -> None:
    """Begin a new file where this one is full; the oldest is dropped."""
    try:
        if not _is_full(path):
            return
        with journal.locked(path):
            if not _is_full(path):  # another process was faster
                return
            for number in range(FILES - 1, 1, -1):
                if (newer := _older(path, number - 1)).exists():
                    newer.replace(_older(path, number))
            path.replace(_older(path, 1))
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror}", hint="is it yours to change?") from error


def _is_full(path: Path) -> bool:
    try:
        return path.stat().st_size >= LARGEST
    except FileNotFoundError:  # another process has just put it by
        return False
