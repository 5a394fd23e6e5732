"""predictions.csv: a line an image, with what was answered and everything that the data says of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from aivsreal.evaluation.measure import CHAINS, Chain, Row
from aivsreal.files import atomic_write_text

OWN_COLUMNS = (
    "key",
    "label",
    "verdict",
    "probability_ai",
    "logit",
    "aligned_verdict",
    "aligned_probability_ai",
    "aligned_logit",
    "error",
    "leaked",
    "copy",
    "format",
    "width",
    "height",
)


def write_predictions(
    path: Path,
    measured: Mapping[Chain, Sequence[Row]],
    leaked: Collection[str],
    copies: Collection[str],
) -> Path:
    """Return `path` after it holds a line an image, failed ones included. Raises: CannotWrite.

    leaked, copies: the keys of pictures that also stand in train or val, and of second copies
    """
    names = dict.fromkeys(name for row in measured["as_is"] for name in row.columns)
    others = [name for name in names if name not in OWN_COLUMNS]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*OWN_COLUMNS, *others])
    for as_is, aligned in zip(*(measured[chain] for chain in CHAINS), strict=True):
        spoilt = int(as_is.key in leaked), int(as_is.key in copies)
        writer.writerow([*_own_values(as_is, aligned, spoilt), *(as_is.columns.get(name) for name in others)])
    return atomic_write_text(path, text.getvalue())


def _own_values(as_is: Row, aligned: Row, spoilt: tuple[int, int]) -> tuple[object, ...]:
    return (
        as_is.key,
        "ai" if as_is.label else "real",
        *_answer(as_is),
        *_answer(aligned),
        as_is.error or aligned.error,
        *spoilt,
        as_is.format,
        as_is.width or None,
        as_is.height or None,
    )


def _answer(row: Row) -> tuple[object, object, object]:
    if row.error:
        return None, None, None
    return row.verdict, f"{row.probability_ai:.7g}", f"{row.logit:.7g}"
