"""Plots of what a picture's way over the web leaves of a model: tiers, single degradations, stability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from aivsreal.evaluation.plots import AI, LIGHT, PERCENT, REAL, Plot, interval_dots, percent, saved
from aivsreal.evaluation.robustness import TIER_CHAINS

_ERRORS = {
    "recall": {"color": AI, "label": "AI pictures called AI"},
    "false_positive_rate": {"color": REAL, "label": "photographs called AI"},
}
_BLACK = {"color": "#000000", "label": ""}


def draw_robustness(folder: Path, metrics: Mapping[str, Any]) -> list[Plot]:
    """Return the plots of what was measured, after their PNG files stand in `folder`. Raises: CannotWrite."""
    draw = {"tiers": tiers_plot, "degradations": degradations_plot, "stability": stability_plot}
    return [saved(folder, name, plot(metrics[name])) for name, plot in draw.items() if name in metrics]


def tiers_plot(tiers: Mapping[str, Any]) -> Canvas:
    """Return the area under ROC, and both kinds of answers, of each tier from clean to hard."""
    lost = tiers["drop"]
    title = f"The area under ROC falls by {lost['web']['value']:.3f} on the web and by {lost['hard']['value']:.3f}"
    return _two_panels({name: tiers[name] for name in TIER_CHAINS}, f"{title} after hard use", height=3.4)


def degradations_plot(found: Mapping[str, Any]) -> Canvas:
    """Return the same of each degradation, the pictures as they are on top."""
    named = {name.replace("as_is", "as they are"): figures for name, figures in found.items()}
    degraded = [name for name in found if name != "as_is"]
    worst = max(degraded, key=lambda name: found[name]["drop"]["value"])
    title = (
        f"Of {len(degraded)} degradations {worst} costs most: {found[worst]['drop']['value']:.3f} of the area"
    )
    return _two_panels(named, title, height=1.6 + 0.27 * len(named))


def stability_plot(found: Mapping[str, Any]) -> Canvas:
    """Return how far each harmless change moves the probability, and how often it turns the verdict round."""
    changes = found["changes"]
    canvas = Canvas(figsize=(9.2, 1.6 + 0.27 * len(changes)), layout="constrained")
    canvas.suptitle(
        f"{percent(found['all']['jumps']['value'])} of the pictures jump between real and AI, "
        f"{percent(found['all']['ever_uncertain']['value'])} are uncertain at times"
    )
    moved, jumps = canvas.subplots(1, 2, sharey=True)
    _dots(moved, changes, "moved", _BLACK, "s")
    moved.set_xlabel("mean move of the probability of AI")
    moved.set_xlim(left=0)
    _dots(jumps, changes, "jumps", _BLACK, "o")
    jumps.set_xlabel("verdicts turned from real to AI or back")
    jumps.set_xlim(left=0)
    jumps.xaxis.set_major_formatter(PERCENT)
    _name_rows(moved, list(changes))
    return canvas


def _two_panels(found: Mapping[str, Any], title: str, *, height: float) -> Canvas:
    canvas = Canvas(figsize=(9.2, height), layout="constrained")
    canvas.suptitle(title)
    area, answers = canvas.subplots(1, 2, sharey=True)
    _dots(area, found, "roc_auc", _BLACK, "s")
    area.set_xlabel("area under the ROC curve, with 95 % interval")
    for (name, style), mark in zip(_ERRORS.items(), "os", strict=True):
        _dots(answers, found, name, style, mark)
    answers.set_xlim(-0.01, 1.01)
    answers.xaxis.set_major_formatter(PERCENT)
    answers.set_xlabel("share of their class, with 95 % interval")
    answers.legend(loc="best", fontsize=9)
    _name_rows(area, list(found))
    return canvas


def _dots(axes: Axes, found: Mapping[str, Any], figure: str, style: Mapping[str, Any], mark: str) -> None:
    nothing = {"value": float("nan"), "low": float("nan"), "high": float("nan")}
    interval_dots(axes, [entry[figure] or nothing for entry in found.values()], 0.0, style, mark)
    axes.grid(axis="x", color=LIGHT, linewidth=0.6)


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)  # the first on top; the panel beside shares it
