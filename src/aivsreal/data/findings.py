"""What an audit found, said in sentences: what is so, how bad it is, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

from aivsreal.data.probe import Probe
from aivsreal.data.scan import SMALLEST_HASHED_SIDE

if TYPE_CHECKING:
    from aivsreal.data.audit import Audit, Copies
    from aivsreal.data.counts import Telling

Level = Literal["problem", "warning", "note"]
_NAMES = {
    "file size": "File size",
    "bytes a pixel": "Bytes a pixel",
    "size": "Size in pixels",
    "aspect ratio": "Aspect ratio",
    "format": "File format",
    "quality": "Compression (JPEG quality and subsampling)",
    "metadata": "The presence of EXIF or a colour profile",
    "all": "Size, aspect, format and compression together",
}
_TOLD = {"unclear": "may tell", "some": "helps to tell", "strong": "alone tells"}
_TOLD_BY_ALL = {"unclear": "may tell", "some": "help to tell", "strong": "tell"}
_LOPSIDED = 3.0


class Finding(BaseModel, frozen=True):
    """One sentence on what is so, and one on what to do about it."""

    level: Level
    what: str
    advice: str


def findings(result: Audit) -> list[Finding]:
    """Return the findings of an audit, problems first."""
    order = {"problem": 0, "warning": 1, "note": 2}
    return sorted(_all(result), key=lambda finding: order[finding.level])


def _all(result: Audit) -> Iterator[Finding]:
    by_measure = {c.measure: c for c in result.copies}
    yield from _unreadable(result)
    yield from _exact(by_measure["pixels"])
    yield from _near(by_measure["look"], result)
    yield from _groups(result)
    yield from _classes(result)
    yield from _shortcuts(result)
    yield from _telling(result)


def _unreadable(result: Audit) -> Iterator[Finding]:
    if result.unreadable:
        first = result.unreadable[0]
        yield Finding(
            level="problem",
            what=f"Unreadable: {_count(len(result.unreadable), 'picture')}, the first is {first.key}: "
            f"{first.reason}",
            advice="replace or remove them; training refuses what it cannot read",
        )


def _exact(same: Copies) -> Iterator[Finding]:
    if same.both_labels:
        yield Finding(
            level="problem",
            what=f"Under both labels with the same pixels: {_count(same.both_labels, 'picture')}",
            advice="one of the labels is wrong: decide, and remove the other record",
        )
    for leak in same.leaks:
        yield Finding(
            level="problem",
            what=f"{_count(leak.pictures, 'picture')} of {_split(leak.of_split)} also in "
            f"{_split(leak.also_in)}, with the same pixels",
            advice=f"report figures on {_split(leak.of_split)} without them; `aivsreal evaluate` gives both "
            "(leak_free)",
        )
    for split, number in same.within_split.items():
        yield Finding(
            level="warning",
            what=f"{_split(split)} holds {_count(number, 'second copy', 'second copies')} (same pixels)",
            advice="training and validation leave them out; count them once in figures",
        )
    if not same.second_copies:
        yield Finding(
            level="note", what="No picture stands in the set twice with the same pixels.", advice=""
        )


def _near(near: Copies, result: Audit) -> Iterator[Finding]:
    skipped = result.copies[1].compared - near.compared
    if skipped:
        yield Finding(
            level="note",
            what=f"Not compared by look: {_count(skipped, 'picture')} under {SMALLEST_HASHED_SIDE} px or plain, "
            "where different pictures look alike",
            advice="equal pixels were still found among them",
        )
    if near.both_labels:
        yield Finding(
            level="warning",
            what=f"Near copies under both labels: {_count(near.both_labels, 'picture')}",
            advice="fine where an AI picture reconstructs a real one (keep such pairs in one group); "
            "else a label is wrong",
        )
    for leak in near.leaks:
        yield Finding(
            level="warning",
            what=f"{_split(leak.of_split)} has {_count(leak.pictures, 'near copy', 'near copies')} of pictures "
            f"in {_split(leak.also_in)}",
            advice="look at them in the report; put near copies into one group, and one split",
        )
    if near.second_copies:
        yield Finding(
            level="note",
            what=f"{_count(near.second_copies, 'near copy', 'near copies')} among {near.compared:,} pictures "
            "compared by look",
            advice="name them in a `group` column, so that no split cuts through them",
        )


def _groups(result: Audit) -> Iterator[Finding]:
    if result.straddling_groups:
        yield Finding(
            level="problem",
            what=f"In more than one split: {_count(result.straddling_groups, 'group')}",
            advice="move each group into one split: its members are not independent",
        )


def _classes(result: Audit) -> Iterator[Finding]:
    real, ai = result.counts.real, result.counts.ai
    if not real or not ai:
        missing = "AI pictures" if real else "real pictures"
        yield Finding(
            level="problem", what=f"There are no {missing}", advice="nothing can be learnt or measured"
        )
    elif max(real, ai) > _LOPSIDED * min(real, ai):
        yield Finding(
            level="warning",
            what=f"The classes are lopsided: {real:,} real, {ai:,} AI",
            advice="training weighs the classes; read balanced accuracy and AUC, not accuracy",
        )


def _shortcuts(result: Audit) -> Iterator[Finding]:
    if result.probe is None:
        yield Finding(
            level="note",
            what="Shortcuts were not probed: fewer than 20 readable pictures of a class",
            advice="",
        )
        return
    told = [one for one in result.probe.probes if one.strength != "none"]
    yield from (_shortcut(one) for one in told)
    if not told:
        highest = max(result.probe.probes, key=lambda one: one.auc)
        yield Finding(
            level="note",
            what="No shortcut in size, format or compression: at best "
            f"{highest.feature} gives AUC {_short(highest.auc)} ({_interval(highest)})",
            advice="",
        )


def _shortcut(found: Probe) -> Finding:
    name = _NAMES.get(found.feature, found.feature.capitalize())
    told = _TOLD_BY_ALL[found.strength] if found.feature == "all" else _TOLD[found.strength]
    name = f"{name} of the original files" if found.of == "original" else name
    unsure = "; too few sources to be sure" if found.strength == "unclear" else ""
    return Finding(
        level="warning" if found.strength in ("some", "strong") else "note",
        what=f"{name} {told} the classes apart (AUC {_short(found.auc)}, {_interval(found)}{unsure})",
        advice=found.advice,
    )


def _telling(result: Audit) -> Iterator[Finding]:
    """One finding a column, its values with most records first."""
    for column in dict.fromkeys(one.column for one in result.telling):
        ones = [one for one in result.telling if one.column == column]
        said = "; ".join(
            _said(ones, label) for label in ("ai", "real") if any(o.label == label for o in ones)
        )
        yield Finding(
            level="warning",
            what=f"`{column}` gives the class away: {said}",
            advice=f"measure without these values first (--where {column}!={ones[0].value}): a network that "
            f"recognises them looks better than it is",
        )


def _said(ones: list[Telling], label: str) -> str:
    mine = [one for one in ones if one.label == label]
    named = ", ".join(f"{one.value} ({one.records:,})" for one in mine[:4]) + (
        ", ..." if len(mine) > 4 else ""
    )
    always = "always" if all(one.share == 1 for one in mine) else "nearly always"
    return f"{named} {always} {'AI' if label == 'ai' else 'real'}"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _split(split: str) -> str:
    return f"`{split}`" if split else "the records without a split"


def _short(auc: float) -> str:
    return f"{auc:.2f}"


def _interval(found: Probe) -> str:
    return f"95 % {found.low:.2f} to {found.high:.2f}"
