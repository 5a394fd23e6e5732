"""How a file is put together, read without decoding: promised length, declared size, number of frames."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from aivsreal.images import tags

_MOST_BLOCKS = 1_000_000
_SCAN = 0xDA  # where the pixels of a JPEG begin


def promised_length(kind: str, data: bytes) -> int | None:
    """Return how many bytes the file says that it has, at least; None where its kind does not say."""
    try:
        match kind:
            case "PNG":
                return max((end for _, _, end in png_chunks(data)), default=None)
            case "WEBP":
                return 8 + int.from_bytes(data[4:8], "little")
            case "AVIF" | "HEIF":
                return _length_of_boxes(data)
            case "BMP":
                return int.from_bytes(data[2:6], "little")
            case "TIFF":
                return _length_of_tiff(data)
    except (struct.error, IndexError):
        return None
    return None


def declared_size(kind: str, data: bytes) -> tuple[int, int] | None:
    """Return (width, height) of GIF and WebP, whose decoders take memory as soon as they are made."""
    try:
        match kind:
            case "GIF":
                return _gif_size(data)
            case "WEBP":
                return _webp_size(data)
    except (struct.error, IndexError):
        return None
    return None


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, start of its content, end of the chunk) of each chunk; an end may lie beyond the file."""
    place = 8
    for _ in range(_MOST_BLOCKS):
        if place + 8 > len(data):
            return
        length, name = struct.unpack_from(">I4s", data, place)
        yield name, place + 8, place + 12 + length
        if name == b"IEND":
            return
        place += 12 + length


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (marker, its bytes) of a JPEG up to its scan, which comes with all that is left of the file.

    Raises: IndexError, struct.error where the file is not put together so.
    """
    place = 2
    while data[place] == 0xFF:
        if data[place + 1] == 0xFF:  # a fill byte
            place += 1
            continue
        marker = data[place + 1]
        if marker == _SCAN:
            yield marker, data[place:]
            return
        end = place + 2 + struct.unpack_from(">H", data, place + 2)[0]
        yield marker, data[place:end]
        place = end
    raise IndexError(place)


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (name, content) of each chunk of a WebP."""
    place = 12
    while place + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, place)
        yield name, data[place + 8 : place + 8 + length]
        place += 8 + length + length % 2


def boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, start of its content, end) of each outermost box of HEIF or AVIF; an end may lie beyond the file."""
    place = 0
    for _ in range(_MOST_BLOCKS):
        if place + 8 > len(data):
            return
        length, name = struct.unpack_from(">I4s", data, place)
        head = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, place + 8)
            head = 16
        if length < 8:  # 0: to the end of the file
            yield name, place + head, len(data)
            return
        yield name, place + head, place + length
        place += length


def png_exif(data: bytes) -> bytes:
    """Return the EXIF block of a PNG, which may stand behind its pixels; b"" where there is none."""
    return next((data[start : end - 4] for name, start, end in png_chunks(data) if name == b"eXIf"), b"")


def count_gif_frames(data: bytes) -> int:
    """Return the number of frames, at least 1."""
    return max(1, sum(1 for _ in _gif_frames(data)))


def count_tiff_pages(data: bytes) -> int:
    """Return the number of pages, at least 1 and at most 10,000."""
    return max(1, sum(1 for _ in tags.directories(data)))


def _gif_size(data: bytes) -> tuple[int, int] | None:
    """Return the screen's size, enlarged where the first frame reaches beyond it."""
    width, height = struct.unpack_from("<HH", data, 6)
    for left, top, across, down in _gif_frames(data):
        return max(width, left + across), max(height, top + down)
    return width, height


def _gif_frames(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield (left, top, width, height) of each frame."""
    try:
        place = 13 + _palette_length(data[10])
        for _ in range(_MOST_BLOCKS):
            match data[place : place + 1]:
                case b"!":
                    place = _after_blocks(data, place + 2)
                case b",":
                    left, top, across, down, flags = struct.unpack_from("<HHHHB", data, place + 1)
                    yield left, top, across, down
                    place = _after_blocks(data, place + 11 + _palette_length(flags))
                case b";" | b"":
                    return
                case _:
                    place += 1  # Pillow steps over stray bytes, too
    except (struct.error, IndexError):
        return


def _palette_length(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 128 else 0


def _after_blocks(data: bytes, place: int) -> int:
    """Return where a chain of length-led blocks ends; IndexError where it runs out or never does."""
    for _ in range(_MOST_BLOCKS):
        length = data[place]
        place += 1 + length
        if not length:
            return place
    raise IndexError(place)


def _webp_size(data: bytes) -> tuple[int, int] | None:
    match data[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
    return None


def _length_of_boxes(data: bytes) -> int:
    return max((end for _, _, end in boxes(data)), default=0)


def _length_of_tiff(data: bytes) -> int | None:
    wanted = (tags.STRIP_OFFSETS, tags.STRIP_BYTES, tags.TILE_OFFSETS, tags.TILE_BYTES)
    found = tags.read_tags(data, wanted)
    numbers = {tag: value for tag, value in found.items() if isinstance(value, tuple)}
    ends = [
        offset + length
        for starts, lengths in (wanted[:2], wanted[2:])
        for offset, length in zip(numbers.get(starts, ()), numbers.get(lengths, ()), strict=False)
    ]
    layout = tags.layout_of(data)
    if layout and layout.first >= len(data):
        ends.append(layout.first + 6)  # the directory itself is beyond the end
    return max(ends, default=None)
