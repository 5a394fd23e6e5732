"""Whatever the bytes: a picture with true facts or one typed refusal, soon, silently and in little memory."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time
import tracemalloc
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from aivsreal.errors import UnreadableImage
from aivsreal.images import Limits, Picture, inspect, open_picture
from aivsreal.images.jpeg import MOST_SCANS, has_too_many_scans
from tests.data import profiles
from tests.data.draw import as_bytes, exif_of, flat, photo, png_of

_PICTURE = photo(48, 40, seed=1)
_SECOND = Image.fromarray(photo(48, 40, seed=2))
_CAMERA = {"exif": exif_of(6, "Canon", "EOS")}
_MANY = {"save_all": True, "append_images": [_SECOND]}
SOUND = {
    "jpeg": as_bytes(_PICTURE, "JPEG", **_CAMERA, icc_profile=profiles.wide_gamut()),
    "progressive jpeg": as_bytes(_PICTURE, "JPEG", progressive=True, **_CAMERA),
    "cmyk jpeg": as_bytes(Image.fromarray(_PICTURE).convert("CMYK"), "JPEG", icc_profile=profiles.ink()),
    "mpo": as_bytes(Image.fromarray(_PICTURE), "MPO", **_MANY),
    "png": as_bytes(_PICTURE, "PNG", **_CAMERA, icc_profile=profiles.wide_gamut()),
    "palette png": as_bytes(Image.fromarray(_PICTURE).quantize(16), "PNG", transparency=b"\x80\x00"),
    "apng": as_bytes(Image.fromarray(_PICTURE), "PNG", **_MANY),
    "deep png": as_bytes(_PICTURE[..., 0].astype(np.uint16) * 257, "PNG", transparency=5),
    "webp": as_bytes(_PICTURE, "WEBP", **_CAMERA),
    "lossless webp": as_bytes(_PICTURE, "WEBP", lossless=True),
    "avif": as_bytes(_PICTURE, "AVIF", **_CAMERA),
    "heif": as_bytes(_PICTURE, "HEIF", **_CAMERA),
    "gif": as_bytes(Image.fromarray(_PICTURE), "GIF", disposal=2, **_MANY),
    "tiff": as_bytes(_PICTURE, "TIFF", **_CAMERA),
    "lzw tiff": as_bytes(_PICTURE, "TIFF", compression="tiff_lzw"),
    "jpeg tiff": as_bytes(_PICTURE, "TIFF", compression="jpeg"),
    "float tiff": as_bytes(Image.fromarray(_PICTURE[..., 0].astype(np.float32)), "TIFF"),
    "big tiff": as_bytes(_PICTURE, "TIFF", big_tiff=True, **_CAMERA),
    "bmp": as_bytes(_PICTURE, "BMP"),
}
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads peak memory as Linux counts it")
MANY_EXAMPLES = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def attempt(data: bytes, **options) -> Picture | UnreadableImage:
    """Return what opening gives, after checking that both ways in agree and no warning escapes."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            picture = open_picture(data, **options)
        except UnreadableImage as error:
            assert error.reason.isprintable()
            assert error.hint
            return error
        assert inspect(data) == picture.facts
    facts = picture.facts
    seen = (round(facts.height * picture.scale + 0.49), round(facts.width * picture.scale + 0.49), 3)
    assert picture.pixels.shape == (seen if picture.scale < 1 else (facts.height, facts.width, 3))
    assert picture.pixels.dtype == np.uint8
    assert facts.n_bytes == len(data)
    assert facts.frames >= 1
    return picture


@pytest.mark.parametrize("name", SOUND)
def test_each_sample_is_sound(name):
    assert isinstance(attempt(SOUND[name]), Picture)


@MANY_EXAMPLES
@given(st.binary(max_size=600))
def test_random_bytes(data):
    attempt(data)


@MANY_EXAMPLES
@given(st.sampled_from(sorted(SOUND)), st.binary(max_size=300))
def test_random_bytes_behind_a_true_beginning(name, data):
    attempt(SOUND[name][:12] + data)


