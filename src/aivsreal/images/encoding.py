"""Pixels to a file's bytes and to another size: the one encoder and the one resizer of the project."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from PIL import Image

Resample = Literal["lanczos", "bicubic", "bilinear", "area"]

# Larger pictures are handed to and from Pillow in bands of about so many pixels, which spares a whole copy.
BAND_PIXELS = 2_000_000

_FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
}
_SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")


def encode(
    pixels: np.ndarray,
    *,
    format: Literal["JPEG", "WEBP", "PNG"] = "JPEG",
    quality: int = 90,
    subsampling: str = "4:2:0",
) -> bytes:
    """Return the file that holds uint8 [h, w, 3] pixels, without any metadata.

    `quality` is 1 to 100 (PNG has none); `subsampling` is JPEG's ("4:4:4", "4:2:2" or "4:2:0").
    """
    if subsampling not in _SUBSAMPLINGS:
        raise ValueError(f"subsampling is one of {', '.join(_SUBSAMPLINGS)}, not {subsampling!r}")
    if not 1 <= quality <= 100:
        raise ValueError(f"quality is 1 to 100, not {quality}")
    image, stream = Image.fromarray(pixels), io.BytesIO()
    match format:
        case "JPEG":
            image.save(stream, "JPEG", quality=quality, subsampling=subsampling)
        case "WEBP":
            image.save(stream, "WEBP", quality=quality)
        case "PNG":
            image.save(stream, "PNG")
        case _:
            raise ValueError(f"format is JPEG, WEBP or PNG, not {format!r}")
    return stream.getvalue()


def resize(pixels: np.ndarray, size: tuple[int, int], *, resample: Resample = "lanczos") -> np.ndarray:
    """Return the pixels at `size` = (width, height), antialiased when they become fewer.

    Takes uint8 [h, w, 3], uint8 [h, w] and float32 [h, w] (heat maps), and gives the same kind.
    """
    if (pixels.shape[1], pixels.shape[0]) == tuple(size):
        return pixels
    if pixels.shape[0] * pixels.shape[1] > BAND_PIXELS and size[0] < pixels.shape[1]:
        pixels = _narrowed(pixels, size[0], resample)
    return np.asarray(Image.fromarray(pixels).resize(size, _FILTERS[resample]))


def _narrowed(pixels: np.ndarray, width: int, resample: Resample) -> np.ndarray:
    """Return the pixels at a smaller width, made band by band: Pillow's copy of a whole picture is a third
    larger than the picture itself.

    Pillow narrows a picture before it changes its height: doing so in two calls gives the same pixels.
    """
    height = pixels.shape[0]
    rows = max(1, BAND_PIXELS // pixels.shape[1])
    bands = (pixels[top : top + rows] for top in range(0, height, rows))
    return np.concatenate(
        [np.asarray(Image.fromarray(band).resize((width, len(band)), _FILTERS[resample])) for band in bands]
    )
