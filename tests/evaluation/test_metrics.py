"""The figures agree with scikit-learn, and their intervals hold what they promise."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn import metrics as sk

from aivsreal.evaluation.intervals import Figure, area_under_roc, mean_of_two, share, wilson
from aivsreal.evaluation.metrics import (
    NAMES,
    Figures,
    as_json,
    calibration_error,
    confusion,
    equal_mass_bins,
    figures,
    group_codes,
)


@st.composite
def answers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Labels of both classes, probabilities with many ties, and the words of the thresholds 0.3 and 0.6."""
    labels = [0, 1, *draw(st.lists(st.integers(0, 1), max_size=60))]
    tenths = draw(st.lists(st.integers(0, 20), min_size=len(labels), max_size=len(labels)))
    probabilities = np.asarray(tenths) / 20
    return np.asarray(labels), probabilities, words_of(probabilities)


def words_of(probabilities: np.ndarray) -> list[str]:
    return ["ai" if p > 0.6 else "real" if p < 0.3 else "uncertain" for p in probabilities]


def values(measured: Figures) -> list[float | None]:
    return [figure and figure.value for figure in measured.values()]


def value(measured: Figures, name: str) -> float:
    figure = measured[name]
    assert figure is not None
    return figure.value


@given(answers())
@settings(max_examples=150, deadline=None)
def test_every_value_is_that_of_scikit_learn(case: Any) -> None:
    labels, probabilities, words = case
    called = np.asarray(words) == "ai"
    false_alarms, detected, _ = sk.roc_curve(labels, probabilities, drop_intermediate=False)
    measured = figures(labels, probabilities, words)
    expected = {
        "accuracy": sk.accuracy_score(labels, called),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, called),
        "recall": sk.recall_score(labels, called),
        "f1": sk.f1_score(labels, called, zero_division=0),
        "roc_auc": sk.roc_auc_score(labels, probabilities),
        "average_precision": sk.average_precision_score(labels, probabilities),
        "tpr_at_1_fpr": detected[false_alarms <= 0.01].max(),
        "tpr_at_5_fpr": detected[false_alarms <= 0.05].max(),
        "false_positive_rate": called[labels == 0].mean(),
        "uncertain_share": np.mean(np.asarray(words) == "uncertain"),
    }
    assert {name: value(measured, name) for name in expected} == pytest.approx(expected)


@given(answers())
@settings(max_examples=150, deadline=None)
def test_every_interval_holds_its_value_and_stays_between_0_and_1(case: Any) -> None:
    measured = figures(*case)
    del measured["log_loss"]
    present = [figure for figure in measured.values() if figure]
    assert all(0 <= figure.low <= figure.value <= figure.high <= 1 for figure in present)


