"""Tiers, degradations and stability: what is left of a model's figures on a picture's way to a user."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aivsreal.cli.evaluate import command
from aivsreal.data.sources import load_set
from aivsreal.errors import UsageError
from aivsreal.evaluation import evaluate, record_figures
from aivsreal.evaluation.answers import Answers
from aivsreal.evaluation.degrade import DEGRADATIONS, HARMLESS
from aivsreal.evaluation.intervals import Figure, area_under_roc, quantile_figure
from aivsreal.evaluation.measure import Row
from aivsreal.evaluation.metrics import NAMES
from aivsreal.evaluation.paired import area_drop
from aivsreal.evaluation.robustness import Robustness
from aivsreal.evaluation.stability import DELIVERIES, stability
from aivsreal.images import inspect
from tests.data.bundles import tiny_bundle
from tests.evaluation.drawn import draw_set


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("robust")
    model = tiny_bundle(folder / "tiny").folder
    data = load_set(draw_set(folder / "data", n=8))
    asked: dict[str, Any] = {"tiers": True, "stability": True, "degradations": ("jpeg-50", "x")}
    return evaluate(model, data, out=folder / "out", **asked).parent


@pytest.fixture(scope="module")
def metrics(report: Path) -> dict[str, Any]:
    return dict(json.loads((report / "metrics.json").read_text()))


def is_figure(found: dict[str, float]) -> bool:
    return found["low"] <= found["value"] <= found["high"]


def test_each_tier_has_the_usual_figures(metrics: dict[str, Any]) -> None:
    for tier in ("clean", "web", "hard"):
        assert set(metrics["tiers"][tier]) == set(NAMES)
        assert is_figure(metrics["tiers"][tier]["roc_auc"])
    assert metrics["tiers"]["clean"] == metrics["as_is"]


def test_what_is_lost_is_the_difference_of_the_areas(metrics: dict[str, Any]) -> None:
    tiers = metrics["tiers"]
    for tier in ("web", "hard"):
        lost = tiers["clean"]["roc_auc"]["value"] - tiers[tier]["roc_auc"]["value"]
        assert tiers["drop"][tier]["value"] == pytest.approx(lost, abs=2e-5)
        assert is_figure(tiers["drop"][tier])


def test_degradations_are_those_that_were_asked_for(metrics: dict[str, Any]) -> None:
    assert list(metrics["degradations"]) == ["as_is", "jpeg-50", "x"]
    assert is_figure(metrics["degradations"]["x"]["recall"])


def test_a_bright_picture_stays_bright_in_thirteen_deliveries(metrics: dict[str, Any]) -> None:
    found = metrics["stability"]
    assert len(found["deliveries"]) == 13
    assert (found["real"]["n"], found["ai"]["n"], found["all"]["n"]) == (8, 8, 16)
    assert found["all"]["jumps"]["value"] == 0
    assert found["real"]["spread_p95"]["value"] < 0.05


def test_the_report_shows_them_in_words_and_plots(report: Path) -> None:
    page = (report / "report.html").read_text()
    for words in ("After a way over the web", "Degradations, one by one", "The same picture again"):
        assert f"<h2>{words}</h2>" in page
    assert "of 100 photographs" in page
    assert "--tiers --stability --degrade jpeg-50 --degrade x" in page
    assert all(
        inspect(report / f"{name}.png").width >= 700 for name in ("tiers", "degradations", "stability")
    )


def test_predictions_hold_every_delivery(report: Path) -> None:
    columns = (report / "predictions.csv").read_text().splitlines()[0].split(",")
    assert columns[:5] == ["key", "label", "verdict", "probability_ai", "logit"]
    assert {"aligned_verdict", "hard_probability_ai", "same-flip_verdict", "x_logit", "error"} <= set(columns)


def test_a_card_keeps_them_and_the_model_card_shows_them(tmp_path: Path, report: Path) -> None:
    own = tiny_bundle(tmp_path / "tiny")
    card = record_figures(own.folder, report / "metrics.json", "drawn/test").card
    assert {"tiers", "degradations", "stability"} <= set(card.figures["drawn/test"])
    page = (own.folder / "MODEL.md").read_text()
    assert "| | as_is | aligned | web | hard |" in page
    assert "| jumps | 0.000 (" in page
    assert "| answered_balanced_accuracy |" in page


def test_an_unknown_degradation_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        Robustness(degradations=("jpg-50",))
    assert "'jpeg-50'" in caught.value.hint


def test_help_lists_every_degradation() -> None:
    assert [name for name in DEGRADATIONS if f" {name}" not in str(command.epilog)] == []


def test_all_degradations_are_measured_once_each() -> None:
    assert Robustness(degradations=("all", "x")).names == tuple(DEGRADATIONS)
    assert Robustness(degradations=("x", "blur-1", "x")).names == ("blur-1", "x")


def drawn(apart: float, *, n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], n)
    return labels, rng.normal(labels * apart, 1)


def test_the_same_scores_lose_nothing_surely() -> None:
    labels, scores = drawn(1.0)
    found = area_drop(labels, scores, scores, np.arange(labels.size))
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_pairing_makes_the_interval_narrower_than_two_of_their_own() -> None:
    labels, scores = drawn(1.5)
    worse = scores + np.random.default_rng(1).normal(0, 0.5, scores.size)
    found = area_drop(labels, scores, worse, np.arange(labels.size))
    alone = area_under_roc(scores[300:], scores[:300], np.arange(300), np.arange(300))
    assert alone is not None
    assert found.low < found.value < found.high
    assert found.high - found.low < alone.high - alone.low


def noisy_drop(seed: int) -> Figure:
    labels, scores = drawn(1.5, n=80, seed=seed)
    noise = np.random.default_rng(1000 + seed).normal(0, 1, scores.size)
    return area_drop(labels, scores, scores + noise, np.arange(labels.size))


def test_the_interval_is_as_wide_as_drops_of_new_pictures_are_spread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    width = np.mean([drop.high - drop.low for drop in map(noisy_drop, range(10))])
    monkeypatch.setattr("aivsreal.evaluation.paired.DRAWS", 1)  # the value needs no draws
    spread = np.std([noisy_drop(seed).value for seed in range(400)])
    assert width == pytest.approx(2 * 1.96 * spread, rel=0.15)


def test_pictures_of_one_group_are_drawn_together() -> None:
    labels, scores = drawn(1.0, n=60)
    worse = scores + np.random.default_rng(2).normal(0, 1, scores.size)
    alone = area_drop(np.repeat(labels, 4), np.repeat(scores, 4), np.repeat(worse, 4), np.arange(480))
    grouped = area_drop(
        np.repeat(labels, 4), np.repeat(scores, 4), np.repeat(worse, 4), np.repeat(np.arange(120), 4)
    )
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)


def test_the_quantile_of_even_values_lies_where_it_must() -> None:
    found = quantile_figure(np.linspace(0, 1, 1001), 0.95, np.arange(1001))
    assert found is not None
    assert found.value == pytest.approx(0.95)
    assert found.low == pytest.approx(0.936, abs=0.003)
    assert found.high == pytest.approx(0.963, abs=0.003)


def row(key: str, label: int, probability: float) -> Row:
    word: Any = "ai" if probability > 0.75 else "real" if probability < 0.25 else "uncertain"
    return Row(key, label, {}, probability_ai=probability, verdict=word)


def test_a_jump_is_seen_wherever_among_the_deliveries_it_is() -> None:
    steady, jumping, doubtful = [0.1] * 13, [0.5] * 13, [0.9] * 12 + [0.6]
    jumping[4], jumping[9] = 0.1, 0.9
    answers = Answers.of(
        {
            delivery: [
                row("a", 0, steady[place]),
                row("b", 0, jumping[place]),
                row("c", 1, doubtful[place]),
            ]
            for place, delivery in enumerate(DELIVERIES)
        }
    )
    found = stability(answers)
    assert found["real"]["jumps"]["value"] == 0.5
    assert found["ai"]["jumps"]["value"] == 0
    assert found["all"]["ever_uncertain"]["value"] == pytest.approx(2 / 3, abs=1e-5)
    assert found["real"]["spread_mean"]["value"] == pytest.approx(0.4)
    assert found["changes"][HARMLESS[-1]]["moved"]["value"] == pytest.approx(0.1)
    assert found["changes"][HARMLESS[3]]["jumps"]["value"] == 0
