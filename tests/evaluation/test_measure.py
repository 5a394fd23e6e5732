"""Measuring runs the detector as users do, in order, and loses no picture."""

from pathlib import Path

import pytest

from aivsreal.data.sources import load_set
from aivsreal.deliveries import align
from aivsreal.detector import Detector
from aivsreal.evaluation.answers import Answers
from aivsreal.evaluation.measure import measure
from aivsreal.images import open_picture
from tests.data.bundles import tiny_bundle
from tests.data.draw import flat, write
from tests.evaluation.drawn import draw_set


@pytest.fixture
def detector(tmp_path: Path) -> Detector:
    return Detector(tiny_bundle(tmp_path / "tiny"))


def test_rows_come_in_the_order_of_the_set_with_what_predict_says(tmp_path: Path, detector: Detector) -> None:
    data = load_set(draw_set(tmp_path / "data", n=12))
    rows = measure(detector, data, chain="as_is")
    assert [row.key for row in rows] == [sample.key for sample in data]
    predicted = [detector.predict(sample.read()) for sample in data]
    assert [row.verdict for row in rows] == [verdict.verdict for verdict in predicted]
    assert [row.probability_ai for row in rows] == [verdict.probability_ai for verdict in predicted]


def test_aligned_is_the_verdict_on_the_aligned_file(tmp_path: Path, detector: Detector) -> None:
    data = load_set(draw_set(tmp_path / "data", n=4))
    rows = measure(detector, data, chain="aligned")
    files = [align(open_picture(sample.read()).pixels) for sample in data]
    assert [row.logit for row in rows] == [detector.predict(file).logit for file in files]


def test_format_and_size_are_those_of_the_file_as_it_lies_there(tmp_path: Path, detector: Detector) -> None:
    write(tmp_path / "data/real/a.png", flat(600, 400))
    write(tmp_path / "data/fake/b.jpg", flat(600, 400))
    rows = measure(detector, load_set(tmp_path / "data"), chain="aligned")
    assert {(row.format, row.width, row.height) for row in rows} == {("PNG", 600, 400), ("JPEG", 600, 400)}


def test_an_unreadable_picture_becomes_a_row_that_says_why(tmp_path: Path, detector: Detector) -> None:
    folder = draw_set(tmp_path / "data", n=4)
    broken = folder / "test/real/home/001.png"
    broken.write_bytes(broken.read_bytes()[:60])
    rows = measure(detector, load_set(folder), chain="as_is")
    failed = [row for row in rows if row.error]
    assert len(rows) == 8
    assert [row.key for row in failed] == ["test/real/home/001.png"]
    assert failed[0].verdict is None


def test_a_picture_that_failed_in_one_chain_counts_in_neither(tmp_path: Path, detector: Detector) -> None:
    folder = draw_set(tmp_path / "data", n=4)
    data = load_set(folder)
    as_is = measure(detector, data, chain="as_is")
    (folder / "test/real/home/001.png").write_bytes(b"")
    answers = Answers.of({"as_is": as_is, "aligned": measure(detector, data, chain="aligned")})
    assert len(answers) == 7
    assert all(len(words) == 7 for words in answers.words.values())


def test_progress_counts_every_picture(tmp_path: Path, detector: Detector) -> None:
    told: list[tuple[int, int]] = []
    data = load_set(draw_set(tmp_path / "data", n=4))
    measure(detector, data, chain="as_is", on_progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 8) for done in range(1, 9)]


def test_embeddings_are_kept_only_where_asked_for(tmp_path: Path, detector: Detector) -> None:
    data = load_set(draw_set(tmp_path / "data", n=2))
    assert all(row.embedding is None for row in measure(detector, data, chain="as_is"))
    kept = measure(detector, data, chain="as_is", keep_embeddings=True)
    assert all(row.embedding is not None and row.embedding.shape == (3,) for row in kept)