@given(answers(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_records_changes_nothing(case: Any, random: Any) -> None:
    labels, probabilities, words = case
    order = list(range(len(labels)))
    random.shuffle(order)
    shuffled = figures(labels[order], probabilities[order], [words[i] for i in order])
    straight = figures(labels, probabilities, words)
    assert values(shuffled) == pytest.approx(values(straight))


def test_precision_is_undefined_where_nothing_was_called_ai() -> None:
    measured = figures(np.array([0, 1]), np.array([0.1, 0.2]), ["real", "real"])
    assert measured["precision"] is None
    assert value(measured, "recall") == 0.0


def test_five_of_five_right_still_leaves_room_for_doubt() -> None:
    labels = np.array([0] * 5 + [1] * 5)
    measured = figures(labels, labels * 0.9 + 0.05, ["real"] * 5 + ["ai"] * 5)
    lows = {name: measured[name].low for name in ("accuracy", "recall", "f1", "roc_auc", "average_precision")}  # type: ignore[union-attr]
    assert all(0.4 < low < 0.8 for low in lows.values())
    assert measured["false_positive_rate"].high > 0.3  # type: ignore[union-attr]


def test_few_photographs_cannot_vouch_for_one_false_alarm_in_a_hundred() -> None:
    labels = np.array([0] * 20 + [1] * 500)
    measured = figures(labels, labels * 0.9 + 0.05, ["ai" if label else "real" for label in labels])
    assert value(measured, "tpr_at_1_fpr") == 1.0
    assert measured["tpr_at_1_fpr"].low == 0.0  # type: ignore[union-attr]


def test_photographs_alone_give_what_photographs_define() -> None:
    measured = figures(np.zeros(4, int), np.array([0.1, 0.9, 0.2, 0.4]), ["real", "ai", "real", "uncertain"])
    given = {name for name, figure in measured.items() if figure}
    answered = {"answered_share", "answered_accuracy"}
    assert given == {"accuracy", "false_positive_rate", "uncertain_share"} | answered
    assert value(measured, "false_positive_rate") == 0.25


def test_ai_pictures_alone_give_what_they_define() -> None:
    measured = figures(np.ones(2, int), np.array([0.1, 0.9]), ["real", "ai"])
    answered = {"answered_share", "answered_accuracy"}
    given = {name for name, figure in measured.items() if figure}
    assert given == {"accuracy", "recall", "uncertain_share"} | answered


def test_no_records_give_no_figures() -> None:
    measured = figures(np.zeros(0, int), np.zeros(0), [])
    assert set(measured) == set(NAMES)
    assert not any(measured.values())


def test_a_hundred_copies_of_five_pictures_know_no_more_than_five() -> None:
    hits = np.repeat([True, True, False, True, True], 100)
    copied = share(hits, np.repeat(np.arange(5), 100))
    single = share(hits[::100], np.arange(5))
    assert copied is not None and single is not None
    assert copied.low <= single.low
    assert copied.high >= single.high


def test_groups_that_say_nothing_cost_nothing() -> None:
    rng = np.random.default_rng(1)
    hits = rng.random(3000) < 0.7
    grouped, free = share(hits, np.arange(3000) // 3), share(hits, np.arange(3000))
    assert grouped is not None and free is not None
    assert (grouped.high - grouped.low) == pytest.approx(free.high - free.low, rel=0.1)


def test_wilson_gives_the_textbook_interval() -> None:
    assert wilson(0.1, 10) == pytest.approx((0.01788, 0.40415), abs=1e-4)


@pytest.mark.parametrize(("n_ai", "n_real", "apart"), [(5, 100, 2.0), (60, 60, 1.5), (200, 200, 3.0)])
def test_nine_of_ten_intervals_hold_the_truth(n_ai: int, n_real: int, apart: float) -> None:
    held = _held(n_ai, n_real, apart, size_of_group=1, likeness=0.0)
    assert all(share > 0.9 for share in held.values()), held


def test_intervals_hold_the_truth_where_records_come_in_groups() -> None:
    held = _held(120, 160, 1.5, size_of_group=4, likeness=0.8)
    assert all(share > 0.9 for share in held.values()), held


def _held(n_ai: int, n_real: int, apart: float, *, size_of_group: int, likeness: float) -> dict[str, float]:
    """The share of 150 drawn sets whose intervals hold the true figures of two normal distributions."""
    threshold = apart / 2 + 0.5
    truth = {
        "recall": norm.sf(threshold - apart),
        "false_positive_rate": norm.sf(threshold),
        "balanced_accuracy": (norm.sf(threshold - apart) + norm.cdf(threshold)) / 2,
        "roc_auc": norm.cdf(apart / math.sqrt(2)),
        "tpr_at_5_fpr": norm.sf(norm.isf(0.05) - apart),
    }
    rng = np.random.default_rng(7)
    labels = np.repeat([1, 0], [n_ai, n_real])
    groups = [f"{label} {i // size_of_group}" for i, label in enumerate(labels)]
    shared = group_codes(groups, labels.size)
    counts = dict.fromkeys(truth, 0)
    for _ in range(150):
        noise = math.sqrt(likeness) * rng.normal(size=labels.size)[shared]
        scores = labels * apart + noise + math.sqrt(1 - likeness) * rng.normal(size=labels.size)
        words = ["ai" if score > threshold else "real" for score in scores]
        measured = figures(labels, norm.cdf(scores), words, groups=groups, calibration=False)
        for name, true in truth.items():
            figure = measured[name]
            counts[name] += figure is not None and figure.low - 1e-9 <= true <= figure.high + 1e-9
    return {name: count / 150 for name, count in counts.items()}


def test_true_probabilities_have_a_calibration_error_near_zero() -> None:
    rng = np.random.default_rng(2)
    probabilities = rng.random(4000)
    figure = calibration_error((rng.random(4000) < probabilities).astype(int), probabilities, np.arange(4000))
    assert figure is not None
    assert figure.low == 0.0
    assert figure.value < 0.02


def test_boastful_probabilities_are_caught_with_their_size() -> None:
    rng = np.random.default_rng(3)
    probabilities = np.where(rng.random(4000) < 0.5, 0.95, 0.05)
    frequency = np.where(probabilities > 0.5, 0.8, 0.2)
    figure = calibration_error((rng.random(4000) < frequency).astype(int), probabilities, np.arange(4000))
    assert figure is not None
    assert figure.low < 0.15 < figure.high
    assert figure.high - figure.low < 0.05


def test_equal_probabilities_share_a_bin() -> None:
    bins = equal_mass_bins(np.array([0.1] * 50 + [0.2] * 20 + [0.9] * 30), 15)
    assert len(set(bins[:50])) == 1
    assert len(set(bins)) == 3


def test_answered_figures_look_at_answers_only() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    probabilities = np.array([0.1, 0.5, 0.9, 0.9, 0.9, 0.9, 0.1, 0.5])
    measured = figures(labels, probabilities, words_of(probabilities))
    assert value(measured, "answered_share") == 6 / 8
    assert value(measured, "uncertain_share") == 2 / 8
    assert value(measured, "answered_accuracy") == 4 / 6
    assert value(measured, "answered_balanced_accuracy") == (1 / 2 + 3 / 4) / 2


def test_without_an_answer_nothing_is_right_or_wrong() -> None:
    measured = figures(np.array([0, 1]), np.array([0.5, 0.5]), ["uncertain", "uncertain"])
    assert value(measured, "answered_share") == 0
    assert measured["answered_accuracy"] is None
    assert measured["answered_balanced_accuracy"] is None


def test_confusion_counts_every_answer_of_every_class() -> None:
    counted = confusion(np.array([0, 0, 0, 1, 1]), ["real", "ai", "uncertain", "ai", "ai"])
    assert counted["real"] == {"real": 1, "uncertain": 1, "ai": 1}
    assert counted["ai"] == {"real": 0, "uncertain": 0, "ai": 2}


def test_json_holds_value_low_high_or_null() -> None:
    written = as_json(figures(np.array([0, 0]), np.array([0.1, 0.2]), ["real", "real"]))
    assert written["roc_auc"] is None
    assert set(written["accuracy"] or {}) == {"value", "low", "high"}


def test_records_without_a_group_stand_alone() -> None:
    assert list(group_codes(["a", None, "a", "", None], 5)) == [0, 1, 0, 2, 3]


def test_groups_that_agree_in_everything_count_as_so_many_pictures_only() -> None:
    hits = np.ones(500, bool)
    grouped, five = share(hits, np.repeat(np.arange(5), 100)), share(hits[:5], np.arange(5))
    assert grouped == five


def test_the_mean_of_two_figures_is_known_better_than_each() -> None:
    mean = mean_of_two(Figure(0.5, 0.4, 0.6), Figure(0.7, 0.6, 0.8))
    assert mean is not None
    assert mean.value == pytest.approx(0.6)
    assert mean.value - mean.low == pytest.approx(0.1 / math.sqrt(2))
    assert mean.high - mean.value == pytest.approx(0.1 / math.sqrt(2))


def test_an_area_is_known_better_where_each_photograph_has_its_ai_counterpart() -> None:
    rng = np.random.default_rng(4)
    scene = rng.normal(0, 1, 300)
    real, ai = scene + rng.normal(0, 0.5, 300), scene + 1 + rng.normal(0, 0.5, 300)
    paired = area_under_roc(ai, real, np.arange(300), np.arange(300))
    apart = area_under_roc(ai, real, np.arange(300), np.arange(300, 600))
    assert paired is not None and apart is not None
    assert paired.value == apart.value
    assert paired.high - paired.low < 0.8 * (apart.high - apart.low)
