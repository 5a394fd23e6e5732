"""The scripts that make data: records like those of the photos, screenshots, tags by rules."""

import csv
import hashlib
import io
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

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


def test_of_an_archive_only_what_says_that_ai_made_it_is_found() -> None:
    from find_declared import declared_in

    info = PngInfo()
    info.add_text("parameters", "a castle\nSteps: 20, Sampler: Euler a, Model: flux")
    said = as_bytes(photo(300, 280), "PNG", pnginfo=info)
    small = as_bytes(photo(300, 200), "PNG", pnginfo=info)
    silent = as_bytes(photo(300, 280, seed=1), "PNG")
    files = {
        "docs/a.png": said,
        "small.png": small,
        "b.png": silent,
        "c.txt": said,
        "d.png": b"no picture" * 5000,
    }
    for name, archive in archives(files).items():
        (found,) = declared_in(archive, name)
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
