"""Labelled images in a table: CSV, TSV or JSON Lines of path, label, and optional split and other columns.

Paths are relative to the table. A label is a word (real, ai, ...) or what labels.csv beside it explains.
"""

from __future__ import annotations

import os
from pathlib import Path

from aivsreal.data.labelled import Sample
from aivsreal.data.rows import rows_of
from aivsreal.data.where import first_column
from aivsreal.data.words import LABEL_COLUMNS, LabelWords, label_of, split_of, unknown_labels
from aivsreal.errors import BadData

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson")
_PATH_COLUMNS = ("path", "file", "file_name", "filename", "image")


def table_samples(table: Path, own_words: LabelWords) -> list[Sample]:
    """Return the samples of a table in the order of its lines.

    Raises: BadData for a damaged line, a missing column, labels that name no class, files that are not there.
    """
    rows = rows_of(table)
    if not rows:
        raise BadData(f"{table} has no records", hint="write a first line 'path,label' and a line a picture")
    path_column, label_column = _columns_of(table, list(rows[0]))
    unknown: set[str] = set()
    missing: list[str] = []
    samples = []
    for row in rows:
        path, word = row.pop(path_column, None), row.pop(label_column, None)
        label = label_of(str(word), own_words)
        if label is None:
            unknown.add("(empty)" if word is None else str(word))
            continue
        split = row.pop("split", None) or ""
        full = os.path.join(table.parent, str(path))  # noqa: PTH118 (a Path a line is slow)
        if not os.path.isfile(full):  # noqa: PTH113
            missing.append(str(path))
        samples.append(Sample(str(path), label, split_of(str(split)) or str(split), row, full))
    if unknown:
        raise unknown_labels(unknown, str(table))
    if missing:
        raise BadData(
            f"{len(missing):,} of {len(rows):,} files named in {table} are not there, the first is {missing[0]}",
            hint=f"paths are relative to {table.parent}",
        )
    return samples


def _columns_of(table: Path, names: list[str]) -> tuple[str, str]:
    path = first_column(_PATH_COLUMNS, names, table)
    label = first_column(LABEL_COLUMNS, names, table)
    return path, label
