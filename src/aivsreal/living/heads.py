"""The head of a bundle: the linear judge of its embeddings, which can be read, compared and replaced."""

from __future__ import annotations

import hashlib

import numpy as np

from aivsreal.bundle import Bundle
from aivsreal.errors import BadBundle
from aivsreal.training.tower_graph import HEAD_BIAS, HEAD_WEIGHT, Head, head_of, with_head


def has_head(bundle: Bundle) -> bool:
    """Return whether the bundle's graph holds a head that can be replaced: whether it is a tower."""
    return set(head_of(bundle.onnx_bytes)) == {HEAD_WEIGHT, HEAD_BIAS}


def head_in(bundle: Bundle) -> Head:
    """Return the head of a tower's bundle. Raises: BadBundle where it is none."""
    parts = head_of(bundle.onnx_bytes)
    if set(parts) != {HEAD_WEIGHT, HEAD_BIAS}:
        raise BadBundle(
            f"{bundle.title} has no head that could be replaced: all of it was trained",
            hint=f"all of it can be: aivsreal retrain --base {bundle.card.name} --new NEW --replay OLD",
        )
    return Head(parts[HEAD_WEIGHT].astype(np.float64), float(parts[HEAD_BIAS]))


def same_tower(one: Bundle, other: Bundle) -> bool:
    """Return whether two bundles differ in nothing but their heads, so that embeddings serve both."""
    if not has_head(one) or not has_head(other):
        return False
    return one.card.views == other.card.views and _headless(one) == _headless(other)


def _headless(bundle: Bundle) -> str:
    """Return a checksum of the graph without its head."""
    head = head_in(bundle)
    empty = with_head(bundle.onnx_bytes, Head(np.zeros_like(head.weight), 0.0))
    return hashlib.sha256(empty).hexdigest()
