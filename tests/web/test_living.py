"""A running server takes over what is promoted, and keeps a line of every verdict."""

from __future__ import annotations

import io
from pathlib import Path
from threading import Event, Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient

from aivsreal.living import registry
from aivsreal.living.record import read_records
from aivsreal.web.app import create_app
from aivsreal.web.settings import Settings
from tests.data.bundles import tiny_bundle
from tests.web.conftest import picture


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(tmp_path / "data"))
    for version in ("1.0.0", "2.0.0"):
        registry.add(
            tiny_bundle(tmp_path / version, name="tiny", version=version, gain=float(version[0]) * 10).folder
        )
    registry.promote("tiny-1.0.0")
    return create_app(Settings(data_dir=tmp_path / "data"))


def posted(client: FlaskClient) -> tuple[int, str]:
    answer = client.post("/api/v1/images", data={"image": (io.BytesIO(picture()), "a.jpg")})
    return answer.status_code, answer.get_json()["images"][0]["model"]


def test_a_promotion_is_taken_over_and_no_request_is_dropped(app: Flask) -> None:
    stop, answers = Event(), []

    def ask() -> None:
        client = app.test_client()
        while not stop.is_set():
            answers.append(posted(client))

    threads = [Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    while not answers:
        stop.wait(0.01)
    registry.promote("tiny-2.0.0")
    while answers[-1][1] != "tiny 2.0.0":
        stop.wait(0.01)
    stop.set()
    for thread in threads:
        thread.join()

    assert {status for status, _ in answers} == {201}
    assert {model for _, model in answers} == {"tiny 1.0.0", "tiny 2.0.0"}
    registry.rollback()
    posted(app.test_client())
    app.extensions["aivsreal"].examiner.model.wait()
    assert posted(app.test_client()) == (201, "tiny 1.0.0")


def test_every_verdict_is_recorded_without_picture_or_name(app: Flask, tmp_path: Path) -> None:
    posted(app.test_client())

    (record,), damaged = read_records(tmp_path / "data" / "records")
    assert (record.model, record.verdict, damaged) == ("tiny 1.0.0", "ai", 0)
    assert b"a.jpg" not in (tmp_path / "data" / "records" / "verdicts.jsonl").read_bytes()


def test_nothing_is_recorded_where_the_operator_does_not_want_it(app: Flask, tmp_path: Path) -> None:
    silent = create_app(Settings(data_dir=tmp_path / "other", record=False))
    posted(silent.test_client())

    assert app is not silent
    assert not (tmp_path / "other" / "records").exists()


def test_metrics_tell_what_monitor_found_last(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "data" / "monitor.json").write_text(
        '{"when": "2026-11-01T00:00:00+00:00", "alarm": true, "shares": {"ai": 0.5},'
        ' "findings": [{"name": "scores", "size": 0.31}]}'
    )

    text = app.test_client().get("/metrics").text
    assert "aivsreal_monitor_alarm 1.0" in text
    assert 'aivsreal_monitor_share{verdict="ai"} 0.5' in text
    assert 'aivsreal_monitor_change{what="scores"} 0.31' in text


def test_metrics_live_with_a_damaged_state(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "data" / "monitor.json").write_text("{")

    assert app.test_client().get("/metrics").status_code == 200
