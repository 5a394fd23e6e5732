"""Tests of change: they find what is there, and cry no wolf where nothing is."""

import numpy as np
import pytest

from aivsreal.living import drift


def rng(seed=0):
    return np.random.default_rng(seed)


def test_shifted_scores_change_and_matter():
    found = drift.scores(rng().normal(0, 1, 300), rng(1).normal(1.5, 1, 200))

    assert (found.p or 0) < 1e-6
    assert found.matters
    assert "higher" in found.words


def test_the_stability_index_is_that_of_two_known_distributions():
    before = np.repeat(np.arange(10.0), 1000)
    after = np.repeat([0.0, 9.0], 5000)

    # All in two of ten bins: 2 (.5 - .1) ln 5 + 8 (.1 - .00005) ln(.1 / .00005), nearly.
    assert drift.stability_index(before, after) == pytest.approx(7.36, abs=0.02)


def test_the_stability_index_of_two_alike_lots_is_about_nothing():
    values = [drift.stability_index(rng(s).normal(size=300), rng(s + 99).normal(size=100)) for s in range(40)]

    assert np.mean(values) < 0.06


def test_moved_embeddings_change_and_matter():
    found = drift.embeddings(rng().normal(size=(300, 8)), rng(1).normal(0.4, 1, (150, 8)), rng())

    assert found.p == pytest.approx(1 / (drift.PERMUTATIONS + 1))
    assert found.size == pytest.approx(0.4 * np.sqrt(8), abs=0.2)


def test_embeddings_of_another_spread_are_told_though_their_middle_stays():
    found = drift.embeddings(rng().normal(size=(300, 4)), rng(1).normal(0, 2.5, (150, 4)), rng())

    assert (found.p or 0) < 0.001
    assert not found.matters


def test_p_values_of_embeddings_are_even_where_nothing_changed():
    p = [
        drift.embeddings(rng(s).normal(size=(60, 3)), rng(s + 500).normal(size=(40, 3)), rng(s)).p
        for s in range(40)
    ]

    assert 0.3 < np.mean(p) < 0.7
    assert min(p) > 0.001


def test_a_share_that_doubled_changes_and_matters():
    found = drift.share("uncertain", "unsure", [True] * 30 + [False] * 170, [True] * 60 + [False] * 140)

    assert (found.p or 1) < 0.001
    assert found.matters
    assert found.words == "unsure: 30%, was 15%"


def test_other_formats_change_without_an_alarm():
    found = drift.kinds("formats", "formats", ["JPEG"] * 100, ["WEBP"] * 100)

    (judged,) = drift.judged([found])
    assert judged.changed
    assert not judged.alarm


def test_words_all_alike_are_no_change():
    assert drift.kinds("formats", "formats", ["JPEG"] * 9, ["JPEG"] * 5).p == 1.0


def finding(name, p, *, matters=True, bears=True):
    return drift.Finding(name, name, p, 1.0, matters, bears)


def test_of_several_tests_the_level_is_shared():
    judged = drift.judged([finding("a", 0.001), finding("b", 0.004), finding("c", 0.02)], level=0.005)

    assert [f.changed for f in judged] == [True, False, False]


def test_an_alarm_needs_chance_size_and_bearing():
    judged = drift.judged(
        [
            finding("all", 1e-9),
            finding("small", 1e-9, matters=False),
            finding("chance", 0.9),
            finding("other", 1e-9, bears=False),
        ]
    )

    assert [f.name for f in judged if f.alarm] == ["all"]
