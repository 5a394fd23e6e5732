"""What came in over time, as figures: shares of each verdict, the scores' middle, how far the pictures moved."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.dates import date2num
from matplotlib.figure import Figure as Canvas

from aivsreal.evaluation.intervals import wilson
from aivsreal.evaluation.plots import AI, GREY, LIGHT, PERCENT, REAL, Plot, saved
from aivsreal.living import drift
from aivsreal.living.monitor import Lot, Report, lot_of
from aivsreal.living.record import Record

# As many stretches as can be told apart, none of fewer verdicts than tell something.
MOST_STRETCHES, FEWEST_EACH = 24, 20
COLOURS = {"ai": AI, "uncertain": GREY, "real": REAL}


def draw_timelines(folder: Path, records: Sequence[Record], before: Lot, report: Report) -> list[Plot]:
    """Return the plots after their PNG files stand in `folder`; none for fewer than two stretches."""
    stretches = in_stretches(records)
    if len(stretches) < 2:
        return []
    return [
        saved(folder, "shares", _shares(stretches, before, report)),
        saved(folder, "drift", _drift(stretches, before, report)),
    ]


def in_stretches(records: Sequence[Record]) -> list[Sequence[Record]]:
    """Return the records cut into stretches of about equal numbers, in their order."""
    count = min(MOST_STRETCHES, len(records) // FEWEST_EACH)
    if count < 1:
        return []
    edges = np.linspace(0, len(records), count + 1).astype(int)
    return [records[a:b] for a, b in pairwise(edges.tolist())]


def _shares(stretches: list[Sequence[Record]], before: Lot, report: Report) -> Canvas:
    canvas = Canvas(figsize=(9, 4.5), layout="constrained")
    axes = canvas.subplots()
    dates = _dates(stretches)
    for word, colour in COLOURS.items():
        values = [sum(r.verdict == word for r in stretch) / len(stretch) for stretch in stretches]
        bounds = [wilson(v, len(s)) for v, s in zip(values, stretches, strict=True)]
        axes.plot(dates, values, color=colour, marker="o", markersize=3, label=word)
        low, high = np.array(bounds).T
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


def _drift(stretches: list[Sequence[Record]], before: Lot, report: Report) -> Canvas:
    canvas = Canvas(figsize=(9, 4.5), layout="constrained")
    axes = canvas.subplots()
    dates = _dates(stretches)
    lots = [lot_of("", stretch) for stretch in stretches]
    index = [drift.stability_index(before.logits, lot.logits) for lot in lots]
    axes.plot(dates, index, color=AI, marker="o", markersize=3, label="scores (PSI)")
    axes.axhline(drift.PSI_MATTERS, color=AI, linestyle=":", linewidth=1)
    if before.sketches is not None and all(lot.sketches is not None for lot in lots):
        moved = [
            drift.shift(before.sketches.astype(float), lot.sketches.astype(float))
            for lot in lots
            if lot.sketches is not None
        ]
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


def _dates(stretches: list[Sequence[Record]]) -> list[float]:
    """Return the moment in the middle of each stretch, as matplotlib counts days."""
    middles = [stretch[len(stretch) // 2].when for stretch in stretches]
    return [float(day) for day in date2num(middles)]  # type: ignore[no-untyped-call]
