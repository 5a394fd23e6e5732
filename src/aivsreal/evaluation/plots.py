"""The plots of a measurement as PNG files: each title says what was found, each axis what it counts.

Blue is real and orange is AI throughout (Okabe and Ito's colours, apart for every eye and in grey).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator, PercentFormatter

from aivsreal.data.labelled import LabelledSet
from aivsreal.evaluation.answers import Answers
from aivsreal.evaluation.intervals import Floats, Ints, wilson
from aivsreal.evaluation.measure import CHAINS, Chain
from aivsreal.evaluation.metrics import BINS, WORDS, equal_mass_bins
from aivsreal.evaluation.worst import draw_worst
from aivsreal.training.drawing import BLUE, GREEN, VERMILION, write_figure

REAL, AI, GREY, LIGHT = BLUE, VERMILION, "#555555", "#DDDDDD"
CHAIN_STYLE: dict[Chain, dict[str, Any]] = {
    "as_is": {"color": "#000000", "linestyle": "-", "label": "as they are"},
    "aligned": {"color": GREEN, "linestyle": "--", "label": "aligned"},
}
_MOST_BARS = 60
PERCENT = PercentFormatter(1.0, decimals=0)


@dataclass(frozen=True)
class Plot:
    """A plot on disk: its file's name, and what it shows for those who cannot see it."""

    name: str
    alternative: str
    data: bytes


def draw_plots(folder: Path, answers: Answers, metrics: dict[str, Any], data: LabelledSet) -> list[Plot]:
    """Return the plots after their PNG files stand in `folder`. Raises: CannotWrite."""
    thresholds = metrics["thresholds"]
    canvases = {
        "confusion": confusion_plot(metrics["confusion"]),
        "generators": slices_plot(metrics["slices"]),
        "scores": scores_plot(answers, thresholds),
        "roc": roc_plot(answers, metrics),
        "precision_recall": precision_recall_plot(answers, metrics),
        "reliability": reliability_plot(answers, metrics),
        "worst": draw_worst(answers, data),
    }
    return [saved(folder, name, canvas) for name, canvas in canvases.items() if canvas]


def confusion_plot(confusion: Mapping[str, Mapping[str, Mapping[str, int]]]) -> Canvas:
    """Return a table of truth against answer for each chain, shares of each row as shades."""
    counts = {chain: _matrix(confusion[chain]) for chain in CHAINS}
    real, ai = (row / row.sum() for row in counts["as_is"])
    canvas = Canvas(figsize=(9.2, 3.6), layout="constrained")
    canvas.suptitle(f"{percent(real[2])} of photographs are called AI, {percent(ai[2])} of AI pictures are")
    for axes, chain in zip(canvas.subplots(1, 2), CHAINS, strict=True):
        _confusion_panel(axes, counts[chain], CHAIN_STYLE[chain]["label"])
    return canvas


def roc_plot(answers: Answers, metrics: dict[str, Any]) -> Canvas:
    """Return the share of AI pictures found against the share of photographs falsely called AI."""
    canvas = Canvas(figsize=(6.4, 6), layout="constrained")
    axes = canvas.subplots()
    axes.plot([0, 1], [0, 1], color=LIGHT, linewidth=1)
    for chain in CHAINS:
        false_alarms, found = roc_points(answers.labels, answers.probabilities[chain])
        area = _range(metrics[chain]["roc_auc"])
        style = CHAIN_STYLE[chain] | {"label": f"{CHAIN_STYLE[chain]['label']}: area {area}"}
        axes.plot(false_alarms, found, drawstyle="steps-post", **style)
        _mark_threshold(axes, metrics[chain], CHAIN_STYLE[chain]["color"])
    at_five = metrics["as_is"]["tpr_at_5_fpr"]["value"]
    axes.set_title(f"With 5 false alarms in 100 photographs, {percent(at_five)} of AI pictures are found")
    axes.set_xlabel("photographs called AI (false positive rate)")
    axes.set_ylabel("AI pictures called AI (recall)")
    _share_axes(axes)
    axes.legend(loc="lower right", title="dot: the model's own threshold")
    return canvas


def precision_recall_plot(answers: Answers, metrics: dict[str, Any]) -> Canvas:
    """Return how many of those called AI are, against how many of the AI pictures are called so."""
    canvas = Canvas(figsize=(6.4, 6), layout="constrained")
    axes = canvas.subplots()
    base = float(answers.labels.mean())
    axes.axhline(base, color=LIGHT, linewidth=1)
    axes.text(0.99, base - 0.015, "blind guessing", color=GREY, ha="right", va="top", fontsize=9)
    for chain in CHAINS:
        recall, precision = precision_recall_points(answers.labels, answers.probabilities[chain])
        mean = _range(metrics[chain]["average_precision"])
        style = CHAIN_STYLE[chain] | {"label": f"{CHAIN_STYLE[chain]['label']}: mean {mean}"}
        axes.plot(recall, precision, drawstyle="steps-pre", **style)
    axes.set_title(_precision_title(metrics["as_is"]))
    axes.set_xlabel("AI pictures called AI (recall)")
    axes.set_ylabel("of those called AI, truly AI (precision)")
    _share_axes(axes)
    axes.legend(loc="lower left")
    return canvas


