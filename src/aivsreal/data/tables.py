"""Labelled images in a table: CSV, TSV or JSON Lines of path, label, and optional split and other columns.

Paths are relative to the table. A label is a word (real, ai, ...) or what labels.csv beside it explains.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from aivsreal.data.labelled import Sample
from aivsreal.data.where import first_column
from aivsreal.data.words import LABEL_COLUMNS, LabelWords, label_of, split_of, unknown_labels
from aivsreal.errors import BadData

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson")
_PATH_COLUMNS = ("path", "file", "file_name", "filename", "image")


def table_samples(table: Path, own_words: LabelWords) -> list[Sample]:
    """Return the samples of a table in the order of its lines.

    Raises: BadData for a damaged line, a missing column, labels that name no class, files that are not there.
    """
    rows = _rows(table)
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
            f"{table} names {len(missing):,} files that are not there, the first is {missing[0]}",
            hint=f"paths are relative to {table.parent}",
        )
    return samples


def _rows(table: Path) -> list[dict[str, Any]]:
    """Return the lines as dicts; an empty cell is None."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            read = _json_rows if table.suffix in (".jsonl", ".ndjson") else _csv_rows
            return [{k: (None if v == "" else v) for k, v in row.items()} for row in read(table, stream)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"{table} is no text table: {error}", hint="save it as CSV in UTF-8") from error
    except OSError as error:
        raise BadData(f"cannot read {table}: {error.strerror}", hint="is it yours to read?") from error


def _csv_rows(table: Path, stream: Iterable[str]) -> Iterator[dict[str, Any]]:
    reader = csv.DictReader(stream, delimiter="\t" if table.suffix == ".tsv" else ",")
    for row in reader:
        if None in row or None in row.values():
            raise BadData(
                f"line {reader.line_num} of {table} has more or fewer cells than the first line",
                hint="put a cell that has a comma in it into double quotes",
            )
        yield row


def _json_rows(table: Path, stream: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BadData(
                f"line {number} of {table} is no JSON: {error}", hint="write one object a line"
            ) from error
        if not isinstance(row, dict):
            raise BadData(
                f"line {number} of {table} is no JSON object",
                hint='write lines like {"path": ..., "label": ...}',
            )
        yield row


def _columns_of(table: Path, names: list[str]) -> tuple[str, str]:
    path = first_column(_PATH_COLUMNS, names, table)
    label = first_column(LABEL_COLUMNS, names, table)
    return path, label
