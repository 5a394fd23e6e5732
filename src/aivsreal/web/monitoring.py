"""What `aivsreal monitor` finds, as the operator's page asks for it and shows it: the look, and its timelines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aivsreal.errors import UsageError
from aivsreal.living.drift import PSI_MATTERS, SHIFT_MATTERS
from aivsreal.living.monitor import LATEST
from aivsreal.living.stretches import WORDS, Stretch, stretches_of
from aivsreal.living.window import Look, Window, window_of
from aivsreal.verdict import WORDS_FOR_PEOPLE, Word

Points = Sequence[tuple[float, float]]
# The largest window that a page looks at in one go: what some minutes of reading would bring is for the command line.
MOST = 50_000


@dataclass(frozen=True)
class Line:
    """A line of a plot in hundredths of its width and height, from the upper left.

    kind: whose it is; band: the edge of its intervals all around; level: where the dotted line lies
    """

    kind: str
    label: str
    points: Points
    band: Points
    level: float


@dataclass(frozen=True)
class Plot:
    """Lines over one stretch of time; top: what the upper edge stands for."""

    title: str
    lines: Sequence[Line]
    top: float
    first: datetime
    last: datetime


@dataclass(frozen=True, eq=False)
class Monitoring:
    """A look, its stretches (none where there are too few verdicts for two), and their plots."""

    look: Look
    stretches: Sequence[Stretch]
    plots: Sequence[Plot]


def window_asked(query: Mapping[str, str]) -> Window:
    """Return the window that a query's days, since, until, last, from and to ask for. Raises: UsageError."""
    earlier = query.get("from", "").strip(), query.get("to", "").strip()
    if any(earlier) and not all(earlier):
        raise UsageError("an earlier time has a first and a last day", hint="give both, or neither")
    return window_of(
        since=query.get("since", "").strip(),
        until=query.get("until", "").strip(),
        days=_number(query.get("days", ""), "days"),
        last=int(_number(query.get("last", ""), "verdicts") or LATEST),
        against="..".join(earlier) if any(earlier) else None,
    )


def monitored(seen: Look) -> Monitoring:
    """Return a look with what is drawn of it."""
    stretches = stretches_of(seen.records, seen.before)
    if len(stretches) < 2:
        return Monitoring(seen, (), ())
    return Monitoring(seen, stretches, plots_of(stretches, seen.before.words))


def plots_of(stretches: Sequence[Stretch], before: Sequence[str]) -> list[Plot]:
    """Return the plots of at least two stretches. before: the verdicts that they are compared with."""
    across = _across([stretch.when for stretch in stretches])
    ends = stretches[0].when, stretches[-1].when
    shares = [_share_line(word, stretches, across, before) for word in WORDS]
    plots = [Plot("Share of each verdict", shares, 1, *ends)]
    scores = [stretch.stability for stretch in stretches]
    plots.append(_distance("How far the scores lie off (PSI)", "scores", scores, PSI_MATTERS, across, ends))
    moved = [stretch.moved for stretch in stretches if stretch.moved is not None]
    if len(moved) == len(stretches):
        title = "How far the pictures lie off (deviations)"
        plots.append(_distance(title, "pictures", moved, SHIFT_MATTERS, across, ends))
    return plots


def _share_line(
    word: Word, stretches: Sequence[Stretch], across: Sequence[float], before: Sequence[str]
) -> Line:
    shares = [stretch.shares[word] for stretch in stretches]
    upper = list(zip(across, (_down(s.high, 1) for s in shares), strict=True))
    lower = list(zip(across, (_down(s.low, 1) for s in shares), strict=True))
    points = list(zip(across, (_down(s.value, 1) for s in shares), strict=True))
    level = _down(before.count(word) / len(before), 1)
    return Line(word, WORDS_FOR_PEOPLE[word], points, [*upper, *reversed(lower)], level)


def _distance(
    title: str,
    kind: str,
    values: Sequence[float],
    matters: float,
    across: Sequence[float],
    ends: tuple[datetime, datetime],
) -> Plot:
    top = max(1.25 * max(values), 2 * matters)
    points = list(zip(across, (_down(value, top) for value in values), strict=True))
    return Plot(title, [Line(kind, kind, points, (), _down(matters, top))], top, *ends)


def _across(moments: Sequence[datetime]) -> list[float]:
    """Return where moments lie between the first and the last; evenly where all are one."""
    length = (moments[-1] - moments[0]).total_seconds()
    if length == 0:
        return [100 * place / (len(moments) - 1) for place in range(len(moments))]
    return [round(100 * (moment - moments[0]).total_seconds() / length, 2) for moment in moments]


def _down(value: float, top: float) -> float:
    return round(100 * (1 - value / top), 2)


def _number(text: str, what: str) -> float | None:
    """Return a positive number; None for an empty text. Raises: UsageError."""
    if not text.strip():
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number <= MOST:
        raise UsageError(f"{text!r} is no number of {what}", hint=f"write a number from 1 to {MOST:,}")
    return number
