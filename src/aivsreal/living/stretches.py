"""What came in over time, in numbers: stretches of verdicts, each with its shares and how far it lies from before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np

from aivsreal.evaluation.intervals import Figure, wilson
from aivsreal.living import drift
from aivsreal.living.monitor import Lot, lot_of
from aivsreal.living.record import Record
from aivsreal.verdict import Word

# As many stretches as can be told apart, none of fewer verdicts than tell something.
MOST, FEWEST_EACH = 24, 20
WORDS: tuple[Word, ...] = ("ai", "uncertain", "real")


@dataclass(frozen=True)
class Stretch:
    """Verdicts that followed one another.

    when: the moment in their middle; shares: of each verdict, with its interval
    stability: PSI of the scores; moved: how far the pictures' middle lies from before, in deviations, None where
    there are no sketches
    """

    when: datetime
    count: int
    shares: Mapping[str, Figure]
    stability: float
    moved: float | None


def stretches_of(records: Sequence[Record], before: Lot) -> list[Stretch]:
    """Return the records in stretches of about equal numbers, in their order, beside the lot before."""
    return [_stretch(part, before) for part in parted(records)]


def parted(records: Sequence[Record]) -> list[Sequence[Record]]:
    """Return the records cut into at most MOST parts of about equal numbers."""
    count = min(MOST, len(records) // FEWEST_EACH)
    if count < 1:
        return []
    edges = np.linspace(0, len(records), count + 1).astype(int)
    return [records[a:b] for a, b in pairwise(edges.tolist())]


def _stretch(records: Sequence[Record], before: Lot) -> Stretch:
    lot = lot_of("", records)
    moved = None
    if before.sketches is not None and lot.sketches is not None:
        moved = drift.shift(before.sketches.astype(float), lot.sketches.astype(float))
    return Stretch(
        when=records[len(records) // 2].when,
        count=len(records),
        shares={word: _share(lot.words.count(word), len(records)) for word in WORDS},
        stability=drift.stability_index(before.logits, lot.logits),
        moved=moved,
    )


def _share(hits: int, count: int) -> Figure:
    return Figure(hits / count, *wilson(hits / count, count))
