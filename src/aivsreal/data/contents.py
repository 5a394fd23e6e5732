"""What a picture is told apart by: the SHA-256 of its bytes, and that of its decoded pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from aivsreal.errors import AivsrealError
from aivsreal.images import open_picture
from aivsreal.threads import available_cores, in_order

if TYPE_CHECKING:
    from aivsreal.data.labelled import Sample

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_CHUNK = 64


def content_ids(samples: Iterable[Sample]) -> list[str]:
    """Return the SHA-256 of each sample's bytes; "" where they cannot be read."""
    return list(threaded(_content_id, samples))


def pixel_ids(samples: Iterable[Sample]) -> list[str]:
    """Return the SHA-256 of each sample's upright sRGB pixels and their shape; "" where it is no picture.

    Two files of one picture saved losslessly twice, or with other metadata, have one id.
    """
    return list(threaded(_pixel_id, samples))


def pixel_id_of(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> str:
    """Return the SHA-256 of pixels [h, w, 3] and their shape."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def threaded(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """Yield work(item) in order, on all cores, with only a few chunks of items in flight."""
    # One small picture takes less time than handing it to a thread does.
    chunks = _chunks(iter(items))
    for results in in_order(
        lambda chunk: [work(item) for item in chunk], chunks, threads=available_cores(), ahead=2
    ):
        yield from results


def _chunks(items: Iterator[_Item]) -> Iterator[list[_Item]]:
    while chunk := list(islice(items, _CHUNK)):
        yield chunk


def _content_id(sample: Sample) -> str:
    try:
        return hashlib.sha256(sample.read()).hexdigest()
    except AivsrealError:
        return ""


def _pixel_id(sample: Sample) -> str:
    try:
        return pixel_id_of(open_picture(sample.read()).pixels)
    except AivsrealError:
        return ""
