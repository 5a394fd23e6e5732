"""A picture's first step: a path or bytes to upright sRGB pixels and the facts of the file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFile

from aivsreal.errors import UnreadableImage
from aivsreal.images import container, jpeg, plugins, tags
from aivsreal.images.colour import to_srgb
from aivsreal.images.encoding import BAND_PIXELS
from aivsreal.images.facts import Facts, collect_facts, read_exif
from aivsreal.images.kinds import kind_of
from aivsreal.images.limits import DEFAULT_LIMITS, Limits
from aivsreal.images.source import Source, read_source

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MOST_PROMISED = 2**31  # bytes; a file that claims to be longer is damaged rather than cut
_RARE = (  # how readers say that a file may be sound, but not for them
    "unsupported",
    "not supported",
    "not implemented",
    "cannot handle",
    "unknown pixel mode",
    "unknown data organization",
    "unknown number of samples",
)


@dataclass(frozen=True, slots=True)
class Picture:
    """`pixels`: uint8 [height, width, 3], sRGB, upright, on white, read-only.

    `scale` is 1.0, or 1/2, 1/4, 1/8 where a JPEG was decoded smaller than `facts.width` x `facts.height`.
    """

    pixels: np.ndarray
    facts: Facts
    scale: float = 1.0


def inspect(source: Source, *, limits: Limits = DEFAULT_LIMITS) -> Facts:
    """Return what a file tells about its picture, without decoding a pixel. Raises: UnreadableImage."""
    data = read_source(source, limits)
    with plugins.silence():
        return _open(kind_of(data), data, limits)[1]


def open_picture(
    source: Source, *, limits: Limits = DEFAULT_LIMITS, short_side: int | None = None
) -> Picture:
    """Return the picture of a file (a path, or its bytes): pixels and facts.

    Of an animation or a multi-page file, the first frame. With `short_side`, a JPEG may be decoded at
    1/2, 1/4 or 1/8, never so that its short side falls below that; with None at full size.

    Raises: UnreadableImage for everything that is no whole picture within the limits.
    """
    data = read_source(source, limits)
    kind = kind_of(data)
    with plugins.silence():
        image, facts, orientation = _open(kind, data, limits)
        full = image.size
        if kind == "JPEG" and short_side and min(full) >= 2 * short_side:
            image.draft(None, (short_side, short_side))
        expected = image.size
        rgb = _decode(kind, image, data, orientation)
    if sorted(rgb.size) != sorted(expected):  # HEIF: its reader may meet another size while decoding
        raise UnreadableImage(
            f"this {kind} file is damaged: its content is not the {full[0]} x {full[1]} pixels of its header",
            hint="save it again where it was made, or download it again",
        )
    scale = 1.0 if expected == full else 1.0 / round(full[0] / expected[0])
    return Picture(_pixels(rgb), facts, scale)


def _open(kind: str, data: bytes, limits: Limits) -> tuple[ImageFile.ImageFile, Facts, int]:
    """Return the opened file, its facts and its EXIF orientation, the limits checked from the header."""
    if declared := container.declared_size(kind, data):
        limits.check_size(*declared)
    try:
        image = plugins.open_header(kind, data)
        limits.check_size(*image.size)
        exif = read_exif(image, data)
        orientation = tags.first_number(exif, tags.ORIENTATION, 1)
        width, height = image.size
        upright = (height, width) if orientation in (5, 6, 7, 8) else (width, height)
        return image, collect_facts(image, data, upright, exif), orientation
    except UnreadableImage:
        raise
    except Exception as error:
        raise _refusal(kind, data, error) from error


def _decode(kind: str, image: ImageFile.ImageFile, data: bytes, orientation: int) -> Image.Image:
    """Return the decoded picture as upright RGB."""
    try:
        if kind == "JPEG" and jpeg.has_too_many_scans(data):
            raise plugins.TooManyPiecesError
        image.load()
        if orientation not in _TURNS:
            return to_srgb(image)
        turned = image.transpose(_TURNS[orientation])
        image.close()  # the caller still holds it; its pixels are not needed twice
        return to_srgb(turned)
    except Exception as error:
        raise _refusal(kind, data, error) from error


def _pixels(image: Image.Image) -> np.ndarray:
    """Return the pixels, read-only. Large pictures go band by band: at once takes twice the memory."""
    width, height = image.size
    if width * height <= 2 * BAND_PIXELS:
        return np.asarray(image)
    pixels = np.empty((height, width, 3), np.uint8)
    rows = max(1, BAND_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        band = image.resize((width, bottom - top), Image.Resampling.NEAREST, (0, top, width, bottom))
        pixels[top:bottom] = np.asarray(band)
    pixels.flags.writeable = False
    return pixels


def _refusal(kind: str, data: bytes, error: Exception) -> UnreadableImage:
    """Return our own error for what a decoder raised, which on foreign bytes may be nearly anything."""
    again = "download or copy it again"
    match error:
        case plugins.TooManyPiecesError():
            return UnreadableImage(
                f"this {kind} file is cut into absurdly many pieces", hint="do not trust it"
            )
        case MemoryError():
            return UnreadableImage("there is not enough memory for this picture", hint="save it smaller")
        case Image.DecompressionBombError():
            return UnreadableImage(
                f"this {kind} picture is larger than PIL.Image.MAX_IMAGE_PIXELS lets its reader go",
                hint="save it as JPEG or PNG, or raise that limit in the program that calls aivsreal",
            )
    promised = container.promised_length(kind, data)
    if promised and len(data) < promised < _MOST_PROMISED:
        at_least = "at least " if kind in ("PNG", "TIFF") else ""
        return UnreadableImage(
            f"this file ends after {len(data):,} of {at_least}{promised:,} bytes", hint=again
        )
    words = " ".join(f"{error}".split())[:120]
    if isinstance(error, (EOFError, IndexError)) or "truncated" in words.lower():
        return UnreadableImage(f"this {kind} file ends too early, after {len(data):,} bytes", hint=again)
    if any(word in words.lower() for word in _RARE):
        return UnreadableImage(
            f"this {kind} file is of a rare form that cannot be read ({words})",
            hint="save it as an ordinary JPEG or PNG first",
        )
    return UnreadableImage(f"this {kind} file is damaged: its content makes no picture", hint=again)
