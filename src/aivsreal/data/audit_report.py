"""An audit as one HTML file: the findings, the figures, and the pictures that they are about.

Nothing is loaded from elsewhere; pictures of the data stand in it as small JPEGs. Names are escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aivsreal.data.audit import Audit, Copies
from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.data.words import LABEL_NAMES
from aivsreal.errors import AivsrealError
from aivsreal.files import atomic_write_text
from aivsreal.images import encode, open_picture, resize
from aivsreal.templates import html_environment

_SIDE = 112
_CLUSTERS, _MEMBERS = 12, 5
_RANDOM = 24

SHEETS = {
    "both": "One picture under both labels",
    "leaks": "The same picture in two splits",
    "copies": "The same picture twice in one split",
    "near_both": "Near copies under both labels",
    "near_leaks": "Near copies in two splits",
    "near": "Near copies in one split",
}


@dataclass(frozen=True)
class Thumbnail:
    """A small picture and what it is; `image` is a data URI, "" where the file cannot be read."""

    image: str
    key: str
    split: str
    label: str


def write_report(path: str | Path, result: Audit, labelled: LabelledSet, *, seed: int = 0) -> Path:
    """Return `path` after the report stands there, whole. Raises: CannotWrite."""
    return atomic_write_text(path, render(result, labelled, seed=seed))


def render(result: Audit, labelled: LabelledSet, *, seed: int = 0) -> str:
    """Return the report as HTML."""
    environment = html_environment("aivsreal.data")
    by_key = {s.key: s for s in labelled.samples}
    return environment.get_template("audit.html.j2").render(
        a=result,
        copies={c.measure: c for c in result.copies},
        sheets={SHEETS[name]: rows for name, rows in _sheets(result, by_key).items() if rows},
        random={name: _random(labelled, label, seed) for label, name in enumerate(LABEL_NAMES)},
        shown_columns={name: values[:20] for name, values in result.counts.columns.items()},
    )


def _sheets(result: Audit, by_key: Mapping[str, Sample]) -> dict[str, list[list[Thumbnail]]]:
    """Return for each kind of copy its first clusters, each a row of thumbnails."""
    by_measure = {c.measure: c for c in result.copies}
    return {
        "both": _rows(by_measure["pixels"], by_key, labels=2),
        "leaks": _rows(by_measure["pixels"], by_key, labels=1, crosses=True),
        "copies": _rows(by_measure["pixels"], by_key, labels=1, crosses=False),
        "near_both": _rows(by_measure["look"], by_key, labels=2),
        "near_leaks": _rows(by_measure["look"], by_key, labels=1, crosses=True),
        "near": _rows(by_measure["look"], by_key, labels=1, crosses=False),
    }


def _rows(
    found: Copies, by_key: Mapping[str, Sample], *, labels: int, crosses: bool | None = None
) -> list[list[Thumbnail]]:
    """Return rows for clusters with so many labels; `crosses`: that do, or do not, lie in several splits."""
    chosen = [
        cluster
        for cluster in found.clusters
        if len({m.label for m in cluster}) == labels
        and crosses in (None, len({m.split for m in cluster}) > 1)
    ]
    return [[_thumbnail(by_key[m.key]) for m in cluster[:_MEMBERS]] for cluster in chosen[:_CLUSTERS]]


def _random(labelled: LabelledSet, label: int, seed: int) -> list[Thumbnail]:
    """Return thumbnails of a seeded draw of one class."""
    places = np.flatnonzero(labelled.labels() == label)
    drawn = np.random.default_rng(seed).permutation(places)[:_RANDOM]
    return [_thumbnail(sample) for sample in _in_order(labelled, drawn)]


def _in_order(labelled: LabelledSet, places: Iterable[Any]) -> list[Sample]:
    return [labelled.samples[int(at)] for at in places]


def _thumbnail(sample: Sample) -> Thumbnail:
    label = LABEL_NAMES[sample.label]
    try:
        pixels = open_picture(sample.read(), short_side=_SIDE).pixels
    except AivsrealError:
        return Thumbnail("", sample.key, sample.split, label)
    height, width = pixels.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    small = resize(pixels, (max(1, round(width * scale)), max(1, round(height * scale))))
    data = base64.b64encode(encode(small, format="JPEG", quality=80)).decode()
    return Thumbnail(f"data:image/jpeg;base64,{data}", sample.key, sample.split, label)
