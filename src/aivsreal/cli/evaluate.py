"""`aivsreal evaluate`: measure a model on labelled data, and say in a table and a report how good it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aivsreal.cli.evaluate_tables import tables
from aivsreal.cli.options import (
    SomePath,
    data_argument,
    fast_option,
    json_option,
    model_argument,
    print_json,
    where_option,
)

if TYPE_CHECKING:
    from rich.console import Console

SOME_FAILED = 1


@click.command(
    "evaluate",
    epilog="""
\b
Examples:
  aivsreal evaluate photos DATA --split unseen
  aivsreal evaluate RUN/bundle DATA --where origin_kind!=benchmark --out report/text-to-image
  aivsreal evaluate photos DATA --split unseen --slices research/photo_tags.csv
  aivsreal evaluate photos DATA --split val --tiers --stability
  aivsreal evaluate photos DATA --split val --degrade jpeg-50 --degrade screenshot
  aivsreal evaluate cifake DATA --json | jq .as_is.accuracy

\b
Degradations:
  jpeg-95, jpeg-85, jpeg-75, jpeg-65, jpeg-50, jpeg-35, jpeg-20, webp-90, webp-75, webp-50,
  resize-0.75, resize-0.5, resize-0.25, resize-1.5, blur-1, blur-2, noise-4, noise-10, sharpen,
  crop-0.8, crop-0.5, screenshot, screen-photo, caption,
  two-generations (JPEG twice, off the grid), telegram, x, facebook, instagram, whatsapp

\b
The folder that --out names gets metrics.json, predictions.csv (a line an image), report.html (in one file)
and the plots as PNG. It appears when all is done, in place of an earlier report.
The report shows pictures of your data: its worst mistakes.

\b
Exit codes: 0 done; 1 done, but some pictures could not be read; 2 a condition cannot be followed; 4 the
data cannot be used; 5 the model cannot be used; 7 a package is missing; 8 the folder cannot be written; 9 a
hub cannot be reached.
""",
)
@model_argument
@data_argument
@click.option("--split", metavar="NAME", help="Which split to measure on.  [default: test]")
@where_option
@click.option(
    "--slices",
    "tags",
    type=SomePath(exists=True, dir_okay=False, path_type=Path),
    metavar="TABLE.csv",
    help="Measure the photographs of each tag too: a table of sha256 and tags, with spaces between tags.",
)
@click.option(
    "--out",
    type=SomePath(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the report goes.  [default: report/MODEL-DATA-SPLIT]",
)
@click.option(
    "--tiers",
    is_flag=True,
    help="Also after a way over the web and after hard use: twice the work.",
)
@click.option(
    "--stability",
    is_flag=True,
    help="Also whether a picture keeps its verdict under 12 harmless changes: seven times the work.",
)
@click.option("--degradations", is_flag=True, help="Also after each single degradation, listed below.")
@click.option("--degrade", "named", multiple=True, metavar="NAME", help="Only this one of them. Repeatable.")
@fast_option
@json_option
def command(
    model: str,
    data: str,
    split: str | None,
    where: tuple[str, ...],
    tags: Path | None,
    out: Path | None,
    tiers: bool,
    stability: bool,
    degradations: bool,
    named: tuple[str, ...],
    fast: bool,
    as_json: bool,
) -> int:
    """Measure MODEL on the labelled pictures in DATA.

    MODEL is a model's name or a bundle's folder. DATA is a folder, a parquet file or folder, a table, or the
    name of a public set, such as hub:cifake.

    Every figure comes with its 95 % interval, twice: for the pictures as they are, and aligned (short side at
    most 256, JPEG quality 80, both classes alike), so that neither size nor format can give the answer away.
    Thresholds are the model's own. Figures of each generator, source, year, style, kind, format and size
    follow where DATA names them.
    """
    from rich.console import Console

    from aivsreal.data.sources import load_set
    from aivsreal.evaluation import evaluate

    labelled = load_set(data, where=where, tags=tags)
    with _progress(Console(stderr=True)) as advance:
        path = evaluate(
            model,
            labelled,
            split,
            out,
            where=where,
            tiers=tiers,
            degradations=("all",) if degradations else named,
            stability=stability,
            fast=fast,
            on_progress=advance,
        )
    metrics = json.loads(path.read_text("utf-8"))
    if as_json:
        print_json(metrics)
    else:
        _show(Console(), metrics, path.parent)
    return SOME_FAILED if metrics["counts"]["failed"] else 0


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[int, int], None]]:
    """Give a function that moves a bar with the time left; nothing is shown where nobody watches."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("measuring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("measuring", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _show(console: Console, metrics: dict[str, Any], folder: Path) -> None:
    for table in tables(metrics):
        console.print(table)
    if failed := metrics["counts"]["failed"]:
        pictures = "1 picture" if failed == 1 else f"{failed:,} pictures"
        console.print(f"{pictures} could not be read: see predictions.csv")
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True, highlight=False, markup=False)