def reliability_plot(answers: Answers, metrics: dict[str, Any]) -> Canvas:
    """Return the share that is AI against the probability that the model gave, with 95 % intervals."""
    canvas = Canvas(figsize=(6.4, 6), layout="constrained")
    axes = canvas.subplots()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    for chain, mark in zip(CHAINS, "os", strict=True):
        _reliability_points(axes, answers.labels, answers.probabilities[chain], CHAIN_STYLE[chain], mark)
    error = metrics["as_is"]["calibration_error"]
    off = f"is off by {percent(error['value'])} (root mean square)" if error else "rests on few pictures"
    axes.set_title(f"As they are, the probability {off}")
    axes.set_xlabel("probability of AI that the model gives")
    axes.set_ylabel("share that is AI in this set")
    _share_axes(axes)
    axes.legend(loc="upper left", title=f"up to {BINS} groups of equal numbers")
    return canvas


def scores_plot(answers: Answers, thresholds: Mapping[str, Any]) -> Canvas:
    """Return how the probabilities of photographs and of AI pictures are spread, with both thresholds."""
    canvas = Canvas(figsize=(9.2, 5.2), layout="constrained")
    unsure = float(np.mean(np.asarray(answers.words["as_is"]) == "uncertain"))
    canvas.suptitle(
        f"{percent(unsure)} of the pictures lie between the thresholds, where the model cannot tell"
    )
    panels = canvas.subplots(2, 1, sharex=True)
    for axes, chain in zip(panels, CHAINS, strict=True):
        _scores_panel(axes, answers.labels, answers.probabilities[chain], thresholds)
        axes.set_ylabel(f"{CHAIN_STYLE[chain]['label']}\nshare of its class")
    canvas.legend(*panels[0].get_legend_handles_labels(), loc="outside lower left", ncols=2)
    panels[1].set_xlabel("probability of AI that the model gives")
    return canvas


def slices_plot(found: Mapping[str, Mapping[str, Any]]) -> Canvas | None:
    """Return the share of each generator's pictures that is called AI; None where no generator is named."""
    bars = [
        (name.partition("=")[2], entry)
        for name, entry in found.items()
        if name.startswith("generator=") and "recall" in entry["as_is"]
    ]
    if not bars:
        return None
    bars = sorted(bars, key=lambda bar: bar[1]["as_is"]["recall"]["value"])
    shown = bars if len(bars) <= _MOST_BARS else sorted(bars, key=lambda b: -b[1]["n"])[:_MOST_BARS]
    shown = sorted(shown, key=lambda bar: bar[1]["as_is"]["recall"]["value"])
    canvas = Canvas(figsize=(8.4, 1.6 + 0.27 * len(shown)), layout="constrained")
    axes = canvas.subplots()
    for chain, shift, mark in zip(CHAINS, (0.14, -0.14), "os", strict=True):
        interval_dots(axes, [entry[chain]["recall"] for _, entry in shown], shift, CHAIN_STYLE[chain], mark)
    axes.set_yticks(range(len(shown)), [f"{name} ({entry['n']:,})" for name, entry in shown])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_xlim(-0.02, 1.02)
    axes.xaxis.set_major_formatter(PERCENT)
    axes.grid(axis="x", color=LIGHT, linewidth=0.6)
    of_all = "" if len(shown) == len(bars) else f"; the {len(shown)} of {len(bars)} with most pictures"
    axes.set_xlabel(f"called AI, with 95 % interval (number of pictures in brackets{of_all})")
    axes.set_title(_slices_title(bars))
    canvas.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=2)
    return canvas


def roc_points(labels: Ints, scores: Floats) -> tuple[Floats, Floats]:
    """Return false positive rates and recalls, from (0, 0) to (1, 1), a point a distinct score."""
    hits, alarms = _counted(labels, scores)
    return np.append(0.0, alarms / alarms[-1]), np.append(0.0, hits / hits[-1])


def precision_recall_points(labels: Ints, scores: Floats) -> tuple[Floats, Floats]:
    """Return recalls and precisions, a point a distinct score, recall rising."""
    hits, alarms = _counted(labels, scores)
    return hits / hits[-1], hits / (hits + alarms)


