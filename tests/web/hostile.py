"""300 uploads that no honest camera makes, drawn by code: each a name, its bytes, and what is wrong."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tests.data.draw import as_bytes, exif_of, flat, photo, png_of

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "TIFF", "BMP")
NAMES = (
    "../../../../etc/passwd",
    "..\\..\\windows\\system32\\config",
    "/etc/shadow",
    "C:\\boot.ini",
    "a\x00b.jpg",
    "a\r\nSet-Cookie: x=1.jpg",
    "\x1b[2J\x1b]0;title\x07.png",
    "<script>alert(1)</script>.jpg",
    '" onerror="alert(1).jpg',
    "=HYPERLINK(1).jpg",
    "\u202egpj.exe",
    "CON",
    ".",
    "..",
    "....",
    "x" * 5000 + ".jpg",
    "naïve – ☃ 😀.jpg",
    "%00%2e%2e%2f",
    "{{7*7}}.jpg",
    "'; DROP TABLE examinations; --",
)


@dataclass(frozen=True)
class Hostile:
    """One upload, and what it is."""

    what: str
    name: str
    data: bytes


def uploads() -> Iterator[Hostile]:
    """Yield every one, always the same."""
    rng = np.random.default_rng(11)
    samples = {format: as_bytes(photo(96, 72, seed=3), format) for format in FORMATS}
    for format, data in samples.items():
        for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
            yield Hostile("cut", f"cut.{format}", data[: int(len(data) * share)])
        for count in (1, 3, 10, 30, 100):
            yield Hostile("altered", f"altered.{format}", _altered(data, count, rng))
        for extra in (b"PK\3\4" + b"\0" * 64, b"<?php system($_GET[0]); ?>", b"MZ" + b"\x90" * 200):
            yield Hostile("polyglot", f"polyglot.{format}.php", data + extra)
            yield Hostile("polyglot", f"backwards.{format}", extra + data)
        for other in ("txt", "exe", "svg", "html", "jpg"):
            yield Hostile("wrong name", f"picture.{other}", data)
        yield Hostile("repeated", f"twice.{format}", data + data)
        yield Hostile("doubled head", f"head.{format}", data[:24] + data)
        yield Hostile("zeros behind", f"zeros.{format}", data + b"\0" * 100_000)
    for number, name in enumerate(NAMES):
        yield Hostile("name", name, samples[FORMATS[number % len(FORMATS)]])
    yield from _others()
    yield from (Hostile("bomb", f"bomb-{what}", data) for what, data in _bombs())
    for size in (1, 2, 3, 4, 7, 8, 11, 12, 16, 64, 1000, 100_000):
        yield Hostile("noise", "noise.jpg", rng.bytes(size))
        yield Hostile("noise", "noise.png", b"\x89PNG\r\n\x1a\n" + rng.bytes(size))
        yield Hostile("noise", "noise.webp", b"RIFF\xff\xff\xff\xffWEBP" + rng.bytes(size))
        yield Hostile("noise", "noise.heic", b"\0\0\0\x18ftypheic" + rng.bytes(size))


def _altered(data: bytes, count: int, rng: np.random.Generator) -> bytes:
    changed = np.frombuffer(data, np.uint8).copy()
    changed[rng.integers(0, len(changed), count)] = rng.integers(0, 256, count, dtype=np.uint8)
    return changed.tobytes()


def _others() -> Iterator[Hostile]:
    """Yield files of kinds that are no pictures, or none that are read, under a picture's name."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    entities = b'<!DOCTYPE a [<!ENTITY x "aaaa"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>'
    yield from (
        Hostile("other", "nothing.jpg", b""),
        Hostile("other", "a.jpg", svg),
        Hostile("other", "b.jpg", entities),
        Hostile("other", "c.jpg", b"%PDF-1.7\n" + b"1 0 obj <<>> endobj\n" * 50),
        Hostile("other", "d.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
        Hostile("other", "e.jpg", b"\x7fELF" + b"\2\1\1" + b"\0" * 200),
        Hostile("other", "f.jpg", b"8BPS\0\1" + b"\0" * 100),
        Hostile("other", "g.jpg", b"P6 99999 99999 255\n" + b"\0" * 100),
        Hostile("other", "h.jpg", b"BM" + b"\0" * 12),
        Hostile("other", "i.jpg", b"GIF89a"),
        Hostile("other", "j.jpg", b"\xff\xd8\xff\xe0" + b"\xff" * 70_000),
        Hostile("other", "k.jpg", b"\xff\xd8\xff\xe1\xff\xff" + b"Exif\0\0MM" * 8000),
        Hostile("other", "l.jpg", b"II*\0\x08\0\0\0" + b"\xff" * 300),
        Hostile("other", "m.jpg", b"{}" * 1000),
        Hostile("other", "n.jpg", b"\0" * 1_000_000),
        Hostile("other", "o.ico", as_bytes(Image.fromarray(flat(16, 16)), "ICO")),
        Hostile("other", "p.tga", as_bytes(Image.fromarray(flat(16, 16)), "TGA")),
        Hostile("odd", "one.png", as_bytes(flat(1, 1), "PNG")),
        Hostile("odd", "line.png", as_bytes(flat(2000, 1), "PNG")),
        Hostile("odd", "pole.jpg", as_bytes(flat(1, 9000), "JPEG")),
        Hostile(
            "odd", "exif.jpg", as_bytes(flat(50, 50), "JPEG", exif=exif_of(99, "X" * 60_000, "\x1b[31m"))
        ),
        Hostile("odd", "clear.png", as_bytes(Image.new("RGBA", (40, 40), (0, 0, 0, 0)), "PNG")),
        Hostile("odd", "cmyk.jpg", as_bytes(Image.new("CMYK", (40, 40)), "JPEG")),
        Hostile("odd", "bits.png", as_bytes(Image.new("1", (40, 40)), "PNG")),
        Hostile("odd", "note.png", _noted(5_000_000)),
    )


def _bombs() -> Iterator[tuple[str, bytes]]:
    """Yield small files that claim, or unpack to, far more than they are."""
    for width, height in ((60_000, 1), (1, 60_000), (60_000, 60_000), (2**31 - 1, 1), (30_000, 30_000)):
        packed = zlib.compress(b"\0" * 100_000)
        yield f"{width}x{height}.png", png_of(width, height, depth=8, kind=2, packed=packed)
    zeros = zlib.compress(b"\0" * (8000 * 3 + 1) * 2000, 9)
    yield "packed.png", png_of(8000, 2000, depth=8, kind=2, packed=zeros)
    yield "overfull.png", png_of(8, 8, depth=8, kind=2, packed=zlib.compress(b"\0" * 50_000_000, 9))
    yield "canvas.gif", b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x80\0\0\0\0\0\xff\xff\xff;"
    yield "line.jpg", _jpeg_size(65500, 65500)
    yield "flat.jpg", _jpeg_size(65500, 1)
    yield "scans.jpg", _scans(20_000)
    yield "canvas.webp", _webp_canvas()
    yield (
        "huge.bmp",
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 99, 0, 0, 54, 40, 2**30, 2**30, 1, 24, 0, 0, 0, 0, 0, 0),
    )


def _jpeg_size(width: int, height: int) -> bytes:
    data = bytearray(as_bytes(flat(16, 16), "JPEG"))
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def _scans(count: int) -> bytes:
    data = as_bytes(flat(1000, 1000), "JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * count + data[-2:]


def _webp_canvas() -> bytes:
    size = (16383).to_bytes(3, "little") * 2
    chunk = b"VP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + size
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def _noted(size: int) -> bytes:
    plain = as_bytes(flat(20, 20), "PNG")
    content = b"note\0\0" + zlib.compress(b"a" * size, 9)
    chunk = (
        struct.pack(">I", len(content)) + b"zTXt" + content + struct.pack(">I", zlib.crc32(b"zTXt" + content))
    )
    return plain[:33] + chunk + plain[33:]
