"""Teach a head something new without losing what it knew: arrays in, a head out.

The old head is the start and the anchor. Remembered embeddings are replayed, with targets half their labels and
half what the old head says of them (distillation, as in Li and Hoiem 2017, "Learning without forgetting"), and
the way from the old head is penalised. Of that way only as much is gone as new pictures need, for most of the harm
comes with the last of the gain; and all scores are lowered until, of no source, more photographs are called AI than
before. Both are decided by heads that were taught without the picture that they judge: a photograph without all of
its collection, for tomorrow's photographs come from others (docs/log.md, teaching).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from aivsreal.evaluation.calibration import sigmoid
from aivsreal.training.tower_graph import Head

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FOLDS = 8
# Parts of the way that are tried; none at all is one of them.
PARTS = np.linspace(0, 1, 21)
# Photographs of a source with fewer are counted among all photographs only.
FEWEST_OF_SOURCE = 20
# By how much more scores are lowered, in log-odds: the photographs of tomorrow, and of the gate, are not those that were counted.
MARGIN = 0.2
# How much is enough of the gain that could be had: most of the harm comes with the rest of it (docs/log.md, teaching).
ENOUGH = 0.7
# What old AI pictures may lose for it: one in a hundred of them.
TOLERANCE = 0.01


@dataclass(frozen=True)
class Teaching:
    """How much weighs what, chosen on generators that no published figure is about (docs/log.md).

    new: weight of all new views together, beside 1 for all that is remembered
    freedom: how far the head may go; opinion: share of the old head's opinion in the targets of what it knew
    """

    new: float = 0.15
    freedom: float = 5.0
    opinion: float = 0.5


@dataclass(frozen=True, eq=False)
class Pictures:
    """Embeddings float [n, d] and labels [n] of 0 and 1.

    groups: text [n]; what shares one is left out together, "" stands alone; sources: text [n], by which photographs
    are counted
    """

    embeddings: NDArray[np.float32]
    labels: NDArray[np.int8]
    groups: NDArray[np.str_]
    sources: NDArray[np.str_]

    def at(self, chosen: Bools) -> Pictures:
        """Return the chosen ones."""
        return Pictures(
            self.embeddings[chosen], self.labels[chosen], self.groups[chosen], self.sources[chosen]
        )


@dataclass(frozen=True, eq=False)
class Taught:
    """A head after its teaching.

    part: how much of the way to what new pictures ask for was gone, 0..1; lowered: by how much all scores then were
    left_out: float64 [n], the logit of every new view by a head that was taught without its group
    """

    head: Head
    part: float
    lowered: float
    left_out: Floats


def taught(
    old: Head,
    known: Pictures,
    new: Pictures,
    views_of: NDArray[np.int64],
    above: float,
    teaching: Teaching | None = None,
) -> Taught:
    """Return the head after it was taught `new`, `known` being replayed.

    views_of: [n], the number of the picture that each new view shows, its first view being the one that a verdict
    sees; above: the logit over which a picture is called AI
    Where all that is new is one group nothing of it can be left out, and the old head speaks for it.
    """
    chosen = teaching or Teaching()
    full = _learned(old, known, new, chosen)
    places = np.arange(len(known.labels))
    of_known = _Way.of(old, known, places, lambda rest: _learned(old, known.at(rest), new, chosen))
    of_new = _Way.of(old, new, views_of, lambda rest: _learned(old, known, new.at(rest), chosen))
    # By a head that has learned them, where there is no other that has learned anything of them.
    alone = len(set(_names(new, views_of))) < 2
    judged = _Way(of_new.before, _logits(full, new)) if alone else of_new
    firsts = np.unique(views_of, return_index=True)[1]
    part, lower = _how_far(of_known, known, judged.at(firsts), new.labels[firsts] == 1, above)
    head = Head(
        old.weight + part * (full.weight - old.weight), old.bias + part * (full.bias - old.bias) - lower
    )
    return Taught(head, part, lower, of_new.gone(part) - lower)


@dataclass(frozen=True, eq=False)
class _Way:
    """Logits [n] by the old head, and by heads that were taught without the picture they judge."""

    before: Floats
    after: Floats

    @classmethod
    def of(
        cls, old: Head, pictures: Pictures, views_of: NDArray[np.int64], learned: Callable[[Bools], Head]
    ) -> _Way:
        """views_of: as for `taught`; learned: gives the head that was taught with only these of the pictures."""
        before = _logits(old, pictures)
        after = before.copy()
        for fold in _folds(_names(pictures, views_of)):
            after[fold] = _logits(learned(~fold), pictures.at(fold))
        return cls(before, after)

    def at(self, places: NDArray[np.int64]) -> _Way:
        return _Way(self.before[places], self.after[places])

    def gone(self, part: float) -> Floats:
        return self.before + part * (self.after - self.before)


def _how_far(
    of_known: _Way, known: Pictures, of_new: _Way, is_ai: Bools, above: float
) -> tuple[float, float]:
    """Return which part of the way to go, and by how much to lower all scores then.

    Of the parts that lose hardly an AI picture that was found, the smallest that gains ENOUGH of what any of them gains
    on the new pictures.
    """
    ai = known.labels == 1
    lowered = [
        _lowered(of_known.before, of_known.gone(part), known, above) + (MARGIN if part else 0.0)
        for part in PARTS
    ]
    right = _right(of_new, is_ai, lowered, above)
    found = _right(of_known.at(np.flatnonzero(ai)), ai[ai], lowered, above)
    allowed = found >= found[0] - TOLERANCE
    wanted = right[0] + ENOUGH * (right[allowed].max() - right[0])
    best = np.flatnonzero(allowed & (right >= wanted))[0]
    return float(PARTS[best]), lowered[best]


def _right(way: _Way, is_ai: Bools, lowered: Sequence[float], above: float) -> Floats:
    """Return for each of PARTS which share is judged rightly then; 1 where there is nothing to judge."""
    if not len(is_ai):
        return np.ones(len(PARTS))
    called = [way.gone(part) - lower > above for part, lower in zip(PARTS, lowered, strict=True)]
    return np.array([(one == is_ai).mean() for one in called])


def _lowered(before: Floats, after: Floats, known: Pictures, above: float) -> float:
    """Return by how much scores must fall for no more photographs to be called AI: of all, and of every large source."""
    real = known.labels == 0
    names, sizes = np.unique(known.sources[real], return_counts=True)
    large = names[sizes >= FEWEST_OF_SOURCE]
    parts = [real, *(real & (known.sources == name) for name in large)]
    return max(0.0, *(_to_lower(before[part], after[part], above) for part in parts))


def _to_lower(before: Floats, after: Floats, above: float) -> float:
    called = int((before > above).sum())
    if called == len(before):
        return 0.0
    return float(np.sort(after)[::-1][called] - above)


def _learned(old: Head, known: Pictures, new: Pictures, chosen: Teaching) -> Head:
    x = np.concatenate([known.embeddings, new.embeddings]).astype(np.float64)
    before = x @ old.weight + old.bias
    count = len(known.labels)
    targets = np.concatenate([known.labels, new.labels]).astype(np.float64)
    targets[:count] += chosen.opinion * (sigmoid(before[:count]) - targets[:count])
    weights = np.concatenate([_even(known.labels), chosen.new * _even(new.labels)])
    spread = np.maximum(known.embeddings.std(axis=0).astype(np.float64), 1e-6)
    centre = known.embeddings.mean(axis=0).astype(np.float64)
    step = _fitted((x - centre) / spread, before, targets, weights, chosen.freedom)
    weight = step[:-1] / spread
    return Head(old.weight + weight, float(old.bias + step[-1] - weight @ centre))


def _names(pictures: Pictures, views_of: NDArray[np.int64]) -> list[str]:
    """Return of each view what it is left out with: its group, or its own picture."""
    return [group or f"picture {at}" for group, at in zip(pictures.groups, views_of, strict=True)]


def _folds(names: Sequence[str]) -> Iterator[Bools]:
    """Yield masks that leave out every group once; none where all is one group."""
    codes = {name: place for place, name in enumerate(dict.fromkeys(names))}
    count = min(FOLDS, len(codes))
    if count < 2:
        return
    folds = np.array([codes[name] % count for name in names])
    for fold in range(count):
        yield folds == fold


def _logits(head: Head, pictures: Pictures) -> Floats:
    return np.asarray(pictures.embeddings.astype(np.float64) @ head.weight + head.bias)


def _fitted(x: Floats, before: Floats, targets: Floats, weights: Floats, freedom: float) -> Floats:
    """Return what is added to the old head: float64 [d + 1], weights of standardised x and a bias.

    Minimised: weighted cross entropy with soft targets, plus |step|^2 / (2 freedom).
    """

    def loss(step: Floats) -> tuple[float, Floats]:
        z = before + x @ step[:-1] + step[-1]
        value = float((weights * (np.logaddexp(0, z) - targets * z)).sum())
        slope = weights * (sigmoid(z) - targets)
        penalty = float(step[:-1] @ step[:-1]) / (2 * freedom)
        return value + penalty, np.append(x.T @ slope + step[:-1] / freedom, slope.sum())

    found = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return np.asarray(found.x)


def _even(labels: Sequence[int] | NDArray[np.int8]) -> Floats:
    """Return weights of sum 1 that count the classes alike; with one class there, all alike."""
    labels = np.asarray(labels)
    classes = [label for label in (0, 1) if (labels == label).any()]
    weights = np.zeros(len(labels))
    for label in classes:
        weights[labels == label] = 1 / len(classes) / (labels == label).sum()
    return weights
