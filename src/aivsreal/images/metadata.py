"""A file's metadata taken off, or a colour profile put on, byte for byte: no pixel is decoded or saved anew.

Both return None for a file whose kind or build does not allow that; its pixels must be saved anew then. Both
raise UnreadableImage for what is no picture.
"""

from __future__ import annotations

import struct
import zlib

from PIL import Image

from aivsreal.images import tags
from aivsreal.images.container import jpeg_segments, png_chunks, webp_chunks
from aivsreal.images.kinds import kind_of

_SOI = b"\xff\xd8"
_APP0, _APP1, _APP2, _APP14, _APP15, _COMMENT = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
_NO_FRAMES = (0xC4, 0xC8, 0xCC)
_ICC, _EXIF = b"ICC_PROFILE\0", b"Exif\0\0"
_MOST_ICC = 65_000  # of a JPEG's segment, whose length has 16 bits
# Beside the critical ones, the chunks of a PNG that change how it looks.
_SEEN_CHUNKS = (b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"acTL", b"fcTL", b"fdAT", b"cICP")
_SIDEWAYS = range(2, 9)
_VP8X_EXIF, _VP8X_XMP = 0x08, 0x04


def without_metadata(data: bytes) -> bytes | None:
    """Return a JPEG, PNG or WebP without EXIF, XMP, comments and all else that no viewer draws.

    The colour profile stays, and of EXIF the orientation: without them it would be another picture.
    """
    try:
        match kind_of(data):
            case "JPEG":
                return _bare_jpeg(data)
            case "PNG":
                return _bare_png(data)
            case "WEBP":
                return _bare_webp(data)
    except (struct.error, IndexError):
        return None
    return None


def with_profile(data: bytes, profile: bytes) -> bytes | None:
    """Return an RGB JPEG or PNG that names no colour profile, with this one (below 65,000 bytes) attached."""
    try:
        match kind_of(data):
            case "JPEG":
                return _profiled_jpeg(data, profile)
            case "PNG":
                return _profiled_png(data, profile)
    except (struct.error, IndexError):
        return None
    return None


def _bare_jpeg(data: bytes) -> bytes:
    kept, turned = [], b""
    for marker, segment in jpeg_segments(data):
        content = segment[4:]
        if marker == _APP1 and content.startswith(_EXIF):
            turned = turned or _orientation_only(content.removeprefix(_EXIF))
        elif _is_drawn(marker, content):
            kept.append(segment)
    parts = [_SOI, _segment(_APP1, _EXIF + turned) if turned else b"", *kept]
    return b"".join(parts)


def _is_drawn(marker: int, content: bytes) -> bool:
    """Adobe's segment says how colours are coded; the profile is the only one of APP2 that viewers use."""
    if marker == _APP2:
        return content.startswith(_ICC)
    return marker in (_APP0, _APP14) or not (_APP0 <= marker <= _APP15 or marker == _COMMENT)


def _profiled_jpeg(data: bytes, profile: bytes) -> bytes | None:
    segments = list(jpeg_segments(data))
    colours = next((s[9] for marker, s in segments if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES), 0)
    tagged = any(marker == _APP2 and segment[4:].startswith(_ICC) for marker, segment in segments)
    if tagged or colours != 3 or len(profile) > _MOST_ICC:
        return None
    first = 1 if segments[0][0] == _APP0 else 0  # JFIF wants to stand first
    whole = [segment for _, segment in segments]
    whole.insert(first, _segment(_APP2, _ICC + b"\x01\x01" + profile))
    return _SOI + b"".join(whole)


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _bare_png(data: bytes) -> bytes:
    kept = [data[:8]]
    for name, start, end in png_chunks(data):
        turned = _orientation_only(data[start : end - 4]) if name == b"eXIf" else b""
        if turned:
            kept.append(_chunk(b"eXIf", turned))
        if name[:1].isupper() or name in _SEEN_CHUNKS:
            kept.append(data[start - 8 : end])
    return b"".join(kept)


def _profiled_png(data: bytes, profile: bytes) -> bytes | None:
    chunks = list(png_chunks(data))
    is_grey = data[25] in (0, 4)
    if is_grey or any(name == b"iCCP" for name, _, _ in chunks):
        return None
    tag = _chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(profile))
    kept = [data[start - 8 : end] for name, start, end in chunks if name != b"sRGB"]
    return b"".join([data[:8], kept[0], tag, *kept[1:]])


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _bare_webp(data: bytes) -> bytes:
    kept = []
    for name, content in webp_chunks(data):
        if name == b"VP8X":
            content = bytes([content[0] & ~(_VP8X_EXIF | _VP8X_XMP)]) + content[1:]
        if name == b"EXIF":
            content = _orientation_only(content.removeprefix(_EXIF))
        if name != b"XMP " and content:
            kept.append((name, content))
    if any(name == b"EXIF" for name, _ in kept):
        kept = [(n, bytes([c[0] | _VP8X_EXIF]) + c[1:] if n == b"VP8X" else c) for n, c in kept]
    body = b"WEBP" + b"".join(
        struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)
        for name, content in kept
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _orientation_only(block: bytes) -> bytes:
    """Return an EXIF block that holds this one's orientation and nothing else; b"" for an upright picture."""
    orientation = tags.first_number(tags.read_tags(block, (tags.ORIENTATION,)), tags.ORIENTATION, 1)
    if orientation not in _SIDEWAYS:
        return b""
    exif = Image.Exif()
    exif[tags.ORIENTATION] = orientation
    return exif.tobytes().removeprefix(_EXIF)
