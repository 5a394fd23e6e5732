"""Real images only: how odd a picture's features are beside those of photographs. No AI picture is learned from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from aivsreal.errors import BadData
from aivsreal.evaluation.compare.entry import Fitted, Work
from aivsreal.evaluation.intervals import Floats
from aivsreal.images import Picture, open_picture
from aivsreal.training.network import Network, make_network
from aivsreal.training.recipe import NetworkSection
from aivsreal.views import ViewSpec, make_views

Distance = Callable[[Floats], Floats]
"""How odd features float64 [n, d] are: float64 [n]."""

_BATCH = 16
_FEWEST = 5


class OddOnesOut:
    """Distance to photographs in the features of an ImageNet trunk that is never trained further."""

    def __init__(self, fit_distance: Callable[[Floats], Distance], side: int = 96) -> None:
        self.fit_distance = fit_distance
        self.spec = ViewSpec(size=side, whole="square", one_square=16)

    def fit(self, work: Work) -> Fitted:
        """Learn what photographs are like, from the real training pictures only."""
        real = [sample for sample in work.training if sample.label == 0]
        if len(real) < _FEWEST:
            raise BadData(f"only {len(real)} photographs to learn from", hint="give it more")
        self.trunk = make_network(_section()).eval()
        features = np.concatenate(
            [
                features_of(self.trunk, [open_picture(s.read()) for s in real[i : i + _BATCH]], self.spec)
                for i in range(0, len(real), _BATCH)
            ]
        )
        self.centre, self.spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
        self.distance = self.fit_distance(self._unit(features))
        usual = self.distance(self._unit(features))
        self.middle, self.scale = float(np.median(usual)), max(float(usual.std()), 1e-9)
        weights = sum(weight.numel() for weight in self.trunk.trunk.parameters())
        return Fitted(len(real), weights, "ImageNet, frozen", "sees photographs only")

    def predict_probability(self, pictures: Sequence[Picture]) -> Floats:
        """Return the distance, squeezed into 0..1."""
        odd = self.distance(self._unit(features_of(self.trunk, pictures, self.spec)))
        return np.asarray(0.5 + np.arctan((odd - self.middle) / self.scale) / np.pi)

    def _unit(self, features: Floats) -> Floats:
        return np.asarray((features - self.centre) / self.spread)


def mahalanobis(features: Floats) -> Distance:
    """Return the distance under the features' covariance, shrunk (Ledoit and Wolf 2004)."""
    from sklearn.covariance import LedoitWolf

    model = LedoitWolf().fit(features)
    return lambda other: np.asarray(np.sqrt(np.maximum(model.mahalanobis(other), 0)))


def nearest_neighbours(features: Floats) -> Distance:
    """Return the mean cosine distance to the five nearest photographs."""
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=min(5, len(features) - 1), metric="cosine").fit(features)
    return lambda other: np.asarray(model.kneighbors(other)[0].mean(axis=1))


def isolation_forest(features: Floats) -> Distance:
    """Return how soon random cuts set a picture apart (Liu, Ting and Zhou 2008, "Isolation forest")."""
    from sklearn.ensemble import IsolationForest

    model = IsolationForest(n_estimators=200, random_state=0).fit(features)
    return lambda other: -np.asarray(model.score_samples(other))


@torch.no_grad()
def features_of(network: Network, pictures: Sequence[Picture], spec: ViewSpec) -> Floats:
    """Return the pooled features of each picture, float64 [n, d], the mean over its views."""
    found: list[Any] = []
    for picture in pictures:
        views = torch.from_numpy(make_views(picture.pixels, spec).batch)
        found.append(network.pooled(views).mean(dim=0).double().numpy())
    return np.stack(found)


def _section() -> NetworkSection:
    return NetworkSection(trunk_options={"pad_type": "same", "bn_eps": 1e-3})
