"""`aivsreal monitor`, as a user and their cron type it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from aivsreal.bundle import load_bundle
from aivsreal.detector import Detector
from aivsreal.living.record import Recorder
from aivsreal.living.state import latest_state
from tests.cli.runner import run
from tests.data.bundles import tiny_bundle
from tests.living.towers import drawn_set

START = datetime(2026, 11, 1, tzinfo=UTC)


def feed(bundle, folder, kinds, *, start=START, seed=3):
    recorder, detector = Recorder(), Detector(bundle, threads=1)
    for place, sample in enumerate(drawn_set(folder, kinds, seed=seed)):
        recorder.write(detector.predict(sample.path), bundle, when=start + timedelta(minutes=place))


@pytest.mark.usefixtures("data")
def test_pictures_like_those_it_was_judged_on_raise_no_alarm(tower, tmp_path):
    feed(tower, tmp_path / "in", {"grey": 40, "red": 40})

    result = run("monitor", "--model", tower.folder)

    assert result.exit_code == 0
    assert "Nothing that matters has changed." in result.stdout
    assert "ALARM" not in result.stdout


@pytest.mark.usefixtures("data")
def test_pictures_of_a_new_kind_raise_an_alarm(tower, tmp_path):
    feed(tower, tmp_path / "in", {"grey": 20, "blue": 60})

    result = run("monitor", "--model", tower.folder, "--json", "--out", tmp_path / "report")

    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert report["alarm"] is True
    assert "embeddings" in [finding["name"] for finding in report["findings"] if finding["alarm"]]
    assert json.loads((tmp_path / "report" / "monitor.json").read_text()) == report
    assert (tmp_path / "report" / "shares.png").stat().st_size > 5000
    assert (tmp_path / "report" / "drift.png").stat().st_size > 5000
    assert (latest_state() or {})["alarm"] is True


@pytest.mark.usefixtures("data")
def test_too_few_verdicts_are_no_alarm(tower, tmp_path):
    feed(tower, tmp_path / "in", {"blue": 10})

    result = run("monitor", "--model", tower.folder)

    assert result.exit_code == 0
    assert "Only 10 verdicts" in result.stdout


@pytest.mark.usefixtures("data")
def test_an_alarm_outlives_a_look_that_tells_nothing(tower, tmp_path):
    feed(tower, tmp_path / "in", {"grey": 20, "blue": 60})
    run("monitor", "--model", tower.folder)

    result = run("monitor", "--model", tower.folder, "--since", "2026-11-02")

    assert "Only 0 verdicts" in result.stdout
    assert (latest_state() or {})["alarm"] is True


@pytest.mark.usefixtures("data")
def test_a_stream_may_be_compared_with_its_own_past(tower, tmp_path):
    feed(tower, tmp_path / "october", {"blue": 60})
    feed(tower, tmp_path / "november", {"blue": 60}, start=START + timedelta(days=30), seed=4)

    same = run(
        "monitor", "--model", tower.folder, "--since", "2026-11-20", "--against", "2026-11-01..2026-11-10"
    )
    few = run("monitor", "--model", tower.folder, "--against", "2025-01-01..2025-01-02")

    assert same.exit_code == 0
    assert few.exit_code == 4
    assert "0 verdicts" in few.stderr


@pytest.mark.usefixtures("data")
def test_a_model_without_a_memory_is_told_how_to_get_one(tmp_path):
    result = run("monitor", "--model", tiny_bundle(tmp_path / "tiny").folder)

    assert result.exit_code == 5
    assert "aivsreal models remember" in result.stderr


@pytest.mark.usefixtures("data", "tower")
@pytest.mark.parametrize(
    "options",
    [
        ("--since", "yesterday"),
        ("--against", "2026"),
        ("--since", "2026-01-01", "--days", "3"),
        ("--since", "2026-12-01", "--until", "2026-01-01"),
        ("--since", "2026-12-01", "--until", "2026-12-01"),
        ("--days", "3", "--until", "2026-01-01"),
        ("--days", "nan"),
        ("--against", "2026-06-30..2026-06-01"),
    ],
)
def test_wrong_times_are_wrong_usage(tmp_path, options):
    assert run("monitor", "--model", tmp_path / "tower", *options).exit_code == 2


@pytest.mark.usefixtures("data")
def test_predict_records_when_asked(tower, tmp_path):
    labelled = drawn_set(tmp_path / "in", {"red": 2})

    run("predict", *[s.path for s in labelled], "--model", tower.folder)
    assert "Only 0 verdicts" in run("monitor", "--model", tower.folder).stdout
    run("predict", *[s.path for s in labelled], "--model", tower.folder, "--record")
    assert "Only 2 verdicts" in run("monitor", "--model", tower.folder).stdout


@pytest.mark.usefixtures("data")
def test_a_memory_is_made_from_the_command_line(tmp_path):
    folder = tiny_bundle(tmp_path / "tiny").folder
    for split in ("train", "val"):
        drawn_set(tmp_path / "set" / split, {"grey": 3, "red": 3}, seed=len(split))

    result = run("models", "remember", folder, tmp_path / "set")

    assert result.exit_code == 0
    assert "remembers 6 pictures that it learned from and 6 held out" in result.stdout
    assert load_bundle(folder).extra
