"""What a set holds, counted: classes, splits, columns, formats, sizes, values that give the class away."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel

from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.data.scan import Scan

MANY_VALUES = 60  # a column with more values than this names things, it does not sort them
_ALWAYS_COUNTED = ("generator", "source")
_FEWEST_TELLING = 20
_PURE = 0.98


class ByClass(BaseModel, frozen=True):
    """How many real and how many AI pictures have one value."""

    value: str
    real: int
    ai: int


class Sizes(BaseModel, frozen=True):
    """The short sides of one class in pixels: smallest, middle, largest, and the share of squares."""

    smallest: int
    middle: int
    largest: int
    squares: float


class Telling(BaseModel, frozen=True):
    """A value of a column that (nearly) only one class has."""

    column: str
    value: str
    label: str
    records: int
    share: float


class Counts(BaseModel, frozen=True):
    """Counts by class of everything that the data or its files say. Values with most pictures come first."""

    real: int
    ai: int
    splits: list[ByClass]
    columns: dict[str, list[ByClass]]
    formats: list[ByClass]
    qualities: list[ByClass]
    sizes: dict[str, Sizes]
    ignored: dict[str, int]


def count(labelled: LabelledSet, found: Sequence[Scan]) -> Counts:
    """Return the counts of a set; unreadable pictures count in all that does not need their files."""
    samples = labelled.samples
    readable = [(s, f.facts) for s, f in zip(samples, found, strict=True) if f.facts is not None]
    by_split = {v.value: v for v in _by_class((s.split or "(none)", s.label) for s in samples)}
    return Counts(
        real=sum(s.label == 0 for s in samples),
        ai=sum(s.label == 1 for s in samples),
        splits=[by_split[split or "(none)"] for split in labelled.splits],
        columns=_columns(labelled),
        formats=_by_class((facts.format, s.label) for s, facts in readable),
        qualities=_by_class((_quality_band(facts.quality), s.label) for s, facts in readable),
        sizes={
            name: _sizes([(f.width, f.height) for s, f in readable if s.label == label])
            for label, name in enumerate(("real", "ai"))
            if any(s.label == label for s, _ in readable)
        },
        ignored=dict(labelled.ignored),
    )


def telling_values(samples: Sequence[Sample], columns: Iterable[str]) -> list[Telling]:
    """Return values that 98 % of their records share a class with, in columns that both classes have.

    A column that one class lacks altogether (`generator`) describes the label and is no shortcut; what the
    original files were like (`original_*`) is the probe's business.
    """
    telling = []
    for column in columns:
        if column.startswith("original_"):
            continue
        values = _by_class((str(v), s.label) for s in samples if (v := s.columns.get(column)) is not None)
        if not values or len(values) > MANY_VALUES or not sum(v.real for v in values):
            continue
        if not sum(v.ai for v in values):
            continue
        for value in values:
            share = max(value.real, value.ai) / (value.real + value.ai)
            if share >= _PURE and value.real + value.ai >= _FEWEST_TELLING:
                label = "ai" if value.ai > value.real else "real"
                records = value.real + value.ai
                telling.append(
                    Telling(column=column, value=value.value, label=label, records=records, share=share)
                )
    return telling


def _columns(labelled: LabelledSet) -> dict[str, list[ByClass]]:
    counted = {}
    for column in labelled.column_names:
        pairs = [(s.columns.get(column), s.label) for s in labelled.samples]
        distinct = {str(value) for value, _ in pairs if value is not None}
        if distinct and (len(distinct) <= MANY_VALUES or column in _ALWAYS_COUNTED):
            counted[column] = _by_class((str(v), label) for v, label in pairs if v is not None)
    return counted


def _by_class(pairs: Iterable[tuple[Any, int]]) -> list[ByClass]:
    counts: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for value, label in pairs:
        counts[value][label] += 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1].total(), item[0]))
    return [ByClass(value=value, real=n[0], ai=n[1]) for value, n in ordered]


def _quality_band(quality: int | None) -> str:
    """Return "none" for files without JPEG tables, else a band of ten: "80-89"."""
    if quality is None:
        return "none"
    low = min(quality, 99) // 10 * 10
    return f"{low}-{100 if low == 90 else low + 9}"


def _sizes(sides: Sequence[tuple[int, int]]) -> Sizes:
    short = np.array([min(pair) for pair in sides])
    return Sizes(
        smallest=int(short.min()),
        middle=int(np.median(short)),
        largest=int(short.max()),
        squares=float(np.mean([width == height for width, height in sides])),
    )
