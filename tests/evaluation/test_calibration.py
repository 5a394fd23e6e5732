"""Calibration and thresholds: fitted on validation, never crossing, keeping what they promise."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aivsreal.bundle import load_bundle
from aivsreal.data.sources import load_set
from aivsreal.errors import BadData
from aivsreal.evaluation import calibrate
from aivsreal.evaluation.calibration import (
    LEFT_OUT_SOURCES,
    ceiling,
    choose_thresholds,
    fit_platt,
    limited_spread,
    stricter,
)
from aivsreal.training.tower import LeftOut
from aivsreal.training.tower_graph import Head
from aivsreal.verdict import Drawn, Stability, Thresholds
from tests.data.bundles import tiny_bundle
from tests.evaluation.drawn import draw_set


def chosen(
    real: np.ndarray, ai: np.ndarray, *, hard: np.ndarray | None = None, factor: float = 2.5
) -> Thresholds:
    labels = np.repeat([0, 1], [real.size, ai.size])
    both = np.concatenate([real, ai])
    return choose_thresholds(
        both[None],
        labels,
        both if hard is None else hard,
        labels,
        max_false_positive_rate=0.02,
        max_missed_rate=0.1,
        hard_factor=factor,
        fitted_on="val",
    )


def probability(log_odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-log_odds))


def test_platt_finds_the_true_scale_and_offset() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    labels = (rng.random(20_000) < probability(1.7 * logits)).astype(int)
    scale, offset = fit_platt(logits[None], labels)
    assert scale == pytest.approx(1.7, rel=0.05)
    assert offset == pytest.approx(0.0, abs=0.06)


def test_platt_weighs_both_classes_the_same_whatever_their_numbers() -> None:
    rng = np.random.default_rng(1)
    real, ai = rng.normal(-1, 1, 30_000), rng.normal(1, 1, 3_000)
    scale, offset = fit_platt(np.concatenate([real, ai])[None], np.repeat([0, 1], [30_000, 3_000]))
    assert scale == pytest.approx(2.0, rel=0.1)
    assert offset == pytest.approx(0.0, abs=0.15)


def test_platt_stays_finite_where_the_classes_are_perfectly_apart() -> None:
    logits = np.array([-9.0, -8.0, -8.5, 8.0, 9.0, 8.5])
    scale, offset = fit_platt(logits[None], np.array([0, 0, 0, 1, 1, 1]))
    assert 0 < scale < 1
    assert probability(scale * logits + offset)[0] == pytest.approx(0.2, abs=0.1)


def test_platt_never_turns_the_order_round() -> None:
    scale, _ = fit_platt(np.array([[3.0, 2.0, -2.0, -3.0]]), np.array([0, 0, 1, 1]))
    assert scale > 0


def test_platt_survives_a_network_that_says_one_thing() -> None:
    scale, offset = fit_platt(np.full((1, 10), 4.0), np.repeat([0, 1], 5))
    assert scale > 0
    assert scale * 4.0 + offset == pytest.approx(0.0, abs=1e-3)


@given(st.integers(0, 10_000), st.floats(0.2, 6), st.integers(3, 200), st.integers(3, 200))
@settings(max_examples=120, deadline=None)
def test_thresholds_never_cross_and_never_contradict_the_probability(
    seed: int, apart: float, n_real: int, n_ai: int
) -> None:
    rng = np.random.default_rng(seed)
    thresholds = chosen(rng.normal(-apart, 2, n_real), rng.normal(apart, 2, n_ai))
    assert 0 < thresholds.real_below < thresholds.ai_above < 1
    assert thresholds.real_below <= 0.5 <= thresholds.ai_above


def test_at_most_two_in_a_hundred_new_photographs_are_called_ai() -> None:
    rng = np.random.default_rng(2)
    rates = []
    for _ in range(300):
        thresholds = chosen(rng.normal(0, 1, 192), rng.normal(1, 1, 192))
        rates.append(np.mean(probability(rng.normal(0, 1, 2000)) > thresholds.ai_above))
    assert np.mean(rates) < 0.021
    assert np.mean(rates) > 0.01


def test_at_most_ten_in_a_hundred_new_ai_pictures_are_called_real() -> None:
    rng = np.random.default_rng(3)
    rates = []
    for _ in range(300):
        thresholds = chosen(rng.normal(-1, 1, 192), rng.normal(0, 1, 192))
        rates.append(np.mean(probability(rng.normal(0, 1, 2000)) < thresholds.real_below))
    assert 0.08 < np.mean(rates) < 0.103


def test_perfectly_separated_classes_still_leave_a_band_of_doubt() -> None:
    thresholds = chosen(np.linspace(-9, -7, 100), np.linspace(7, 9, 100))
    assert thresholds.ai_above == 0.5
    assert thresholds.real_below == pytest.approx(0.4013, abs=1e-3)


def test_hopeless_classes_are_answered_with_doubt() -> None:
    same = np.random.default_rng(4).normal(0, 1, 400)
    thresholds = chosen(same, same)
    called = np.mean(probability(same) > thresholds.ai_above)
    refused = np.mean(
        (probability(same) <= thresholds.ai_above) & (probability(same) >= thresholds.real_below)
    )
    assert called <= 0.02
    assert refused > 0.8


def test_one_odd_photograph_among_many_does_not_silence_the_model() -> None:
    real = np.append(np.linspace(-3, 0, 200), 60.0)
    assert chosen(real, np.linspace(0, 3, 200)).ai_above == 0.5


def test_few_photographs_promise_no_more_than_they_can() -> None:
    thresholds = chosen(np.linspace(-2, 1, 19), np.linspace(-1, 2, 19))
    assert thresholds.promise_ai == (
        "Of 100 photographs like the 19 of validation, at most about 5 are called AI; "
        "after hard use (cropped, made small, saved twice) at most about 5. "
        "So few photographs cannot promise 2 in 100."
    )


def test_promises_name_their_number_and_the_pictures_they_rest_on() -> None:
    rng = np.random.default_rng(5)
    thresholds = chosen(rng.normal(-1, 1, 1192), rng.normal(1, 1, 187))
    assert thresholds.promise_ai == (
        "Of 100 photographs like the 1,192 of validation, at most about 2 are called AI; "
        "after hard use (cropped, made small, saved twice) at most about 5."
    )
    assert thresholds.promise_real == (
        "Of 100 AI pictures like the 187 of validation, at most about 10 are called real; "
        "after hard use (cropped, made small, saved twice) at most about 25."
    )


def test_the_stricter_of_two_ways_of_showing_a_picture_sets_the_limit() -> None:
    scores = np.stack([np.arange(100.0), np.arange(100.0) + 7])
    assert ceiling(scores, 0.1).log_odds == ceiling(scores[1:], 0.1).log_odds


def test_hard_use_is_held_to_its_own_rate_and_rules_where_that_is_stricter() -> None:
    rng = np.random.default_rng(6)
    real, ai = rng.normal(-2, 1, 4000), rng.normal(2, 1, 4000)
    hard = np.concatenate([real + 2, ai])
    thresholds = chosen(real, ai, hard=hard)
    called = probability(hard[:4000]) > thresholds.ai_above
    assert called.mean() == pytest.approx(0.05, abs=0.002)
    assert (probability(real) > thresholds.ai_above).mean() < 0.001


def test_a_factor_of_one_promises_after_hard_use_what_is_promised_at_all() -> None:
    rng = np.random.default_rng(7)
    real, ai = rng.normal(-2, 1, 4000), rng.normal(2, 1, 4000)
    hard = np.concatenate([real + 2, ai - 1])
    thresholds = chosen(real, ai, hard=hard, factor=1)
    assert (probability(hard[:4000]) > thresholds.ai_above).mean() == pytest.approx(0.02, abs=0.001)
    assert (probability(hard[4000:]) < thresholds.real_below).mean() <= 0.1


def test_hard_use_that_harms_nothing_changes_no_threshold() -> None:
    rng = np.random.default_rng(8)
    real, ai = rng.normal(-1, 1, 500), rng.normal(1, 1, 500)
    assert chosen(real, ai, hard=np.concatenate([real - 1, ai + 1])) == chosen(real, ai)


def test_calibrating_writes_everything_into_the_card(tmp_path: Path) -> None:
    before = tiny_bundle(tmp_path / "tiny", thresholds={"real_below": 0.5, "ai_above": 0.5})
    data = load_set(draw_set(tmp_path / "data", n=60, splits=("train", "val")))
    after = calibrate(before.folder, data)
    card = load_bundle(before.folder).card
    assert card == after.card
    assert card.calibration.scale > 0
    assert card.thresholds.real_below < card.thresholds.ai_above
    assert card.thresholds.fitted_on == card.calibration.fitted_on
    assert card.thresholds.fitted_on == (
        "data val: 60 photographs and 60 AI pictures, as they are, aligned, on the web and after hard use"
    )
    assert re.search("like the 60 of validation", card.thresholds.promise_ai)
    assert card.files == before.card.files


def test_reference_holds_the_distributions_of_validation(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "tiny")
    data = load_set(draw_set(tmp_path / "data", n=12, splits=("val",)))
    reference = calibrate(bundle.folder, data).card.reference
    assert reference["n"] == 24
    assert len(reference["score_histogram"]) == 20
    assert sum(reference["score_histogram"]) == 24
    assert len(reference["embedding_mean"]) == len(reference["embedding_std"]) == 3
    assert all(0 < mean < 1 for mean in reference["embedding_mean"])


def test_calibration_needs_its_split(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "tiny")
    data = load_set(draw_set(tmp_path / "data", n=4, splits=("test",)))
    with pytest.raises(BadData) as caught:
        calibrate(bundle.folder, data)
    assert "'val'" in caught.value.reason
    assert "test" in caught.value.hint


def test_calibration_needs_both_classes(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "tiny")
    data = load_set(draw_set(tmp_path / "data", n=4, splits=("val",)), where=("label=real",))
    with pytest.raises(BadData, match="AI ones"):
        calibrate(bundle.folder, data)


def test_calibration_refuses_a_split_whose_class_cannot_be_read(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "tiny")
    folder = draw_set(tmp_path / "data", n=4, splits=("val",))
    for file in (folder / "val" / "fake").rglob("*.*g"):
        file.write_bytes(b"no picture")
    before = (bundle.folder / "card.json").read_bytes()
    with pytest.raises(BadData, match="could be read"):
        calibrate(bundle.folder, load_set(folder))
    assert (bundle.folder / "card.json").read_bytes() == before


def test_the_limit_loses_no_more_answers_than_it_may_and_counts_what_it_saves() -> None:
    log_odds = np.array([[3.0, 3.0, -3.0, -3.0, 0.0]])
    delivered = (log_odds - [[0.2, 4.0, -0.1, -0.3, 9.0]])[..., None]
    labels = np.array([1, 0, 0, 0, 1])
    before = Stability(deliveries=("shared",))

    found = limited_spread(
        before, log_odds, delivered, labels, Thresholds(real_below=0.4, ai_above=0.6), 0.25
    )

    assert found.limit is not None
    assert 0.3 <= found.limit < 4.0
    assert "Of 4 answers in validation 1 are not given" in found.cost
    assert "1 of them are false accusations" in found.cost


def test_an_answer_that_a_delivery_contradicts_is_lost_within_the_limit_too() -> None:
    log_odds = np.array([[5.0, 1.0, -1.0, 5.0]])
    delivered = np.array([[[-4.0], [-1.0], [1.0], [5.0]]])
    thresholds = Thresholds(real_below=0.4, ai_above=0.6)

    found = limited_spread(
        Stability(deliveries=("shared",)), log_odds, delivered, np.array([1, 0, 1, 1]), thresholds, 0
    )

    assert found.limit == 9
    assert "Of 4 answers in validation 3 are not given" in found.cost
    assert "1 of them are false accusations" in found.cost


def test_calibrating_fits_the_limit_over_the_deliveries_that_the_card_names(tmp_path: Path) -> None:
    before = tiny_bundle(tmp_path / "tiny", stability={"deliveries": ["shared"]})
    data = load_set(draw_set(tmp_path / "data", n=12, splits=("val",)))
    stability = calibrate(before.folder, data).card.stability
    assert stability.deliveries == ("shared",)
    assert stability.limit is not None
    assert "answers in validation" in stability.cost


def test_without_deliveries_there_is_no_limit() -> None:
    log_odds, nothing = np.zeros((1, 2)), np.zeros((1, 2, 0))
    assert limited_spread(Stability(), log_odds, nothing, np.array([0, 1]), Thresholds(), 0.05) == Stability()


def test_thresholds_rest_on_sources_left_out_where_there_are_such() -> None:
    """Validation, which shares its sources with training, is far easier: it would promise too much."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 1000)
    unmet = np.where(labels == 1, 2.0, -2.0) + rng.normal(0, 2, (3, 2000))
    easy = np.where(labels[::10] == 1, 6.0, -6.0)

    found = choose_thresholds(
        unmet,
        labels,
        easy,
        labels[::10],
        max_false_positive_rate=0.02,
        max_missed_rate=0.05,
        hard_factor=2.5,
        fitted_on="val",
        unmet=True,
    )

    assert 0.01 < (probability(unmet)[:, labels == 0] > found.ai_above).mean(axis=1).max() <= 0.02
    assert 0.03 < (probability(unmet)[:, labels == 1] < found.real_below).mean(axis=1).max() <= 0.05
    assert found.promise_ai == (
        "Of 100 photographs from sources that it has not met, at most about 2 are called AI (judged on 1,000, each "
        "by a model made without its source); after hard use (cropped, made small, saved twice) at most about 5 of "
        "100 like the 100 of validation."
    )


