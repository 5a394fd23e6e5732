"""Which pictures stand in a set more than once: the same, nearly so, across splits, under both labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np

NEAR_BITS = 4
Cluster = list[int]
"""Positions of samples that show one picture, in the order of the set; always two or more."""

Hashes = np.ndarray[Any, np.dtype[np.uint64]]
# One band more than NEAR_BITS: two near hashes agree in at least one of them.
_BAND_BITS = (13, 13, 13, 13, 12)
_PAIRS_AT_ONCE = 2_000_000


def same(ids: Sequence[str]) -> list[Cluster]:
    """Return the clusters of equal ids; "" (unreadable) equals nothing."""
    places: defaultdict[str, Cluster] = defaultdict(list)
    for at, one in enumerate(ids):
        if one:
            places[one].append(at)
    return [cluster for cluster in places.values() if len(cluster) > 1]


def near(looks: Sequence[int | None], pixels: Sequence[str]) -> list[Cluster]:
    """Return the clusters of pictures whose perceptual hashes differ in at most 4 of 64 bits.

    One position stands for all files of the same pixels, so a cluster holds different files of one picture.
    """
    first: dict[str, int] = {}
    for at, look in enumerate(looks):
        if look is not None:
            first.setdefault(pixels[at], at)
    places = list(first.values())
    hashes = np.array([looks[at] for at in places], dtype=np.uint64)
    parents = list(range(len(places)))
    for one, other in near_pairs(hashes):
        parents[_root(parents, int(other))] = _root(parents, int(one))
    joined: defaultdict[int, Cluster] = defaultdict(list)
    for number, at in enumerate(places):
        joined[_root(parents, number)].append(at)
    return [cluster for cluster in joined.values() if len(cluster) > 1]


def near_pairs(hashes: Hashes, bits: int = NEAR_BITS) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return int64 [pairs, 2]: every pair of hashes that differs in at most `bits` (<= 4) bits, each once.

    Two hashes that differ in 4 bits agree in one of 5 bands of bits, so only pairs that share a band are
    compared: 120,000 hashes take seconds, not the minutes of all 7 billion pairs.
    """
    found: list[np.ndarray[Any, np.dtype[np.int64]]] = [np.empty((0, 2), dtype=np.int64)]
    shift = 0
    for width in _BAND_BITS:
        band = (hashes >> np.uint64(shift)) & np.uint64(2**width - 1)
        shift += width
        order = np.argsort(band, kind="stable")
        edges = np.flatnonzero(np.diff(band[order])) + 1
        for bucket in np.split(order, edges):
            found += _near_in_bucket(hashes, bucket, bits)
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def second_copies(clusters: Iterable[Cluster], of: Callable[[int], Hashable]) -> Counter[Any]:
    """Return, by value of `of` (a split, a label), how many pictures are not the first of their cluster."""
    counts: Counter[Any] = Counter()
    for cluster in clusters:
        for value, n in Counter(map(of, cluster)).items():
            counts[value] += n - 1
    return +counts


def crossing(clusters: Iterable[Cluster], of: Callable[[int], Hashable]) -> list[Cluster]:
    """Return the clusters whose members differ in `of`: in their split, in their label."""
    return [cluster for cluster in clusters if len(set(map(of, cluster))) > 1]


def leaks(
    clusters: Iterable[Cluster], split_of: Callable[[int], str], order: Sequence[str]
) -> dict[tuple[str, str], int]:
    """Return (earlier split, later split) -> how many pictures of the later also stand in the earlier one."""
    counts: Counter[tuple[str, str]] = Counter()
    for cluster in clusters:
        members = Counter(map(split_of, cluster))
        splits = sorted(members, key=order.index)
        for at, later in enumerate(splits):
            for earlier in splits[:at]:
                counts[earlier, later] += members[later]
    return dict(counts)


def _near_in_bucket(
    hashes: Hashes, bucket: np.ndarray[Any, np.dtype[np.int64]], bits: int
) -> list[np.ndarray[Any, np.dtype[np.int64]]]:
    """Return the near pairs within one bucket, comparing a bounded number of pairs at once."""
    if len(bucket) < 2:
        return []
    rows_at_once = max(1, _PAIRS_AT_ONCE // len(bucket))
    found = []
    for start in range(0, len(bucket), rows_at_once):
        rows = bucket[start : start + rows_at_once]
        distance = np.bitwise_count(hashes[rows][:, None] ^ hashes[bucket][None, :])
        one, other = np.nonzero(distance <= bits)
        later = other > one + start
        found.append(np.stack([rows[one[later]], bucket[other[later]]], axis=1))
    return found


def _root(parents: list[int], at: int) -> int:
    while parents[at] != at:
        parents[at] = parents[parents[at]]
        at = parents[at]
    return at
