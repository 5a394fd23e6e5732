"""How verdicts are printed one by one: a table for people, JSON Lines, or CSV. Nothing is held back."""

from __future__ import annotations

import csv
import io
import os
import sys
import unicodedata
from collections.abc import Iterable
from typing import Any, Literal

import click

from aivsreal.cli.options import print_json_line
from aivsreal.errors import printable
from aivsreal.images import ORIGINS_FOR_PEOPLE
from aivsreal.verdict import WORDS_FOR_PEOPLE, Word

Form = Literal["table", "json", "csv"]

CSV_COLUMNS = (
    "path",
    "verdict",
    "probability_ai",
    "real_below",
    "ai_above",
    "spread",
    "model",
    "reason",
    "declared",
    "declared_in",
    "format",
    "width",
    "height",
    "bytes",
    "sha256",
    "seconds",
    "heatmap",
    "error",
    "hint",
)
COLOURS: dict[Word, str] = {"ai": "yellow", "real": "blue", "uncertain": "white"}
_WIDTH = max(len(words) for words in WORDS_FOR_PEOPLE.values())


def print_header(form: Form) -> None:
    """Print what stands above the rows."""
    if form == "csv":
        print(_csv_line(CSV_COLUMNS), flush=True)
    if form == "table":
        print(f"{'verdict':<{_WIDTH}}  P(AI)  spread  picture", flush=True)


def print_row(form: Form, row: dict[str, Any]) -> None:
    """Print a verdict or a failure, given as its `as_json`. In a table failures go to standard error.

    By `print`, which finds the stream that a progress bar has put in the place of standard output.
    """
    if form == "json":
        print_json_line(row)
    elif form == "csv":
        print(_csv_line(row.get(column) for column in CSV_COLUMNS), flush=True)
    elif row["verdict"] is None:
        print(f"aivsreal: {_failure(row)}\nhint: {row['hint']}", file=sys.stderr, flush=True)
    else:
        print(_table_line(row), flush=True)


def _table_line(row: dict[str, Any]) -> str:
    word: Word = row["verdict"]
    words = f"{WORDS_FOR_PEOPLE[word]:<{_WIDTH}}"
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        words = click.style(words, fg=COLOURS[word])
    spread = "-" if row["spread"] is None else f"{row['spread']:.3f}"
    said = f"  (its metadata: {ORIGINS_FOR_PEOPLE[row['declared']]})" if row["declared"] else ""
    return f"{words}  {row['probability_ai']:.3f}  {spread:>6}  {printable(row['path'])}{said}"


def _failure(row: dict[str, Any]) -> str:
    """Return why, with the path before it unless the reason names it already."""
    path, why = printable(row["path"]), row["error"]
    return why if path in why else f"{path}: {why}"


def _csv_line(values: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([_cell(value) for value in values])
    return line.getvalue()


def _cell(value: object) -> object:
    """Return a value as a cell holds it, nothing in it that could steer a terminal."""
    if not isinstance(value, str):
        return "" if value is None else value
    # Spaces of other widths stay: screenshots of macOS have them in their names, which are read back from here.
    return "".join(letter if unicodedata.category(letter) == "Zs" else printable(letter) for letter in value)
