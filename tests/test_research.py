"""The scripts that make data: records like those of the photos, screenshots, tags by rules."""

import csv
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import skimage
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from aivsreal.data.sources import load_set
from tests.data.draw import as_bytes, photo

RESEARCH = Path(__file__).parents[1] / "research"


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts find their neighbours in their own folder."""
    monkeypatch.syspath_prepend(str(RESEARCH))


def opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((300, 200), {"crop": (300, 200), "whole": (300, 200)}),
        ((1600, 800), {"crop": (400, 400), "whole": (480, 320)}),
        ((2000, 3000), {"crop": (400, 400), "whole": (320, 480)}),
    ],
)
def test_records_have_the_sizes_of_the_photographs(size: tuple[int, int], expected: dict) -> None:
    from records import record

    picture = Image.fromarray(photo(*size))
    made = {
        kind: opened(jpeg).size
        for kind, _, jpeg in (record(picture, np.random.default_rng(i)) for i in range(8))
    }
    assert made == expected


def test_a_record_is_the_same_every_time() -> None:
    from records import record, rng_of

    picture = Image.fromarray(photo(900, 700))
    assert record(picture, rng_of("ab" * 32)) == record(picture, rng_of("ab" * 32))


def test_near_copies_are_left_out() -> None:
    from collect_drawings import look_of, without_near_copies

    pictures = [Image.fromarray(photo(400, 300, seed=seed)) for seed in (1, 2)]
    pictures.insert(1, pictures[0].resize((200, 150)))
    rows = [{"look": look_of(picture), "n": n} for n, picture in enumerate(pictures)]
    assert [row["n"] for row in without_near_copies(rows)] == [0, 2]


def test_a_source_package_stays_in_one_split() -> None:
    from collect_drawings import split_of

    splits = [split_of(f"package-{n}") for n in range(2000)]
    assert splits.count("train") / 2000 == pytest.approx(0.70, abs=0.04)
    assert set(splits) == {"train", "val", "test"}


def test_a_screenshot_holds_the_photograph_and_a_frame() -> None:
    from screens import FRAMES, screenshot

    photograph = Image.fromarray(photo(400, 300))
    shots = [screenshot(photograph, np.random.default_rng(seed)) for seed in range(4 * len(FRAMES))]
    assert all(shot.width >= 400 * scale - 1 and shot.height > 300 * scale + 50 for shot, scale in shots)


def test_tags_tell_dark_and_grainy_pictures_from_plain_ones() -> None:
    from tag_photos import measured

    rng = np.random.default_rng(0)
    ramp = np.broadcast_to(np.linspace(90, 160, 256)[:, None, None], (256, 256, 3))
    grainy = ramp + rng.normal(0, 8, ramp.shape)
    assert measured(as_row(ramp)) == ["smooth", "colourless"]
    assert measured(as_row(ramp / 4)) == ["dark", "smooth", "colourless"]
    assert "grainy" in measured(as_row(grainy))


def as_row(pixels: np.ndarray) -> dict:
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(out, "PNG")
    return {"image": {"bytes": out.getvalue()}}


def test_cameras_are_told_apart_by_name() -> None:
    from tag_photos import known

    plain = {"origin_kind": "web", "source": "", "original_format": "JPEG", "original_quality": 90}
    plain |= {"original_width": 1000, "original_height": 800}
    names = ("Apple iPhone 7", "NIKON CORPORATION NIKON D200", "SONY DSC-H9", "DJI FC300S", None)
    tags = [known({**plain, "camera": name}) for name in names]
    assert tags == [["phone"], ["reflex"], ["compact"], ["drone"], []]


def package_line(label: str, data: bytes) -> dict[str, str]:
    return {
        "registry": "pypi",
        "package": "drawn",
        "archive": "drawn-1.tar.gz",
        "path": "drawn/flow-2.png",
        "sha256": hashlib.sha256(data).hexdigest(),
        "label": label,
        "generator": "drawn" if label == "ai" else "",
        "style": "illustration" if label == "ai" else "",
    }


def png(seed: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(photo(500, 400, seed=seed)).save(out, "PNG")
    return out.getvalue()


def test_pictures_of_packages_become_records_of_their_class() -> None:
    from collect_from_packages import row_of

    data = png(1)
    real, ai = (row_of(package_line(label, data), data) for label in ("real", "ai"))
    assert (real["label"], real["source"], real.get("generator")) == ("real", "pypi:drawn", None)
    assert (ai["label"], ai["split"], ai["group"]) == ("ai", "train", "drawn:flow")
    assert (real["style"], ai["style"]) == ("photo", "illustration")
    assert (real["origin_kind"], real["camera"]) == ("stock", None)
    data = taken("2019:07:31 18:20:01")
    shot = row_of(package_line("real", data), data)
    assert (shot["origin_kind"], shot["camera"]) == ("personal-camera", "Canon EOS 5D")
    assert opened(real["jpeg"]).format == "JPEG"


def test_another_picture_than_the_one_looked_at_is_refused() -> None:
    from collect_from_packages import row_of

    with pytest.raises(ValueError, match="has changed"):
        row_of(package_line("real", png(1)), png(2))


def test_the_table_of_package_pictures_names_each_once() -> None:
    with (RESEARCH / "package_pictures.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert len({line["sha256"] for line in lines}) == len(lines)
    assert all((line["label"] == "ai") == bool(line["generator"]) for line in lines)


EDITED = b'<x Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/'
EDITED += b'compositeWithTrainedAlgorithmicMedia"/>'


def taken(when: str, *, model: str = "EOS 5D", exposed: bool = True, **saved: bytes) -> bytes:
    """A picture whose EXIF names a camera."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Canon", model
    exif[ExifTags.Base.DateTime] = when
    if exposed:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] = 0.01
    return as_bytes(photo(300, 280, seed=7), "JPEG", quality=100, exif=exif.tobytes(), **saved)


