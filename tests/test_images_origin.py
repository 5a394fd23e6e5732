"""What a file's metadata say of how its picture was made: read where programs write it, and never trusted to be whole."""

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from aivsreal.images import inspect, open_picture, without_metadata
from tests.data.draw import as_bytes, photo

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SETTINGS = "a castle\nSteps: 20, Sampler: Euler a, CFG scale: 7, Size: 512x512"


def actions(*terms: str) -> bytes:
    """A manifest's actions as CBOR writes them: a key, the text's length, the text, and at once the next key."""
    return b"jumbc2pa.actions" + b"".join(
        b"qdigitalSourceTypexF" + (SOURCE_TYPE + term).encode() + b"kdescription" for term in terms
    )


def packet(term: str) -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"><Iptc4xmpExt:DigitalSourceType>'
        f"{term}</Iptc4xmpExt:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def jpeg_manifest(manifest: bytes, cut: int = 60_000) -> bytes:
    """A JPEG with a manifest, cut into segments of which each begins with the box's head."""
    box = struct.pack(">I4s", 8 + len(manifest), b"jumb")
    parts = [manifest[place : place + cut] for place in range(0, len(manifest), cut)]
    segments = b"".join(
        struct.pack(">HH2sHI", 0xFFEB, 2 + 8 + len(box) + len(part), b"JP", 1, number) + box + part
        for number, part in enumerate(parts, start=1)
    )
    file = as_bytes(photo(40, 30), "JPEG")
    return file[:2] + segments + file[2:]


def png_manifest(manifest: bytes) -> bytes:
    file = as_bytes(photo(40, 30), "PNG")
    body = b"caBX" + manifest
    chunk = struct.pack(">I", len(manifest)) + body + struct.pack(">I", zlib.crc32(body))
    return file[:33] + chunk + file[33:]


def webp_manifest(manifest: bytes) -> bytes:
    file = as_bytes(photo(40, 30), "WEBP", exif=b"")
    padded = manifest + b"\0" * (len(manifest) % 2)
    whole = file[8:] + struct.pack("<4sI", b"C2PA", len(manifest)) + padded
    return b"RIFF" + struct.pack("<I", len(whole)) + whole


def heif_manifest(manifest: bytes) -> bytes:
    box = bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + manifest
    return as_bytes(photo(64, 64), "HEIF") + struct.pack(">I4s", 8 + len(box), b"uuid") + box


def said(file: bytes) -> str | None:
    declared = inspect(file).declared
    return None if declared is None else declared.words


@pytest.mark.parametrize("written", [jpeg_manifest, png_manifest, webp_manifest, heif_manifest])
def test_a_manifest_is_read_in_every_format_that_holds_one(written: Callable[[bytes], bytes]) -> None:
    file = written(actions("trainedAlgorithmicMedia"))
    assert said(file) == "made by AI (C2PA)"
    assert open_picture(file).facts.declared == inspect(file).declared


def test_a_manifest_that_segments_cut_through_a_term_is_read_whole() -> None:
    manifest = b"x" * 60_000 + actions("trainedAlgorithmicMedia")
    cut = manifest.index(b"AlgorithmicMedia")
    assert said(jpeg_manifest(manifest, cut=cut)) == "made by AI (C2PA)"


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (["compositeWithTrainedAlgorithmicMedia"], "edited with AI (C2PA)"),
        (["digitalCapture"], "taken by a camera (C2PA)"),
        (["computationalCapture"], "taken by a camera (C2PA)"),
        (["digitalCapture", "compositeWithTrainedAlgorithmicMedia"], "edited with AI (C2PA)"),
        (["compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicMedia"], "made by AI (C2PA)"),
        (["algorithmicMedia"], None),
        (["screenCapture"], None),
        ([], None),
    ],
)
def test_of_several_terms_the_one_that_says_most_of_ai_counts(terms: list[str], words: str | None) -> None:
    assert said(png_manifest(actions(*terms))) == words


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF"])
@pytest.mark.parametrize("term", [SOURCE_TYPE + "trainedAlgorithmicMedia", "trainedAlgorithmicMedia"])
def test_xmp_is_read_in_every_format_that_holds_it(format: str, term: str) -> None:
    if format == "TIFF":
        file = as_bytes(photo(40, 30), "TIFF", tiffinfo={700: packet(term)})
    elif format == "PNG":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", packet(term).decode())
        file = as_bytes(photo(40, 30), "PNG", pnginfo=text)
    else:
        file = as_bytes(photo(64, 64), format, xmp=packet(term))
    assert said(file) == "made by AI (IPTC)"


