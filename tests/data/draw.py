"""Pictures drawn by code for the tests: photo-like pixels, and any pixels as a file of any format.

pixels = photo(320, 240, seed=1)
path = write(tmp_path / "a.jpg", pixels, quality=90, exif=exif_of(orientation=6))
data = as_bytes(pixels, "PNG")
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

FORMAT_OF_SUFFIX = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".mpo": "MPO",
    ".png": "PNG",
    ".webp": "WEBP",
    ".avif": "AVIF",
    ".heic": "HEIF",
    ".heif": "HEIF",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}

QUARTERS = (220, 30, 30), (30, 200, 40), (40, 50, 220), (230, 220, 40)

_ORIENTATION, _MAKE, _MODEL = 0x0112, 0x010F, 0x0110


def photo(width: int = 320, height: int = 240, seed: int = 0) -> np.ndarray:
    """Return uint8 [height, width, 3] that looks like a photograph to a codec: light, shapes, grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / max(width, 1), y / max(height, 1)
    slopes, start = rng.uniform(-90, 90, (2, 3)), rng.uniform(70, 180, 3)
    light = start + x[..., None] * slopes[0] + y[..., None] * slopes[1]
    for _ in range(6):
        _put_shape(light, x, y, rng)
    grain = rng.normal(0, rng.uniform(2, 6), (height, width, 3))
    return np.clip(light + grain, 0, 255).astype(np.uint8)


def quarters(width: int = 64, height: int = 48) -> np.ndarray:
    """Return uint8 [height, width, 3] of four quarters, red and green above blue and yellow: has an up."""
    pixels = np.zeros((height, width, 3), np.uint8)
    top, left = height // 2, width // 2
    pixels[:top, :left], pixels[:top, left:], pixels[top:, :left], pixels[top:, left:] = QUARTERS
    return pixels


def flat(width: int, height: int, colour: tuple[int, int, int] = (128, 128, 128)) -> np.ndarray:
    """Return uint8 [height, width, 3] of one colour."""
    return np.broadcast_to(np.uint8(colour), (height, width, 3)).copy()


def exif_of(orientation: int | None = None, make: str | None = None, model: str | None = None) -> bytes:
    """Return an EXIF block for `write(..., exif=...)`."""
    exif = Image.Exif()
    for tag, value in ((_ORIENTATION, orientation), (_MAKE, make), (_MODEL, model)):
        if value is not None:
            exif[tag] = value
    return exif.tobytes()


def as_bytes(pixels: np.ndarray | Image.Image, format: str, **options: Any) -> bytes:
    """Return the picture as a file of `format` (a name of Pillow's); `options` go to Pillow's encoder."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    if format == "HEIF":
        pillow_heif.register_heif_opener()
    stream = io.BytesIO()
    image.save(stream, format=format, **options)
    return stream.getvalue()


def write(
    path: str | Path, pixels: np.ndarray | Image.Image, *, format: str | None = None, **options: Any
) -> Path:
    """Return `path` after the picture stands there; the format follows from the suffix unless it is given."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_bytes(pixels, format or FORMAT_OF_SUFFIX[path.suffix.lower()], **options))
    return path


def png_of(width: int, height: int, *, depth: int, kind: int, packed: bytes) -> bytes:
    """Return a PNG from its header's numbers and its compressed rows; Pillow cannot write all of them."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)),
        (b"IDAT", packed),
        (b"IEND", b""),
    ]
    body = (
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def corners(pixels: np.ndarray) -> np.ndarray:
    """Return int [4, 3]: the colours in the middle of the four quarters."""
    height, width = pixels.shape[:2]
    rows, columns = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    return np.array([pixels[row, column] for row in rows for column in columns], int)


def difference(a: np.ndarray, b: np.ndarray | tuple[int, ...]) -> float:
    """Return the mean distance of two pictures, or of a picture from a colour, in levels."""
    return float(np.abs(a.astype(int) - np.asarray(b, int)).mean())


def _put_shape(light: np.ndarray, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> None:
    """Add a disc or a box with a soft rim and its own colour and texture."""
    centre_x, centre_y, radius = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9), rng.uniform(0.06, 0.3)
    across, along = np.abs(x - centre_x), np.abs(y - centre_y)
    distance = np.hypot(across, along) if rng.random() < 0.5 else np.maximum(across, along)
    cover = np.clip((radius - distance) * 40, 0, 1)[..., None]
    stripes = 12 * np.sin(x * rng.uniform(20, 120) + y * rng.uniform(20, 120))[..., None]
    light += cover * (rng.uniform(0, 255, 3) + stripes - light)
