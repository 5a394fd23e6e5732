"""A list of examinations as a file to keep: JSON, or CSV that a spreadsheet opens."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from aivsreal.web.shapes import ExaminationOut

COLUMNS = (
    "created",
    "name",
    "verdict",
    "words",
    "probability_ai",
    "real_below",
    "ai_above",
    "spread",
    "promise",
    "reason",
    "declared",
    "declared_in",
    "model",
    "format",
    "width",
    "height",
    "bytes",
    "sha256",
    "feedback",
    "remark",
    "id",
)
# A cell that begins so is run as a formula by spreadsheets; a sender chooses the name of a file.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(images: Sequence[ExaminationOut]) -> str:
    """Return the examinations as one JSON document."""
    content = {"images": [image.model_dump(mode="json") for image in images]}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def as_csv(images: Sequence[ExaminationOut]) -> str:
    """Return the examinations as CSV with a header, one a line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    for image in images:
        said = image.feedback
        row = image.model_dump(mode="json") | {
            "feedback": said.answer if said else None,
            "remark": said.remark if said else None,
        }
        writer.writerow({key: _cell(row[key]) for key in COLUMNS})
    return text.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
