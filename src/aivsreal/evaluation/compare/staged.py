"""A network with texture statistics as a second stage: what it says of a picture, and what its texture says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aivsreal.evaluation.compare.entry import Fitted, Work
from aivsreal.evaluation.compare.handmade import texture_and_colour
from aivsreal.evaluation.compare.trained import Trained
from aivsreal.evaluation.intervals import Floats
from aivsreal.images import Picture, open_picture

_EDGE = 1e-6


class WithTexture:
    """A logistic regression on a trained network's logit and the hand-crafted features."""

    def __init__(self, network: Trained) -> None:
        self.network = network

    def fit(self, work: Work) -> Fitted:
        """Train the network, then fit the second stage on validation pictures: training ones it knows by heart."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        fitted = self.network.fit(work)
        rows = self._rows([open_picture(sample.read()) for sample in work.validation])
        self.stage: Any = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=2000))
        self.stage.fit(rows, [sample.label for sample in work.validation])
        note = f"second stage on {len(rows)} validation pictures"
        return replace(fitted, note="; ".join(part for part in (fitted.note, note) if part))

    def predict_probability(self, pictures: Sequence[Picture]) -> Floats:
        """Return the second stage's probability."""
        return np.asarray(self.stage.predict_proba(self._rows(pictures))[:, 1], dtype=np.float64)

    def _rows(self, pictures: Sequence[Picture]) -> Floats:
        p = np.clip(self.network.predict_probability(pictures), _EDGE, 1 - _EDGE)
        features = np.stack([texture_and_colour(picture.pixels) for picture in pictures])
        return np.column_stack([np.log(p) - np.log1p(-p), features])
