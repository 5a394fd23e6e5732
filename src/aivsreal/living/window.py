"""Which verdicts a look at the stream is at, and the look: one way for command line, page and cron.

seen = look(load_bundle(), marks, window_of(days=7))
seen.report.words
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aivsreal.bundle import Bundle
from aivsreal.errors import UsageError
from aivsreal.living.feedback import Mark, rights
from aivsreal.living.monitor import LATEST, Lot, Report, lot_of, reference_lot, watch
from aivsreal.living.record import Record, read_records

Span = tuple[datetime | None, datetime | None]


@dataclass(frozen=True)
class Window:
    """The verdicts of a span of time, of those the latest `last`; against: an earlier span (None: the reference)."""

    span: Span = (None, None)
    last: int = LATEST
    against: Span | None = None


@dataclass(frozen=True, eq=False)
class Look:
    """What a look found, the verdicts that it looked at, oldest first, and what they were compared with."""

    report: Report
    records: Sequence[Record]
    before: Lot


def window_of(
    *,
    since: str | None = None,
    until: str | None = None,
    days: float | None = None,
    last: int = LATEST,
    against: str | None = None,
    now: datetime | None = None,
) -> Window:
    """Return the window that a person asks for. since, until: dates in ISO form; against: FROM..TO. Raises: UsageError."""
    if since and days:
        raise UsageError("a first day and a number of days exclude each other", hint="give one of them")
    start = moment(since) if since else None
    if days:
        start = _days_before(now or datetime.now(UTC), days)
    span = _forwards(start, moment(until) if until else None)
    return Window(span, last, _span(against) if against else None)


def look(bundle: Bundle, marks: Sequence[Mark], window: Window | None = None) -> Look:
    """Return what the model's verdicts in the window look like beside its reference, or an earlier span.

    marks: what people said, of which accepted ones tell how often it was right
    Raises: BadBundle where the model has no memory; BadData where the earlier span holds too little; UsageError.
    """
    chosen = window or Window()
    to_the_end = chosen.span[1] is None and chosen.against is None
    everything, damaged = read_records(model=bundle.title, latest=chosen.last if to_the_end else None)
    records = within(everything, chosen.span)[-chosen.last :]
    earlier = within(everything, chosen.against) if chosen.against else None
    right = rights(marks, bundle.title)
    report = watch(bundle, records, against=earlier, right=right, damaged=damaged)
    return Look(report, records, reference_lot(bundle) if earlier is None else lot_of("", earlier))


def within(records: Sequence[Record], span: Span) -> Sequence[Record]:
    """Return the records from the span's first moment on and before its last; None is no bound."""
    start, end = span
    return [r for r in records if (start is None or r.when >= start) and (end is None or r.when < end)]


def moment(text: str) -> datetime:
    """Return a date, with or without a time, in UTC where it names no zone. Raises: UsageError."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no date", hint="write it as in 2026-10-01 or 2026-10-01T08:30"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _span(text: str) -> Span:
    first, dots, last = text.partition("..")
    if not dots:
        raise UsageError(
            f"{text!r} is no stretch of time", hint="write FROM..TO, as in 2026-06-01..2026-06-30"
        )
    return _forwards(moment(first), moment(last))


def _forwards(start: datetime | None, end: datetime | None) -> Span:
    """Return the span. Raises: UsageError where it holds no moment, and so tells nothing of what came in."""
    if start is not None and end is not None and end <= start:
        first, last = (one.isoformat(timespec="minutes") for one in (start, end))
        raise UsageError(
            f"a time from {first} to {last} ends before it begins",
            hint="name its first day first; its last is the day after what it holds",
        )
    return start, end


def _days_before(now: datetime, days: float) -> datetime:
    try:
        return now - timedelta(days=days)
    except (OverflowError, ValueError) as error:
        raise UsageError(
            f"{days:g} days is no time to go back", hint="give a number of days, as in 7"
        ) from error
