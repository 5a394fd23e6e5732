"""Teach a head something new without losing what it knew: arrays in, a head out.

The old head is the start and the anchor. Remembered embeddings are replayed, with targets half their labels and
half what the old head says of them (distillation, as in Li and Hoiem 2017, "Learning without forgetting"), and
the way from the old head is penalised.

Photographs come first. What looks like the new pictures to the tower, and is no AI picture, is accused the more the
further the head goes, and replayed photographs of the same source hide it. So they are judged by heads that were
taught without their whole source, all scores are lowered by as much as the highest of these rise, and the head goes
only as far as half of the gain within reach needs (docs/log.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from aivsreal.evaluation.calibration import sigmoid
from aivsreal.training.tower_graph import Head

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FOLDS = 5
# Where the scores of photographs must not rise: about the promises that thresholds are chosen for.
KEPT_QUANTILES = (0.9, 0.95, 0.98)
# Sources of fewer photographs are not left out as a whole: that would be a head for each.
FEWEST_OF_SOURCE = 20
# Shares of the way to the head that was learned, of which the smallest that gains enough is gone.
SHARES = tuple(step / 20 for step in range(1, 21))


@dataclass(frozen=True)
class Teaching:
    """How much weighs what, chosen on generators that no published figure is about (docs/log.md).

    new: weight of all new views together, beside 1 for all that is remembered
    freedom: how far the head may go; opinion: share of the old head's opinion in the targets of what it knew
    reach: share of the gain within reach that is taken
    """

    new: float = 0.15
    freedom: float = 5.0
    opinion: float = 0.5
    reach: float = 0.5


@dataclass(frozen=True, eq=False)
class Pictures:
    """Embeddings float [n, d], labels [n] of 0 and 1, groups [n] whose pictures stay together, and sources [n].

    A group without a name is a picture by itself.
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
    """What came of teaching.

    head: the new head; left_out: float64 [n], the logit of every new picture by a head that was taught without its
    group; share: how much of the way to what was learned it went; down: by how much its scores were lowered
    """

    head: Head
    left_out: Floats
    share: float
    down: float


def taught(
    old: Head, known: Pictures, new: Pictures, threshold: float, teaching: Teaching | None = None
) -> Taught:
    """Return the head after it was taught `new`, `known` being replayed.

    threshold: the logit above which pictures are called AI
    Where all that is new is one group nothing can be left out: what is gained is not known, and the old head speaks.
    """
    chosen = teaching or Teaching()
    learned = _learned(old, known, new, chosen)
    moved = _moved_photographs(old, known, new, chosen)
    moved_new = _moved_new(old, known, new, chosen)
    share = _enough(_gains(old, known, new, threshold, moved, moved_new), chosen.reach)
    down = _rise(old, known, share * moved)
    weight = old.weight + share * (learned.weight - old.weight)
    head = Head(weight, old.bias + share * (learned.bias - old.bias) - down)
    left_out = _logits(old, new)
    if moved_new.any():
        left_out += share * moved_new - down
    return Taught(head, left_out, share, down)


def _moved_photographs(old: Head, known: Pictures, new: Pictures, chosen: Teaching) -> Floats:
    """Return how far known photographs' scores move by heads taught without their source, [n]; 0 of AI pictures.

    Photographs of small sources, and of one that holds most of them, are left out by groups.
    """
    moved = np.zeros(len(known.labels))
    for out in _left_out_photographs(known):
        part = known.at(out)
        moved[out] = _logits(_learned(old, known.at(~out), new, chosen), part) - _logits(old, part)
    return moved


def _moved_new(old: Head, known: Pictures, new: Pictures, chosen: Teaching) -> Floats:
    """Return how far new pictures' scores move by heads taught without their group, [n]."""
    moved = np.zeros(len(new.labels))
    for out in _folds(_names(new)):
        part = new.at(out)
        moved[out] = _logits(_learned(old, known, new.at(~out), chosen), part) - _logits(old, part)
    return moved


def _gains(
    old: Head, known: Pictures, new: Pictures, threshold: float, moved: Floats, moved_new: Floats
) -> Floats:
    """Return how many more of the new pictures are right at each of SHARES, as a share, by heads without them."""
    before, is_ai = _logits(old, new), new.labels == 1
    after = [before + share * moved_new - _rise(old, known, share * moved) for share in SHARES]
    right = [float(((logits > threshold) == is_ai).mean()) for logits in (before, *after)]
    return np.array([share - right[0] for share in right[1:]])


def _enough(gains: Floats, reach: float) -> float:
    """Return the smallest share of the way at which so much of the largest gain is there; `reach` where there is none."""
    if gains.max() <= 0:
        return reach
    return SHARES[int(np.argmax(gains >= reach * gains.max()))]


def _rise(old: Head, known: Pictures, moved: Floats) -> float:
    """Return by how much the highest scores of photographs rise where they move so: at the worst of KEPT_QUANTILES."""
    real = known.labels == 0
    if not real.any():
        return 0.0
    before = _logits(old, known)[real]
    rises = np.quantile(before + moved[real], KEPT_QUANTILES) - np.quantile(before, KEPT_QUANTILES)
    return max(0.0, float(rises.max()))


def _left_out_photographs(known: Pictures) -> Iterator[Bools]:
    """Yield masks that leave out every photograph once, large sources as a whole."""
    rest = known.labels == 0
    all_of, counts = int(rest.sum()), Counter(known.sources[rest].tolist())
    for source, count in sorted(counts.items()):
        if FEWEST_OF_SOURCE <= count <= all_of / 2:
            out = rest & (known.sources == source)
            rest &= ~out
            yield out
    for fold in _folds(_names(known)):
        if (fold & rest).any():
            yield fold & rest


def _names(pictures: Pictures) -> list[str]:
    return [group or f"picture {place}" for place, group in enumerate(pictures.groups)]


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
