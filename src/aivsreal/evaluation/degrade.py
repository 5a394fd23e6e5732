"""What happens to a picture on its way to a user, done to every picture of a set alike.

Each function takes pixels, uint8 [h, w, 3], and returns a file, since a file is what a user gets. An effect
that names no format is saved as PNG, so that nothing else is done to the picture. All are deterministic: what
is random is seeded by the picture itself.

    DEGRADATIONS  single ones, by name
    TIERS         `web` and `hard`; the tier `clean` is the file as it is
    HARMLESS      twelve changes that leave a picture the same to anybody who looks at it
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from aivsreal import images
from aivsreal.deliveries import Pixels, align, decoded, hard, jpeg, middle, scaled, web
from aivsreal.evaluation.rephotograph import rephotographed

Degradation = Callable[[Pixels], bytes]


def webp(pixels: Pixels, quality: int) -> bytes:
    """Return a lossy WebP of this quality."""
    return images.encode(pixels, format="WEBP", quality=quality)


def png(pixels: Pixels) -> bytes:
    """Return a PNG, which holds these very pixels."""
    return images.encode(np.ascontiguousarray(pixels), format="PNG")


def resized(pixels: Pixels, factor: float) -> bytes:
    """Return the picture at `factor` of its width and height (Lanczos)."""
    return png(scaled(pixels, factor))


def blurred(pixels: Pixels, sigma: float) -> bytes:
    """Return the picture under a Gaussian blur of this many pixels."""
    return png(_filtered(pixels, ImageFilter.GaussianBlur(sigma)))


def noisy(pixels: Pixels, sigma: float) -> bytes:
    """Return the picture with Gaussian noise of this deviation, in levels of 255, in each colour by itself."""
    rng = _seeded(pixels)
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(sigma)
    return png(np.clip(pixels + noise + 0.5, 0, 255).astype(np.uint8))


def sharpened(pixels: Pixels, percent: int) -> bytes:
    """Return the picture under an unsharp mask of radius 1 and this strength."""
    return png(_filtered(pixels, ImageFilter.UnsharpMask(radius=1, percent=percent, threshold=0)))


def cropped(pixels: Pixels, share: float) -> bytes:
    """Return the middle of the picture, this share of each side."""
    return png(middle(pixels, share))


def flipped(pixels: Pixels) -> bytes:
    """Return the picture mirrored left to right."""
    return png(pixels[:, ::-1])


def shifted(pixels: Pixels) -> bytes:
    """Return the picture without its first row and column: all else moves by a pixel, past every grid."""
    return png(pixels[min(1, pixels.shape[0] - 1) :, min(1, pixels.shape[1] - 1) :])


def screenshot(pixels: Pixels) -> bytes:
    """Return a shot of a page that shows the picture at 0.8 of its size, below a dark bar with a line of text."""
    shown = np.asarray(scaled(pixels, 0.8, resample="bilinear"))
    height, width = shown.shape[:2]
    margin, bar = max(4, width // 20), max(12, height // 8)
    page = Image.new("RGB", (width + 2 * margin, height + bar + 2 * margin), (250, 250, 250))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, page.width, bar - 1), fill=(32, 36, 44))
    draw.text((margin, bar // 4), "Photos", fill=(235, 235, 235), font=ImageFont.load_default(bar / 2))
    page.paste(Image.fromarray(shown), (margin, bar + margin))
    return png(np.asarray(page))


def screen_photo(pixels: Pixels) -> bytes:
    """Return a photograph of a screen that shows the picture, simulated (rephotograph.py), as JPEG 85."""
    return jpeg(rephotographed(pixels, _seeded(pixels)), 85)


def captioned(pixels: Pixels) -> bytes:
    """Return the picture with white, black-rimmed words across its lower part, as memes have them."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    size = max(8, picture.height // 10)
    place = (picture.width // 2, picture.height - size)
    ImageDraw.Draw(picture).text(
        place,
        "WHEN YOU SEE IT",
        fill="white",
        anchor="mm",
        font=ImageFont.load_default(size),
        stroke_width=max(1, size // 12),
        stroke_fill="black",
    )
    return png(np.asarray(picture))


def two_generations(pixels: Pixels) -> bytes:
    """Return the picture saved as JPEG 80, trimmed by 3 pixels (off the grid of blocks), saved as JPEG 70."""
    again = decoded(jpeg(pixels, 80))
    trim = min(3, min(again.shape[:2]) - 1)
    return jpeg(again[trim:, trim:], 70)


def shared(pixels: Pixels, long_side: int, quality: int) -> bytes:
    """Return what a service hands on: at most this long side (Lanczos), JPEG of this quality, 4:2:0.

    Telegram's 1,280 at quality 87 stand in its desktop client's source. The sizes of the other services are
    limits that are commonly stated, their qualities plain examples from the range of 70 to 85: services choose
    one by picture, and change it over the years. Pictures smaller than that keep their size.
    """
    return jpeg(scaled(pixels, min(1.0, long_side / max(pixels.shape[:2]))), quality)


def without_metadata(file: bytes, pixels: Pixels) -> bytes:
    """Return the file without its metadata: byte for byte where its kind allows that, else as PNG."""
    return images.without_metadata(file) or png(pixels)


def tagged_srgb(file: bytes, pixels: Pixels) -> bytes:
    """Return the file with a profile that says sRGB: byte for byte where there was none, else as PNG."""
    profile = images.srgb_profile()
    return images.with_profile(file, profile) or images.with_profile(png(pixels), profile) or png(pixels)


def delivered(name: str, file: bytes, pixels: Pixels) -> bytes:
    """Return a file as it arrives after "aligned" or a name of TIERS, DEGRADATIONS or HARMLESS.

    file: the picture as it is; pixels: its pixels, uint8 [h, w, 3]
    """
    if name in _OF_FILES:
        return _OF_FILES[name](file, pixels)
    return _OF_PIXELS[name](pixels)


TIERS: Mapping[str, Degradation] = {"web": web, "hard": hard}

DEGRADATIONS: Mapping[str, Degradation] = {
    **{f"jpeg-{quality}": partial(jpeg, quality=quality) for quality in (95, 85, 75, 65, 50, 35, 20)},
    **{f"webp-{quality}": partial(webp, quality=quality) for quality in (90, 75, 50)},
    **{f"resize-{factor}": partial(resized, factor=factor) for factor in (0.75, 0.5, 0.25, 1.5)},
    **{f"blur-{sigma}": partial(blurred, sigma=sigma) for sigma in (1, 2)},
    **{f"noise-{sigma}": partial(noisy, sigma=sigma) for sigma in (4, 10)},
    "sharpen": partial(sharpened, percent=150),
    **{f"crop-{share}": partial(cropped, share=share) for share in (0.8, 0.5)},
    "screenshot": screenshot,
    "screen-photo": screen_photo,
    "caption": captioned,
    "two-generations": two_generations,
    "telegram": partial(shared, long_side=1280, quality=87),
    "x": partial(shared, long_side=1200, quality=85),
    "facebook": partial(shared, long_side=2048, quality=80),
    "instagram": partial(shared, long_side=1080, quality=75),
    "whatsapp": partial(shared, long_side=1600, quality=70),
}

_HARMLESS_TO_PIXELS: Mapping[str, Degradation] = {
    "same-jpeg-95": partial(jpeg, quality=95),
    "same-jpeg-85": partial(jpeg, quality=85),
    "same-png": png,
    "same-webp-90": partial(webp, quality=90),
    "same-resize-0.75": partial(resized, factor=0.75),
    "same-resize-1.25": partial(resized, factor=1.25),
    "same-crop-0.95": partial(cropped, share=0.95),
    "same-flip": flipped,
    "same-shift-1": shifted,
    "same-sharpen": partial(sharpened, percent=40),
}
_OF_FILES: Mapping[str, Callable[[bytes, Pixels], bytes]] = {
    "same-no-metadata": without_metadata,
    "same-srgb-tag": tagged_srgb,
}
HARMLESS: tuple[str, ...] = (*_HARMLESS_TO_PIXELS, *_OF_FILES)

_OF_PIXELS: Mapping[str, Degradation] = {"aligned": align, **TIERS, **DEGRADATIONS, **_HARMLESS_TO_PIXELS}


def _seeded(pixels: Pixels) -> np.random.Generator:
    """Return a generator that draws the same for the same picture, and something else for another."""
    return np.random.default_rng(zlib.crc32(pixels.tobytes()))


def _filtered(pixels: Pixels, kernel: ImageFilter.Filter) -> Pixels:
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).filter(kernel))