def test_a_camera_counts_that_says_how_it_exposed() -> None:
    from records import Shot, shot_of

    assert shot_of(opened(taken("2019:07:31 18:20:01"))) == Shot("Canon EOS 5D", "2019:07:31 18:20:01")
    named_twice = shot_of(opened(taken("2019:07:31 18:20:01", model="Canon EOS 5D")))
    assert named_twice == Shot("Canon EOS 5D", "2019:07:31 18:20:01")
    assert shot_of(opened(taken("2019:07:31 18:20:01", exposed=False))) is None
    assert shot_of(opened(png(1))) is None


def archives(pictures: dict[str, bytes]) -> dict[str, bytes]:
    """The same files as a wheel and as a source archive."""
    wheel, source = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as zipped:
        for path, data in pictures.items():
            zipped.writestr(path, data)
    with tarfile.open(fileobj=source, mode="w:gz") as packed:
        for path, data in pictures.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            packed.addfile(entry, io.BytesIO(data))
    return {"a-1.0.whl": wheel.getvalue(), "a-1.0.tar.gz": source.getvalue()}


def test_of_an_archive_only_what_says_who_made_it_is_found() -> None:
    from find_declared import found_in

    info = PngInfo()
    info.add_text("parameters", "a castle\nSteps: 20, Sampler: Euler a, Model: flux")
    said = as_bytes(photo(300, 280), "PNG", pnginfo=info)
    small = as_bytes(photo(300, 200), "PNG", pnginfo=info)
    silent = as_bytes(photo(300, 280, seed=1), "PNG")
    files = {
        "docs/camera.jpg": taken("2019:07:31 18:20:01"),
        "edited.jpg": taken("2019:07:31 18:20:01", xmp=EDITED),
        "late.jpg": taken("2023:01:01 00:00:00"),
        "docs/a.png": said,
        "small.png": small,
        "b.png": silent,
        "c.txt": said,
        "d.png": b"no picture" * 5000,
    }
    for name, archive in archives(files).items():
        shot, found = found_in(archive, name)
        assert (shot.line["path"], shot.line["label"]) == ("docs/camera.jpg", "real")
        assert (shot.line["declared_in"], shot.line["names"]) == ("EXIF", "Canon EOS 5D")
        assert (found.data, found.line["path"], found.line["sha256"]) == (
            said,
            "docs/a.png",
            hashlib.sha256(said).hexdigest(),
        )
        assert (found.line["label"], found.line["declared_in"]) == ("ai", "Stable Diffusion web UI")
        assert (found.line["width"], found.line["height"], found.line["names"]) == (300, 280, "flux")


def test_of_a_package_the_newest_archive_that_may_hold_pictures_is_read() -> None:
    from find_declared import newest

    def archive(filename: str, size: int, day: int) -> SimpleNamespace:
        return SimpleNamespace(filename=filename, size=size, upload_time=datetime(2026, 5, day, tzinfo=UTC))

    old, wheel = archive("a-1.0.tar.gz", 900_000, 1), archive("a-1.1-py3-none-any.whl", 200_000, 9)
    source = archive("a-1.1.tar.gz", 800_000, 9)
    compiled = archive("a-1.1-cp311-manylinux_x86_64.whl", 2_000_000, 9)
    tiny, huge = archive("a-1.2.tar.gz", 1_000, 20), archive("a-1.3.tar.gz", 900_000_000, 21)
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert newest([old, wheel, source, compiled, tiny, huge], since) is source
    assert newest([old, compiled], since) is old
    assert newest([tiny, huge, compiled], since) is None
    assert newest([old], datetime(2026, 5, 2, tzinfo=UTC)) is None


