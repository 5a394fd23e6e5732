"""A model's card as tables and plots of the page on the model: what was measured, with its intervals. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aivsreal.bundle import Card

# What a page tells first, in words; the rest stands in the card itself.
METRICS = {
    "recall": "AI pictures that are called AI",
    "false_positive_rate": "photographs that are called AI: false accusations",
    "answered_share": "pictures that get an answer at all",
    "answered_accuracy": "answers that are right",
    "roc_auc": "pairs of an AI picture and a photograph that are put in the right order; guessing is 50 %",
    "calibration_error": "how far the stated probabilities are off",
}
CONDITIONS = {
    "as_is": "as they are",
    "leak_free": "without copies of training pictures",
    "aligned": "all made alike",
    "web": "after a way over the web",
    "hard": "after hard use",
}
SPLITS = {
    "unseen": "generators, cameras and collections that the model has not met",
    "test": "pictures kept apart, of the kinds of source that the model learned from",
    "val": "the pictures that the thresholds were chosen on",
}
# Conditions on the records of a measured set, as its card states them.
WHERE = {
    "origin_kind=benchmark": "those of research benchmarks only",
    "origin_kind!=benchmark": "none of research benchmarks",
}
# Slices of photographs that say something to people: their tags; where there are none, where they come from.
PHOTOGRAPH_SLICES = ("tag", "origin_kind")
# Fewer pictures than this say nothing that an interval would not swallow.
FEWEST = 10


@dataclass(frozen=True)
class Interval:
    """A measured share, 0..1, with the ends of its 95 % interval, and on how many pictures it was measured."""

    name: str
    value: float
    low: float
    high: float
    pictures: int | None = None


@dataclass(frozen=True)
class MeasuredSet:
    """One measured set: what it holds, its figures by condition, and its slices."""

    name: str
    about: str
    real: int
    ai: int
    figures: Mapping[str, Mapping[str, Interval]]
    generators: Sequence[Interval]
    photographs: Sequence[Interval]


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram, in shares of the whole width and height, 0..1."""

    left: float
    width: float
    height: float


def measured_sets(card: Card) -> list[MeasuredSet]:
    """Return what the card states of each measured set, in the card's order: the hardest first."""
    return [_measured_set(name, figures) for name, figures in card.figures.items()]


def histogram(card: Card) -> list[Bar]:
    """Return how the probabilities of the card's reference pictures are spread; empty where it has none."""
    counts = card.reference.get("score_histogram") or []
    most = max(counts, default=0)
    return [Bar(at / len(counts), 1 / len(counts), count / most) for at, count in enumerate(counts) if most]


def about_set(figures: Mapping[str, Any]) -> str:
    """Return in words what a measured set holds; empty where its card does not say."""
    data = figures.get("data") or {}
    about = SPLITS.get(data.get("split", ""), "")
    conditions = "; ".join(WHERE.get(each, each) for each in data.get("where") or [])
    return f"{about} ({conditions})" if about and conditions else about or conditions


def _measured_set(name: str, figures: Mapping[str, Any]) -> MeasuredSet:
    by_condition = {**figures, **(figures.get("tiers") or {})}
    counts = figures.get("counts") or {}
    slices = figures.get("slices") or {}
    photographs = (_slices(slices, kind, "false_positive_rate") for kind in PHOTOGRAPH_SLICES)
    return MeasuredSet(
        name=name,
        about=about_set(figures),
        real=counts.get("real", 0),
        ai=counts.get("ai", 0),
        figures={
            condition: _intervals(by_condition[condition])
            for condition in CONDITIONS
            if isinstance(by_condition.get(condition), Mapping)
        },
        generators=_slices(slices, "generator", "recall"),
        photographs=next(filter(None, photographs), []),
    )


def _intervals(measured: Mapping[str, Any]) -> dict[str, Interval]:
    found = {metric: _interval(metric, measured.get(metric), None) for metric in METRICS}
    return {metric: interval for metric, interval in found.items() if interval is not None}


def _slices(slices: Mapping[str, Any], wanted: str, metric: str) -> list[Interval]:
    """Return the slices of this kind that are large enough, the highest share first."""
    found = []
    for key, entry in slices.items():
        kind, _, name = key.partition("=")
        measured = entry.get("as_is") or {}
        # A slice of AI pictures also states a false positive rate: that of all photographs.
        foreign = metric == "false_positive_rate" and "recall" in measured
        if kind != wanted or foreign or entry.get("n", 0) < FEWEST:
            continue
        interval = _interval(name.replace("-", " "), measured.get(metric), entry["n"])
        if interval is not None:
            found.append(interval)
    return sorted(found, key=lambda interval: -interval.value)


def _interval(name: str, figure: Any, pictures: int | None) -> Interval | None:
    if not isinstance(figure, Mapping) or any(figure.get(key) is None for key in ("value", "low", "high")):
        return None
    return Interval(name, figure["value"], figure["low"], figure["high"], pictures)
