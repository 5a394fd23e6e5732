"""A disk that is really full: a small file system in memory, filled to its last byte."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aivsreal.bundle import current_model, list_bundles, load_bundle
from aivsreal.detector import Detector
from aivsreal.errors import CannotWrite
from aivsreal.living import journal, registry
from aivsreal.living.feedback import review, reviewed
from aivsreal.living.monitor import keep_state
from aivsreal.living.record import Recorder, read_records
from aivsreal.living.window import look
from tests.data.bundles import tiny_bundle
from tests.living.test_feedback import mark
from tests.living.test_keep_up import assert_taught_once, marks_of, night
from tests.living.test_registry import assert_history_tells_the_truth, told
from tests.living.towers import drawn_set

FILLER = "filler"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder on a file system of two megabytes."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "aivsreal-test", small], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(small / "data"))
    yield small / "data"
    subprocess.run(["umount", "--lazy", small], check=True)


@pytest.fixture
def models(data: Path, tmp_path: Path) -> Path:
    """a and b are added, b is in use after a."""
    for name in "ab":
        registry.add(tiny_bundle(tmp_path / name, name=name).folder, name)
        registry.promote(name)
    return data


def fill(data: Path, *, leave: int = 0) -> None:
    """Write until there is no room, then give `leave` bytes back."""
    path = data.parent / FILLER
    with path.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(4096))
        except OSError:
            pass
    os.truncate(path, max(0, path.stat().st_size - leave))


def clear(data: Path) -> None:
    (data.parent / FILLER).unlink()


@pytest.mark.parametrize("leave", [0, 4096, 8192])
def test_no_change_of_the_models_is_half_made(models: Path, tmp_path: Path, leave: int) -> None:
    new = tiny_bundle(tmp_path / "new", name="new").folder
    before = told(), current_model()
    fill(models, leave=leave)

    for change in (lambda: registry.add(new), lambda: registry.promote("a"), registry.rollback):
        try:
            change()
        except CannotWrite as error:
            assert "space" in error.reason
        assert_history_tells_the_truth()
        assert load_bundle().title == f"{current_model()} 1.0.0"

    clear(models)
    if leave == 0:
        assert (told(), current_model()) == before
    registry.add(new)
    registry.promote("new-1.0.0")
    assert_history_tells_the_truth()
    assert not list(models.rglob("*.part"))


def test_a_model_that_does_not_fit_is_not_there(models: Path, tmp_path: Path) -> None:
    large = tiny_bundle(tmp_path / "large", name="large").folder
    fill(models, leave=16_384)

    with pytest.raises(CannotWrite):
        for number in range(9):
            registry.add(large, f"large{number}")

    for entry in list_bundles():
        assert load_bundle(entry.folder).title
    assert not list(models.rglob("*.part"))


def test_a_verdict_is_given_without_its_record_and_told(data: Path, tower, tmp_path: Path) -> None:
    (sample,) = drawn_set(tmp_path / "in", {"red": 1})
    recorder, verdict = Recorder(), Detector(tower).predict(sample.path)
    assert recorder.add(verdict, tower)
    fill(data)

    while recorder.add(verdict, tower):  # into what is left of the last block
        pass
    assert "space" in (recorder.problem or "")
    whole, damaged = read_records()
    clear(data)
    assert recorder.add(verdict, tower)
    assert recorder.problem is None
    assert (len(read_records()[0]), damaged) == (len(whole) + 1, 0)


def test_neither_a_look_nor_a_review_is_half_written(data: Path, tower, tmp_path: Path) -> None:
    (sample,) = drawn_set(tmp_path / "in", {"blue": 1})
    marks = [mark("a", picture=Path(sample.path))]
    report = replace(look(tower, marks).report, enough=True)
    keep_state(report)
    before = (data / "monitor.json").read_bytes()
    fill(data)

    with pytest.raises(CannotWrite):
        keep_state(report)
    with pytest.raises(CannotWrite):
        review(marks, "a", "accept")

    assert (data / "monitor.json").read_bytes() == before
    assert reviewed(marks)[0].decision is None
    clear(data)
    review(marks, "a", "accept")
    assert reviewed(marks)[0].decision == "accept"


@pytest.mark.parametrize("leave", [0, 8192, 40_960, 122_880])
def test_a_night_without_room_is_made_up_for_by_the_next(
    data: Path, tower, tmp_path: Path, leave: int
) -> None:
    registry.add(tower.folder, "tower")
    registry.promote("tower", forced=True)
    pictures = [Path(sample.path) for sample in drawn_set(tmp_path / "new", {"blue": 7}, seed=21)]
    for one in marks_of(pictures):
        review(marks_of(pictures), one.id, "accept")
    fill(data, leave=leave)

    try:
        night(pictures)
    except CannotWrite as error:
        assert "space" in error.reason
    assert_history_tells_the_truth()
    clear(data)
    night(pictures)
    assert_taught_once(pictures)


def test_lines_are_whole_or_not_there(data: Path) -> None:
    journal.append(data / "log", {"number": 0})
    fill(data)

    written = 1
    with pytest.raises(CannotWrite):
        for written in range(1, 10_000):
            journal.append(data / "log", {"number": written}, durable=False)

    found = journal.read(data / "log")
    assert (len(found.entries), found.damaged) == (written, 0)
    assert (data / "log").read_bytes().endswith(b"\n")