@MANY_EXAMPLES
@given(st.sampled_from(sorted(SOUND)), st.floats(0, 1, exclude_max=True))
def test_files_cut_anywhere(name, part):
    attempt(SOUND[name][: int(len(SOUND[name]) * part)])


@MANY_EXAMPLES
@given(
    st.sampled_from(sorted(SOUND)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
    st.sampled_from([0.02, 0.2, 1.0]),
    st.sampled_from([None, 10]),
)
def test_files_with_altered_bytes(name, changes, reach, short_side):
    data = bytearray(SOUND[name])
    for place, value in changes:
        data[int(place * reach * len(data))] = value

    attempt(bytes(data), short_side=short_side)


@MANY_EXAMPLES
@given(st.sampled_from(sorted(SOUND)), st.binary(max_size=200))
def test_bytes_behind_a_picture_do_not_change_it(name, trailing):
    picture = attempt(SOUND[name] + trailing)

    assert isinstance(picture, Picture)
    assert np.array_equal(picture.pixels, open_picture(SOUND[name]).pixels)


@MANY_EXAMPLES
@given(st.binary(max_size=400))
def test_random_exif_and_profiles_are_never_a_reason_to_refuse(block):
    data = as_bytes(_PICTURE, "JPEG", exif=b"Exif\0\0" + block, icc_profile=block or None)

    assert isinstance(attempt(data), Picture)


# --- files made to cost -------------------------------------------------------------------------------------


def gif_of(width: int, height: int, frame: tuple[int, int, int, int]) -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    dispose = b"!\xf9\4\x08\0\0\0\0"
    return screen + dispose + b"," + struct.pack("<HHHHB", *frame, 0) + b"\2\2D\1\0;"


def bmp_of(width: int, height: int, compression: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, compression, 0, 0, 0, 2, 0)
    return b"BM" + struct.pack("<IHHI", 200, 0, 0, 62) + info + b"\0" * 100


def tiff_of(width: int, height: int) -> bytes:
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1)]
    entries += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, 100)]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + directory + b"\0" * 100


def jpeg_of(width: int, height: int) -> bytes:
    data = as_bytes(flat(8, 8), "JPEG")
    frame = data.index(b"\xff\xc0") + 5
    return data[:frame] + struct.pack(">HH", height, width) + data[frame + 4 :]