def test_hard_use_of_validation_has_a_say_beside_sources_left_out() -> None:
    labels = np.repeat([0, 1], 500)
    unmet, hard = np.where(labels == 1, 3.0, -3.0)[None], np.random.default_rng(1).normal(0, 2, 1000)
    rates = {"max_false_positive_rate": 0.02, "max_missed_rate": 0.05, "hard_factor": 2.5}
    found = choose_thresholds(unmet, labels, hard, labels, **rates, fitted_on="val", unmet=True)
    assert (probability(hard[:500]) > found.ai_above).mean() == pytest.approx(0.05, abs=0.005)


def test_more_is_asked_of_drawings_until_few_of_those_left_out_are_accused() -> None:
    log_odds = np.random.default_rng(0).normal(0, 2, (3, 1000))
    usual = Thresholds(real_below=0.4, ai_above=0.6)

    drawn = stricter(Drawn(weight=(1.0,), bias=0.0), usual, log_odds, 0.01)

    probability = 1 / (1 + np.exp(-log_odds))
    accused = (probability > drawn.stricter_than(usual).ai_above).mean(axis=1).max()
    assert 0.005 < accused <= 0.01 < (probability > usual.ai_above).mean(axis=1).max()
    assert "at most about 1 are called AI (judged on 1,000," in drawn.promise_ai


