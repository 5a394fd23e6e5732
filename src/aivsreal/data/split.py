"""Who goes into train, validation and test: groups and copies stay together, and adding data moves nobody.

A group is one `group` value of the data, or all files of the same pixels, and whatever these join. Its place
is a hash of its own name, never of its position, so a picture keeps its split when others are added.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from aivsreal.data.contents import content_ids, pixel_ids
from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.errors import BadData

__all__ = ["content_ids", "group_ids", "leaked_and_copies", "pixel_ids", "with_validation"]


def with_validation(
    labelled: LabelledSet, *, fraction: float = 0.1, drop_copies: bool = True, seed_text: str = ""
) -> LabelledSet:
    """Return the set with a `val` split cut from `train`, the same fraction of each class.

    A set that has `val` comes back unchanged; one without any split becomes train, val and test (80/10/10 at
    the default fraction). Other splits are never touched.
    drop_copies: leave out of training every second file of the same pixels and label
    seed_text: another text gives another cut
    Raises: BadData where there is nothing to cut from, or a class is a single group.
    """
    splits = set(labelled.splits)
    if "val" in splits:
        return labelled
    if not splits & {"", "train"}:
        raise BadData(f"{labelled.name} has no train split", hint=f"it has: {', '.join(labelled.splits)}")
    pool = "train" if "train" in splits else ""
    parts = {"val": fraction} if len(splits) > 1 or pool else {"val": fraction, "test": fraction}
    kept = [s for s in labelled.samples if s.split == pool]
    others = [s for s in labelled.samples if s.split != pool]
    pixels = pixel_ids(kept)
    if drop_copies:
        first = _firsts(zip(pixels, (s.label for s in kept), strict=True), skip="")
        kept, pixels = [kept[i] for i in first], [pixels[i] for i in first]
    groups = group_ids(kept, pixels)
    places = _places(kept, groups, parts, seed_text, labelled.name)
    cut = [dataclasses.replace(s, split=places[group]) for s, group in zip(kept, groups, strict=True)]
    return labelled.with_samples([*cut, *others])


def group_ids(samples: Sequence[Sample], pixels: Sequence[str] | None = None) -> list[str]:
    """Return the name of each sample's group: its `group` column and equal pixels, joined where they overlap.

    pixels: pixel_ids(samples), where the caller has them already
    """
    pixels = pixel_ids(samples) if pixels is None else pixels
    parents: dict[str, str] = {}
    names = []
    for sample, pixel_id in zip(samples, pixels, strict=True):
        by_pixels = f"pixels {pixel_id}" if pixel_id else f"key {sample.key}"
        group = sample.columns.get("group")
        names.append(by_pixels if group is None else f"group {group}")
        _join(parents, names[-1], by_pixels)
    return [_root(parents, name) for name in names]


def leaked_and_copies(labelled: LabelledSet, split: str = "test") -> tuple[list[int], list[int]]:
    """Return two lists of positions in the set: samples of `split` that leaked, and second copies within it.

    Leaked: the same pixels also stand in train or val. A sample may be in both lists; without all of them the
    split is leak-free.
    """
    places = [i for i, s in enumerate(labelled.samples) if s.split == split]
    learned = [s for s in labelled.samples if s.split in ("train", "val") and s.split != split]
    seen = set(pixel_ids(learned)) - {""}
    ids = pixel_ids(labelled.samples[i] for i in places)
    leaked = [place for place, pixel_id in zip(places, ids, strict=True) if pixel_id in seen]
    first = set(_firsts(ids, skip=""))
    return leaked, [place for at, place in enumerate(places) if at not in first]


def _firsts(ids: Iterable[Any], *, skip: Any) -> list[int]:
    """Return the positions of the first of each id; ids that are `skip` (unreadable) all count as first."""
    seen: set[Any] = set()
    first = []
    for at, one in enumerate(ids):
        empty = (one[0] if isinstance(one, tuple) else one) == skip
        if empty or one not in seen:
            first.append(at)
            seen.add(one)
    return first


def _places(
    samples: Sequence[Sample], groups: Sequence[str], parts: dict[str, float], seed_text: str, name: str
) -> dict[str, str]:
    """Return group -> split. Each part gets the groups whose hash falls in its stretch of 0..1.

    In a small set the hash may starve a part of a class: then it takes the next groups by hash until it has
    at least half of what it should have.
    """
    heights = {group: _height(group, seed_text) for group in groups}
    ordered = sorted(heights, key=heights.__getitem__)
    places: dict[str, str] = {}
    lower = 0.0
    for part, fraction in parts.items():
        places |= {g: part for g in ordered if lower <= heights[g] < lower + fraction}
        lower += fraction
    counts = _class_counts(samples, groups)
    for part, fraction in parts.items():
        for label in (0, 1):
            _fill_up(part, fraction, label, ordered, counts, places, name)
    return {group: places.get(group, "train") for group in ordered}


def _fill_up(
    part: str,
    fraction: float,
    label: int,
    ordered: Sequence[str],
    counts: dict[str, list[int]],
    places: dict[str, str],
    name: str,
) -> None:
    total = sum(count[label] for count in counts.values())
    wanted = max(1, round(total * fraction / 2)) if total else 0
    have = sum(counts[group][label] for group, place in places.items() if place == part)
    free = [group for group in ordered if group not in places and counts[group][label]]
    while have < wanted and len(free) > 1:
        group = free.pop(0)
        places[group] = part
        have += counts[group][label]
    if total and (have == 0 or not free):
        raise BadData(
            f"the {'AI' if label else 'real'} pictures of {name} are too few groups to cut {part} from them",
            hint="add pictures, or name the splits yourself in folders train, val and test",
        )


def _class_counts(samples: Sequence[Sample], groups: Sequence[str]) -> dict[str, list[int]]:
    counts: dict[str, list[int]] = {group: [0, 0] for group in groups}
    for sample, group in zip(samples, groups, strict=True):
        counts[group][sample.label] += 1
    return counts


def _height(group: str, seed_text: str) -> float:
    """Return a number in 0..1 that depends on nothing but the group's name and the seed text."""
    digest = hashlib.sha256(f"{seed_text}\n{group}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def _join(parents: dict[str, str], one: str, other: str) -> None:
    """Put two names under one root; a `group` name sorts before a `pixels` name and becomes the root."""
    low, high = sorted((_root(parents, one), _root(parents, other)))
    parents[high] = low


def _root(parents: dict[str, str], name: str) -> str:
    while (parent := parents.get(name, name)) != name:
        grandparent = parents.get(parent, parent)
        parents[name] = grandparent
        name = grandparent
    return name
