"""`aivsreal evaluate`: measure a model on labelled data, and say in a table and a report how good it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aivsreal.cli.options import data_argument, json_option, model_argument, print_json, where_option

if TYPE_CHECKING:
    from rich.console import Console

# What the terminal shows; the report has everything.
SHOWN = {
    "false_positive_rate": "photographs called AI",
    "recall": "AI called AI (recall)",
    "uncertain_share": "no answer (cannot tell)",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "tpr_at_5_fpr": "found at 5 % false alarms",
    "tpr_at_1_fpr": "found at 1 % false alarms",
    "calibration_error": "calibration error",
}
CHAINS = {"as_is": "as they are", "aligned": "aligned", "leak_free": "leak-free"}
SOME_FAILED = 1


@click.command(
    "evaluate",
    epilog="""
\b
Examples:
  aivsreal evaluate photos DATA --split unseen
  aivsreal evaluate RUN/bundle DATA --where origin_kind!=benchmark --out report/text-to-image
  aivsreal evaluate cifake DATA --json | jq .as_is.accuracy

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
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the report goes.  [default: report/MODEL-DATA-SPLIT]",
)
@json_option
def command(
    model: str, data: str, split: str | None, where: tuple[str, ...], out: Path | None, as_json: bool
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

    labelled = load_set(data, where=where)
    with _progress(Console(stderr=True)) as advance:
        path = evaluate(model, labelled, split, out, where=where, on_progress=advance)
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
    from rich.table import Table

    counts, data, model = metrics["counts"], metrics["data"], metrics["model"]
    table = Table(
        title=f"{model['name']} {model['version']} on {data['name']} {data['split']}".rstrip(),
        caption=f"{counts['real']:,} photographs, {counts['ai']:,} AI pictures; in brackets 95 % intervals",
    )
    chains = [chain for chain in CHAINS if chain in metrics]
    table.add_column("figure", no_wrap=True)
    for chain in chains:
        table.add_column(CHAINS[chain], justify="right")
    for name, called in SHOWN.items():
        table.add_row(called, *(_text(metrics[chain][name]) for chain in chains))
    console.print(table)
    if counts["failed"]:
        pictures = "1 picture" if counts["failed"] == 1 else f"{counts['failed']:,} pictures"
        console.print(f"{pictures} could not be read: see predictions.csv")
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True, highlight=False, markup=False)


def _text(figure: dict[str, float] | None) -> str:
    if figure is None:
        return "-"
    return f"{figure['value']:.3f} ({figure['low']:.3f}-{figure['high']:.3f})"
