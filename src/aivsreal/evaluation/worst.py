"""The worst mistakes as a contact sheet: what a person should look at first."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.evaluation.answers import Answers
from aivsreal.images import open_picture, resize

_COLUMNS, _ROWS = 8, 2
_THUMBNAIL = 160

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def draw_worst(answers: Answers, data: LabelledSet) -> Canvas | None:
    """Return the photographs that look most like AI above the AI pictures that look most real, as they are.

    Only mistakes are shown: photographs called AI, AI pictures called real. None where there are none.
    """
    accused, missed = _mistakes(answers, label=0), _mistakes(answers, label=1)
    kinds = [
        (name, found) for name, found in (("real, called AI", accused), ("AI, called real", missed)) if found
    ]
    if not kinds:
        return None
    heights = [_rows(found) for _, found in kinds]
    canvas = Canvas(figsize=(1.35 * _COLUMNS, 1.0 + 1.75 * sum(heights)), layout="constrained")
    canvas.suptitle(
        f"{_number(accused, 'photograph')} called AI, {_number(missed, 'AI picture')} called real"
    )
    parts = canvas.subfigures(len(kinds), 1, height_ratios=heights, squeeze=False).ravel()
    samples = {sample.key: sample for sample in data.samples}
    for part, (name, found), rows in zip(parts, kinds, heights, strict=True):
        part.suptitle(f"{name}: the surest of {len(found):,}", fontsize=10, x=0.01, ha="left")
        grid = part.subplots(rows, _COLUMNS, squeeze=False).ravel()
        for axes in grid:
            axes.axis("off")
        for axes, index in zip(grid, found, strict=False):
            axes.imshow(thumbnail(samples[answers.rows[index].key]))
            axes.set_title(_caption(answers, index), fontsize=7)
    return canvas


def thumbnail(sample: Sample) -> Pixels:
    """Return uint8 [s, s, 3]: the whole picture on a white square."""
    pixels = open_picture(sample.read(), short_side=_THUMBNAIL).pixels
    height, width = pixels.shape[:2]
    share = _THUMBNAIL / max(height, width)
    size = max(1, round(width * share)), max(1, round(height * share))
    small = resize(pixels, size)
    square = np.full((_THUMBNAIL, _THUMBNAIL, 3), 255, np.uint8)
    top, left = (_THUMBNAIL - size[1]) // 2, (_THUMBNAIL - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    return square


def _mistakes(answers: Answers, *, label: int) -> list[int]:
    """Return where a class got the other's word, the surest first."""
    wrong = "real" if label else "ai"
    scores = answers.probabilities["as_is"]
    found = [
        i for i, word in enumerate(answers.words["as_is"]) if word == wrong and answers.labels[i] == label
    ]
    return sorted(found, key=lambda i: (scores[i] if label else -scores[i], i))


def _rows(found: list[int]) -> int:
    return min(_ROWS, -(-len(found) // _COLUMNS))


def _caption(answers: Answers, index: int) -> str:
    columns = answers.rows[index].columns
    origin = columns.get("generator") or columns.get("source") or ""
    return f"{answers.probabilities['as_is'][index]:.3f}\n{str(origin)[:22]}"


def _number(found: list[int], noun: str) -> str:
    return f"{len(found):,} {noun}{'' if len(found) == 1 else 's'}"