def _counted(labels: Ints, scores: Floats) -> tuple[Floats, Floats]:
    """Return how many AI pictures and photographs reach each distinct score, the highest score first."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), scores.size - 1)
    hits = np.cumsum(labels[order])[last].astype(np.float64)
    return hits, last + 1 - hits


def _confusion_panel(axes: Axes, counts: Ints, name: str) -> None:
    shares = counts / counts.sum(axis=1, keepdims=True)
    axes.imshow(shares, cmap="Greys", vmin=0, vmax=1.4, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        axes.text(
            column,
            row,
            f"{percent(share)}\n{count:,}",
            ha="center",
            va="center",
            color="w" if share > 0.6 else "k",
        )
    axes.set_xticks(range(3), ["called real", "cannot tell", "called AI"])
    axes.set_yticks(range(2), ["real", "AI"])
    axes.set_title(name, fontsize=11)
    axes.tick_params(length=0)


def _matrix(confusion: Mapping[str, Mapping[str, int]]) -> Ints:
    return np.asarray([[confusion[label][word] for word in WORDS] for label in ("real", "ai")])


def _mark_threshold(axes: Axes, figures: Mapping[str, Any], colour: str) -> None:
    axes.plot(
        figures["false_positive_rate"]["value"], figures["recall"]["value"], "o", color=colour, markersize=8
    )


def _reliability_points(
    axes: Axes, labels: Ints, probabilities: Floats, style: Mapping[str, Any], mark: str
) -> None:
    bins = equal_mass_bins(probabilities, min(BINS, max(2, labels.size // 5)))
    groups = [bins == number for number in np.unique(bins)]
    given = [float(probabilities[inside].mean()) for inside in groups]
    true = [float(labels[inside].mean()) for inside in groups]
    ranges = [wilson(share, float(inside.sum())) for share, inside in zip(true, groups, strict=True)]
    _error_bars(axes, given, true, ranges, style, mark, vertical=True)


def interval_dots(
    axes: Axes, figures: list[Mapping[str, float]], shift: float, style: Mapping[str, Any], mark: str
) -> None:
    """Draw the figures one above the other, at heights 0, 1, ... plus `shift`, with their intervals."""
    places = [place + shift for place in range(len(figures))]
    ranges = [(figure["low"], figure["high"]) for figure in figures]
    _error_bars(axes, [figure["value"] for figure in figures], places, ranges, style, mark, vertical=False)


def _error_bars(
    axes: Axes,
    x: list[float],
    y: list[float],
    ranges: list[tuple[float, float]],
    style: Mapping[str, Any],
    mark: str,
    *,
    vertical: bool,
) -> None:
    values = np.asarray(y if vertical else x)
    lows, highs = np.asarray(ranges).T
    lengths = np.maximum(np.stack([values - lows, highs - values]), 0)
    bars = {"yerr": lengths} if vertical else {"xerr": lengths}
    axes.errorbar(
        x,
        y,
        **bars,
        fmt=mark,
        color=style["color"],
        label=style["label"],
        markersize=5,
        elinewidth=1.2,
        capsize=2,
    )


def _scores_panel(axes: Axes, labels: Ints, probabilities: Floats, thresholds: Mapping[str, Any]) -> None:
    edges = np.linspace(0, 1, 41).tolist()
    for label, colour, name in ((0, REAL, "real"), (1, AI, "AI")):
        scores = probabilities[labels == label]
        weights = np.full(scores.size, 1 / scores.size)
        axes.hist(scores, edges, weights=weights, color=colour, alpha=0.35)
        axes.hist(scores, edges, weights=weights, color=colour, histtype="step", linewidth=1.5, label=name)
    low, high = thresholds["real_below"], thresholds["ai_above"]
    axes.axvspan(low, high, color=LIGHT, zorder=0)
    top = axes.get_ylim()[1]
    axes.set_ylim(0, 1.2 * top)  # room for words above the bars
    for place, side, text in ((low, "right", "called real "), (high, "left", " called AI")):
        axes.axvline(place, color=GREY, linewidth=1)
        axes.text(place, 1.17 * top, text, ha=side, va="top", color=GREY, fontsize=9)
    axes.set_xlim(0, 1)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _share_axes(axes: Axes) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.xaxis.set_major_formatter(PERCENT)
    axes.yaxis.set_major_formatter(PERCENT)
    axes.grid(color=LIGHT, linewidth=0.6)


def _precision_title(figures: Mapping[str, Any]) -> str:
    precision = figures["precision"]
    if precision is None:
        return "At the model's threshold no picture is called AI"
    return f"At the model's threshold {percent(precision['value'])} of those called AI are AI"


def _slices_title(bars: list[tuple[str, Mapping[str, Any]]]) -> str:
    known = [bar for bar in bars if bar[1]["n"] >= 5] or bars
    (worst, *_), (best, *_) = known[0], known[-1]
    low, high = (percent(entry["as_is"]["recall"]["value"]) for _, entry in (known[0], known[-1]))
    if len(known) == 1:
        return f"{low} of the pictures of {worst} are called AI"
    if low == high:
        return f"{low} of the pictures of each generator are called AI"
    return f"From {low} of {worst} to {high} of {best} are called AI"


def percent(share: float) -> str:
    """Return `3 %`, with a digit more where whole per cents would say nothing or all."""
    return f"{100 * share:.1f} %" if 0 < share < 0.1 or 0.97 < share < 1 else f"{100 * share:.0f} %"


def _range(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def saved(folder: Path, name: str, canvas: Canvas) -> Plot:
    """Return the plot after its PNG stands in `folder`. Raises: CannotWrite."""
    return Plot(name, _title(canvas), write_figure(folder / f"{name}.png", canvas))


def _title(canvas: Canvas) -> str:
    return canvas.get_suptitle() or canvas.axes[0].get_title()
