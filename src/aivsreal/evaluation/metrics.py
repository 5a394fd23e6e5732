"""The figures of a measurement: what a detector gets right, how surely we know, how honest its numbers are.

"Called AI" means the verdict `ai`, that is, a probability above the bundle's own threshold; `uncertain` and
`real` both count as not called AI. The figures whose names begin with `answered_` look at answers only, the
pictures whose verdict is not `uncertain`; `answered_share` says how many these are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aivsreal.evaluation.intervals import (
    Bools,
    Figure,
    Floats,
    Ints,
    area_under_roc,
    average_precision,
    detected_at,
    mean_figure,
    mean_of_two,
    share,
)
from aivsreal.model_card import FIRST_METRICS

Figures = dict[str, Figure | None]

NAMES = (*FIRST_METRICS, "log_loss")
WORDS = ("real", "uncertain", "ai")
BINS = 15
_SMALLEST_BIN = 5
_DRAWS = 4000


def figures(
    labels: Ints,
    probabilities: Floats,
    words: Sequence[str],
    *,
    groups: Sequence[str | None] | None = None,
    calibration: bool = True,
) -> Figures:
    """Return every figure of NAMES with its 95 % interval; None for one that these records do not define.

    labels: 1 AI, 0 real [n]; probabilities: of AI, 0..1 [n]; words: the verdicts [n]
    groups: records of one group are not independent; None or "" stands alone
    calibration: False leaves out calibration error and log loss, bent by a slice's odd mix of classes
    With one class there, only what that class alone defines is given.
    """
    answers = np.asarray(words)
    codes = group_codes(groups, labels.size)
    is_ai, called, unsure = labels == 1, answers == "ai", answers == "uncertain"
    scores = probabilities[is_ai], probabilities[~is_ai], codes[is_ai], codes[~is_ai]
    both = bool(is_ai.any() and (~is_ai).any())
    whole = both and calibration
    measured: Figures = {
        "accuracy": share(called == is_ai, codes),
        "balanced_accuracy": _balanced(is_ai, called, codes),
        "precision": share(is_ai[called], codes[called]) if both else None,
        "recall": share(called[is_ai], codes[is_ai]),
        "f1": _f1(is_ai, called, codes) if both else None,
        "roc_auc": area_under_roc(*scores),
        "average_precision": average_precision(*scores),
        "tpr_at_1_fpr": detected_at(0.01, *scores),
        "tpr_at_5_fpr": detected_at(0.05, *scores),
        "false_positive_rate": share(called[~is_ai], codes[~is_ai]),
        "uncertain_share": share(unsure, codes),
        "answered_share": share(~unsure, codes),
        "answered_accuracy": share((called == is_ai)[~unsure], codes[~unsure]),
        "answered_balanced_accuracy": _balanced(is_ai[~unsure], called[~unsure], codes[~unsure]),
        "calibration_error": calibration_error(labels, probabilities, codes) if whole else None,
        "log_loss": _log_loss(labels, probabilities, codes) if whole else None,
    }
    return {name: measured[name] for name in NAMES}


def confusion(labels: Ints, words: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return how many pictures of each class got each answer: {"real": {"real": n, ...}, "ai": ...}."""
    answers = np.asarray(words)
    return {
        name: {word: int(((labels == label) & (answers == word)).sum()) for word in WORDS}
        for name, label in (("real", 0), ("ai", 1))
    }


def group_codes(groups: Sequence[str | None] | None, count: int) -> Ints:
    """Return a number a group [n], starting at 0; a record without a group gets one of its own."""
    if groups is None:
        return np.arange(count)
    codes: dict[Any, int] = {}
    own = (group or (index,) for index, group in enumerate(groups))
    return np.asarray([codes.setdefault(group, len(codes)) for group in own], dtype=np.int64)


def as_json(measured: Figures) -> dict[str, dict[str, float] | None]:
    """Return the figures as metrics.json holds them: {name: {value, low, high} or null}."""
    return {name: figure.as_json() if figure else None for name, figure in measured.items()}


def calibration_error(labels: Ints, probabilities: Floats, codes: Ints) -> Figure | None:
    """Return the root mean square difference of probability and frequency, over 15 bins of equal mass.

    Debiased: what noise alone adds to the squares is taken off (Kumar, Liang and Ma 2019, "Verified
    uncertainty calibration"). The interval draws the bins' differences anew from their normal distributions,
    seeded, around differences shrunk to the debiased size. None below two bins of five pictures.
    """
    count = min(BINS, probabilities.size // _SMALLEST_BIN)
    if count < 2:
        return None
    bins = equal_mass_bins(probabilities, count)
    mass, gap, noise = _bin_gaps(labels - probabilities, bins, codes)
    plain, bias = float((mass * gap**2).sum()), float((mass * noise).sum())
    squared = max(0.0, plain - bias)
    shrunk = gap * np.sqrt(squared / plain) if plain else gap
    drawn = shrunk + np.random.default_rng(0).normal(size=(_DRAWS, gap.size)) * np.sqrt(noise)
    again = np.sqrt(np.maximum((mass * drawn**2).sum(axis=1) - bias, 0))
    low, high = np.quantile(again, [0.025, 0.975])
    value = float(np.sqrt(squared))
    return Figure(value, min(value, float(low)), max(value, min(1.0, float(high))))


def equal_mass_bins(probabilities: Floats, count: int) -> Ints:
    """Return the bin of each probability [n]: bins of about equal numbers, equal probabilities in one bin."""
    edges = np.unique(np.quantile(probabilities, np.linspace(0, 1, count + 1)[1:-1]))
    return np.searchsorted(edges, probabilities, side="left")


def _bin_gaps(differences: Floats, bins: Ints, codes: Ints) -> tuple[Floats, Floats, Floats]:
    """Return of each bin its share of the records, its mean difference, and that mean's variance."""
    masses, gaps, noises = [], [], []
    for number in np.unique(bins):
        inside = bins == number
        figure = differences[inside]
        sums = np.bincount(codes[inside], weights=figure - figure.mean())
        count = np.unique(codes[inside]).size
        spread = (sums**2).sum() * count / (count - 1) / figure.size**2 if count > 1 else figure.mean() ** 2
        masses.append(inside.mean())
        gaps.append(figure.mean())
        noises.append(spread)
    return np.asarray(masses), np.asarray(gaps), np.asarray(noises)


def _balanced(is_ai: Bools, called: Bools, codes: Ints) -> Figure | None:
    """Return the mean of the shares of AI pictures called AI and of photographs not called AI."""
    return mean_of_two(share(called[is_ai], codes[is_ai]), share(~called[~is_ai], codes[~is_ai]))


def _f1(is_ai: Bools, called: Bools, codes: Ints) -> Figure | None:
    """Return F1 = 2F* / (1 + F*), a monotone function of the share F* = TP / (TP + FP + FN).

    Source: Hand, Christen and Kirielle 2021, "F*: an interpretable transformation of the F-measure".
    """
    either = is_ai | called
    overlap = share((is_ai & called)[either], codes[either])
    if overlap is None:
        return None
    value, low, high = (2 * x / (1 + x) for x in (overlap.value, overlap.low, overlap.high))
    return Figure(value, low, high)


def _log_loss(labels: Ints, probabilities: Floats, codes: Ints) -> Figure | None:
    """Return the mean of -log(probability of the truth), in nats; probabilities kept 1e-7 off 0."""
    of_truth = np.where(labels == 1, probabilities, 1 - probabilities)
    return mean_figure(-np.log(np.clip(of_truth, 1e-7, 1.0)), codes)
