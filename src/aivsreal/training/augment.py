"""What happens to a training picture before the network sees it: geometry, compression, colour, occlusion.

Nothing here ever looks at the label (design decision 6): both classes pass the same random chain, so that
size, format and compression teach the network nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from aivsreal.images import encode, open_picture, resize
from aivsreal.training.recipe import AugmentSection

Pixels = NDArray[np.uint8]

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def augment(pixels: Pixels, section: AugmentSection, size: int, rng: np.random.Generator) -> Pixels:
    """Return a training view, uint8 [size, size, 3], of `pixels`: uint8 [h, w, 3]."""
    view = _geometry(pixels, section, size, rng)
    if rng.random() < section.flip:
        view = view[:, ::-1]
    if section.shift:
        view = _shift(view, section.shift, rng)
    if rng.random() < section.rotate:
        view = _affine(view, rng.uniform(-1, 1) * section.rotate_degrees, 1.0, (0.0, 0.0))
    if rng.random() < section.affine:
        view = _random_affine(view, section, rng)
    if rng.random() < section.colour:
        view = _colour(view, section, rng)
    if rng.random() < section.grey:
        view = np.repeat(_luminance(view)[..., None], 3, axis=2).astype(np.uint8)
    if rng.random() < section.blur:
        view = _blur(view, rng.uniform(0.1, 1.0) * section.blur_sigma)
    if rng.random() < section.noise:
        view = _noise(view, rng.uniform(0.1, 1.0) * section.noise_sigma, rng)
    if rng.random() < section.cutout:
        view = _cutout(view, section.cutout_holes, section.cutout_size, rng)
    return np.array(view, order="C")


def compress(pixels: Pixels, section: AugmentSection, rng: np.random.Generator) -> Pixels:
    """Return `pixels` as one random compression leaves them: JPEG or WebP, quality and subsampling drawn."""
    quality = int(rng.integers(section.quality_low, section.quality_high + 1))
    if rng.random() < section.compress_webp:
        packed = encode(pixels, format="WEBP", quality=quality)
    else:
        packed = encode(
            pixels, format="JPEG", quality=quality, subsampling="4:2:0" if rng.random() < 0.75 else "4:4:4"
        )
    return open_picture(packed).pixels


def _geometry(pixels: Pixels, section: AugmentSection, size: int, rng: np.random.Generator) -> Pixels:
    kind = section.geometry
    if kind == "mixed":
        kind = "whole" if rng.random() < section.whole_share else "native"
    if kind == "squash":
        return resize(_deliver(pixels, section, rng), (size, size))
    if kind == "whole":
        return _whole(pixels, section, size, rng)
    return _native(pixels, section, size, rng)


def _native(pixels: Pixels, section: AugmentSection, size: int, rng: np.random.Generator) -> Pixels:
    """A crop at the resolution of the (possibly resized and compressed) file."""
    factor = _draw_factor(section, rng)
    # Only the part that will be looked at is resized and compressed; 16 pixels more let the
    # compression's 8-pixel grid start anywhere in the crop.
    wanted = int(np.ceil((size + 16) / factor))
    part = _random_crop(pixels, min(wanted, pixels.shape[0]), min(wanted, pixels.shape[1]), rng)
    return _fit(_compress_chain(_scale(part, factor), section, rng), size, rng)


def _whole(pixels: Pixels, section: AugmentSection, size: int, rng: np.random.Generator) -> Pixels:
    """A square over the whole short side, brought to `size`: what the whole-picture view sees."""
    side = min(pixels.shape[:2])
    square = _random_crop(pixels, side, side, rng)
    return resize(_deliver(square, section, rng), (size, size))


def _deliver(pixels: Pixels, section: AugmentSection, rng: np.random.Generator) -> Pixels:
    return _compress_chain(_scale(pixels, _draw_factor(section, rng)), section, rng)


def _draw_factor(section: AugmentSection, rng: np.random.Generator) -> float:
    if rng.random() >= section.resize:
        return 1.0
    return float(np.exp(rng.uniform(np.log(section.resize_low), np.log(section.resize_high))))


def _scale(pixels: Pixels, factor: float) -> Pixels:
    if factor == 1.0:
        return pixels
    height, width = pixels.shape[:2]
    return resize(pixels, (max(1, round(width * factor)), max(1, round(height * factor))))


def _compress_chain(pixels: Pixels, section: AugmentSection, rng: np.random.Generator) -> Pixels:
    """Zero, one or two compressions; the second starts its grid anew, as a cropped re-save does."""
    if rng.random() >= section.compress:
        return pixels
    pixels = compress(pixels, section, rng)
    if rng.random() >= section.compress / 2:
        return pixels
    top, left = rng.integers(0, 8, size=2)
    if min(pixels.shape[:2]) > 16:
        pixels = pixels[top:, left:]
    return compress(pixels, section, rng)


def _random_crop(pixels: Pixels, height: int, width: int, rng: np.random.Generator) -> Pixels:
    top = int(rng.integers(0, pixels.shape[0] - height + 1))
    left = int(rng.integers(0, pixels.shape[1] - width + 1))
    return pixels[top : top + height, left : left + width]


def _fit(pixels: Pixels, size: int, rng: np.random.Generator) -> Pixels:
    """A random crop of `size`, after mirroring at the edges where the picture is smaller than that."""
    short_height, short_width = (max(0, size - side) for side in pixels.shape[:2])
    if short_height or short_width:
        before = (short_height // 2, short_width // 2)
        pixels = np.pad(
            pixels,
            ((before[0], short_height - before[0]), (before[1], short_width - before[1]), (0, 0)),
            mode="symmetric",
        )
    return _random_crop(pixels, size, size, rng)


def _shift(view: Pixels, most: int, rng: np.random.Generator) -> Pixels:
    padded = np.pad(view, ((most, most), (most, most), (0, 0)), mode="reflect")
    return _random_crop(padded, view.shape[0], view.shape[1], rng)


def _random_affine(view: Pixels, section: AugmentSection, rng: np.random.Generator) -> Pixels:
    degrees = rng.uniform(-1, 1) * section.affine_degrees
    scale = 1 + rng.uniform(-1, 1) * section.affine_scale
    shift = rng.uniform(-1, 1, size=2) * section.affine_shift
    return _affine(view, degrees, scale, (float(shift[0]), float(shift[1])))


def _affine(view: Pixels, degrees: float, scale: float, shift: tuple[float, float]) -> Pixels:
    """Rotate, scale and shift about the centre, the outside filled by mirroring."""
    side = view.shape[0]
    margin = side // 2
    padded = np.pad(view, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    angle = np.deg2rad(degrees)
    cosine, sine = np.cos(angle) / scale, np.sin(angle) / scale
    centre = padded.shape[0] / 2
    across, down = centre + shift[0] * side, centre + shift[1] * side
    matrix = (
        cosine,
        sine,
        centre - cosine * across - sine * down,
        -sine,
        cosine,
        centre + sine * across - cosine * down,
    )
    turned = Image.fromarray(padded).transform(
        (padded.shape[1], padded.shape[0]), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    )
    whole: Pixels = np.asarray(turned)
    return whole[margin : margin + side, margin : margin + side]


def _colour(view: Pixels, section: AugmentSection, rng: np.random.Generator) -> Pixels:
    brightness, contrast, saturation = 1 + rng.uniform(-1, 1, size=3) * (
        section.brightness,
        section.contrast,
        section.saturation,
    )
    changed = view.astype(np.float32) * np.float32(brightness)
    grey = changed @ _LUMINANCE
    changed = grey[..., None] + (changed - grey[..., None]) * np.float32(saturation)
    changed = grey.mean() + (changed - grey.mean()) * np.float32(contrast)
    return _to_pixels(changed)


def _luminance(view: Pixels) -> NDArray[np.float32]:
    luminance: NDArray[np.float32] = view.astype(np.float32) @ _LUMINANCE
    return luminance


def _blur(view: Pixels, sigma: float) -> Pixels:
    return np.asarray(Image.fromarray(np.ascontiguousarray(view)).filter(ImageFilter.GaussianBlur(sigma)))


def _noise(view: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    noise = rng.standard_normal(view.shape, dtype=np.float32) * np.float32(sigma)
    return _to_pixels(view + noise)


def _to_pixels(values: NDArray[np.float32]) -> Pixels:
    pixels: Pixels = np.clip(values + 0.5, 0, 255).astype(np.uint8)
    return pixels


def _cutout(view: Pixels, holes: int, side: int, rng: np.random.Generator) -> Pixels:
    """Grey squares (DeVries and Taylor 2017, "Improved Regularization of CNNs with Cutout")."""
    view = view.copy()
    for _ in range(holes):
        top, left = (int(rng.integers(-side // 2, length - side // 2)) for length in view.shape[:2])
        view[max(0, top) : top + side, max(0, left) : left + side] = 127
    return view
