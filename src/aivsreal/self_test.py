"""One picture drawn by code, and what a model said of it where it was calibrated: does this machine compute alike?

A tower multiplies in eight bits, and processors differ in how (`sessions`). `aivsreal doctor` asks here whether it
matters.
"""

from __future__ import annotations

import numpy as np

from aivsreal.detector import Detector
from aivsreal.images import encode

# Logits that differ by less are rounding; a quarter moves a probability of one half by six points.
TOLERANCE = 0.25
REFERENCE = "self_test_logit"


def self_test_picture() -> bytes:
    """Return the JPEG that every model is tried on: slopes, and a grid of fine texture."""
    y, x = np.mgrid[0:480, 0:640]
    fine = ((x * 7919 + y * 104729) % 251) // 8
    pixels = np.stack([x * 255 // 640, y * 255 // 480, (x + y) % 256], axis=2) // 2 + fine[..., None]
    return encode(pixels.astype(np.uint8), format="JPEG", quality=90)


def difference(detector: Detector, logit: float) -> float | None:
    """Return how far a logit of that picture is from the one on the card; None where the card has none."""
    expected = detector.bundle.card.reference.get(REFERENCE)
    return None if expected is None else abs(logit - float(expected))