@pytest.fixture
def registry_of_npm() -> Iterator[str]:
    """A registry on this machine, with one package that holds a picture said to be AI's."""
    info = PngInfo()
    info.add_text("parameters", "a castle\nSteps: 20, Sampler: Euler a")
    said = as_bytes(photo(300, 280), "PNG", pnginfo=info)
    pages = {"/drawn-1.0.tgz": archives({"package/a.png": said})["a-1.0.tar.gz"]}

    class Pages(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET(body=False)

        def do_GET(self, *, body: bool = True) -> None:
            page = pages.get(self.path)
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Length", str(len(page or b"")))
            self.end_headers()
            self.wfile.write((page or b"") if body else b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    address = f"http://127.0.0.1:{server.server_port}"
    latest = {"version": "1.0", "dist": {"tarball": f"{address}/drawn-1.0.tgz"}}
    pages["/@some%2Fdrawn/latest"] = json.dumps(latest).encode()
    pages["/broken/latest"] = b"no JSON"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield address
    server.shutdown()
    server.server_close()


def test_packages_of_npm_are_looked_through(
    tmp_path: Path, registry_of_npm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import find_declared

    monkeypatch.setattr(find_declared, "NPM", registry_of_npm)
    # What a package holds may be small here: noise compresses badly, but not to order.
    monkeypatch.setattr(find_declared, "SMALLEST_ARCHIVE", 1_000)
    (tmp_path / "names.txt").write_text("@some/drawn\nbroken\nnowhere\n")
    find_declared.main([str(tmp_path / "names.txt"), "--registry", "npm", "--out", str(tmp_path / "out")])
    with (tmp_path / "out" / "declared.csv").open(encoding="utf-8", newline="") as stream:
        (line,) = csv.DictReader(stream)
    assert (line["registry"], line["archive"], line["label"]) == ("npm", "some-drawn-1.0.tgz", "ai")
    assert (tmp_path / "out" / "done.txt").read_text().split() == ["@some/drawn", "broken", "nowhere"]
    monkeypatch.setattr(find_declared, "SMALLEST_ARCHIVE", 10_000_000)
    find_declared.main([str(tmp_path / "names.txt"), "--registry", "npm", "--out", str(tmp_path / "small")])
    assert len((tmp_path / "small" / "declared.csv").read_text().splitlines()) == 1


def astronaut() -> Image.Image:
    """A portrait in the public domain, by NASA."""
    return Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png").convert("RGB")


def test_a_face_is_cut_out_small_and_square() -> None:
    from faces import LARGEST, SMALLEST, cut_faces, faces_in

    (scale, jpeg), *_ = cut_faces(astronaut(), np.random.default_rng(0))

    cut = opened(jpeg)
    assert (cut.format, cut.width) == ("JPEG", cut.height)
    assert SMALLEST <= cut.width <= LARGEST[1]
    assert 0 < scale <= 1
    left, top, width, height = faces_in(cut.convert("RGB"))[0]
    assert left + width / 2 == pytest.approx(cut.width / 2, abs=0.1 * cut.width)
    assert top + height / 2 == pytest.approx(cut.height / 2, abs=0.1 * cut.width)


def test_a_face_too_small_to_show_anything_is_not_cut_out() -> None:
    from faces import cut_faces, faces_in

    small = astronaut().resize((200, 200))

    assert faces_in(small)
    assert list(cut_faces(small, np.random.default_rng(0))) == []


def test_faces_keep_what_is_known_of_the_picture_that_they_are_cut_out_of(tmp_path: Path) -> None:
    from cut_faces import face_rows

    astronaut().save(tmp_path / "a.jpg", quality=95)
    Image.fromarray(photo(300, 300)).save(tmp_path / "b.jpg")
    lines = [f"{name}.jpg,real,train,album,nasa,{'ab' * 32}" for name in "ab"]
    (tmp_path / "t.csv").write_text("\n".join(["path,label,split,group,source,sha256", *lines]))

    rows = list(face_rows(load_set(tmp_path / "t.csv")))

    assert {row["name"][:17] for row in rows} == {"train/faces/00000"}
    assert {(row["label"], row["split"], row["kind"], row["group"], row["source"]) for row in rows} == {
        ("real", "train", "face", "album", "nasa")
    }


def test_faces_are_cut_out_of_training_pictures_only(monkeypatch: pytest.MonkeyPatch) -> None:
    import collect_from_packages

    out = io.BytesIO()
    astronaut().save(out, "PNG")
    line = package_line("real", out.getvalue())

    cut = {}
    for split in ("train", "test"):
        monkeypatch.setattr(collect_from_packages, "split_of", lambda _, split=split: split)
        cut[split] = len(collect_from_packages.row_of(line, out.getvalue())["faces"])

    assert cut["train"] > 0
    assert cut["test"] == 0
