"""What a file tells about its picture before any pixel is decoded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from PIL import ImageFile

from aivsreal.images import container, jpeg, tags
from aivsreal.images.origin import Declared, declared_origin

Tags = dict[int, tuple[int, ...] | bytes]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a picture's file; width and height as it is seen upright.

    `format` is JPEG, MPO (a JPEG with further pictures behind it), PNG, WEBP, AVIF, HEIF, GIF, TIFF or BMP.
    `quality` (IJG, 1 to 100, estimated), `subsampling` ("4:2:0") and `progressive` are JPEG's only.
    `declared` is how the picture was made by the file's own metadata, which anybody can write.
    """

    format: str
    width: int
    height: int
    n_bytes: int
    sha256: str
    mode: str
    quality: int | None = None
    subsampling: str | None = None
    progressive: bool | None = None
    camera: str | None = None
    has_exif: bool = False
    has_icc: bool = False
    frames: int = 1
    declared: Declared | None = None


def read_exif(image: ImageFile.ImageFile, data: bytes) -> Tags:
    """Return the few EXIF tags that matter: orientation, make, model, and whether there are more."""
    wanted = (tags.ORIENTATION, tags.MAKE, tags.MODEL, tags.EXIF_IFD)
    if image.format == "TIFF":
        return tags.read_tags(data, wanted)
    return tags.read_tags(_exif_block(image, data), wanted)


def collect_facts(image: ImageFile.ImageFile, data: bytes, size: tuple[int, int], exif: Tags) -> Facts:
    """Return the facts of an opened, not yet decoded file; `size` is (width, height) upright."""
    is_jpeg = image.format == "JPEG"
    layers = getattr(image, "layer", []) if is_jpeg else []
    table = getattr(image, "quantization", {}).get(layers[0][3]) if layers else None
    frames = _count_frames(image, data)
    block = b"" if image.format == "TIFF" else _exif_block(image, data)
    return Facts(
        format="MPO" if is_jpeg and frames > 1 else str(image.format),
        width=size[0],
        height=size[1],
        n_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        mode=image.mode,
        quality=jpeg.estimate_quality(table) if table else None,
        subsampling=jpeg.subsampling_of(layers) if layers else None,
        progressive="progressive" in image.info if is_jpeg else None,
        camera=_camera(exif),
        has_exif=tags.EXIF_IFD in exif if image.format == "TIFF" else bool(block),
        has_icc=bool(image.info.get("icc_profile")),
        frames=frames,
        declared=declared_origin(image, data, block),
    )


def _exif_block(image: ImageFile.ImageFile, data: bytes) -> bytes:
    if image.format == "PNG":
        return container.png_exif(data)
    block: bytes = image.info.get("exif") or b""
    return block.removeprefix(b"Exif\0\0")


def _camera(exif: Tags) -> str | None:
    make, model = tags.text(exif, tags.MAKE), tags.text(exif, tags.MODEL)
    if make and model.lower().startswith(make.lower()):
        make = ""
    return f"{make} {model}".strip() or None


def _count_frames(image: ImageFile.ImageFile, data: bytes) -> int:
    match image.format:
        case "GIF":
            return container.count_gif_frames(data)
        case "TIFF":
            return container.count_tiff_pages(data)
        case "JPEG":
            index = tags.read_tags(image.info.get("mp", b""), {tags.MP_NUMBER})
            return max(1, tags.first_number(index, tags.MP_NUMBER, 1))
    return int(getattr(image, "n_frames", 1))
