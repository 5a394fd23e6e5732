"""Pictures to records: the same two kinds, sizes and compression that the `photos` set has, and their parquet."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import ExifTags, Image

CROP, WHOLE_SHORT, WHOLE_LONG = 400, 320, 480
# Larger pictures stand on the web resized: 70 % of them are, to a short side in this range, before the crop.
LARGE, WEB_SHORT, WEB_SHARE = 1400, (720, 1400), 0.7
# Drawings have empty corners; a crop whose grey values spread less than this shows nothing.
_EMPTY, _TRIES = 12.0, 8

COLUMNS: dict[str, Any] = {
    "label": pa.string(),
    "split": pa.string(),
    "kind": pa.string(),
    "generator": pa.string(),
    "family": pa.string(),
    "source": pa.string(),
    "origin_kind": pa.string(),
    "style": pa.string(),
    "group": pa.string(),
    "repo": pa.string(),
    "origin_path": pa.string(),
    "licence": pa.string(),
    "camera": pa.string(),
    "original_format": pa.string(),
    "original_width": pa.int32(),
    "original_height": pa.int32(),
    "original_quality": pa.int32(),
    "scale": pa.float32(),
    "sha256": pa.string(),
}


@dataclass(frozen=True)
class Shot:
    """What a camera wrote into a photograph: "Make Model", and when it was taken, "2019:07:31 18:20:01", or ""."""

    camera: str
    when: str


def shot_of(picture: Image.Image) -> Shot | None:
    """Return what EXIF says of the camera; None where it names none, or not how the picture was exposed."""
    exif = picture.getexif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    named = [_text(exif.get(tag)) for tag in (ExifTags.Base.Make, ExifTags.Base.Model)]
    if not all(named) or not details.keys() & {ExifTags.Base.ExposureTime, ExifTags.Base.FNumber}:
        return None
    when = _text(details.get(ExifTags.Base.DateTimeOriginal)) or _text(exif.get(ExifTags.Base.DateTime))
    make, model = named
    return Shot(model if model.startswith(make) else f"{make} {model}", when)


def rng_of(sha256: str) -> np.random.Generator:
    """Return the random generator that belongs to a picture, so that its record never changes."""
    return np.random.default_rng(int(sha256[:16], 16))


def record(picture: Image.Image, rng: np.random.Generator) -> tuple[str, float, bytes]:
    """Return (kind, scale, JPEG of quality 90 in 4:2:0) of an RGB picture; `crop` and `whole` are as likely."""
    if rng.random() < 0.5:
        kind, (small, scale) = "crop", _crop(picture, rng)
    else:
        kind, (small, scale) = "whole", _whole(picture)
    return kind, scale, as_jpeg(small)


def as_jpeg(picture: Image.Image) -> bytes:
    """Return an RGB picture as records hold it: a JPEG of quality 90 in 4:2:0."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90, subsampling="4:2:0")
    return out.getvalue()


def spread(picture: Image.Image) -> float:
    """Return the standard deviation of a picture's grey values, 0..128."""
    return float(np.asarray(picture.convert("L"), dtype=np.float32).std())


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of `jpeg`, `name` and the columns; a column that a row lacks is null there."""
    image = pa.array(
        [{"bytes": row["jpeg"], "path": row["name"]} for row in rows],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    columns = {name: pa.array([row.get(name) for row in rows], kind) for name, kind in COLUMNS.items()}
    convention = {"huggingface": json.dumps({"info": {"features": {"image": {"_type": "Image"}}}})}
    table = pa.table({"image": image, **columns}).replace_schema_metadata(convention)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=200)


def _text(value: object) -> str:
    return str(value or "").strip("\0 ")


def _crop(picture: Image.Image, rng: np.random.Generator) -> tuple[Image.Image, float]:
    scale = 1.0
    short = min(picture.size)
    if short > LARGE and rng.random() < WEB_SHARE:
        scale = float(rng.uniform(*WEB_SHORT)) / short
        picture = resized(picture, scale)
    width, height = (min(CROP, side) for side in picture.size)
    for _ in range(_TRIES):
        left = int(rng.integers(picture.width - width + 1))
        top = int(rng.integers(picture.height - height + 1))
        part = picture.crop((left, top, left + width, top + height))
        if spread(part) >= _EMPTY:
            break
    return part, scale


def _whole(picture: Image.Image) -> tuple[Image.Image, float]:
    scale = min(1.0, WHOLE_SHORT / min(picture.size))
    small = resized(picture, scale)
    width, height = (min(WHOLE_LONG, side) for side in small.size)
    left, top = (small.width - width) // 2, (small.height - height) // 2
    return small.crop((left, top, left + width, top + height)), scale


def resized(picture: Image.Image, scale: float) -> Image.Image:
    """Return the picture at so much of its size, by Lanczos."""
    if scale == 1.0:
        return picture
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS)
