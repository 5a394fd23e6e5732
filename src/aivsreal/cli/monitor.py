"""`aivsreal monitor`: what came in lately against what the model was judged on; an alarm is an exit code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aivsreal.bundle import load_bundle
from aivsreal.cli.options import NumberRange, SomePath, json_option, print_json
from aivsreal.errors import UsageError
from aivsreal.files import atomic_write_json

if TYPE_CHECKING:
    from aivsreal.living.monitor import Report
    from aivsreal.living.window import Look

ALARM = 1


@click.command(
    "monitor",
    epilog="""
\b
Examples:
  aivsreal predict incoming/ --record
  aivsreal monitor
  aivsreal monitor --since 2026-10-01 --out report/october
  aivsreal monitor --days 7 --against 2026-06-01..2026-06-30
  aivsreal monitor --json | jq .alarm

\b
Exit codes: 0 nothing that matters has changed, or too few verdicts to tell; 1 an alarm stands; 2 wrong usage;
4 the window to compare with is too small; 5 the model is missing, or has no memory (`aivsreal models
remember` gives it one); 7 a package is missing; 8 the state or the figures cannot be written.
""",
)
@click.option("--model", metavar="MODEL", help="A model's name or folder.  [default: the model in use]")
@click.option("--since", metavar="DATE", help="Only verdicts from then on, as in 2026-10-01.")
@click.option("--until", metavar="DATE", help="Only verdicts before then.")
@click.option("--days", type=NumberRange(min=0, min_open=True), help="Only verdicts of the last days.")
@click.option(
    "--last",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Of those at most this many, the latest.",
)
@click.option(
    "--against",
    metavar="FROM..TO",
    help="Compare with the verdicts of that time.  [default: the model's reference]",
)
@click.option(
    "--out",
    type=SomePath(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write monitor.json and the timelines there.",
)
@json_option
def command(
    model: str | None,
    since: str | None,
    until: str | None,
    days: float | None,
    last: int,
    against: str | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Say whether pictures or verdicts have changed in a way that matters.

    Verdicts are those that a server gave, and `predict --record`. Their scores, embeddings, shares of
    'cannot tell' and of 'likely AI-generated', formats and sizes are compared with the pictures that the model was
    judged on, or with an earlier time, which tells changes of your own stream from its usual ways.

    Tests: Kolmogorov-Smirnov and the population stability index for scores, maximum mean discrepancy with
    permutations for embeddings, Fisher's exact test for shares. An alarm needs a change that is more than chance
    (all tests together err once in 200 looks), that is large, and that bears on verdicts.
    """
    from aivsreal.cli.feedback import marks
    from aivsreal.living.monitor import keep_state
    from aivsreal.living.window import look, window_of

    if since and days:
        raise UsageError("--since and --days exclude each other", hint="give one of them")
    window = window_of(since=since, until=until, days=days, last=last, against=against)
    seen = look(load_bundle(model), marks(), window)
    keep_state(seen.report)
    if out is not None:
        _write(out, seen)
    if as_json:
        print_json(seen.report.as_json())
    else:
        _tell(seen.report)
    return ALARM if seen.report.alarm else 0


def _write(out: Path, seen: Look) -> None:
    from aivsreal.living.timelines import draw_timelines

    atomic_write_json(out / "monitor.json", seen.report.as_json())
    draw_timelines(out, seen.records, seen.before, seen.report)


def _tell(report: Report) -> None:
    click.echo(f"{report.model}, {report.window}, against {report.against}")
    for finding in report.findings:
        p = "" if finding.p is None else f" (p = {finding.p:.2g})"
        click.echo(f"  {finding.standing:<9}  {finding.words}{p}")
    if report.right:
        value = report.right
        click.echo(f"  feedback: {value.value:.0%} of answers right ({value.low:.0%} to {value.high:.0%})")
    if report.damaged:
        click.echo(f"  {report.damaged} damaged lines of the records are passed over")
    click.echo(report.words)
