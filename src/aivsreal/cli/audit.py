"""`aivsreal audit`: what is wrong with a labelled set, before a network learns it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aivsreal.cli.options import SomePath, data_argument, json_option, print_json, where_option

if TYPE_CHECKING:
    from rich.console import Console

    from aivsreal.data.audit import Audit
    from aivsreal.data.counts import ByClass
    from aivsreal.data.labelled import LabelledSet

PROBLEMS_FOUND = 1
_COLOURS = {"problem": "bold red", "warning": "yellow", "note": "dim"}
_COUNTED = ("kind", "style", "origin_kind", "family")


@click.command(
    "audit",
    epilog="""
\b
Examples:
  aivsreal audit DATA
  aivsreal audit DATA --html audit.html
  aivsreal audit DATA --where origin_kind!=benchmark --json | jq .findings
  aivsreal audit hub:cifake --strict

\b
Near copies are pictures whose perceptual hashes (pHash) differ in at most 4 of 64 bits; pictures under
64 px are left out there. Shortcuts are probed on `train`, on at most 20,000 records.
The HTML report shows pictures of your data: copies, contradictions and a random draw.

\b
Exit codes: 0 done, whatever was found; 1 problems or warnings were found and --strict was given; 2 a
condition cannot be followed; 4 the data cannot be used; 7 a package is missing; 8 the report cannot be
written; 9 a hub cannot be reached.
""",
)
@data_argument
@where_option
@json_option
@click.option(
    "--html",
    type=SomePath(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a report with contact sheets here, in one file.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 where a problem or a warning was found.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),  # what scikit-learn takes
    default=0,
    show_default=True,
    metavar="N",
    help="Seed of samples and folds.",
)
def command(
    data: str, where: tuple[str, ...], as_json: bool, html: Path | None, strict: bool, seed: int
) -> int:
    """Look for copies, leaks between splits, contradicting labels, unreadable files and shortcuts in DATA.

    DATA is a folder, a parquet file or folder, a table, or the name of a public set, such as hub:cifake.

    A shortcut is a property that tells the classes apart without a look at the picture: size, aspect ratio,
    file format, compression. The shortcut probe measures how well each of them guesses the label.
    """
    from rich.console import Console

    from aivsreal.data.sources import load_set

    labelled = load_set(data, where=where)
    errors = Console(stderr=True)
    result = _audited(labelled, where, seed, errors)
    if html:
        from aivsreal.data.audit_report import write_report

        write_report(html, result, labelled, seed=seed)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        _show(result, Console())
    if html:
        errors.print(f"report: {html}", markup=False, highlight=False, soft_wrap=True)
    return PROBLEMS_FOUND if strict and result.problems else 0


def _audited(labelled: LabelledSet, where: tuple[str, ...], seed: int, errors: Console) -> Audit:
    """Return the audit, with a progress bar on a terminal's standard error."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from aivsreal.data.audit import audit

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        looking = progress.add_task("looking at pictures", total=len(labelled))
        return audit(labelled, conditions=where, seed=seed, on_each=lambda: progress.advance(looking))


def _show(result: Audit, console: Console) -> None:
    """Print the counts, the probe and the findings."""
    from rich.markup import escape
    from rich.text import Text

    counts = result.counts
    console.print(
        f"[bold]{escape(result.name)}[/bold]: {counts.real:,} real, {counts.ai:,} AI", highlight=False
    )
    _show_counts("split", counts.splits, console)
    _show_counts("format", counts.formats, console)
    _show_counts("JPEG quality", counts.qualities, console)
    for column in _COUNTED:
        if column in counts.columns:
            _show_counts(column, counts.columns[column], console)
    _show_probe(result, console)
    for finding in result.findings:
        line = Text(f"{finding.level}: ", style=_COLOURS[finding.level])
        line.append(finding.what, style="not dim")
        console.print(line, soft_wrap=True)
        if finding.advice:
            console.print(Text(f"  to do: {finding.advice}"), soft_wrap=True)


def _show_counts(title: str, values: list[ByClass], console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title, "real", "AI", box=None, header_style="bold", pad_edge=False)
    for value in values[:12]:
        table.add_row(Text(value.value), f"{value.real:,}", f"{value.ai:,}")
    console.print(table, "")


def _show_probe(result: Audit, console: Console) -> None:
    from rich.table import Table

    if result.probe is None:
        return
    run = result.probe
    names = [None, *result.probe_slices]
    runs = [run, *result.probe_slices.values()]
    heads = ["AUC of " + (name or run.part) for name in names]
    table = Table("shortcut probe", *heads, box=None, header_style="bold", pad_edge=False)
    for p in run.probes:
        cells = [
            next(
                (
                    f"{q.auc:.2f} ({q.low:.2f}-{q.high:.2f})"
                    for q in r.probes
                    if (q.of, q.feature) == (p.of, p.feature)
                ),
                "",
            )
            for r in runs
        ]
        table.add_row(p.feature + (" (original files)" if p.of == "original" else ""), *cells)
    console.print(table, f"[dim]{run.records:,} records, {run.folds}; .50 is chance[/dim]", "")
