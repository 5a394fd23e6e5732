"""What a file is by its first bytes, whatever its name says, and what it seems to be if no picture."""

from __future__ import annotations

from aivsreal.errors import UnreadableImage
from aivsreal.images import tags

_PICTURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
)
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}

_EXPORT = "open it where it was made and export it as JPEG or PNG"
_FRAME = "save one frame of it as JPEG or PNG"
_AGAIN = "download it again; what came is not the picture"
_UNPACK = "unpack it first"
_RAW = "a camera raw file", "develop it and export it as JPEG, TIFF or PNG"

_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF document", "export its page or picture as JPEG or PNG"),
    (b"%!PS", "a PostScript drawing", _EXPORT),
    (b"8BPS", "a Photoshop document", _EXPORT),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video", _FRAME),
    (b"\0\0\x01\xba", "an MPEG video", _FRAME),
    (b"FLV\x01", "a Flash video", _FRAME),
    (b"OggS", "an Ogg recording", _FRAME),
    (b"ID3", "an MP3 recording", "choose a picture"),
    (b"FUJIFILMCCD-RAW", *_RAW),
    (b"IIRO", *_RAW),
    (b"IIRS", *_RAW),
    (b"IIU\0", *_RAW),
    (b"FOVb", *_RAW),
    (b"\0MRM", *_RAW),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture, which is not supported", _EXPORT),
    (b"\xff\x0a", "a JPEG XL picture, which is not supported", _EXPORT),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture, which is not supported", _EXPORT),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture, which is not supported", _EXPORT),
    (b"\0\0\x01\0", "an icon file, which is not supported", _EXPORT),
    (b"v/1\x01", "an OpenEXR picture, which is not supported", _EXPORT),
    (b"#?RADIANCE", "a Radiance HDR picture, which is not supported", _EXPORT),
    (b"qoif", "a QOI picture, which is not supported", _EXPORT),
    (b"PK\x03\x04", "a ZIP archive or an office document", _UNPACK),
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"PAR1", "a Parquet file", "give it to a command that takes labelled data"),
    (b"\xd0\xcf\x11\xe0", "an old office document", _EXPORT),
    (b"\x7fELF", "a program", "choose a picture"),
    (b"MZ", "a program", "choose a picture"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "fetch it with `git lfs pull`"),
)
_MARKUP = (
    (b"<svg", "an SVG drawing", _EXPORT),
    (b"<!doctype html", "a web page", _AGAIN),
    (b"<html", "a web page", _AGAIN),
    (b"<?xml", "an XML document", _AGAIN),
    (b"<", "a web page or an XML document", _AGAIN),
    (b"{", "JSON or other text", _AGAIN),
    (b"[", "JSON or other text", _AGAIN),
)


def kind_of(data: bytes) -> str:
    """Return "JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "TIFF" or "BMP".

    Raises: UnreadableImage that says what the file seems to be instead.
    """
    kind = next((name for magic, name in _PICTURES if data.startswith(magic)), None)
    if kind == "TIFF" and _is_raw(data):
        raise _no_picture(*_RAW)
    if kind:
        return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _kind_of_media(data)
    raise _no_picture(*_seems(data))


def _kind_of_media(data: bytes) -> str:
    """Tell pictures from films among files of the ISO media family, by the brands that they name."""
    end = min(int.from_bytes(data[:4], "big"), 256)
    major, others = data[8:12], {data[i : i + 4] for i in range(16, end, 4)}
    if major in _AVIF_BRANDS or (major in (b"mif1", b"msf1") and others & _AVIF_BRANDS):
        return "AVIF"
    if major in _HEIF_BRANDS:
        return "HEIF"
    if major == b"crx ":
        raise _no_picture(*_RAW)
    if others & _AVIF_BRANDS:
        return "AVIF"
    if others & _HEIF_BRANDS:
        return "HEIF"
    raise _no_picture("an MP4 or QuickTime video", _FRAME)


def _is_raw(data: bytes) -> bool:
    """Tell a camera raw file, whose first page is only a small preview, from a TIFF picture."""
    if data[8:10] == b"CR":
        return True
    found = tags.read_tags(data, {tags.SUBFILE, tags.SUB_IFDS, tags.DNG_VERSION})
    is_preview = tags.first_number(found, tags.SUBFILE, 0) & 1 == 1
    return tags.DNG_VERSION in found or (is_preview and tags.SUB_IFDS in found)


def _seems(data: bytes) -> tuple[str, str]:
    for magic, what, hint in _OTHERS:
        if data.startswith(magic):
            return what, hint
    if data[:4] == b"RIFF":
        return (
            ("an AVI video", _FRAME) if data[8:12] == b"AVI " else ("a sound recording", "choose a picture")
        )
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return _MARKUP[0][1:]
    for magic, what, hint in _MARKUP:
        if start.startswith(magic):
            return what, hint
    if not any(data[:4096]):
        return "filled with zeros, as a broken-off download is", _AGAIN
    if start and all(byte >= 32 or byte in b"\t\r\n\f" for byte in start):
        return "plain text", "choose a picture"
    return "", "choose a JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF or BMP file"


def _no_picture(what: str, hint: str) -> UnreadableImage:
    seems = f"; it seems to be {what}" if what else ""
    return UnreadableImage(f"this file is no picture that can be read{seems}", hint=hint)
