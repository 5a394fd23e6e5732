"""What is no picture, or no whole one, is refused in one line that says why and one that helps."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import sys

import pytest
from PIL import Image, ImageFile

from aivsreal.errors import UnreadableImage, UsageError
from aivsreal.images import Limits, inspect, open_picture
from tests.data.draw import as_bytes, flat, photo, write

ISO_VIDEO = struct.pack(">I", 24) + b"ftypisom" + b"\0\0\2\0" + b"isomavc1" + b"\0" * 100


def refusal(source, **options) -> UnreadableImage:
    """Return the error that both ways in raise for this source."""
    with pytest.raises(UnreadableImage) as opened:
        open_picture(source, **options)
    with pytest.raises(UnreadableImage) as inspected:
        inspect(source, **options)
    assert inspected.value.reason == opened.value.reason
    return one_line(opened.value)


def refusal_of_pixels(data: bytes) -> UnreadableImage:
    """Return the error of a file whose header alone is sound."""
    with pytest.raises(UnreadableImage) as opened:
        open_picture(data)
    return one_line(opened.value)


def one_line(error: UnreadableImage) -> UnreadableImage:
    assert error.exit_code == 3
    assert error.hint
    assert "\n" not in error.reason + error.hint
    assert len(error.reason) < 250
    return error


# --- paths -------------------------------------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path):
    assert refusal(tmp_path / "none.jpg").reason == f"there is no file {tmp_path / 'none.jpg'}"


def test_a_folder_is_no_picture(tmp_path):
    assert refusal(tmp_path).reason == f"{tmp_path} is a folder, not a picture"


@pytest.mark.parametrize("source", ["", ".", "/"])
def test_a_path_to_nowhere_is_a_folder(source):
    assert "is a folder" in refusal(source).reason


def test_an_empty_file_is_told(tmp_path):
    path = tmp_path / "empty.png"
    path.touch()

    assert refusal(path).reason == refusal(b"").reason == "this file is empty"


@pytest.mark.parametrize("name", ["a\0b.jpg", "x" * 5000])
def test_an_impossible_name_is_refused(name):
    assert "cannot be read" in refusal(name).reason


@pytest.mark.parametrize("name", ["two\nlines.jpg", "\x1b[31mred.jpg", "latin-\udce9.jpg"])
def test_a_name_that_would_spoil_the_screen_is_cleaned(name):
    reason = refusal(name).reason

    assert reason.isprintable()
    assert reason.startswith("there is no file ")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a named pipe")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")

    assert "not an ordinary file" in refusal(tmp_path / "pipe.jpg").reason


@pytest.mark.skipif(sys.platform == "win32", reason="needs a Unix socket")
def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as channel:
        channel.bind("s.jpg")

        assert "not an ordinary file" in refusal("s.jpg").reason


@pytest.mark.skipif(sys.platform == "win32", reason="needs Unix permissions")
def test_a_file_that_may_not_be_read_is_told(tmp_path):
    path = write(tmp_path / "secret.jpg", flat(8, 8))
    path.chmod(0)

    assert reason_without_rights(path) == "secret.jpg may not be read: permission denied"


def reason_without_rights(path) -> str:
    """Return the refusal that somebody who is not root meets, from a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.chdir(path.parent)
        if os.geteuid() == 0:
            path.parent.chmod(0o755)
            os.setuid(65534)
        try:
            open_picture(path.name)
        except UnreadableImage as error:
            os.write(writer, error.reason.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        reason = stream.read()
    os.waitpid(child, 0)
    return reason


# --- not a picture -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"\xef\xbb\xbf  <SVG width='3'/>", "an SVG drawing"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"<!DOCTYPE html><html>404</html>", "a web page"),
        (b'{"error": "not found"}', "JSON"),
        (b"Not found\n", "plain text"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (ISO_VIDEO, "an MP4 or QuickTime video"),
        (b"\x1aE\xdf\xa3" + b"\0" * 50, "a Matroska or WebM video"),
        (b"RIFF\0\0\0\0AVI LIST", "an AVI video"),
        (b"RIFF\0\0\0\0WAVEfmt ", "a sound recording"),
        (struct.pack(">I", 24) + b"ftypcrx \0\0\0\1crx isom" + b"\0" * 60, "a camera raw file"),
        (b"II*\0\x10\0\0\0CR\2\0" + b"\0" * 60, "a camera raw file"),
        (b"FUJIFILMCCD-RAW 0201", "a camera raw file"),
        (b"8BPS\0\1", "a Photoshop document"),
        (b"\xff\x0a\xfa\x1f", "a JPEG XL picture"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
        (b"PK\3\4\x14\0", "a ZIP archive"),
        (b"PAR1\x15\4", "a Parquet file"),
        (b"\0" * 5000, "filled with zeros"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(tmp_path, content, words):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)

    error = refusal(path)

    assert error.reason.startswith("this file is no picture that can be read; it seems to be ")
    assert words in error.reason


def test_unknown_bytes_are_only_called_no_picture():
    assert refusal(b"\x93\x12\x88\x01" * 100).reason == "this file is no picture that can be read"


@pytest.mark.parametrize("tiff_tags", [{50706: b"\1\4\0\0"}, {254: 1, 330: 8}], ids=["dng", "preview first"])
def test_a_raw_file_that_looks_like_tiff_is_not_judged_by_its_preview(tiff_tags):
    assert "a camera raw file" in refusal(as_bytes(flat(64, 48), "TIFF", tiffinfo=tiff_tags)).reason


def test_a_rare_form_is_told_from_damage():
    twelve_bits = bytearray(as_bytes(flat(16, 16), "JPEG"))
    twelve_bits[twelve_bits.index(b"\xff\xc0") + 4] = 12

    assert "rare form that cannot be read (cannot handle 12-bit layers)" in refusal(bytes(twelve_bits)).reason


# --- not whole ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["WEBP", "AVIF", "HEIF", "BMP"])
def test_a_cut_file_says_how_much_is_missing(format):
    data = as_bytes(photo(96, 64), format)

    error = refusal_of_pixels(data[: len(data) // 2])

    assert error.reason == f"this file ends after {len(data) // 2:,} of {len(data):,} bytes"


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_a_cut_file_says_how_much_is_missing_at_least(format):
    data = as_bytes(photo(96, 64), format)

    error = refusal_of_pixels(data[: len(data) // 2])

    promise = re.fullmatch(r"this file ends after ([\d,]+) of at least ([\d,]+) bytes", error.reason)
    assert promise
    assert int(promise[1].replace(",", "")) == len(data) // 2
    assert len(data) // 2 < int(promise[2].replace(",", "")) <= len(data)


@pytest.mark.parametrize("format", ["JPEG", "GIF"])
def test_a_cut_file_of_unknown_length_says_where_it_ends(format):
    data = as_bytes(photo(96, 64), format)

    error = refusal_of_pixels(data[: len(data) // 2])

    assert error.reason == f"this {format} file ends too early, after {len(data) // 2:,} bytes"


@pytest.mark.parametrize("progressive", [True, False])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_cut_jpeg_is_refused_even_where_the_process_tolerates_them(monkeypatch, progressive, part):
    data = as_bytes(photo(320, 240), "JPEG", progressive=progressive, quality=95)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)

    assert "ends too early" in refusal_of_pixels(data[: int(len(data) * part)]).reason


def test_a_png_with_damaged_pixels_is_refused():
    data = bytearray(as_bytes(photo(96, 64), "PNG"))
    data[len(data) // 2 : len(data) // 2 + 50] = b"\xff" * 50

    assert refusal_of_pixels(bytes(data)).reason == "this PNG file is damaged: its content makes no picture"


# --- limits ------------------------------------------------------------------------------------------------


def test_a_large_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.jpg"
    with path.open("wb") as stream:
        stream.truncate(10 * 2**30)  # a hole: takes no room on the disk

    assert refusal(path).reason == "this file has 10,737,418,240 bytes; the limit is 104,857,600"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "TIFF", "BMP"])
def test_limits_hold_for_every_format(format):
    data = as_bytes(flat(60, 40), format)

    assert open_picture(data, limits=Limits(len(data), 2400, 60)).pixels.shape == (40, 60, 3)
    assert f"the limit is {len(data) - 1:,}" in refusal(data, limits=Limits(max_bytes=len(data) - 1)).reason
    assert "2,400 pixels (60 x 40)" in refusal(data, limits=Limits(max_pixels=2399)).reason
    assert "the limit for a side is 59" in refusal(data, limits=Limits(max_side=59)).reason


@pytest.mark.parametrize("size", [(60, 40), (40, 60)])
def test_the_limit_for_a_side_holds_for_the_longer_one(size):
    assert (
        "the limit for a side is 59"
        in refusal(as_bytes(flat(*size), "PNG"), limits=Limits(max_side=59)).reason
    )


def test_limits_hold_for_a_picture_that_would_be_decoded_smaller():
    data = as_bytes(flat(640, 640), "JPEG")

    with pytest.raises(UnreadableImage, match="409,600 pixels"):
        open_picture(data, limits=Limits(max_pixels=400_000), short_side=64)


def test_limits_come_from_the_environment():
    limits = Limits.from_environment({"AIVSREAL_MAX_BYTES": "5", "AIVSREAL_MAX_SIDE": " 7 ", "OTHER": "1"})

    assert limits == Limits(max_bytes=5, max_side=7)


@pytest.mark.parametrize("text", ["", "many", "-5", "0", "1.5", "²"])
def test_a_senseless_limit_is_refused(text):
    with pytest.raises(UsageError, match=r"AIVSREAL_MAX_PIXELS is .* not a whole number"):
        Limits.from_environment({"AIVSREAL_MAX_PIXELS": text})


@pytest.mark.parametrize("format", ["JPEG", "PNG", "AVIF", "HEIF", "GIF", "TIFF", "BMP"])
def test_the_limit_of_the_surrounding_program_is_neither_used_nor_changed(monkeypatch, recwarn, format):
    data = as_bytes(photo(96, 64), format)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)

    assert open_picture(data).pixels.shape == (64, 96, 3)
    assert Image.MAX_IMAGE_PIXELS == 100
    assert not recwarn.list


def test_where_the_limit_of_the_surrounding_program_cannot_be_escaped_it_is_named(monkeypatch):
    data = as_bytes(photo(96, 64), "WEBP")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)

    assert "PIL.Image.MAX_IMAGE_PIXELS" in refusal(data).reason


def test_reading_leaves_pillow_as_it_was(tmp_path):
    path = write(tmp_path / "a.heic", flat(16, 16))
    code = f"""
import sys, warnings
from aivsreal.images import open_picture
assert "pillow_heif" not in sys.modules, "imported before it is needed"
filters = list(warnings.filters)
assert open_picture({str(path)!r}).facts.format == "HEIF"
from PIL import Image
assert "HEIF" not in Image.OPEN, "registered"
assert warnings.filters == filters
"""
    subprocess.run([sys.executable, "-c", code], check=True)