def test_nothing_more_is_asked_where_few_drawings_are_accused_anyway_or_there_are_none() -> None:
    before, usual = Drawn(weight=(1.0,), bias=0.0), Thresholds(real_below=0.4, ai_above=0.6)
    assert stricter(before, usual, np.full((2, 500), -3.0), 0.01).stricter == 0
    assert stricter(before, usual, np.zeros((2, 0)), 0.01) == before


def test_real_pictures_that_look_drawn_have_no_say_in_the_thresholds_of_photographs(tmp_path: Path) -> None:
    """Of left-out real pictures the highest push the threshold up; where they look drawn, they do not."""
    data = load_set(draw_set(tmp_path / "data", n=30, splits=("val",)))
    logits = np.concatenate([np.linspace(-9, -3, 80), np.linspace(20, 30, 20), np.linspace(3, 9, 100)])[None]
    labels, looks = np.repeat([0, 1], 100), np.isin(np.arange(200), np.arange(80, 100))
    plain = LeftOut(logits, labels, np.zeros(200, bool))
    tells = replace(plain, looks_drawn=looks, drawn=Head(np.array([1.0, -1.0, 0.0]), -9.0))
    without, told = (
        calibrate(tiny_bundle(tmp_path / name).folder, data, left_out=left_out).card
        for name, left_out in (("plain", plain), ("told", tells))
    )
    assert without.drawn is None
    # Validation's own pictures have no say in the probabilities.
    assert (without.calibration.scale, without.calibration.offset) == fit_platt(logits, labels)
    assert without.calibration.fitted_on == LEFT_OUT_SOURCES
    assert told.thresholds.ai_above < without.thresholds.ai_above
    assert "(judged on 80," in told.thresholds.promise_ai
    assert told.drawn.stricter > 1
    assert "(judged on 20," in told.drawn.promise_ai