def test_where_both_say_it_both_are_named() -> None:
    stream = io.BytesIO()
    Image.fromarray(photo(40, 30)).save(stream, "JPEG", xmp=packet(SOURCE_TYPE + "trainedAlgorithmicMedia"))
    with_manifest = jpeg_manifest(actions("trainedAlgorithmicMedia"))
    segments = with_manifest[2 : with_manifest.index(b"\xff\xe0")]
    file = stream.getvalue()
    assert said(file[:2] + segments + file[2:]) == "made by AI (C2PA, IPTC)"


def test_where_they_differ_the_one_that_says_most_of_ai_counts() -> None:
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", packet(SOURCE_TYPE + "trainedAlgorithmicMedia").decode())
    plain, camera = as_bytes(photo(40, 30), "PNG", pnginfo=text), png_manifest(actions("digitalCapture"))
    manifest = camera[33 : camera.index(b"IDAT") - 4]
    assert said(plain[:33] + manifest + plain[33:]) == "made by AI (IPTC)"


def test_xmp_that_did_not_fit_into_one_segment_is_read_too() -> None:
    more = (
        b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + packet(SOURCE_TYPE + "trainedAlgorithmicMedia")
    )
    file = as_bytes(photo(40, 30), "JPEG")
    assert said(file[:2] + struct.pack(">HH", 0xFFE1, 2 + len(more)) + more + file[2:]) == "made by AI (IPTC)"


@pytest.mark.parametrize(
    ("key", "text", "where"),
    [
        ("parameters", SETTINGS, "Stable Diffusion web UI"),
        ("prompt", '{"3": {"class_type": "KSampler", "inputs": {}}}', "ComfyUI"),
        ("invokeai_metadata", '{"app_version": "5.0"}', "InvokeAI"),
    ],
)
def test_a_prompt_left_in_a_png_is_told_with_its_program(key: str, text: str, where: str) -> None:
    info = PngInfo()
    info.add_text(key, text)
    assert said(as_bytes(photo(40, 30), "PNG", pnginfo=info)) == f"made by AI ({where})"


def test_a_prompt_in_the_comment_of_exif_is_told_too() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + SETTINGS.encode("utf-16-be")
    assert said(as_bytes(photo(40, 30), "JPEG", exif=exif)) == "made by AI (Stable Diffusion web UI)"


def test_a_workflow_in_exif_is_told_too() -> None:
    exif = Image.Exif()
    exif[0x010F] = 'prompt:{"3": {"class_type": "KSampler"}}'
    assert said(as_bytes(photo(40, 30), "WEBP", exif=exif)) == "made by AI (ComfyUI)"


def test_a_title_that_speaks_of_steps_is_no_prompt() -> None:
    info = PngInfo()
    info.add_text("parameters", "Steps: up the hill")
    assert said(as_bytes(photo(40, 30), "PNG", pnginfo=info)) is None


def test_metadata_taken_off_say_nothing() -> None:
    for file in (jpeg_manifest(actions("digitalCapture")), png_manifest(actions("digitalCapture"))):
        bare = without_metadata(file)
        assert bare is not None
        assert said(bare) is None


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([jpeg_manifest, png_manifest, webp_manifest]), st.binary(max_size=200), st.data())
def test_damaged_manifests_never_break_the_picture(
    written: Callable[[bytes], bytes], noise: bytes, data: st.DataObject
) -> None:
    manifest = actions("trainedAlgorithmicMedia")
    place = data.draw(st.integers(0, len(manifest)))
    file = written(manifest[:place] + noise)
    assert said(file) in (None, "made by AI (C2PA)")
    assert open_picture(file).pixels.shape == (30, 40, 3)
