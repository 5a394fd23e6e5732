"""From a path or a name to a LabelledSet: a folder tree, parquet files, a table, or a public set by name.

This is where a training image's way begins, and where every command that takes DATA reads it.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from aivsreal.data.contents import content_ids
from aivsreal.data.folders import folder_samples
from aivsreal.data.labelled import LabelledSet, Sample, require_both_classes
from aivsreal.data.parquet import parquet_samples
from aivsreal.data.rows import rows_of
from aivsreal.data.tables import TABLE_SUFFIXES, table_samples
from aivsreal.data.where import narrowed, without
from aivsreal.data.words import REAL, label_of, read_own_words
from aivsreal.errors import BadData

__all__ = ["LabelledSet", "Sample", "load_set", "load_sets", "require_both_classes"]

_HUB_PREFIXES = ("hub:", "hf:", "kaggle:")
# Columns of generators.csv that count pictures or comment; the rest is joined to the records.
_NOT_JOINED = {"generator", "train", "val", "test", "unseen", "photo_style", "note"}
_NAMES = ("generator", "source", "group")


def load_set(
    path_or_name: str | Path,
    *,
    where: Sequence[str] = (),
    both_classes: bool = False,
    tags: str | Path | None = None,
) -> LabelledSet:
    """Return the labelled images of a folder, parquet file, table (CSV, TSV, JSONL) or named public set.

    where: conditions `COLUMN=VALUE` or `COLUMN!=VALUE` that every record must meet (see where.py)
    both_classes: refuse a set that holds only real or only AI pictures
    tags: a CSV of `sha256` and `tags` (several in one cell, with spaces between), joined as the column `tags`
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
    if tags is not None:
        labelled = _tagged(labelled, Path(tags))
    if both_classes:
        require_both_classes(labelled)
    return labelled


def load_sets(
    paths_or_names: Sequence[str | Path], *, where: Sequence[str] = (), exclude: Sequence[str] = ()
) -> LabelledSet:
    """Return several sets as one; each record keeps its own split. Keys begin with their set's name then.

    where: as for load_set; exclude: conditions `COLUMN=VALUE` that no record of the result meets, each of which
    some record must have met (see where.py)
    Raises: what `load_set` raises, of the first set that cannot be used.
    """
    if len(paths_or_names) == 1:
        return without(load_set(paths_or_names[0], where=where), exclude)
    sets = [load_set(path_or_name) for path_or_name in paths_or_names]
    joined = LabelledSet(
        name=" + ".join(labelled.name for labelled in sets),
        root=sets[0].root,
        samples=tuple(
            dataclasses.replace(sample, key=f"{labelled.name}/{sample.key}")
            for labelled in sets
            for sample in labelled
        ),
        generator_table={
            k: row for labelled in reversed(sets) for k, row in labelled.generator_table.items()
        },
        ignored=sum((Counter(labelled.ignored) for labelled in sets), Counter()),
    )
    return without(narrowed(joined, where), exclude)


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


def _tagged(labelled: LabelledSet, table: Path) -> LabelledSet:
    """Return the set with the column `tags`; a sample that names no `sha256` goes by that of its own bytes."""
    known = _tag_table(table)
    unnamed = [i for i, sample in enumerate(labelled) if not sample.columns.get("sha256")]
    own = dict(zip(unnamed, content_ids(labelled.samples[i] for i in unnamed), strict=True))
    found = [known.get(own.get(i) or str(s.columns["sha256"])) for i, s in enumerate(labelled)]
    if not any(found):
        raise BadData(f"{table} tags no picture of {labelled.name}", hint="is it the table of another set?")
    return labelled.with_samples(
        [_with_columns(s, {**s.columns, "tags": tags}) for s, tags in zip(labelled, found, strict=True)]
    )


def _tag_table(path: Path) -> dict[str, str]:
    """Return a table of tags as sha256 -> tags. Raises: BadData where it is none."""
    rows = rows_of(path)
    if not rows or not {"sha256", "tags"} <= set(rows[0]):
        raise BadData(f"{path} has no columns 'sha256' and 'tags'", hint="name them in its first line")
    return {row["sha256"]: row["tags"] or "" for row in rows}


def _with_columns(sample: Sample, columns: dict[str, object]) -> Sample:
    return Sample(sample.key, sample.label, sample.split, columns, sample.path, sample.row)
