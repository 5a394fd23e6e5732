"""The page on monitoring says what `aivsreal monitor` says, of the window that is asked for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from aivsreal.bundle import Bundle
from aivsreal.detector import Detector
from aivsreal.errors import UsageError
from aivsreal.evaluation.intervals import Figure
from aivsreal.living.record import Recorder
from aivsreal.living.remember import remember
from aivsreal.living.stretches import Stretch
from aivsreal.web.app import create_app
from aivsreal.web.monitoring import plots_of, window_asked
from aivsreal.web.settings import Settings
from tests.cli.runner import run
from tests.living.towers import drawn_set, red_tower, training_set

START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A model that calls red pictures AI and remembers what it was judged on."""
    folder = tmp_path_factory.mktemp("tower")
    return remember(red_tower(folder / "tower").folder, training_set(folder / "training"), replayed=40)


@pytest.fixture
def settings(tower: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(tmp_path / "data"))
    return Settings(model=str(tower.folder), data_dir=tmp_path / "data")


@pytest.fixture
def stream(tower: Bundle, settings: Settings, tmp_path: Path) -> list[datetime]:
    """Eighty verdicts, one a minute: the first half on pictures as known, the second on those of a new generator."""
    recorder, detector = Recorder(settings.folder / "records"), Detector(tower, threads=1)
    known = list(drawn_set(tmp_path / "in", {"grey": 20, "red": 20}, seed=3))
    new = list(drawn_set(tmp_path / "in", {"blue": 40}, seed=4))
    np.random.default_rng(0).shuffle(known)
    times = [START + timedelta(minutes=place) for place in range(len(known) + len(new))]
    for when, sample in zip(times, [*known, *new], strict=True):
        recorder.write(detector.predict(sample.path), tower, when=when)
    return times


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).replace("&#39;", "'")


@pytest.mark.usefixtures("stream")
def test_it_says_what_the_command_says(client: FlaskClient, tower: Bundle) -> None:
    page = client.get("/operator/monitor")
    told = run("monitor", "--model", tower.folder, "--json")
    report = json.loads(told.stdout)

    assert (page.status_code, told.exit_code) == (200, 1)
    text = plain(page.text)
    for sentence in (report["words"], report["window"], report["against"]):
        assert sentence in text
    for finding in report["findings"]:
        assert finding["words"][1:] in text
    assert page.text.count('<tr class="alarm">') == sum(finding["alarm"] for finding in report["findings"])
    assert page.text.count('class="timeline"') == 3


@pytest.mark.usefixtures("stream")
def test_the_window_is_chosen(client: FlaskClient) -> None:
    def text(**query: str) -> str:
        return plain(client.get("/operator/monitor", query_string=query).text)

    assert "60 verdicts, 2026-11-01T00:20+00:00" in text(last="60")
    assert "Only 40 verdicts" in text(until="2026-11-01T00:40")
    assert "Only 0 verdicts" in text(since="2026-11-02")
    assert "Only 0 verdicts" in text(days="0.5")
    earlier = text(since="2026-11-01T00:20", **{"from": "2026-11-01", "to": "2026-11-02"})
    assert "against 80 verdicts" in earlier


@pytest.mark.parametrize(
    "query",
    [
        {"days": "soon"},
        {"days": "nan"},
        {"days": "-1"},
        {"last": "0"},
        {"last": "9" * 400},
        {"since": "yesterday"},
        {"until": "2026-13-01"},
        {"since": "2026-01-01", "days": "3"},
        {"from": "2026-01-01"},
        {"from": "2025-01-01", "to": "2025-02-01"},
        {"days": "٣ ٣"},
    ],
)
def test_a_window_that_is_none_is_told_and_the_form_stays(client: FlaskClient, query: dict[str, str]) -> None:
    page = client.get("/operator/monitor", query_string=query)
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert f'value="{next(iter(query.values()))}"' in page.text


def test_markup_in_a_window_stays_text(client: FlaskClient) -> None:
    page = client.get("/operator/monitor", query_string={"since": '"><script>alert(1)</script>'})
    assert "<script>alert" not in page.text


