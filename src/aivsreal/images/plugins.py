"""Pillow's readers, one for each kind, made strict and silent.

A reader is called for the kind that the first bytes name and no other, instead of through
`PIL.Image.open`: that one warns or refuses by Pillow's process-wide `MAX_IMAGE_PIXELS`, which belongs to
the program around us; our own limits are checked from the header. For the same reason HEIF is never
registered with Pillow: its reader is used directly.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module

from PIL import Image, ImageFile

_READERS = {
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WEBP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "HEIF": ("pillow_heif.as_plugin", "HeifImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
}
_MOST_READS = 500_000
_SILENCE = ("ignore", None, Warning, re.compile(r"(PIL|pillow_heif)\."), 0)
_silence_lock = threading.Lock()
_silence_wanted = 0


class TooManyPiecesError(Exception):
    """A file is cut into so many tiny pieces that reading it would take minutes; made so on purpose."""


class PatientStream(io.BytesIO):
    """The file's bytes; patience with a reader ends after half a million reads."""

    _reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes. Raises: TooManyPiecesError."""
        self._reads += 1
        if self._reads > _MOST_READS:
            raise TooManyPiecesError
        return super().read(size)


def open_header(kind: str, data: bytes) -> ImageFile.ImageFile:
    """Return the file, its header read by the reader of its kind. Raises: anything that Pillow does."""
    return _reader(kind)(PatientStream(data))


@contextmanager
def silence() -> Iterator[None]:
    """Keep warnings of Pillow's readers from the user while a picture is read, in any number of threads.

    `warnings.catch_warnings` saves and restores all filters, which mixes them up between threads; here one
    entry is put in by the first and taken out by the last.
    """
    global _silence_wanted
    filters: list[object] = warnings.filters  # type: ignore[assignment]
    with _silence_lock:
        _silence_wanted += 1
        if _SILENCE not in filters:
            filters.insert(0, _SILENCE)
    try:
        yield
    finally:
        with _silence_lock:
            _silence_wanted -= 1
            if not _silence_wanted:
                with suppress(ValueError):
                    warnings.filters.remove(_SILENCE)  # type: ignore[attr-defined]


@cache
def _reader(kind: str) -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    """Return the reader class; imported on first use, as most runs meet one or two kinds."""
    if kind == "JPEG":
        return _jpeg_reader()
    if kind == "TIFF":
        return _tiff_reader()
    module, name = _READERS[kind]
    reader: Callable[[io.BytesIO], ImageFile.ImageFile] = getattr(import_module(module), name)
    return reader


def _jpeg_reader() -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    from PIL.JpegImagePlugin import JpegImageFile

    class StrictJpeg(JpegImageFile):
        """A JPEG that ends too early is an error, whatever `LOAD_TRUNCATED_IMAGES` says in this process."""

        def load_read(self, read_bytes: int) -> bytes:
            data = self.fp.read(read_bytes) if self.fp else b""
            if not data:
                raise EOFError("truncated")
            return data

        def _read_dpi_from_exif(self) -> None:
            """Leave EXIF alone: nobody wants the resolution."""

    return StrictJpeg


def _tiff_reader() -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    from PIL.TiffImagePlugin import MAX_SAMPLESPERPIXEL, SAMPLESPERPIXEL, TiffImageFile

    class StrictTiff(TiffImageFile):
        """A TIFF as it is stored: turned upright by our own code like all kinds, and under our own limits."""

        def _setup(self) -> None:
            samples = self.tag_v2.get(SAMPLESPERPIXEL, 1)
            if not isinstance(samples, int) or samples > MAX_SAMPLESPERPIXEL:
                raise SyntaxError("unknown number of samples")  # Pillow would also write to the log
            super()._setup()
            self._size = self._tile_size

        def load_prepare(self) -> None:
            if self._im is None:
                self.im = Image.core.new(  # type: ignore[attr-defined]
                    self.mode, self._tile_size
                )
            ImageFile.ImageFile.load_prepare(self)

        def load_end(self) -> None:
            """Leave the orientation to our own code."""

    return StrictTiff
