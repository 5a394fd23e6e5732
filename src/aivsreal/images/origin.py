"""What a file's metadata say of how its picture was made.

Anybody can write them and anybody can take them off, so no verdict rests on them, and where they say nothing that
means nothing. Signatures (of C2PA's manifests) are not checked.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from PIL import ImageFile

from aivsreal.images import tags
from aivsreal.images.container import boxes, jpeg_segments, png_chunks, webp_chunks

Origin = Literal["ai", "ai-edited", "camera"]

ORIGINS_FOR_PEOPLE: dict[Origin, str] = {
    "ai": "made by AI",
    "ai-edited": "edited with AI",
    "camera": "taken by a camera",
}
# Of the IPTC's digital source types, https://cv.iptc.org/newscodes/digitalsourcetype/, which C2PA uses, too. The first
# that is found in a block counts: a manifest also tells of what a picture was made from.
_TERMS: dict[bytes, Origin] = {
    b"trainedalgorithmicmedia": "ai",
    b"compositewithtrainedalgorithmicmedia": "ai-edited",
    b"digitalcapture": "camera",
    b"computationalcapture": "camera",
}
# In CBOR nothing stands between the end of a term and what follows it.
_TERM = re.compile(rb"digitalsourcetype\W{1,4}(" + b"|".join(_TERMS) + rb")", re.IGNORECASE)
_APP1, _APP11 = 0xE1, 0xEB
# What of XMP does not fit into one segment; the first is read by Pillow.
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_JUMBF = b"JP"
# Of an APP11 segment: marker and length, then what JUMBF repeats in each (C2PA specification 2.1, A.3.1).
_JUMBF_HEAD, _JUMBF_BOX = 12, 8
_TIFF_XMP, _TIFF_C2PA = 700, 0xCD41
_C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


@dataclass(frozen=True, slots=True)
class Declared:
    """How a picture was made by its own metadata; `where`: in which of them, as in "C2PA, IPTC"."""

    origin: Origin
    where: str

    @property
    def words(self) -> str:
        """Return it for people: `made by AI (C2PA)`."""
        return f"{ORIGINS_FOR_PEOPLE[self.origin]} ({self.where})"


def declared_origin(image: ImageFile.ImageFile, data: bytes, exif: bytes) -> Declared | None:
    """Return what an opened file says of its picture's making, or None where it says nothing.

    exif: its EXIF block. Damaged metadata say nothing.
    """
    try:
        blocks = list(_blocks(image, data))
    except (struct.error, IndexError):
        blocks = []
    said: list[tuple[Origin, str]] = []
    for name, content in blocks:
        terms = {term.lower() for term in _TERM.findall(content)}
        said += [(origin, name) for term, origin in _TERMS.items() if term in terms][:1]
    if maker := _prompt_of(image.info, exif):
        said.append(("ai", maker))
    if not said:
        return None
    origins = [origin for origin, _ in said]
    origin = next(origin for origin in ORIGINS_FOR_PEOPLE if origin in origins)
    return Declared(origin, ", ".join(dict.fromkeys(where for told, where in said if told == origin)))


def _blocks(image: ImageFile.ImageFile, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of the blocks in which digital source types stand: C2PA's manifests, and XMP."""
    match image.format:
        case "JPEG":
            # Only those, for a stranger's file may hold millions.
            told = [
                segment
                for marker, segment in jpeg_segments(data)
                if marker in (_APP1, _APP11) and segment[4:].startswith((_JUMBF, _MORE_XMP))
            ]
            yield "C2PA", b"".join(_manifest_parts(told))
            yield from (("IPTC", segment) for segment in told if segment[4:].startswith(_MORE_XMP))
        case "PNG":
            for name, start, end in png_chunks(data):
                if name == b"caBX":
                    yield "C2PA", data[start:end]
        case "WEBP":
            yield from (("C2PA", content) for name, content in webp_chunks(data) if name == b"C2PA")
        case "HEIF" | "AVIF":
            for name, start, end in boxes(data):
                if name == b"uuid" and data[start : start + 16] == _C2PA_BOX:
                    yield "C2PA", data[start:end]
        case "TIFF":
            found = tags.read_tags(data, (_TIFF_XMP, _TIFF_C2PA))
            for tag, place in ((_TIFF_C2PA, "C2PA"), (_TIFF_XMP, "IPTC")):
                if tag in found:
                    yield place, bytes(found[tag])
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    if image.format != "TIFF":
        yield "IPTC", packet.encode() if isinstance(packet, str) else packet


def _manifest_parts(segments: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the parts of a JPEG's manifest, which segments of 64 KB cut anywhere, each with its box's head again."""
    head = _JUMBF_HEAD
    for segment in segments:
        if segment[4:].startswith(_JUMBF):
            yield segment[head:]
            head = _JUMBF_HEAD + _JUMBF_BOX


def _prompt_of(info: Mapping[Any, Any], exif: bytes) -> str | None:
    """Return the program that left its prompt in the file, or None."""
    texts = {key: value for key, value in info.items() if isinstance(value, str)}
    comment = exif.replace(b"\0", b"")
    settings = texts.get("parameters", "").encode("utf-8", "replace") + comment
    if b"Steps: " in settings and b"Sampler: " in settings:
        return "Stable Diffusion web UI"
    if (
        any('"class_type"' in texts.get(key, "") for key in ("prompt", "workflow"))
        or b'"class_type"' in comment
    ):
        return "ComfyUI"
    if "invokeai_metadata" in texts:
        return "InvokeAI"
    return None