@pytest.mark.usefixtures("stream")
def test_looking_changes_nothing_of_what_metrics_tell(
    client: FlaskClient, settings: Settings, tower: Bundle
) -> None:
    client.get("/operator/monitor")
    assert not (settings.folder / "monitor.json").exists()
    run("monitor", "--model", tower.folder)
    before = (settings.folder / "monitor.json").read_bytes()
    page = client.get("/operator/monitor?last=55").text
    assert (settings.folder / "monitor.json").read_bytes() == before
    assert json.loads(before)["words"] in plain(page)


@pytest.mark.usefixtures("stream")
def test_metrics_tell_alarm_drift_and_shares_of_the_last_look(client: FlaskClient, tower: Bundle) -> None:
    report = json.loads(run("monitor", "--model", tower.folder, "--json").stdout)
    told = dict(line.rsplit(" ", 1) for line in client.get("/metrics").text.splitlines() if line[0] != "#")

    assert float(told["aivsreal_monitor_alarm"]) == 1
    for word, share in report["shares"].items():
        assert float(told[f'aivsreal_monitor_share{{verdict="{word}"}}']) == share
    for finding in report["findings"]:
        assert float(told[f'aivsreal_monitor_change{{what="{finding["name"]}"}}']) == finding["size"]
        assert float(told[f'aivsreal_monitor_p{{what="{finding["name"]}"}}']) == finding["p"]


def test_a_model_without_a_memory_is_told_how_to_get_one(settings: Settings, tiny: Path) -> None:
    page = create_app(settings.model_copy(update={"model": str(tiny)})).test_client().get("/operator/monitor")
    assert page.status_code == 200
    assert "aivsreal models remember" in page.text


WITHOUT_SCIPY = """
import sys
sys.modules["scipy"] = None
from aivsreal.web.app import create_app
from aivsreal.web.settings import Settings
client = create_app(Settings(model=sys.argv[1])).test_client()
for path in ("/operator", "/operator/monitor", "/operator/feedback"):
    page = client.get(path)
    print(page.status_code, "pip install" in page.text, "scipy" in page.text)
"""


def test_without_statistics_the_page_says_what_to_install(settings: Settings) -> None:
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_SCIPY, str(settings.model)], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines() == ["200 False False", "200 True True", "200 False False"]


def test_dates_without_a_zone_are_in_utc_and_days_go_back_from_now() -> None:
    window = window_asked({"since": "2026-11-01", "until": "2026-11-02T08:30+02:00", "last": "5"})
    assert window.span == (START, datetime(2026, 11, 2, 6, 30, tzinfo=UTC))
    assert window.last == 5
    since = window_asked({"days": "7"}).span[0]
    assert since is not None
    assert abs(datetime.now(UTC) - timedelta(days=7) - since) < timedelta(minutes=1)
    with pytest.raises(UsageError):
        window_asked({"to": "2026-01-01"})


def stretch(minute: int, share: float, *, stability: float = 0.1, moved: float | None = 0.3) -> Stretch:
    shares = {word: Figure(share, share / 2, min(1, share * 2)) for word in ("ai", "uncertain", "real")}
    return Stretch(START + timedelta(minutes=minute), 20, shares, stability, moved)


def test_a_line_lies_where_its_values_are() -> None:
    shares, scores, pictures = plots_of(
        [stretch(0, 0.0), stretch(10, 0.5, stability=0.8), stretch(40, 1.0)], ["ai", "real"]
    )
    line = shares.lines[0]
    assert line.points == [(0, 100), (25, 50), (100, 0)]
    assert line.band[:3] == [(0, 100), (25, 0), (100, 0)]
    assert line.level == 50
    assert scores.top == pytest.approx(1.0)
    assert [y for _, y in scores.lines[0].points] == [90, 20, 90]
    assert pictures.lines[0].level == 50


def test_stretches_of_one_moment_stand_side_by_side_and_without_sketches_no_pictures_are_drawn() -> None:
    plots = plots_of([stretch(0, 0.2), stretch(0, 0.4, moved=None), stretch(0, 0.4)], ["ai"])
    assert [plot.title.split()[0] for plot in plots] == ["Share", "How"]
    assert [x for x, _ in plots[0].lines[0].points] == [0, 50, 100]
