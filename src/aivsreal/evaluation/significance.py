"""Whether two detectors differ on the same pictures, or only seem to: paired tests, and many of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, norm

from aivsreal.evaluation.intervals import Bools, Figure, Floats, Ints, Z, clustered_variance, share_below


@dataclass(frozen=True)
class AreaTest:
    """How much larger the second area under the ROC curve is, and the chance of so much where none differs."""

    difference: Figure
    p: float


@dataclass(frozen=True)
class DecisionTest:
    """On how many pictures only one of two detectors is right, and the chance of so uneven a count."""

    only_first: int
    only_second: int
    p: float


def compare_areas(labels: Ints, first: Floats, second: Floats, groups: Ints) -> AreaTest:
    """Return the test of two areas under the ROC curve on the same pictures.

    labels: 1 AI, 0 real [n], both there; first, second: scores [n]; groups: a number [n], whose records count
    together. DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more correlated receiver
    operating characteristic curves", in Obuchowski's form for groups (1997).
    """
    ai, real = labels == 1, labels == 0
    gains = share_below(second[ai], second[real]) - share_below(first[ai], first[real])
    losses = share_below(first[real], first[ai]) - share_below(second[real], second[ai])
    value = float(gains.mean())
    variance = clustered_variance(gains - value, losses - value, groups[ai], groups[real])
    error = float(np.sqrt(max(variance, 0.0)))
    figure = Figure(value, max(-1.0, value - Z * error), min(1.0, value + Z * error))
    return AreaTest(figure, 1.0 if error == 0 else float(2 * norm.sf(abs(value) / error)))


def compare_decisions(first_right: Bools, second_right: Bools) -> DecisionTest:
    """Return the exact test of McNemar 1947 ("Note on the sampling error of the difference between correlated
    proportions or percentages") on which of the same n pictures each detector is right about.

    Pictures of one group count as independent here.
    """
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    either = only_first + only_second
    p = float(binomtest(only_first, either).pvalue) if either else 1.0
    return DecisionTest(only_first, only_second, p)


def holm(chances: Sequence[float]) -> list[float]:
    """Return the chances adjusted for their number (Holm 1979, "A simple sequentially rejective procedure")."""
    order = np.argsort(chances)
    raised = np.asarray(chances)[order] * np.arange(len(chances), 0, -1)
    adjusted = np.empty(len(chances))
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return [float(p) for p in adjusted]
