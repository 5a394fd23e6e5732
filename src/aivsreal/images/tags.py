"""The tag directories of TIFF, which EXIF and the index of multi-picture JPEGs use too.

Read here because Pillow's reader warns about damaged ones, and reads all tags where three are wanted.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from typing import NamedTuple

SUBFILE, MAKE, MODEL, ORIENTATION = 254, 271, 272, 274
STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES = 273, 279, 324, 325
SUB_IFDS, EXIF_IFD, DNG_VERSION, MP_NUMBER = 330, 34665, 50706, 0xB001

_FORMS = {1: "B", 2: "s", 3: "H", 4: "I", 7: "s", 13: "I", 16: "Q"}  # TIFF type -> struct letter
_MOST_DIRECTORIES = 10_000


class Layout(NamedTuple):
    """Where numbers and directories stand in a TIFF block."""

    endian: str
    big: bool
    first: int


def layout_of(block: bytes) -> Layout | None:
    """Return how a TIFF block is written, or None where it is none."""
    endian = {b"II": "<", b"MM": ">"}.get(block[:2])
    if endian is None or len(block) < 8:
        return None
    (version,) = struct.unpack_from(endian + "H", block, 2)
    if version == 43 and len(block) >= 16:
        return Layout(endian, True, struct.unpack_from(endian + "Q", block, 8)[0])
    if version == 42:
        return Layout(endian, False, struct.unpack_from(endian + "I", block, 4)[0])
    return None


def read_tags(block: bytes, wanted: Collection[int]) -> dict[int, tuple[int, ...] | bytes]:
    """Return the wanted tags of a TIFF block's first directory: numbers, or bytes for text.

    Damaged or missing tags are left out; a damaged block gives an empty dict.
    """
    layout = layout_of(block)
    if layout is None:
        return {}
    found: dict[int, tuple[int, ...] | bytes] = {}
    count_form, entry_form = ("Q", "HHQ") if layout.big else ("H", "HHI")
    offset_form = "Q" if layout.big else "I"
    head = struct.calcsize("=" + count_form)
    entry_size, value_size = (20, 8) if layout.big else (12, 4)
    try:
        (n_entries,) = struct.unpack_from(layout.endian + count_form, block, layout.first)
        for index in range(n_entries):
            entry = layout.first + head + index * entry_size
            tag, kind, count = struct.unpack_from(layout.endian + entry_form, block, entry)
            if tag not in wanted or kind not in _FORMS or count > len(block):
                continue
            form = f"{layout.endian}{count}{_FORMS[kind]}"
            place = entry + entry_size - value_size
            if struct.calcsize(form) > value_size:
                (place,) = struct.unpack_from(layout.endian + offset_form, block, place)
            value = _value(form, block, place)
            if value is not None:
                found[tag] = value
    except (struct.error, OverflowError):
        pass  # the directory runs out of the block: what stood before it counts
    return found


def _value(form: str, block: bytes, place: int) -> tuple[int, ...] | bytes | None:
    try:
        values = struct.unpack_from(form, block, place)
    except (struct.error, OverflowError):
        return None
    return values[0] if form.endswith("s") else values


def directories(block: bytes) -> Iterator[int]:
    """Yield the place of each directory (a page of a TIFF file), at most 10,000, none twice."""
    layout = layout_of(block)
    seen: set[int] = set()
    place = layout.first if layout else 0
    while layout and place and place not in seen and len(seen) < _MOST_DIRECTORIES:
        seen.add(place)
        try:
            if layout.big:
                (n_entries,) = struct.unpack_from(layout.endian + "Q", block, place)
                following = struct.unpack_from(layout.endian + "Q", block, place + 8 + 20 * n_entries)
            else:
                (n_entries,) = struct.unpack_from(layout.endian + "H", block, place)
                following = struct.unpack_from(layout.endian + "I", block, place + 2 + 12 * n_entries)
        except (struct.error, OverflowError):
            return
        yield place
        place = following[0]


def first_number(tags: dict[int, tuple[int, ...] | bytes], tag: int, default: int) -> int:
    """Return a tag's first number, or `default` where it is missing or text."""
    value = tags.get(tag)
    return value[0] if isinstance(value, tuple) and value else default


def text(tags: dict[int, tuple[int, ...] | bytes], tag: int) -> str:
    """Return a tag's text, printable characters only, at most 64; "" where it is missing."""
    value = tags.get(tag)
    if not isinstance(value, bytes):
        return ""
    words = value.split(b"\0")[0].decode("utf-8", "replace")
    return "".join(letter for letter in words if letter.isprintable()).strip()[:64].strip()
