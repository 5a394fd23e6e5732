"""From a logit to a probability, a word and a promise."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aivsreal.images import inspect
from aivsreal.verdict import Calibration, Drawn, Thresholds, Verdict, judge, logit_at, settle
from tests.data.draw import as_bytes, photo

THRESHOLDS = Thresholds(real_below=0.2, ai_above=0.8, promise_ai="At most 2 of 100.", promise_real="Most.")


@pytest.mark.parametrize(("probability", "word"), [(0.9, "ai"), (0.5, "uncertain"), (0.1, "real")])
def test_a_probability_on_either_side_of_the_thresholds_gets_its_word(probability, word):
    logit = math.log(probability / (1 - probability))

    found, said = judge(logit, Calibration(), THRESHOLDS)

    assert found == pytest.approx(probability)
    assert said == word


def test_a_probability_on_a_threshold_is_uncertain():
    assert judge(0.0, Calibration(), Thresholds(real_below=0.5, ai_above=0.5)) == (0.5, "uncertain")


@given(st.floats(-1e6, 1e6), st.floats(0.01, 100), st.floats(-100, 100))
def test_any_logit_gives_a_probability(logit, scale, offset):
    probability, _ = judge(logit, Calibration(scale=scale, offset=offset), THRESHOLDS)

    assert 0 <= probability <= 1


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(0.01, 10), st.floats(-5, 5))
def test_calibration_keeps_the_order_of_pictures(first, second, scale, offset):
    calibration = Calibration(scale=scale, offset=offset)
    low, high = sorted([first, second])

    assert judge(low, calibration, THRESHOLDS)[0] <= judge(high, calibration, THRESHOLDS)[0]


@pytest.mark.parametrize("values", [(0.8, 0.2), (-0.1, 0.5), (0.5, 1.1), (math.nan, 0.5)])
def test_thresholds_out_of_order_or_range_are_refused(values):
    with pytest.raises(ValidationError):
        Thresholds(real_below=values[0], ai_above=values[1])


@pytest.mark.parametrize("scale", [0, -1, math.inf, math.nan])
def test_a_calibration_that_is_not_monotone_is_refused(scale):
    with pytest.raises(ValidationError):
        Calibration(scale=scale)


def test_each_word_has_its_promise():
    assert THRESHOLDS.promise("ai") == "At most 2 of 100."
    assert THRESHOLDS.promise("real") == "Most."
    assert "cannot tell" in THRESHOLDS.promise("uncertain")


def test_a_verdict_as_json_is_plain_and_whole():
    data = as_bytes(photo(64, 48), "PNG")
    verdict = Verdict(
        verdict="ai",
        probability_ai=0.93,
        logit=2.5,
        model="tiny 1.0.0",
        thresholds=THRESHOLDS,
        promise=THRESHOLDS.promise_ai,
        path="a.png",
        facts=inspect(data),
        embedding=np.zeros(3, np.float32),
        heatmap=np.zeros((4, 4), np.float32),
        seconds=0.01,
    )

    content = json.loads(json.dumps(verdict.as_json(), allow_nan=False))

    assert content["path"] == "a.png"
    assert content["verdict"] == "ai"
    assert content["probability_ai"] == 0.93
    assert content["model"] == "tiny 1.0.0"
    assert (content["format"], content["width"], content["height"]) == ("PNG", 64, 48)
    assert content["bytes"] == len(data)
    assert "heatmap" not in content
    assert verdict.words == "likely AI-generated"


@pytest.mark.parametrize(
    ("word", "delivered", "spread", "limit", "given"),
    [
        ("ai", ["ai", "uncertain"], 3.0, None, "ai"),
        ("ai", ["ai", "real"], 0.1, None, "uncertain"),
        ("real", ["ai"], 0.1, 2.0, "uncertain"),
        ("real", ["real"], 2.0, 2.0, "real"),
        ("real", ["real"], 2.01, 2.0, "uncertain"),
        ("uncertain", ["ai", "real"], 9.0, 2.0, "uncertain"),
    ],
)
def test_an_answer_is_given_where_no_delivery_says_the_opposite_or_lies_beyond_the_limit(
    word, delivered, spread, limit, given
):
    assert settle(word, delivered, spread, limit) == given


@given(st.floats(0, 1), st.floats(0, 50))
def test_drawings_are_never_called_ai_sooner_than_others(ai_above, stricter):
    usual = Thresholds(real_below=0.0, ai_above=ai_above)

    drawn = Drawn(weight=(1.0,), bias=0.0, stricter=stricter).stricter_than(usual)

    assert usual.ai_above <= drawn.ai_above + 1e-12 <= 1 + 1e-12
    assert drawn.real_below == usual.real_below


def test_what_looks_drawn_is_told_by_the_first_entries_of_an_embedding():
    drawn = Drawn(weight=(1.0, -1.0), bias=-0.5)

    assert drawn.looks_drawn(np.float32([[2, 1, 9], [1, 1, -9]])).tolist() == [True, False]


@given(st.floats(0.01, 0.99), st.floats(0.1, 10), st.floats(-5, 5))
def test_the_logit_of_a_probability_is_judged_to_have_it(probability, scale, offset):
    calibration = Calibration(scale=scale, offset=offset)

    again, _ = judge(logit_at(probability, calibration), calibration, Thresholds())

    assert again == pytest.approx(probability)


def test_no_logit_lies_above_a_threshold_that_none_can_pass():
    assert (logit_at(1, Calibration()), logit_at(0, Calibration())) == (math.inf, -math.inf)
