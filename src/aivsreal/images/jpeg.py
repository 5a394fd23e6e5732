"""What a JPEG tells of itself: the quality it was saved at, how its colours were thinned out, its scans."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

# ITU-T T.81 (1992), table K.1: the luminance table that the Independent JPEG Group's encoder scales.
_LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
).ravel()


def _scaled_tables() -> np.ndarray:
    """Return int [100, 64]: the luminance table at quality 1 to 100, as libjpeg scales it."""
    quality = np.arange(1, 101)
    percent = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    tables: np.ndarray = np.clip((_LUMINANCE * percent[:, None] + 50) // 100, 1, 255)
    return tables


_TABLES = _scaled_tables()


def estimate_quality(luminance: Sequence[int]) -> int:
    """Return the IJG quality, 1 to 100, whose luminance table is nearest to this one (64 numbers by rows)."""
    distance = np.abs(_TABLES - np.asarray(luminance)).sum(axis=1)
    return int(distance.argmin()) + 1


def subsampling_of(layers: Sequence[tuple[int, int, int, int]]) -> str | None:
    """Return "4:2:0" and the like from Pillow's (id, horizontal, vertical, table) of each layer."""
    if len(layers) == 1:
        return "4:0:0"
    if len(layers) < 3 or not all(horizontal and vertical for _, horizontal, vertical, _ in layers[:2]):
        return None
    (_, across, down, _), (_, colour_across, colour_down, _) = layers[:2]
    names = {
        (1, 1): "4:4:4",
        (2, 1): "4:2:2",
        (2, 2): "4:2:0",
        (1, 2): "4:4:0",
        (4, 1): "4:1:1",
        (4, 2): "4:1:0",
    }
    return names.get((across // colour_across, down // colour_down))


# A marker within compressed data: not a stuffed byte, not a restart, not a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_NO_LENGTH = (0x01, 0xD8)
_START_OF_SCAN, _END = 0xDA, 0xD9
# A progressive JPEG of any encoder has about ten scans. Each is a pass over all pixels, however short it is.
MOST_SCANS = 100
_MOST_MARKERS = 10_000


def has_too_many_scans(data: bytes) -> bool:
    """Return whether decoding this JPEG would take passes without end; one that is damaged may say either."""
    scans, place = 0, 2
    for _ in range(_MOST_MARKERS):
        found = _MARKER.search(data, place)
        if found is None or (marker := data[found.end() - 1]) == _END:
            return False
        scans += marker == _START_OF_SCAN
        if scans > MOST_SCANS:
            return True
        place = found.end()
        if marker not in _NO_LENGTH:
            place += int.from_bytes(data[place : place + 2])
    return True