def test_where_every_real_picture_looks_drawn_the_thresholds_are_about_all(tmp_path: Path) -> None:
    data = load_set(draw_set(tmp_path / "data", n=12, splits=("val",)))
    known = LeftOut(np.zeros((1, 2)), np.array([0, 1]), np.array([True, False]), Head(np.zeros(3), 1.0))
    card = calibrate(tiny_bundle(tmp_path / "tiny").folder, data, left_out=known).card
    assert "of 100 like the 12 of validation" in card.thresholds.promise_ai
    assert (card.drawn.stricter, card.drawn.promise_ai) == (0.0, "")


@pytest.mark.parametrize(
    ("pictures", "rate", "rank"), [(99, 0.1, 90), (99, 0.02, 98), (192, 0.02, 190), (9, 0.1, 9)]
)
def test_the_ceiling_is_the_score_whose_rank_promises_the_rate_for_the_next_picture(
    pictures: int, rate: float, rank: int
) -> None:
    assert ceiling(np.arange(1.0, pictures + 1)[None], rate).log_odds == rank


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_rounding_moves_no_threshold_over_the_picture_that_it_rests_on(seed: int) -> None:
    rng = np.random.default_rng(seed)
    real, ai = np.sort(rng.normal(1, 1, 99)), np.sort(rng.normal(-1, 1, 99))
    thresholds = chosen(real, ai)
    # Of 99 photographs the 98th, of 99 AI pictures the 10th, is the last one that keeps the rate.
    assert probability(real[97]) <= thresholds.ai_above
    assert probability(ai[9]) >= thresholds.real_below
