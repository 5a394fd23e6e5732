"""Any kind of colour to what the network sees: 8-bit sRGB on white."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_MOST_PROFILE_BYTES = 16 * 2**20
_PROFILE_DATE, _FIXED_DATE = slice(24, 36), bytes([7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])  # 2000-01-01
_SAME = 3  # levels by which a profile may differ from sRGB and still be it; writers round differently


def to_srgb(image: Image.Image) -> Image.Image:
    """Return a decoded picture of any mode as RGB: ICC profile applied, transparency flattened on white.

    16-bit, 32-bit and floating point greys are scaled to 8 bits. A profile that is broken, or made for
    another kind of colour, is ignored. Pixels whose profile is sRGB in all but name stay untouched.
    """
    profile = image.info.get("icc_profile")
    if image.mode == "RGB" and not profile and "transparency" not in image.info:
        return image
    if image.mode in _DEEP:
        image = _eight_bits(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        base, alpha = rgba.convert("RGB"), rgba.getchannel("A")
    else:
        base, alpha = image, None
    rgb = _apply_profile(base, profile) if profile else base.convert("RGB")
    if alpha is None:
        return rgb
    white = Image.new("RGB", rgb.size, "white")
    white.paste(rgb, mask=alpha)
    return white


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """Return an ICC profile of sRGB, some 600 bytes, the same each time."""
    from PIL import ImageCms

    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[_PROFILE_DATE] = _FIXED_DATE  # else the bytes would tell the time
    return bytes(made)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return a deep grey picture as L, or as LA where one value stands for nothing."""
    values = np.asarray(image)
    grey = Image.fromarray(_scale(values))
    nothing = image.info.get("transparency")
    if isinstance(nothing, int):
        grey.putalpha(Image.fromarray(np.where(values == nothing, 0, 255).astype(np.uint8)))
    return grey


def _scale(values: np.ndarray) -> np.ndarray:
    """Return uint8: 16-bit words by their high byte, others by the smallest usual range that holds them."""
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return (values >> 8).astype(np.uint8)
    numbers = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    top = float(numbers.max())
    ranges = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
    whole = next((limit for limit in ranges if top <= limit), top)
    scaled: np.ndarray = np.clip(numbers * (255.0 / whole) + 0.5, 0, 255).astype(np.uint8)
    return scaled


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image:
    mode = {"CMYK": "CMYK", "L": "L", "1": "L", "LA": "L"}.get(image.mode, "RGB")
    transform = _transform(profile, mode) if len(profile) <= _MOST_PROFILE_BYTES else None
    if transform is None and mode == "L":
        mode, transform = "RGB", _transform(profile, "RGB")
    if transform is None:
        return image.convert("RGB")
    from PIL import ImageCms

    result = ImageCms.applyTransform(image.convert(mode), transform)
    return result if result is not None else image.convert("RGB")


@lru_cache(maxsize=4)
def _transform(profile: bytes, mode: str) -> Any | None:
    """Return the way from a profile's colours to sRGB; None where it does not fit or changes nothing."""
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != {"CMYK": "CMYK", "L": "GRAY", "RGB": "RGB"}[mode]:
            return None
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        if mode == "CMYK":
            return transform
        samples = _samples(mode)
        changed = ImageCms.applyTransform(samples, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    before, after = np.asarray(samples.convert("RGB"), int), np.asarray(changed, int)
    return transform if np.abs(before - after).max() > _SAME else None


def _samples(mode: str) -> Image.Image:
    """Return a small picture that holds colours from all over the cube, or all greys."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    return Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3))
