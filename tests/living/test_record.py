"""Records: a line a verdict, without anything that finds the picture again."""

import errno
import os
from datetime import UTC, datetime, timedelta

import pytest

from aivsreal.bundle import load_bundle
from aivsreal.detector import Detector
from aivsreal.errors import CannotWrite
from aivsreal.living import record
from aivsreal.living.record import Recorder, read_records
from tests.data.bundles import tiny_bundle
from tests.living import killing
from tests.living.towers import drawn_set

WHEN = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def verdict(tower, tmp_path):
    (sample,) = drawn_set(tmp_path / "secret-name", {"red": 1})
    return Detector(tower).predict(sample.path)


def test_a_record_comes_back(data, tower, verdict):
    assert Recorder().add(verdict, tower, when=WHEN)

    ((found,), damaged) = read_records()
    assert (found.when, found.model, found.verdict) == (WHEN, "tower 1.0.0", "ai")
    assert (found.format, found.size) == ("PNG", "up to 256")
    assert found.probability_ai == pytest.approx(verdict.probability_ai, abs=1e-4)
    assert len(found.sketch) == 3
    assert damaged == 0
    assert (data / "records" / "verdicts.jsonl").stat().st_size < 250


def test_neither_name_nor_sum_nor_embedding_is_written(data, tower, verdict):
    Recorder().add(verdict, tower)

    text = (data / "records" / "verdicts.jsonl").read_text()
    assert "secret-name" not in text
    assert verdict.facts.sha256[:12] not in text


@pytest.mark.usefixtures("data")
def test_a_model_without_a_memory_is_recorded_without_a_sketch(tmp_path, verdict):
    assert Recorder().add(verdict, tiny_bundle(tmp_path / "tiny"))

    assert len(read_records()[0][0].sketch) == 0


@pytest.mark.usefixtures("data")
def test_only_the_records_of_a_model_are_asked_for(tower, verdict):
    Recorder().add(verdict, tower)

    assert read_records(model="other 1.0.0") == ([], 0)


def test_full_files_are_put_by_and_the_oldest_goes(data, tower, verdict, monkeypatch):
    monkeypatch.setattr(record, "LARGEST", 1000)
    monkeypatch.setattr(record, "FILES", 3)
    for minute in range(40):
        Recorder().add(verdict, tower, when=WHEN + timedelta(minutes=minute))

    found, _ = read_records()
    files = sorted(path.name for path in (data / "records").glob("*.jsonl"))
    assert files == ["verdicts.1.jsonl", "verdicts.2.jsonl", "verdicts.jsonl"]
    assert [r.when for r in found] == [WHEN + timedelta(minutes=m) for m in range(40 - len(found), 40)]
    assert 10 < len(found) < 25


def test_no_record_is_lost_where_another_process_puts_the_file_by_at_that_moment(
    data, tower, verdict, monkeypatch
):
    monkeypatch.setattr(record, "LARGEST", 10)
    Recorder().write(verdict, tower)
    locked = record.journal.locked

    def after_another(path):
        monkeypatch.setattr(record.journal, "locked", locked)
        path.replace(data / "records" / "verdicts.1.jsonl")
        return locked(path)

    monkeypatch.setattr(record.journal, "locked", after_another)
    Recorder().write(verdict, tower)

    assert len(read_records()[0]) == 2


@pytest.mark.parametrize("damage", [b"\x00" * 40, b'{"t": "2026"', b"[]", b'{"sum": "00000000"}'])
def test_a_damaged_file_still_tells_the_rest(data, tower, verdict, damage):
    recorder = Recorder()
    recorder.add(verdict, tower)
    with (data / "records" / "verdicts.jsonl").open("ab") as stream:
        stream.write(damage)
    recorder.add(verdict, tower)

    found, damaged = read_records()
    assert (len(found), damaged) == (2, 1)


def test_a_line_of_another_kind_counts_as_damaged(data):
    record.journal.append(data / "records" / "verdicts.jsonl", {"t": "yesterday"})

    assert read_records() == ([], 1)


def fill(folder, tower_folder):
    bundle = load_bundle(tower_folder)
    verdict = Detector(bundle).predict(folder)
    Recorder().write(verdict, bundle)


def test_a_full_disk_is_told_and_nothing_half_is_left(data, tower, tmp_path):
    (sample,) = drawn_set(tmp_path / "one", {"red": 1})

    error = killing.without_space(fill, data, sample.path, tower.folder, largest=50)

    assert error.startswith(CannotWrite.__name__)
    assert read_records() == ([], 0)


@pytest.mark.usefixtures("data")
def test_a_server_goes_on_while_the_disk_is_full(tower, verdict, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    recorder = Recorder()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        assert recorder.add(verdict, tower) is False
        assert "No space left" in (recorder.problem or "")

    assert recorder.add(verdict, tower) is True
    assert recorder.problem is None
