"""Teach a head something new without losing what it knew: arrays in, a head out.

The old head is the start and the anchor. Remembered embeddings are replayed, with targets half their labels and
half what the old head says of them (distillation, as in Li and Hoiem 2017, "Learning without forgetting"), and
the way from the old head is penalised. Afterwards the threshold of accusation is kept: where remembered
photographs score higher by heads that were taught without them, all scores are lowered by as much. Judged by the
head that has just learned them they never do, and yet of new photographs more would be called AI (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from aivsreal.evaluation.calibration import sigmoid
from aivsreal.training.tower_graph import Head

Floats = NDArray[np.float64]

FOLDS = 5
# Where the scores of photographs must not rise: about the promises that thresholds are chosen for.
KEPT_QUANTILES = (0.9, 0.95, 0.98)


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
    """Embeddings float [n, d], labels [n] of 0 and 1, and groups [n] whose pictures stay together."""

    embeddings: NDArray[np.float32]
    labels: NDArray[np.int8]
    groups: NDArray[np.str_]

    def at(self, chosen: NDArray[np.bool_]) -> Pictures:
        """Return the chosen ones."""
        return Pictures(self.embeddings[chosen], self.labels[chosen], self.groups[chosen])


def taught(old: Head, known: Pictures, new: Pictures, teaching: Teaching | None = None) -> Head:
    """Return the head after it was taught `new`, `known` being replayed."""
    chosen = teaching or Teaching()
    return lowered(_learned(old, known, new, chosen), rise(old, known, new, chosen))


def left_out(
    old: Head, known: Pictures, new: Pictures, views_of: NDArray[np.int64], teaching: Teaching | None = None
) -> Floats:
    """Return the logit of every new view by a head that was taught without its group, float64 [n].

    views_of: [n], the number of the picture that each view shows. Where all is one group nothing can be left
    out, and the old head speaks.
    """
    chosen = teaching or Teaching()
    logits = _logits(old, new)
    down = rise(old, known, new, chosen)
    names = [group or f"picture {picture}" for group, picture in zip(new.groups, views_of, strict=True)]
    for fold in _folds(names):
        head = lowered(_learned(old, known, new.at(~fold), chosen), down)
        logits[fold] = _logits(head, new.at(fold))
    return logits


def rise(old: Head, known: Pictures, new: Pictures, teaching: Teaching) -> float:
    """Return by how much photographs score higher, by heads that were taught `new` without them; 0 at least."""
    real = known.labels == 0
    before, after = _logits(old, known), _logits(old, known)
    names = [group or f"picture {place}" for place, group in enumerate(known.groups)]
    for fold in _folds(names):
        after[fold] = _logits(_learned(old, known.at(~fold), new, teaching), known.at(fold))
    if not real.any():
        return 0.0
    moved = np.quantile(after[real], KEPT_QUANTILES) - np.quantile(before[real], KEPT_QUANTILES)
    return max(0.0, float(moved.mean()))


def lowered(head: Head, by: float) -> Head:
    """Return the head with all its scores lower by so much."""
    return Head(head.weight, head.bias - by)


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


def _folds(names: Sequence[str]) -> Iterator[NDArray[np.bool_]]:
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
