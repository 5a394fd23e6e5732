"""Floors: what is reached without a look at any picture. Whoever is not above them has learned nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aivsreal.evaluation.compare.entry import Fitted, Work
from aivsreal.evaluation.intervals import Floats
from aivsreal.images import Facts, Picture, inspect

_FORMATS = ("JPEG", "PNG", "WEBP")


class Majority:
    """Says of every picture what most training pictures are."""

    def fit(self, work: Work) -> Fitted:
        """Count."""
        self.share = float(np.mean([sample.label for sample in work.training]))
        return Fitted(len(work.training), 1, "nothing")

    def predict_probability(self, pictures: Sequence[Picture]) -> Floats:
        """Return the share of AI pictures in training, for every picture."""
        return np.full(len(pictures), self.share)


class Shortcuts:
    """Trees on size, aspect, format and compression, as the audit's shortcut probe has them."""

    def fit(self, work: Work) -> Fitted:
        """Fit on the headers of the files: no pixel is decoded."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        rows = np.stack([file_facts(inspect(sample.read())) for sample in work.training])
        self.trees: Any = HistGradientBoostingClassifier(
            max_iter=60, max_leaf_nodes=8, learning_rate=0.1, class_weight="balanced", random_state=0
        )
        self.trees.fit(rows, [sample.label for sample in work.training])
        return Fitted(len(work.training), None, "nothing")

    def predict_probability(self, pictures: Sequence[Picture]) -> Floats:
        """Return the trees' probability."""
        rows = np.stack([file_facts(picture.facts) for picture in pictures])
        return np.asarray(self.trees.predict_proba(rows)[:, 1])


def file_facts(facts: Facts) -> Floats:
    """Return what a file is like without its picture, float64 [12]; NaN where it does not say."""
    long, short = max(facts.width, facts.height), min(facts.width, facts.height)
    return np.array(
        [
            facts.width,
            facts.height,
            long / short,
            facts.width / facts.height,
            facts.n_bytes,
            facts.n_bytes / (facts.width * facts.height),
            *(facts.format == name for name in _FORMATS),
            np.nan if facts.quality is None else facts.quality,
            np.nan if facts.subsampling is None else facts.subsampling == "4:2:0",
            facts.has_exif or facts.has_icc,
        ],
        dtype=np.float64,
    )
