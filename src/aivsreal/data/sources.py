"""From a path or a name to a LabelledSet: a folder tree, parquet files, a table, or a public set by name.

This is where a training image's way begins, and where every command that takes DATA reads it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from aivsreal.data.folders import folder_samples
from aivsreal.data.labelled import LabelledSet, Sample, require_both_classes
from aivsreal.data.parquet import parquet_samples
from aivsreal.data.rows import rows_of
from aivsreal.data.tables import TABLE_SUFFIXES, table_samples
from aivsreal.data.where import narrowed
from aivsreal.data.words import REAL, label_of, read_own_words
from aivsreal.errors import BadData

__all__ = ["LabelledSet", "Sample", "load_set", "require_both_classes"]

_HUB_PREFIXES = ("hub:", "hf:", "kaggle:")
# Columns of generators.csv that count pictures or comment; the rest is joined to the records.
_NOT_JOINED = {"generator", "train", "val", "test", "unseen", "photo_style", "note"}
_NAMES = ("generator", "source", "group")


def load_set(
    path_or_name: str | Path, *, where: Sequence[str] = (), both_classes: bool = False
) -> LabelledSet:
    """Return the labelled images of a folder, parquet file, table (CSV, TSV, JSONL) or named public set.

    where: conditions `COLUMN=VALUE` or `COLUMN!=VALUE` that every record must meet (see where.py)
    both_classes: refuse a set that holds only real or only AI pictures
    A `generators.csv` beside the data is joined on `generator`; a record's own value wins over the table's.
    Raises: BadData, MissingDependency, HubUnavailable, UsageError.
    """
    path = _found(path_or_name)
    root = path if path.is_dir() else path.parent
    own_words = read_own_words(root)
    samples, ignored = _samples(path, root, own_words)
    table = _generator_table(root / "generators.csv")
    name = path.resolve().name if path.is_dir() else path.stem
    labelled = LabelledSet(name, root, tuple(_joined(s, table) for s in samples), table, ignored)
    if not samples:
        raise BadData(f"{path} holds no records", hint="an empty set cannot be used")
    labelled = narrowed(labelled, where)
    if both_classes:
        require_both_classes(labelled)
    return labelled


def _found(path_or_name: str | Path) -> Path:
    text = str(path_or_name)
    if text.startswith(_HUB_PREFIXES):
        from aivsreal.data.hub import fetch

        return fetch(text)
    path = Path(text).expanduser()
    if not text or not os.path.exists(path):  # noqa: PTH110 - false for a name that is no path at all
        raise BadData(
            f"there is nothing at {text or 'an empty path'}",
            hint="give a folder, a parquet file, a CSV or JSONL table, or a named set such as hub:cifake",
        )
    return path


def _samples(path: Path, root: Path, own_words: dict[str, int]) -> tuple[list[Sample], dict[str, int]]:
    if path.is_dir():
        files = sorted(f for f in path.rglob("*.parquet") if not f.name.startswith("."))
        return (parquet_samples(files, root, own_words), {}) if files else folder_samples(root, own_words)
    if path.suffix == ".parquet":
        return parquet_samples([path], root, own_words), {}
    if path.suffix in TABLE_SUFFIXES:
        return table_samples(path, own_words), {}
    raise BadData(
        f"{path} is neither a folder, a parquet file nor a table",
        hint=f"tables end in {', '.join(TABLE_SUFFIXES)}",
    )


def _generator_table(path: Path) -> dict[str, dict[str, str]]:
    """Return generators.csv as generator -> its row, `generator_year` called `year`; {} without one."""
    if not path.is_file():
        return {}
    rows = rows_of(path)
    if rows and "generator" not in rows[0]:
        raise BadData(f"{path} has no column 'generator'", hint="name its first column 'generator'")
    return {
        row["generator"]: {k.removeprefix("generator_"): v or "" for k, v in row.items() if k != "generator"}
        for row in rows
        if row["generator"]
    }


def _joined(sample: Sample, table: dict[str, dict[str, str]]) -> Sample:
    """Return the sample with generator, source and group as text, and its generator's row of the table."""
    columns = dict(sample.columns)
    for name in _NAMES:
        if columns.get(name) is not None:
            columns[name] = str(columns[name])
    if sample.label == REAL and label_of(columns.get("generator") or "") == REAL:
        columns["generator"] = None  # sets that write "Real" there: no generator made it
    row = table.get(columns.get("generator") or "", {})
    if not table:
        same = columns == sample.columns
        return sample if same else _with_columns(sample, columns)
    for name in _joinable(table):
        if columns.get(name) is None:
            columns[name] = row.get(name) or None
    return _with_columns(sample, columns)


def _joinable(table: dict[str, dict[str, str]]) -> list[str]:
    return [name for name in next(iter(table.values())) if name not in _NOT_JOINED]


def _with_columns(sample: Sample, columns: dict[str, object]) -> Sample:
    return Sample(sample.key, sample.label, sample.split, columns, sample.path, sample.row)
