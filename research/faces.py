"""Faces cut out of pictures as sets of faces are cut: square, around one face, small.

Benchmarks' fakes are mostly such faces, and a judge that meets the cut among them only takes it for a sign of AI
(docs/log.md, faces). So both photographs and AI pictures are cut. Faces are found by OpenCV's cascade (Viola and
Jones 2001, "Rapid object detection using a boosted cascade of simple features"); where it errs something else is cut
out, of both classes alike.
"""

from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np
from PIL import Image
from records import as_jpeg, resized

# The square around a face, in sides of the cascade's own: from forehead and chin to hair and shoulders.
AROUND = (1.5, 2.1)
# Sides of what is cut out, in pixels: smaller ones show too little, larger ones are made smaller.
SMALLEST, LARGEST = 128, (200, 320)
# Faces are looked for in a copy of this long side, in which they are at least so wide.
SEARCHED, FOUND_FROM = 640, 40
# Of a group only some: its faces are alike in all but the face.
MOST = 3


def cut_faces(picture: Image.Image, rng: np.random.Generator) -> Iterator[tuple[float, bytes]]:
    """Yield (scale, JPEG of quality 90 in 4:2:0) of up to MOST faces of an RGB picture, the largest first."""
    for left, top, width, height in faces_in(picture)[:MOST]:
        side = min(round(width * rng.uniform(*AROUND)), *picture.size)
        if side < SMALLEST:
            continue
        x = _within(left + width / 2, side, picture.width)
        y = _within(top + height / 2, side, picture.height)
        cut = picture.crop((x, y, x + side, y + side))
        scale = min(1.0, int(rng.integers(*LARGEST)) / side)
        yield scale, as_jpeg(resized(cut, scale))


def faces_in(picture: Image.Image) -> list[tuple[float, float, float, float]]:
    """Return (left, top, width, height) of each frontal face in pixels of the picture, the widest first."""
    grey = picture.convert("L")
    grey.thumbnail((SEARCHED, SEARCHED))
    found = _cascade().detectMultiScale(np.asarray(grey), 1.1, 6, minSize=(FOUND_FROM, FOUND_FROM))
    scale = picture.width / grey.width
    faces = [tuple(float(value * scale) for value in face) for face in found]
    return sorted(((x, y, w, h) for x, y, w, h in faces), key=lambda face: -face[2])


@cache
def _cascade() -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")


def _within(middle: float, side: int, whole: int) -> int:
    return int(np.clip(round(middle - side / 2), 0, whole - side))
