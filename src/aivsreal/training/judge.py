"""What is fitted on a tower's features: a linear head, or small networks whose hidden units join the embedding.

Both are judged on sources that they were fitted without.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aivsreal.errors import BadRecipe
from aivsreal.training.recipe import TowerSection
from aivsreal.training.tower_graph import Doubt, Head, Hidden

Floats = NDArray[np.float64]
FOLDS = 10
# How networks are trained on features, chosen by what they say of sources left out: few epochs, much dropout.
# Small sets are gone through more often, until this many steps are done.
EPOCHS, LEAST_STEPS = 10, 400
BATCH, RATE, DECAY = 512, 1e-3, 0.1
DROPPED_FEATURES, DROPPED_UNITS = 0.5, 0.5


@dataclass(frozen=True)
class Judge:
    """What is fitted on a tower: a head on its features, or on them and a hidden layer's activations."""

    head: Head
    hidden: Hidden | None = None
    doubt: Doubt | None = None

    def __call__(self, features: Floats) -> Floats:
        """Return logits, float64 [n], of features [n, 2 c]."""
        parts = [features]
        if self.hidden is not None:
            parts.append(self.hidden(features))
        if self.doubt is not None:
            parts.append(self.doubt(features, parts[1])[:, None])
        return np.asarray(np.concatenate(parts, axis=1) @ self.head.weight + self.head.bias)


def source_weights(labels: NDArray[np.int64], sources: NDArray[np.str_], power: float) -> Floats:
    """Return a weight a view, float64 [n] of mean 1: classes alike, a source by its size to `power`."""
    size = Counter(sources.tolist())
    weights = np.array([size[source] ** (power - 1.0) for source in sources.tolist()])
    for label in (0, 1):
        weights[labels == label] /= weights[labels == label].sum()
    return np.asarray(weights * len(labels) / 2)


def fit_judge(x: Floats, labels: NDArray[np.int64], weights: Floats, section: TowerSection) -> Judge:
    """Return what judges features x: float64 [n, d], fitted to labels [n]: a head, or networks of hidden units."""
    if not section.hidden:
        return Judge(fit_head(x, labels, weights, section.strength))
    return fit_hidden(x, labels, weights, units=section.hidden, networks=section.networks)


def doubting(first: Judge, second: Judge) -> Judge:
    """Return the first judge, lifted to even odds at most where the second, which learned from more, sees AI.

    Both have hidden units. What only the second has met may look like photographs that the first judges rightly: so
    it may take an answer away, and never give one.
    """
    if first.hidden is None or second.hidden is None:
        raise BadRecipe("a doubt needs hidden units", hint="set tower.hidden, or leave tower.doubted out")
    width = len(first.hidden.weight)
    doubt = Doubt(
        second.hidden,
        Head(second.head.weight[width:], second.head.bias),
        Head(first.head.weight[width:], first.head.bias),
    )
    return Judge(Head(np.append(first.head.weight, 1.0), first.head.bias), first.hidden, doubt)


def fit_hidden(x: Floats, labels: NDArray[np.int64], weights: Floats, *, units: int, networks: int) -> Judge:
    """Return the mean of rectified networks of one hidden layer, as one judge with all of their units.

    The same arguments give the same judge.
    """
    import torch

    centre, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    features = torch.from_numpy(((x - centre) / spread).astype(np.float32))
    targets, counts = (torch.from_numpy(np.asarray(each, np.float32)) for each in (labels, weights))
    hidden, heads, bias = [], [], 0.0
    for seed in range(networks):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            first, last = _trained(features, targets, counts, units)
        weight = first.weight.detach().numpy().astype(np.float64).T / spread[:, None]
        hidden.append(Hidden(weight, first.bias.detach().numpy() - centre @ weight))
        heads.append(last.weight.detach().numpy()[0].astype(np.float64) / networks)
        bias += float(last.bias.detach()) / networks
    together = Hidden(
        np.concatenate([part.weight for part in hidden], axis=1),
        np.concatenate([part.bias for part in hidden]),
    )
    return Judge(Head(np.concatenate([np.zeros(x.shape[1]), *heads]), bias), together)


def _trained(features: Any, targets: Any, counts: Any, units: int) -> tuple[Any, Any]:
    """Return the two layers of a network trained on features [n, d] by weighted cross-entropy."""
    import torch
    from torch.nn import Dropout, Linear, ReLU, Sequential
    from torch.nn.functional import binary_cross_entropy_with_logits

    first, last = Linear(features.shape[1], units), Linear(units, 1)
    network = Sequential(Dropout(DROPPED_FEATURES), first, ReLU(), Dropout(DROPPED_UNITS), last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    batch = min(BATCH, len(targets))
    steps = len(targets) // batch
    epochs = max(EPOCHS, ceil(LEAST_STEPS / steps))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * steps)
    for _ in range(epochs):
        for chosen in torch.randperm(len(targets))[: steps * batch].reshape(steps, batch):
            losses = binary_cross_entropy_with_logits(
                network(features[chosen])[:, 0], targets[chosen], reduction="none"
            )
            optimiser.zero_grad()
            (losses * counts[chosen]).mean().backward()
            optimiser.step()
            schedule.step()
    return first, last


def fit_head(x: Floats, labels: NDArray[np.int64], weights: Floats, strength: float) -> Head:
    """Return the logistic regression of labels [n] on x: float64 [n, d], standardised inside."""
    from sklearn.linear_model import LogisticRegression

    centre, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    model = LogisticRegression(C=strength, max_iter=2000)
    model.fit((x - centre) / spread, labels, sample_weight=weights)
    weight = model.coef_[0] / spread
    return Head(weight, float(model.intercept_[0] - weight @ centre))


def left_out(
    fit: Callable[[NDArray[np.int64]], Judge], x: Floats, labels: NDArray[np.int64], sources: NDArray[np.str_]
) -> Floats:
    """Return the logit of each row of x, float64 [n], by a judge that `fit` made of other sources' rows (their places)."""
    from sklearn.model_selection import GroupKFold

    folds = GroupKFold(min(FOLDS, len(set(sources.tolist()))))
    logits = np.zeros(len(labels))
    for rest, out in folds.split(x, labels, sources):
        if len(set(labels[rest].tolist())) == 2:
            logits[out] = fit(rest)(x[out])
    return logits
