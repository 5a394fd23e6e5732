"""Pairwise learning: an embedding in which pictures of one class lie together, then a classifier on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from aivsreal.evaluation.compare.anomaly import features_of
from aivsreal.evaluation.compare.entry import Fitted, Work, origin_of
from aivsreal.evaluation.compare.steps import train_with
from aivsreal.evaluation.intervals import Floats
from aivsreal.images import Picture, open_picture
from aivsreal.training.network import make_network

_MARGIN = 1.0


class Contrastive:
    """A contrastive embedding of real and AI pictures, and a logistic regression on it.

    After Hsu, Zhuang and Lee 2020, "Deep fake image detection based on pairwise learning": pairs of one class are
    pulled together, others pushed a margin apart. All pairs of a batch are used.
    """

    def fit(self, work: Work) -> Fitted:
        """Learn the embedding, then the classifier, on the same pictures."""
        from sklearn.linear_model import LogisticRegression

        torch.manual_seed(work.recipe.optimise.seed)
        self.network = make_network(work.recipe.network)
        self.spec = work.recipe.views
        self.network.train()

        def loss(pictures: Tensor, labels: Tensor, _: Tensor) -> Tensor:
            return pair_loss(self.network.pooled(pictures), labels)

        seen = train_with(loss, self.network.trunk.parameters(), work, work.recipe)
        self.network.eval()
        rows = np.concatenate([self._embedded([open_picture(s.read())]) for s in work.training])
        self.classifier = LogisticRegression(max_iter=1000, class_weight="balanced")
        self.classifier.fit(rows, [sample.label for sample in work.training])
        weights = sum(weight.numel() for weight in self.network.parameters())
        return Fitted(seen, weights, origin_of(work.recipe.network.trunk))

    def predict_probability(self, pictures: Sequence[Picture]) -> Floats:
        """Return the classifier's probability."""
        return np.asarray(self.classifier.predict_proba(self._embedded(pictures))[:, 1])

    def _embedded(self, pictures: Sequence[Picture]) -> Floats:
        rows = features_of(self.network, pictures, self.spec)
        return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))


def pair_loss(features: Tensor, labels: Tensor) -> Tensor:
    """Return the mean over all pairs of d^2 where labels agree and of max(0, margin - d)^2 where they do not.

    features: float [n, d], brought to length 1 first; labels: [n]
    """
    unit = torch.nn.functional.normalize(features, dim=1)
    squared = (2 - 2 * unit @ unit.T).clamp(min=1e-9)
    same = labels[:, None] == labels[None, :]
    apart = (_MARGIN - squared.sqrt()).clamp(min=0).square()
    other = ~torch.eye(len(labels), dtype=torch.bool)
    return torch.where(same, squared, apart)[other].mean()
