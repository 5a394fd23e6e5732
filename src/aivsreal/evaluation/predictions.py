"""predictions.csv: a line an image, with what was answered and everything that the data says of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from aivsreal.evaluation.measure import Chain, Row
from aivsreal.files import atomic_write_text

ANSWER = ("verdict", "probability_ai", "logit")
ABOUT = ("error", "leaked", "copy", "format", "width", "height")


def write_predictions(
    path: Path,
    measured: Mapping[Chain, Sequence[Row]],
    leaked: Collection[str],
    copies: Collection[str],
) -> Path:
    """Return `path` after it holds a line an image, failed ones included. Raises: CannotWrite.

    The answers to the picture as it is stand under ANSWER, those of another chain under `chain_` and ANSWER.
    leaked, copies: the keys of pictures that also stand in train or val, and of second copies
    """
    answers = [name if chain == "as_is" else f"{chain}_{name}" for chain in measured for name in ANSWER]
    own = ["key", "label", *answers, *ABOUT]
    names = dict.fromkeys(name for row in measured["as_is"] for name in row.columns)
    others = [name for name in names if name not in own]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*own, *others])
    for rows in zip(*measured.values(), strict=True):
        key = rows[0].key
        spoilt = int(key in leaked), int(key in copies)
        writer.writerow([*_own_values(rows, spoilt), *(rows[0].columns.get(name) for name in others)])
    return atomic_write_text(path, text.getvalue())


def _own_values(rows: Sequence[Row], spoilt: tuple[int, int]) -> Iterator[object]:
    first = rows[0]
    yield from (first.key, "ai" if first.label else "real")
    for row in rows:
        yield from _answer(row)
    yield next((row.error for row in rows if row.error), None)
    yield from spoilt
    yield from (first.format, first.width or None, first.height or None)


def _answer(row: Row) -> tuple[object, object, object]:
    if row.error:
        return None, None, None
    return row.verdict, f"{row.probability_ai:.7g}", f"{row.logit:.7g}"
