"""Paired tests of two detectors: against formulas written otherwise, against chance, against many at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from aivsreal.evaluation.significance import compare_areas, compare_decisions, holm


def drawn(rng: np.random.Generator, n: int, gain: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, and two scores that share much of their noise; the second tells the classes apart better."""
    labels = np.arange(n) % 2
    common = rng.normal(size=n)
    first = labels + common + rng.normal(size=n)
    return labels, first, labels * (1 + gain) + common + rng.normal(size=n)


def by_pairs(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """DeLong's components, from every pair."""
    ai, real = scores[labels == 1], scores[labels == 0]
    kernel = (ai[:, None] > real[None, :]) + 0.5 * (ai[:, None] == real[None, :])
    return kernel.mean(axis=1), kernel.mean(axis=0)


def test_the_test_of_areas_is_the_one_of_delong() -> None:
    labels, first, second = drawn(np.random.default_rng(0), 80, 0.7)
    found = compare_areas(labels, first, second, np.arange(80))
    (v1, w1), (v2, w2) = by_pairs(labels, first), by_pairs(labels, second)
    error = np.sqrt(np.var(v2 - v1, ddof=1) / len(v1) + np.var(w2 - w1, ddof=1) / len(w1))
    assert found.difference.value == pytest.approx(v2.mean() - v1.mean())
    assert found.difference.high - found.difference.value == pytest.approx(1.959964 * error, rel=1e-5)


def test_where_nothing_differs_every_chance_is_as_likely_as_any_other() -> None:
    rng = np.random.default_rng(1)
    chances = [compare_areas(*drawn(rng, 120, 0.0), np.arange(120)).p for _ in range(300)]
    assert kstest(chances, "uniform").pvalue > 0.01


def test_a_picture_ten_times_over_is_no_more_evidence_than_once() -> None:
    labels, first, second = drawn(np.random.default_rng(2), 60, 0.5)
    once = compare_areas(labels, first, second, np.arange(60))
    ten = compare_areas(*(np.repeat(x, 10) for x in (labels, first, second, np.arange(60))))
    assert ten.p == pytest.approx(once.p, rel=1e-6)


def test_a_detector_does_not_differ_from_itself() -> None:
    labels, first, _ = drawn(np.random.default_rng(3), 20, 0.0)
    found = compare_areas(labels, first, first, np.arange(20))
    assert (found.p, found.difference.value) == (1.0, 0.0)
    assert compare_decisions(first > 0, first > 0).p == 1.0


def test_decisions_are_compared_where_only_one_is_right() -> None:
    first = np.array([True] * 8 + [False] * 1 + [True] * 50)
    second = np.array([False] * 8 + [True] * 1 + [True] * 50)
    found = compare_decisions(first, second)
    assert (found.only_first, found.only_second) == (8, 1)
    assert found.p == pytest.approx(2 * (1 + 9) / 2**9)


def test_many_tests_at_once_each_need_stronger_evidence() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