def webp_of(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + size
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


BOMBS = {
    "png": png_of(100_000, 100_000, depth=8, kind=2, packed=zlib.compress(b"\0" * 10**6)),
    "wide png": png_of(2**31 - 1, 1, depth=1, kind=0, packed=b""),
    "gif": gif_of(65_535, 65_535, (0, 0, 1, 1)),
    "gif with a frame beyond its screen": gif_of(1, 1, (0, 0, 65_535, 65_535)),
    "bmp": bmp_of(50_000, 50_000, 0),
    "packed bmp": bmp_of(20_000, 20_000, 1),
    "tiff": tiff_of(2**31, 2**31 - 1),
    "jpeg": jpeg_of(65_500, 65_500),
    "webp": webp_of(16_384, 16_384),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_soon_and_in_little_memory(name):
    tracemalloc.start()
    started = time.process_time()

    error = attempt(BOMBS[name])

    seconds = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(error, UnreadableImage)
    assert "the limit" in error.reason
    assert seconds < 0.5
    assert peak < 2**20


def memory_of_opening(folder) -> int:
    """Return by how many KiB resident memory grows, at its peak, while each file of a folder is tried."""
    code = f"""
import pathlib, resource
from aivsreal.errors import UnreadableImage
from aivsreal.images import open_picture
import PIL.BmpImagePlugin, PIL.GifImagePlugin, PIL.PngImagePlugin, PIL.TiffImagePlugin, PIL.WebPImagePlugin
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
for path in pathlib.Path({str(folder)!r}).iterdir():
    try:
        open_picture(path)
    except UnreadableImage:
        pass
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return int(done.stdout)


def packed_zeros(megabytes: int) -> bytes:
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(b"\0" * 2**20) for _ in range(megabytes)) + packer.flush()


@linux
def test_all_bombs_together_take_little_resident_memory(tmp_path):
    for number, data in enumerate(BOMBS.values()):
        (tmp_path / str(number)).write_bytes(data)

    assert memory_of_opening(tmp_path) < 20_000


@linux
def test_compressed_zeros_fill_the_picture_and_no_more(tmp_path):
    data = png_of(100, 100, depth=8, kind=2, packed=packed_zeros(200))
    (tmp_path / "bomb").write_bytes(data)

    assert memory_of_opening(tmp_path) < 20_000


@linux
@pytest.mark.parametrize("name", [b"zTXt", b"iCCP"])
def test_an_enormous_compressed_note_is_not_unpacked(tmp_path, name):
    chunk = name + b"note\0\0" + packed_zeros(200)
    head = as_bytes(flat(8, 8), "PNG")
    whole = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "bomb").write_bytes(head[:33] + whole + head[33:])

    assert memory_of_opening(tmp_path) < 20_000


TINY_CHUNK = struct.pack(">I4sI", 0, b"aaAa", zlib.crc32(b"aaAa"))


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff" + b"\0" * 20_000_000,
        b"GIF89a" + b"\1\0\1\0\0\0\0" + b"!\xfe" + b"\1a" * 10_000_000,
        as_bytes(flat(1, 1), "PNG")[:33] + TINY_CHUNK * 1_500_000,
    ],
    ids=["jpeg", "gif", "png"],
)
def test_a_file_of_millions_of_pieces_is_given_up(data):
    started = time.process_time()

    error = attempt(data)

    assert isinstance(error, UnreadableImage)
    assert "absurdly many pieces" in error.reason
    assert time.process_time() - started < 10


def jpeg_of_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is there `count` times more: each is a pass over all pixels."""
    data = as_bytes(flat(2000, 2000), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * count + data[-2:]


def test_a_jpeg_of_endless_scans_is_given_up():
    started = time.process_time()
    error = attempt(jpeg_of_scans(5000))
    assert isinstance(error, UnreadableImage)
    assert "absurdly many pieces" in error.reason
    assert time.process_time() - started < 2


@pytest.mark.parametrize(("more", "too_many"), [(0, False), (1, True)])
def test_a_jpeg_may_have_as_many_scans_as_any_encoder_makes_and_no_more(more, too_many):
    scan = b"\xff\xda\0\2"
    assert has_too_many_scans(b"\xff\xd8" + scan * (MOST_SCANS + more) + b"\xff\xd9") is too_many


def test_scans_that_only_look_so_behind_a_picture_do_not_count():
    assert isinstance(attempt(jpeg_of_scans(5) + b"\xff\xda\0\2" * 5000), Picture)


def png_with(name: bytes, content: bytes) -> bytes:
    plain = as_bytes(_PICTURE, "PNG")
    chunk = struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    return plain[:33] + chunk + plain[33:]


def tiff_with_a_tag_beyond_its_end() -> bytes:
    data = bytearray(as_bytes(_PICTURE, "TIFF", tiffinfo={270: "a description"}))
    entry = data.index(struct.pack("<HH", 270, 2))
    data[entry + 4 : entry + 8] = struct.pack("<I", 2**31)
    return bytes(data)


WARNED_OF = {
    "animation of no frames": png_with(b"acTL", b"\0" * 8),
    "tag beyond the end": tiff_with_a_tag_beyond_its_end(),
}


@pytest.mark.parametrize("name", WARNED_OF)
def test_what_pillow_warns_of_is_read_in_silence(name):
    with pytest.warns(UserWarning), Image.open(io.BytesIO(WARNED_OF[name])) as image:
        image.load()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(open_picture(WARNED_OF[name]).pixels, _PICTURE)
        assert inspect(WARNED_OF[name]).width == 48


def test_directories_in_a_circle_end():
    data = bytearray(tiff_of(4, 4))
    data[-100:] = struct.pack("<I", 8) + b"\0" * 96

    assert inspect(bytes(data)).frames == 1


def test_pictures_just_inside_the_limits_pass():
    data = png_of(30_000, 4_000, depth=1, kind=0, packed=b"")

    assert inspect(data).width == 30_000
    assert isinstance(attempt(data, limits=Limits(max_pixels=1000)), UnreadableImage)
