"""Labelled images in parquet files, by the Hugging Face image convention, and fast reading of one of them.

`image` is a struct of bytes and path (or plain bytes), `label` a word, or a number whose names stand in the
file's Hugging Face metadata or in labels.csv beside it. All other columns are kept.
"""

from __future__ import annotations

import bisect
import json
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from aivsreal.data.labelled import Sample
from aivsreal.data.where import first_column
from aivsreal.data.words import LABEL_COLUMNS, LabelWords, label_of, split_of, unknown_labels
from aivsreal.errors import BadData, MissingDependency, UnreadableImage, first_line

IMAGE_COLUMNS = ("image", "img")
_CACHE_BYTES = 4 * 2**30
# What pyarrow raises for damaged files: its own errors derive from these.
_READ_ERRORS = (OSError, ValueError, NotImplementedError)


def parquet_samples(files: Sequence[Path], root: Path, own_words: LabelWords) -> list[Sample]:
    """Return the samples of parquet files, in the order of files and rows; no image is read.

    Raises: BadData for a damaged file, a missing column or labels that name no class; MissingDependency.
    """
    return [sample for file in files for sample in _samples_of(file, root, own_words)]


def read_image(path: str, row: int) -> bytes:
    """Return the bytes of the image in one row of a parquet file.

    Image columns stay in memory, a row group a piece, up to 4 GiB in this process; beyond that the ones
    unused for longest are dropped, and reading at random gets slow. Processes forked after a read share what
    was read. Raises: UnreadableImage.
    """
    try:
        stamp = os.stat(path).st_mtime_ns  # noqa: PTH116 (read once an image; a Path costs more than the rest)
        file = _files.get((path, stamp)) or _opened(path, stamp)
        group = bisect.bisect_right(file.starts, row) - 1
        record = _cache.rows_of(file, group)[row - file.starts[group]].as_py()
    except _READ_ERRORS as error:
        raise UnreadableImage(
            f"cannot read row {row} of {path}: {first_line(error)}",
            hint="the file is damaged; fetch it again",
        ) from error
    if isinstance(record, dict):
        record = record.get("bytes") or _read_beside(path, record.get("path"))
    if not record:
        raise UnreadableImage(f"row {row} of {path} holds no picture", hint="leave the row out")
    return bytes(record)


def _samples_of(file: Path, root: Path, own_words: LabelWords) -> list[Sample]:
    pq = _parquet()
    try:
        with pq.ParquetFile(file) as opened:
            schema = opened.schema_arrow
            image, label = _columns_of(file, schema.names)
            others = [name for name in schema.names if name != image]
            columns = {name: opened.read([name], use_threads=False)[name].to_pylist() for name in others}
            rows = opened.metadata.num_rows
    except _READ_ERRORS as error:
        raise BadData(
            f"{file} is no readable parquet file: {first_line(error)}",
            hint="it may be cut off; fetch it again, or leave it out",
        ) from error
    for name in columns.keys() - {label}:
        columns[name] = _named(columns[name], _class_names(schema, name))
    labels = _labels(columns.pop(label), schema, label, own_words, file)
    splits = _splits(columns.pop("split", None), file, root, rows)
    names, values = list(columns), list(columns.values())
    key, path = file.relative_to(root).as_posix(), str(file)
    cells = zip(*values, strict=True) if values else iter([()] * rows)
    return [
        Sample(f"{key}#{row}", labels[row], splits[row], dict(zip(names, cell, strict=True)), path, row)
        for row, cell in enumerate(cells)
    ]


def _columns_of(file: Path, names: Sequence[str]) -> tuple[str, str]:
    image = first_column(IMAGE_COLUMNS, names, file)
    label = first_column(LABEL_COLUMNS, names, file)
    return image, label


def _named(values: list[Any], names: Sequence[str]) -> list[Any]:
    """Return the names of numbers that have names (a `generator` kept as a ClassLabel), else the values."""
    return [None if value is None else _word(value, names) for value in values] if names else values


