"""Where a model is good and where not: figures of each generator, source, year, style, format, size.

A slice's AI pictures are measured against all photographs of the set, since a generator comes without
photographs of its own. Only of `kind`, `format` and `size`, which say how a file was made whatever it shows,
and of `tag`, both classes are taken from the slice. Photographs that no AI picture shares a slice with give the
figures that need photographs only. The shares with and without an answer are always those of the slice's own
pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from aivsreal.evaluation.answers import Answers
from aivsreal.evaluation.intervals import Bools
from aivsreal.evaluation.measure import CHAINS
from aivsreal.evaluation.metrics import as_json

ORIGIN_COLUMNS = (
    "label",
    "generator",
    "family",
    "year",
    "weights",
    "style",
    "origin_kind",
    "source",
    "camera",
)
FILE_COLUMNS = ("kind", "format", "size")
# One of the words in the column `tags`: a picture has as many as hold of it.
TAG = "tag"
# Sets hold hundreds of sources and cameras; below this number a slice of them is an anecdote.
_FEWEST = {"source": 5, "camera": 5}
# A tag is there for its rate of false accusations, which fewer photographs do not give.
_FEWEST_TAGGED_REAL = 30
_SIZES = (64, 128, 256, 512, 1024)


def slices(answers: Answers) -> dict[str, dict[str, Any]]:
    """Return `column=value` -> {n, n_ai, n_real, compared, as_is, aligned}, in the columns' order.

    n: pictures in the slice; n_ai and n_real: those that its figures rest on
    compared: "all_real" (the slice's AI pictures against every photograph), "within" (both from the slice)
    or "one_class"; figures that a slice does not define, and calibration, are left out
    """
    found = {}
    for column in (*ORIGIN_COLUMNS, *FILE_COLUMNS):
        for value, inside in _values(answers, column):
            if inside.sum() >= _FEWEST.get(column, 1):
                found[f"{column}={value}"] = _slice(answers, inside, column)
    for tag, inside in _tags(answers):
        if (inside & (answers.labels == 0)).sum() >= _FEWEST_TAGGED_REAL:
            found[f"{TAG}={tag}"] = _slice(answers, inside, TAG)
    return found


def _slice(answers: Answers, inside: Bools, column: str) -> dict[str, Any]:
    is_ai = answers.labels == 1
    both = bool((inside & is_ai).any() and (inside & ~is_ai).any())
    if both and column in (*FILE_COLUMNS, TAG):
        chosen, compared = inside, "within"
    elif (inside & is_ai).any() and column != "label":
        chosen, compared = (inside & is_ai) | ~is_ai, "all_real"
    else:
        chosen, compared = inside, "one_class"
    taken = answers.at(chosen)
    own = answers.at(chosen & inside)
    measured = {
        chain: taken.figures(chain, calibration=False)
        | {
            "uncertain_share": own.share_of(["uncertain"], chain),
            "answered_share": own.share_of(["real", "ai"], chain),
        }
        for chain in CHAINS
    }
    return {
        "n": int(inside.sum()),
        "n_ai": int((taken.labels == 1).sum()),
        "n_real": int((taken.labels == 0).sum()),
        "compared": compared,
        **{
            chain: {name: figure for name, figure in as_json(figures).items() if figure}
            for chain, figures in measured.items()
        },
    }


def _values(answers: Answers, column: str) -> Iterator[tuple[str, Bools]]:
    """Yield each value of a column with where it stands [n], in the order of the values."""
    texts = np.asarray([_text(answers, i, column) for i in range(len(answers))], dtype=object)
    for value in sorted({text for text in texts if text}, key=_natural):
        yield value, texts == value


def _tags(answers: Answers) -> Iterator[tuple[str, Bools]]:
    """Yield each tag with where it stands [n], in the order of the alphabet."""
    tagged = [str(row.columns.get("tags") or "").split() for row in answers.rows]
    for tag in sorted({tag for tags in tagged for tag in tags}):
        yield tag, np.asarray([tag in tags for tags in tagged])


def _text(answers: Answers, index: int, column: str) -> str:
    row = answers.rows[index]
    match column:
        case "label":
            return "ai" if row.label else "real"
        case "format":
            return row.format
        case "size":
            return _size(min(row.width, row.height))
    value = row.columns.get(column)
    return "" if value is None else str(value)


def _size(short_side: int) -> str:
    """Return the stretch that a short side falls into: `256-511`."""
    for lower, upper in zip((0, *_SIZES), _SIZES, strict=False):
        if short_side < upper:
            return f"{lower}-{upper - 1}"
    return f"{_SIZES[-1]}+"


def _natural(value: str) -> tuple[int, str]:
    """Sort `64-127` before `1024+`, and words by letters."""
    number = value.partition("-")[0].removesuffix("+")
    return (int(number), value) if number.isdigit() else (0, value)
