"""How far a figure may be trusted: 95 % intervals, honest for five pictures and fast for fifty thousand.

All are formulas, none is random (paired.py draws, where there is no formula). Records of one group (a burst, an album, one prompt) are not independent:
each interval counts groups where the figure varies between groups more than chance would have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binom, norm, t

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]

Z = float(norm.ppf(0.975))
_MANY = 100


@dataclass(frozen=True)
class Figure:
    """A measured value and its 95 % interval."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        """Return {value, low, high}, rounded to five digits."""
        return {"value": round(self.value, 5), "low": round(self.low, 5), "high": round(self.high, 5)}


def share(hits: Bools, groups: Ints) -> Figure | None:
    """Return the share of hits; None where there is nothing to share.

    Wilson's interval (Wilson 1927, "Probable inference, the law of succession, and statistical inference")
    on the effective number of records (Korn and Graubard 1998, "Confidence intervals for proportions with
    small expected number of positive counts estimated from survey data").
    """
    if not hits.size:
        return None
    value = float(hits.mean())
    low, high = wilson(value, effective_number(hits.astype(np.float64), groups))
    return Figure(value, low, high)


def wilson(value: float, number: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval for a share `value` of `number` independent records."""
    centre = (value + Z * Z / (2 * number)) / (1 + Z * Z / number)
    half = Z * np.sqrt(value * (1 - value) / number + Z * Z / (4 * number * number)) / (1 + Z * Z / number)
    return min(value, max(0.0, float(centre - half))), max(value, min(1.0, float(centre + half)))


def effective_number(values: Floats, groups: Ints) -> float:
    """Return how many independent records would know the mean of `values` (0..1) as well as these do.

    Between the number of groups (Kish's, for groups of unequal size) and the number of records; where all
    values are equal nothing tells how alike a group is, and the cautious end is taken.
    """
    sizes = np.bincount(groups)
    sizes = sizes[sizes > 0]
    least, most = values.size**2 / float((sizes**2).sum()), float(values.size)
    if sizes.size == values.size:
        return most
    variance = values.var()
    if variance == 0 or sizes.size < 2:
        return least
    sums = np.bincount(groups, weights=values - values.mean())
    of_mean = (sums**2).sum() * sizes.size / (sizes.size - 1) / values.size**2
    return float(np.clip(variance / of_mean * _few(sizes.size) if of_mean else most, least, most))


def mean_of_two(first: Figure | None, second: Figure | None) -> Figure | None:
    """Return the mean of two independent figures; None where one is missing.

    Each half's own interval is carried over, so a class of five pictures still counts as five
    (MOVER: Zou and Donner 2008, "Construction of confidence limits about effect measures").
    """
    if first is None or second is None:
        return None
    value = (first.value + second.value) / 2
    down = np.hypot(first.value - first.low, second.value - second.low) / 2
    up = np.hypot(first.high - first.value, second.high - second.value) / 2
    return Figure(value, max(0.0, float(value - down)), min(1.0, float(value + up)))


def area_under_roc(ai: Floats, real: Floats, groups_ai: Ints, groups_real: Ints) -> Figure | None:
    """Return the chance that an AI picture scores above a photograph, ties counting half.

    The variance is that of DeLong, DeLong and Clarke-Pearson 1988 ("Comparing the areas under two or more
    correlated receiver operating characteristic curves") in Obuchowski's form for groups (1997,
    "Nonparametric analysis of clustered ROC curve data"), as an interval of Wilson's shape. It promises too
    much for few pictures and vanishes where every pair is in order: there the interval is never narrower than
    the one that assumes scores of the exponential kind (Hanley and McNeil 1982), solved for the true value as
    in Newcombe 2006 ("Confidence intervals for an effect size measure based on the Mann-Whitney statistic").
    """
    if not ai.size or not real.size:
        return None
    wins = share_below(ai, real)
    losses = 1 - share_below(real, ai)
    value = float(wins.mean())
    variance = clustered_variance(wins - value, losses - value, groups_ai, groups_real)
    by_delong = (
        wilson(value, value * (1 - value) / variance) if 0 < value < 1 and variance > 0 else (value, value)
    )
    numbers = _kish(groups_ai), _kish(groups_real)
    if min(numbers) >= _MANY and by_delong[0] < by_delong[1]:
        return Figure(value, *by_delong)
    low, high = _newcombe(value, *numbers)
    return Figure(value, min(low, by_delong[0]), max(high, by_delong[1]))


def average_precision(ai: Floats, real: Floats, groups_ai: Ints, groups_real: Ints) -> Figure | None:
    """Return the mean precision at the AI pictures in order of score (the area under precision-recall).

    Its variance is the infinitesimal jackknife's (Jaeckel 1972; Efron 1982, "The jackknife, the bootstrap and
    other resampling plans"), summed by group, with one more AI picture put at the bottom: a variance of
    zero from five pictures in order would promise too much.
    """
    if not ai.size or not real.size:
        return None
    value, _, _ = _precision_influence(ai, real)
    bottom = min(ai.min(), real.min()) - 1
    cautious, on_ai, on_real = _precision_influence(np.append(ai, bottom), real)
    own_group = max(int(groups_ai.max()), int(groups_real.max())) + 1
    sums = np.bincount(
        np.concatenate([groups_ai, [own_group], groups_real]), weights=np.concatenate([on_ai, on_real])
    )
    number = cautious * (1 - cautious) / float((sums**2).sum()) * _few(np.unique(groups_ai).size)
    low, high = wilson(value, number)
    return Figure(value, low, high)


def detected_at(
    false_positive_rate: float, ai: Floats, real: Floats, groups_ai: Ints, groups_real: Ints
) -> Figure | None:
    """Return the share of AI pictures above the lowest threshold that at most this share of photographs pass.

    The threshold itself is only known to lie between two of the photographs' scores (exact, by the binomial
    distribution of ranks); with too few photographs to fix it from above, `low` is 0: it was not measured.
    """
    if not ai.size or not real.size:
        return None
    falling = np.sort(real)[::-1]
    allowed = int(np.floor(false_positive_rate * real.size + 1e-9))
    threshold = _threshold(falling, allowed)
    value = float((ai > threshold).mean())
    fewest, most = _ranks_around(false_positive_rate, real > threshold, groups_real)
    strict = float((ai > _threshold(falling, fewest - 1)).mean())
    lax = float((ai > _threshold(falling, most)).mean())
    low, high = wilson(value, effective_number((ai > threshold).astype(np.float64), groups_ai))
    down, up = np.hypot(value - strict, value - low), np.hypot(lax - value, high - value)
    return Figure(value, max(0.0, float(value - down)), min(1.0, float(value + up)))


def mean_figure(values: Floats, groups: Ints) -> Figure | None:
    """Return the mean of any values with Student's interval over groups; None below two groups."""
    count = np.unique(groups).size
    if count < 2:
        return None
    sums = np.bincount(groups, weights=values - values.mean())
    error = np.sqrt((sums**2).sum() * count / (count - 1)) / values.size
    half = float(t.ppf(0.975, count - 1) * error)
    value = float(values.mean())
    return Figure(value, value - half, value + half)


def quantile_figure(values: Floats, rank: float, groups: Ints) -> Figure | None:
    """Return the value that a share `rank` of the values stays below; None where there is none.

    Its interval lies between two of the values, by the binomial distribution of ranks, whatever the values'
    own distribution (David and Nagaraja 2003, "Order statistics"); groups count by Kish's number.
    """
    if not values.size:
        return None
    number = max(1, round(_kish(groups)))
    low, high = (float(binom.ppf(tail, number, rank)) / number for tail in (0.025, 0.975))
    value, lower, upper = np.quantile(values, [rank, low, min(1.0, high + 1 / number)])
    return Figure(float(value), min(float(value), float(lower)), max(float(value), float(upper)))


def _few(groups: int) -> float:
    """Return what a variance from so few groups is worth: (z / t) squared, 1 for many, 0.02 for two."""
    return (Z / float(t.ppf(0.975, max(groups - 1, 1)))) ** 2


def _kish(groups: Ints) -> float:
    sizes = np.bincount(groups)
    return float(groups.size**2 / (sizes.astype(np.float64) ** 2).sum())


def share_below(scores: Floats, others: Floats) -> Floats:
    """Return for each score the share of `others` below it, equal ones counting half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")
    return np.asarray(below / (2 * others.size), dtype=np.float64)


def clustered_variance(on_ai: Floats, on_real: Floats, groups_ai: Ints, groups_real: Ints) -> float:
    """Return the variance of the AUC from each record's deviation, a group's deviations summed first."""
    length = int(max(groups_ai.max(), groups_real.max())) + 1
    sums_ai = np.bincount(groups_ai, weights=on_ai, minlength=length) / on_ai.size
    sums_real = np.bincount(groups_real, weights=on_real, minlength=length) / on_real.size
    correction = max(np.unique(groups_ai).size, 2), max(np.unique(groups_real).size, 2)
    return float(
        (sums_ai**2).sum() * correction[0] / (correction[0] - 1)
        + (sums_real**2).sum() * correction[1] / (correction[1] - 1)
        + 2 * (sums_ai * sums_real).sum()
    )


def _newcombe(value: float, number_ai: float, number_real: float) -> tuple[float, float]:
    def variance(area: float) -> float:
        up, down = (1 - area) / (2 - area), area / (1 + area)
        smaller, larger = sorted((up, down))
        few, many = sorted((number_ai, number_real))
        spread = 1 + max(few - 1, 0) * smaller + max(many - 1, 0) * larger
        return area * (1 - area) * spread / (number_ai * number_real)

    def below(area: float) -> float:
        return value - area - Z * float(np.sqrt(variance(area)))

    def above(area: float) -> float:
        return area - value - Z * float(np.sqrt(variance(area)))

    tiny = 1e-12
    low = brentq(below, tiny, value - tiny) if value > 2 * tiny and below(tiny) > 0 else 0.0
    high = brentq(above, value + tiny, 1 - tiny) if value < 1 - 2 * tiny and above(1 - tiny) > 0 else 1.0
    return float(low), float(high)


def _precision_influence(ai: Floats, real: Floats) -> tuple[float, Floats, Floats]:
    """Return the average precision, and what one more record at each place (AI, real) would add to it."""
    falling_ai, falling_real = -np.sort(-ai), -np.sort(-real)
    hits = np.searchsorted(-falling_ai, -falling_ai, "right").astype(np.float64)
    alarms = np.searchsorted(-falling_real, -falling_ai, "right").astype(np.float64)
    precision = hits / (hits + alarms)
    value = float(precision.mean())
    more_hits = _sum_from(alarms / (hits + alarms) ** 2)
    fewer = _sum_from(hits / (hits + alarms) ** 2)
    first_ai = np.searchsorted(-falling_ai, -ai, "left")
    first_real = np.searchsorted(-falling_ai, -real, "left")
    on_ai = (precision[first_ai] - value + more_hits[first_ai]) / ai.size
    return value, on_ai, -fewer[first_real] / ai.size


def _sum_from(values: Floats) -> Floats:
    """Return for each place the sum of the values from there to the end, and 0 behind the end."""
    return np.append(np.cumsum(values[::-1])[::-1], 0.0)


def _threshold(falling: Floats, allowed: int) -> float:
    """Return the score above which at most `allowed` of the falling scores lie; infinite below 0."""
    if allowed < 0:
        return float("inf")
    return float(falling[allowed]) if allowed < falling.size else float("-inf")


def _ranks_around(rate: float, passing: Bools, groups: Ints) -> tuple[int, int]:
    """Return between how few and how many photographs the true threshold of this rate lets pass."""
    number = effective_number(passing.astype(np.float64), groups)
    stretch = passing.size / number
    few, many = binom.ppf([0.025, 0.975], round(number), rate)
    return int(np.floor(few * stretch)), int(np.ceil(many * stretch))
