"""`aivsreal monitor`: what came in lately against what the model was judged on; an alarm is an exit code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aivsreal.bundle import Bundle, load_bundle
from aivsreal.cli.options import json_option, print_json
from aivsreal.errors import UsageError
from aivsreal.files import atomic_write_json

if TYPE_CHECKING:
    from aivsreal.living.monitor import Report
    from aivsreal.living.record import Record

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
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="Only verdicts of the last days.")
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
    type=click.Path(file_okay=False, path_type=Path),
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

    Verdicts are those that a server gave, and `predict --record`. Their scores, embeddings, share of 'cannot
    tell', share of each verdict, formats and sizes are compared with the pictures that the model was judged on,
    or with an earlier time, which tells changes of your own stream from its usual ways.

    Tests: Kolmogorov-Smirnov and the population stability index for scores, maximum mean discrepancy with
    permutations for embeddings, Fisher's exact test for shares. An alarm needs a change that is more than chance
    (all tests together err once in 200 looks), that is large, and that bears on verdicts.
    """
    from aivsreal.cli.feedback import marks
    from aivsreal.living.feedback import rights
    from aivsreal.living.monitor import keep_state, watch
    from aivsreal.living.record import read_records

    bundle = load_bundle(model)
    records, damaged = read_records(model=bundle.title)
    window = _within(records, *_limits(since, until, days))[-last:]
    earlier = _within(records, *_span(against)) if against else None
    right = rights(marks(), bundle.title)
    report = watch(bundle, window, against=earlier, right=right, damaged=damaged)
    keep_state(report)
    if out is not None:
        _write(out, bundle, window, earlier, report)
    if as_json:
        print_json(report.as_json())
    else:
        _tell(report)
    return ALARM if report.alarm else 0


def _limits(
    since: str | None, until: str | None, days: float | None
) -> tuple[datetime | None, datetime | None]:
    if since and days:
        raise UsageError("--since and --days exclude each other", hint="give one of them")
    start = _moment(since) if since else None
    if days:
        start = datetime.now(UTC) - timedelta(days=days)
    return start, _moment(until) if until else None


def _span(text: str) -> tuple[datetime, datetime]:
    first, dots, last = text.partition("..")
    if not dots:
        raise UsageError(
            f"{text!r} is no stretch of time", hint="write FROM..TO, as in 2026-06-01..2026-06-30"
        )
    return _moment(first), _moment(last)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no date", hint="write it as in 2026-10-01 or 2026-10-01T08:30"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _within(records: list[Record], start: datetime | None, end: datetime | None) -> list[Record]:
    return [r for r in records if (start is None or r.when >= start) and (end is None or r.when < end)]


def _write(
    out: Path, bundle: Bundle, window: list[Record], earlier: list[Record] | None, report: Report
) -> None:
    from aivsreal.living.monitor import lot_of, reference_lot
    from aivsreal.living.timelines import draw_timelines

    atomic_write_json(out / "monitor.json", report.as_json())
    before = lot_of("", earlier) if earlier else reference_lot(bundle)
    draw_timelines(out, window, before, report)


def _tell(report: Report) -> None:
    click.echo(f"{report.model}, {report.window}, against {report.against}")
    for finding in report.findings:
        mark = "ALARM" if finding.alarm else "changed" if finding.changed else "as before"
        p = "" if finding.p is None else f" (p = {finding.p:.2g})"
        click.echo(f"  {mark:<9}  {finding.words}{p}")
    if report.right:
        value = report.right
        click.echo(f"  feedback: {value.value:.0%} of answers right ({value.low:.0%} to {value.high:.0%})")
    if report.damaged:
        click.echo(f"  {report.damaged} damaged lines of the records are passed over")
    click.echo(report.words)
