"""Whether a picture keeps its verdict when it is delivered in another way that changes nothing to see.

A verdict that jumps between `real` and `ai` among a file and its twelve harmless changes is worth nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aivsreal.evaluation.answers import Answers
from aivsreal.evaluation.degrade import HARMLESS
from aivsreal.evaluation.intervals import Bools, Figure, Floats, mean_figure, quantile_figure, share
from aivsreal.evaluation.metrics import group_codes

DELIVERIES = ("as_is", *HARMLESS)


def stability(answers: Answers) -> dict[str, Any]:
    """Return what metrics.json tells of stability, from answers to all of DELIVERIES.

    `real`, `ai` and `all` each have n and, as {value, low, high} or null:
      jumps: share of pictures called real in one delivery and AI in another
      ever_uncertain: share of pictures that are uncertain in some delivery
      spread_mean, spread_p95: of the highest minus the lowest probability of AI of a picture, in 0..1
    `changes` has for each harmless change:
      jumps: share of pictures that it turns from real to AI or back, beside the file as it is
      moved: how far it moves the probability, up or down, on average
    """
    classes = {"real": answers.labels == 0, "ai": answers.labels == 1, "all": answers.labels >= 0}
    return {
        "deliveries": list(DELIVERIES),
        **{name: _of_class(answers.at(chosen)) for name, chosen in classes.items()},
        "changes": {change: _of_change(answers, change) for change in HARMLESS},
    }


def _of_class(answers: Answers) -> dict[str, Any]:
    codes = group_codes(answers.groups, len(answers))
    spread = np.ptp(_probabilities(answers), axis=0)
    ever = {word: (_words(answers) == word).any(axis=0) for word in ("real", "ai", "uncertain")}
    figures = {
        "jumps": share(ever["real"] & ever["ai"], codes),
        "ever_uncertain": share(ever["uncertain"], codes),
        "spread_mean": _bounded(mean_figure(spread, codes)),
        "spread_p95": quantile_figure(spread, 0.95, codes),
    }
    return {"n": len(answers), **{name: figure and figure.as_json() for name, figure in figures.items()}}


def _of_change(answers: Answers, change: str) -> dict[str, Any]:
    codes = group_codes(answers.groups, len(answers))
    moved = np.abs(answers.probabilities[change] - answers.probabilities["as_is"])
    figures = {
        "jumps": share(_opposite(answers, change), codes),
        "moved": _bounded(mean_figure(moved, codes)),
    }
    return {name: figure and figure.as_json() for name, figure in figures.items()}


def _opposite(answers: Answers, change: str) -> Bools:
    pairs = zip(answers.words["as_is"], answers.words[change], strict=True)
    return np.asarray([set(pair) == {"real", "ai"} for pair in pairs])


def _probabilities(answers: Answers) -> Floats:
    return np.stack([answers.probabilities[delivery] for delivery in DELIVERIES])


def _words(answers: Answers) -> np.ndarray[Any, np.dtype[np.object_]]:
    return np.asarray([answers.words[delivery] for delivery in DELIVERIES], dtype=object)


def _bounded(figure: Figure | None) -> Figure | None:
    """Return the mean of something in 0..1 without an interval that leaves 0..1."""
    return figure and Figure(figure.value, max(0.0, figure.low), min(1.0, figure.high))
