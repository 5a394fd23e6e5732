"""Narrowing a set by its columns: `--where style=photo`, `--where generator!=midjourney`, `--exclude year=2025`.

A condition compares a record's own value, written as text. A record without a value never equals anything:
`generator!=midjourney` keeps the photographs (no generator made them), `generator=midjourney` drops them.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.data.words import LABEL_NAMES, label_of, split_of
from aivsreal.errors import BadData, UsageError

# Joins the parts of one condition; with its blanks, since values may hold the sign.
AND = " & "


def narrowed(labelled: LabelledSet, conditions: Sequence[str]) -> LabelledSet:
    """Return the samples that meet every condition `COLUMN=VALUE` or `COLUMN!=VALUE`.

    Columns are `label`, `split` and all that the data names. Raises: UsageError for a malformed condition;
    BadData for an unknown column (naming the nearest) and where nothing is left.
    """
    for condition in conditions:
        labelled = _meeting(labelled, condition)
    return labelled


def without(labelled: LabelledSet, conditions: Sequence[str]) -> LabelledSet:
    """Return the samples that meet none of the conditions `COLUMN=VALUE` or `COLUMN=VALUE & COLUMN=VALUE`.

    Unlike `narrowed` with `!=`, a condition that no sample meets is an error: a misspelt name would leave in
    what a study must leave out. Raises: UsageError for a malformed condition; BadData for an unknown column, an
    unknown value, and where nothing is left.
    """
    left_out = {key for condition in conditions for key in _keys_of_all(labelled, condition)}
    kept = [sample for sample in labelled.samples if sample.key not in left_out]
    if not kept:
        raise BadData(
            f"nothing of {labelled.name} is left without {', '.join(conditions)}", hint="leave out less"
        )
    return labelled.with_samples(kept)


def set_apart(labelled: LabelledSet, condition: str) -> tuple[LabelledSet, LabelledSet]:
    """Return the samples that do not meet a condition `COLUMN=VALUE & COLUMN=VALUE`, and those that do.

    A recipe's condition is about data that need not be there: a column or a value that is unknown is met by none.
    Raises: UsageError for a malformed condition, and for `!=`.
    """
    parts = condition.split(AND)
    for part in parts:
        _require_equal(part)
    wanted = [(column, _canonical(column, value)) for column, _, value in map(_parsed, parts)]
    met = [all(_text(value_of(s, column)) == value for column, value in wanted) for s in labelled.samples]
    kept: list[Sample] = []
    apart: list[Sample] = []
    for sample, meets in zip(labelled.samples, met, strict=True):
        (apart if meets else kept).append(sample)
    return labelled.with_samples(kept), labelled.with_samples(apart)


def value_of(sample: Sample, column: str) -> Any:
    """Return what a sample says in a column, `label` ("ai" or "real") and `split` included; else None."""
    if column == "label":
        return LABEL_NAMES[sample.label]
    if column == "split":
        return sample.split or None
    return sample.columns.get(column)


def _meeting(labelled: LabelledSet, condition: str) -> LabelledSet:
    met = _matching(labelled, condition)
    return labelled.with_samples([s for s, meets in zip(labelled.samples, met, strict=True) if meets])


def _matching(labelled: LabelledSet, condition: str) -> list[bool]:
    """Return of each sample whether it meets the condition. Raises: as `narrowed`; BadData where none does."""
    column, equal, value = _parsed(condition)
    names = ("label", "split", *labelled.column_names)
    if column not in names:
        raise BadData(f"{labelled.name} has no column {column!r}", hint=nearest_hint(column, names))
    value = _canonical(column, value)
    met = [(_text(value_of(s, column)) == value) == equal for s in labelled.samples]
    if not any(met):
        values = sorted({str(v) for s in labelled.samples if (v := value_of(s, column)) is not None})
        near = difflib.get_close_matches(value, values, n=1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        shown = ", ".join(values[:8]) + (", ..." if len(values) > 8 else "")
        raise BadData(
            f"no record of {labelled.name} meets {condition!r}", hint=f"{meant}{column} is one of: {shown}"
        )
    return met


def _keys_of_all(labelled: LabelledSet, condition: str) -> set[str]:
    """Return the keys of the samples that meet every part of a condition. Raises: as `without`."""
    parts = condition.split(AND)
    for part in parts:
        _require_equal(part)
    met = zip(labelled.samples, *(_matching(labelled, part) for part in parts), strict=True)
    keys = {sample.key for sample, *all_met in met if all(all_met)}
    if not keys:
        raise BadData(
            f"no record of {labelled.name} meets {condition!r}", hint="its parts are met by others each"
        )
    return keys


def _require_equal(condition: str) -> None:
    """Pass `COLUMN=VALUE`. Raises: UsageError for `!=`, which would leave out all but one."""
    _, equal, _ = _parsed(condition)
    if not equal:
        raise UsageError(
            f"cannot leave out {condition!r}", hint="write COLUMN=VALUE, as in generator=midjourney"
        )


def first_column(candidates: Sequence[str], names: Sequence[str], place: object) -> str:
    """Return the first of the candidates that is among the names. Raises: BadData naming the nearest."""
    found = next((name for name in candidates if name in names), None)
    if found is None:
        raise BadData(f"{place} has no column {candidates[0]!r}", hint=nearest_hint(candidates[0], names))
    return found


def nearest_hint(word: str, names: Sequence[str]) -> str:
    """Return a hint that names what was probably meant, and all that there is."""
    near = difflib.get_close_matches(word, names, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"it has: {', '.join(names)}"


def _parsed(condition: str) -> tuple[str, bool, str]:
    column, sign, value = condition.partition("=")
    equal = not column.endswith("!")
    column = column.removesuffix("!").strip()
    if not sign or not column:
        raise UsageError(
            f"cannot follow the condition {condition!r}",
            hint="write COLUMN=VALUE or COLUMN!=VALUE, as in style=photo",
        )
    return column, equal, value.strip()


def _canonical(column: str, value: str) -> str:
    """`label=FAKE` and `split=valid` mean what they mean in the data."""
    if column == "label" and (label := label_of(value)) is not None:
        return LABEL_NAMES[label]
    return (split_of(value) or value) if column == "split" else value


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
