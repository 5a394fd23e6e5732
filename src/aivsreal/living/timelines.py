"""What came in over time, as figures: shares of each verdict, the scores' middle, how far the pictures moved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.dates import date2num
from matplotlib.figure import Figure as Canvas

from aivsreal.evaluation.plots import AI, GREY, LIGHT, PERCENT, REAL, Plot, saved
from aivsreal.living import drift
from aivsreal.living.monitor import Lot, Report
from aivsreal.living.record import Record
from aivsreal.living.stretches import Stretch, stretches_of

COLOURS = {"ai": AI, "uncertain": GREY, "real": REAL}


def draw_timelines(folder: Path, records: Sequence[Record], before: Lot, report: Report) -> list[Plot]:
    """Return the plots after their PNG files stand in `folder`; none for fewer than two stretches."""
    stretches = stretches_of(records, before)
    if len(stretches) < 2:
        return []
    return [
        saved(folder, "shares", _shares(stretches, before, report)),
        saved(folder, "drift", _drift(stretches, report)),
    ]


def _shares(stretches: Sequence[Stretch], before: Lot, report: Report) -> Canvas:
    canvas = Canvas(figsize=(9, 4.5), layout="constrained")
    axes = canvas.subplots()
    dates = _dates(stretches)
    for word, colour in COLOURS.items():
        shares = [stretch.shares[word] for stretch in stretches]
        axes.plot(dates, [s.value for s in shares], color=colour, marker="o", markersize=3, label=word)
        low, high = [s.low for s in shares], [s.high for s in shares]
        axes.fill_between(dates, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.axhline(before.words.count(word) / len(before.words), color=colour, linestyle=":", linewidth=1)
    axes.set_title(report.words, fontsize=10)
    axes.set_ylabel("share of verdicts (dotted: reference)")
    axes.yaxis.set_major_formatter(PERCENT)
    axes.set_ylim(0, 1)
    axes.legend(loc="upper left", ncols=3)
    axes.xaxis_date()
    canvas.autofmt_xdate()
    return canvas


def _drift(stretches: Sequence[Stretch], report: Report) -> Canvas:
    canvas = Canvas(figsize=(9, 4.5), layout="constrained")
    axes = canvas.subplots()
    dates = _dates(stretches)
    index = [stretch.stability for stretch in stretches]
    axes.plot(dates, index, color=AI, marker="o", markersize=3, label="scores (PSI)")
    axes.axhline(drift.PSI_MATTERS, color=AI, linestyle=":", linewidth=1)
    moved = [stretch.moved for stretch in stretches if stretch.moved is not None]
    if len(moved) == len(stretches):
        axes.plot(dates, moved, color=REAL, marker="s", markersize=3, label="pictures (deviations)")
        axes.axhline(drift.SHIFT_MATTERS, color=REAL, linestyle=":", linewidth=1)
    axes.set_title(f"How far verdicts and pictures lie from {report.against}", fontsize=10)
    axes.set_ylabel("change (dotted: from here on it matters)")
    axes.set_ylim(bottom=0)
    axes.grid(color=LIGHT)
    axes.legend(loc="upper left")
    axes.xaxis_date()
    canvas.autofmt_xdate()
    return canvas


def _dates(stretches: Sequence[Stretch]) -> list[float]:
    """Return the moment in the middle of each stretch, as matplotlib counts days."""
    return [float(day) for day in date2num([stretch.when for stretch in stretches])]  # type: ignore[no-untyped-call]