def _labels(values: list[Any], schema: Any, column: str, own_words: LabelWords, file: Path) -> list[int]:
    """Return 0 and 1 for words, or for numbers that have names somewhere. Raises: BadData."""
    names = _class_names(schema, column)
    words = {value: _word(value, names) for value in set(values)}
    meanings = {value: label_of(word, own_words) for value, word in words.items()}
    unknown = {words[value] for value, label in meanings.items() if label is None}
    if unknown:
        raise unknown_labels(unknown, str(file))
    return [label for value in values if (label := meanings[value]) is not None]


def _word(value: Any, names: Sequence[str]) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return names[value]
    return "(empty)" if value is None else str(value)


def _class_names(schema: Any, column: str) -> list[str]:
    """Return the names of a Hugging Face ClassLabel in the order of their numbers; [] without one."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return [str(name) for name in features[column]["names"]]
    except (KeyError, TypeError, ValueError):
        return []


def _splits(values: list[Any] | None, file: Path, root: Path, rows: int) -> list[str]:
    """Return each row's split: its column, else a folder's name, else the file's (`test-00000-of-00001`)."""
    if values is not None:
        return [("" if value is None else split_of(str(value)) or str(value)) for value in values]
    first_word = (re.match(r"[A-Za-z]+", file.name) or [""])[0]
    found = (split_of(word) for word in (*file.relative_to(root).parts[:-1], first_word))
    return [next((split for split in found if split), "")] * rows


def _read_beside(path: str, name: str | None) -> bytes | None:
    """Some parquet files hold a path to the picture in place of its bytes."""
    return Path(path).parent.joinpath(name).read_bytes() if name else None


class _File:
    """An open parquet file: where its row groups start, and which column holds images."""

    def __init__(self, path: str, stamp: int) -> None:
        self.path, self.stamp = path, stamp
        with _parquet().ParquetFile(path) as opened:
            groups = [opened.metadata.row_group(g).num_rows for g in range(opened.num_row_groups)]
            self.column = _columns_of(Path(path), opened.schema_arrow.names)[0]
        self.starts = [sum(groups[:g]) for g in range(len(groups))]


class _Cache:
    """Image columns of row groups, the least recently used dropped first beyond a number of bytes."""

    def __init__(self, limit: int) -> None:
        self.limit, self.held = limit, 0
        self.groups: OrderedDict[tuple[str, int, int], Any] = OrderedDict()
        self.lock = threading.Lock()

    def rows_of(self, file: _File, group: int) -> Any:
        """Return a list-like of the images in a row group."""
        key = (file.path, file.stamp, group)
        found = self.groups.get(key)
        if found is not None:
            if self.held > self.limit // 2:
                self._touch(key)
            return found
        with self.lock:
            return self.groups.get(key) or self._load(file, group, key)

    def _load(self, file: _File, group: int, key: tuple[str, int, int]) -> Any:
        with _parquet().ParquetFile(file.path) as opened:
            column = opened.read_row_group(group, [file.column], use_threads=False)[file.column]
        rows = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
        self.groups[key] = rows
        self.held += rows.nbytes
        while self.held > self.limit and len(self.groups) > 1:
            _, dropped = self.groups.popitem(last=False)
            self.held -= dropped.nbytes
        return rows

    def _touch(self, key: tuple[str, int, int]) -> None:
        with self.lock:
            if key in self.groups:
                self.groups.move_to_end(key)


_files: dict[tuple[str, int], _File] = {}
_cache = _Cache(_CACHE_BYTES)


def _renew_lock() -> None:
    """A thread may have held the lock when the process forked; its copy would never be released."""
    _cache.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def _opened(path: str, stamp: int) -> _File:
    return _files.setdefault((path, stamp), _File(path, stamp))


def _parquet() -> ModuleType:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependency(
            "reading parquet files needs pyarrow", hint="pip install 'aivsreal[train]'"
        ) from error
    return pyarrow.parquet  # type: ignore[no-any-return]
