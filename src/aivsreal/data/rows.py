"""The lines of a CSV, TSV or JSON Lines file that a person or a program wrote, damaged ones told."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from aivsreal.errors import BadData


def rows_of(table: Path) -> list[dict[str, Any]]:
    """Return the lines as dicts in their order; an empty cell is None.

    Raises: BadData for what is no text, and for a damaged line.
    """
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
