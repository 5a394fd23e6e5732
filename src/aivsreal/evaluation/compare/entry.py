"""What takes part in a comparison: the one plug-in point, a protocol of two methods, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.evaluation.intervals import Floats
from aivsreal.images import Picture
from aivsreal.training.recipe import Recipe


@dataclass(frozen=True)
class Budget:
    """What each entry may use, and on how much it is measured; None: as much as there is.

    pictures: of the training split; seen: how often one is shown in all; minutes: of training, by the clock;
    measured: pictures of each measured split, and of validation
    """

    pictures: int | None
    seen: int | None
    minutes: float | None
    measured: int | None


@dataclass(frozen=True)
class Work:
    """What an entry learns from.

    labelled: train and val and nothing else; training and validation: the samples of these that the budget allows
    recipe: what entries that train a network start from; folder: the entry's own, kept over a kill
    """

    labelled: LabelledSet
    training: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    recipe: Recipe
    budget: Budget
    folder: Path
    say: Callable[[str], None]


@dataclass(frozen=True)
class Fitted:
    """What came of an entry's training.

    seen: how many training pictures it was shown, repeats counted; parameters: its weights, None where it has
    no such number; initialised: where its weights began; note: what else a reader of the table must know
    """

    seen: int
    parameters: int | None
    initialised: str
    note: str = ""


def origin_of(trunk: str) -> str:
    """Return what a table says of where a trunk's weights came from; trunk: as recipes name it."""
    return {"imagenet": "ImageNet", "scratch": "random"}.get(trunk, trunk)


class Entry(Protocol):
    """A detector that takes part."""

    def fit(self, work: Work) -> Fitted:
        """Learn from `work`, within its budget. Raises: AivsrealError where it cannot take part."""

    def predict_probability(self, pictures: Sequence[Picture]) -> Floats:
        """Return how likely each picture is AI, float64 [n] in 0..1; only their order needs to be right."""
