"""How a detector fares on generators of each year, and what it loses a year: generators have dates, and wear it off.

AI pictures of each year are measured against all photographs. Those of generators without a year stand apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aivsreal.data.labelled import LabelledSet
from aivsreal.errors import BadData
from aivsreal.evaluation.intervals import (
    Figure,
    Floats,
    Ints,
    Z,
    area_under_roc,
    clustered_variance,
    share_below,
)
from aivsreal.evaluation.metrics import group_codes

UNDATED = "without a year"


def year_of(columns: Mapping[str, Any]) -> int | None:
    """Return the year that a record's generator is of; None where it names none, or what is no year."""
    text = str(columns.get("year") or "").strip().removesuffix(".0")
    return int(text) if text.isdecimal() else None


def up_to(labelled: LabelledSet, year: int) -> LabelledSet:
    """Return the photographs, and the AI pictures of generators up to that year; without a year is left out.

    Raises: BadData where no AI picture is left, or none is later: then there is nothing to look ahead to.
    """
    years = [year_of(s.columns) for s in labelled if s.label]
    dated = sorted({y for y in years if y is not None})
    if not dated or not dated[0] <= year < dated[-1]:
        there = f"its generators are of {dated[0]} to {dated[-1]}" if dated else "no generator has a year"
        raise BadData(
            f"{labelled.name} cannot be parted after {year}: {there}",
            hint="years come from a column `year`, or from a generators.csv with generator,generator_year",
        )
    kept = [s for s in labelled if not s.label or (year_of(s.columns) or year + 1) <= year]
    return labelled.with_samples(kept)


def over_years(
    labels: Ints,
    scores: Floats,
    columns: Sequence[Mapping[str, Any]],
    learned_up_to: int | None = None,
) -> dict[str, Any] | None:
    """Return figures by year as JSON holds them; None where fewer than two years are there, or no photograph.

    labels: 1 AI, 0 real [n]; scores: [n], all finite; columns: what the data says of each picture
    learned_up_to: the newest year that was learned from; then `lost_a_year` counts years after it
    `years` has n and the AUC of each, `lost_a_year` how much smaller the AUC is a year on (see _slope).
    """
    ai, real = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    years = [year_of(columns[i]) for i in ai.tolist()]
    if not real.size or len(set(years) - {None}) < 2:
        return None
    codes_ai = _codes(columns, ai, "generator", "group")
    codes_real = _codes(columns, real, "group") + codes_ai.size
    found: dict[str, Any] = {"learned_up_to": learned_up_to, "years": {}}
    for year in sorted(set(years), key=lambda y: (y is None, y or 0)):
        chosen = np.array([y == year for y in years])
        area = area_under_roc(scores[ai[chosen]], scores[real], codes_ai[chosen], codes_real)
        found["years"][UNDATED if year is None else str(year)] = {
            "n": int(chosen.sum()),
            "roc_auc": area.as_json() if area else None,
        }
    dated = np.array([y is not None for y in years])
    ahead = np.array([y for y in years if y is not None], dtype=np.float64)
    if learned_up_to is not None:
        ahead = np.maximum(ahead - learned_up_to, 0.0)
    slope = _slope(ahead, scores[ai[dated]], scores[real], codes_ai[dated], codes_real)
    found["lost_a_year"] = Figure(-slope.value, -slope.high, -slope.low).as_json() if slope else None
    return found


def _slope(ahead: Floats, ai: Floats, real: Floats, codes_ai: Ints, codes_real: Ints) -> Figure | None:
    """Return by how much the AUC changes a year: the straight line through the AI pictures' places among photographs.

    A picture's place is the share of photographs below it; the mean of the places is the AUC. The interval is
    DeLong's, with a generator's pictures and a group's photographs counting together.
    """
    apart = ahead - ahead.mean()
    if not apart.any():
        return None
    pull = apart / (apart**2).sum()
    places = share_below(ai, real)
    value = float(pull @ places)
    off_the_line = places - places.mean() - value * apart
    of_photographs = _pull_above(real, ai, pull)
    variance = clustered_variance(
        pull * off_the_line * ai.size, of_photographs - of_photographs.mean(), codes_ai, codes_real
    )
    half = Z * float(np.sqrt(max(variance, 0.0)))
    return Figure(value, value - half, value + half)


def _pull_above(real: Floats, ai: Floats, pull: Floats) -> Floats:
    """Return for each photograph the sum of the pulls of the AI pictures above it, equal ones counting half."""
    order = np.argsort(ai)
    sums = np.append(0.0, np.cumsum(pull[order]))
    below = (
        sums[np.searchsorted(ai[order], real, "left")] + sums[np.searchsorted(ai[order], real, "right")]
    ) / 2
    return np.asarray(sums[-1] - below)


def _codes(columns: Sequence[Mapping[str, Any]], places: Ints, *names: str) -> Ints:
    """Return a number for each place: those that share the first of the columns that they have count together.

    Of AI pictures that is the generator, since what is asked is how other generators of a year would fare.
    """
    values = [next((str(columns[i][n]) for n in names if columns[i].get(n)), None) for i in places.tolist()]
    return group_codes(values, len(values))
