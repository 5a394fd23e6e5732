"""Years of generators: who is learned from, and what is lost a year."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.errors import BadData
from aivsreal.evaluation.years import UNDATED, over_years, up_to, year_of


def pictures(years: list[Any]) -> LabelledSet:
    """Return two photographs and an AI picture a year."""
    real = [Sample(f"real{i}", 0, "train", {"generator": None, "year": None}, "") for i in range(2)]
    ai = [
        Sample(f"ai{i}", 1, "train", {"generator": f"g{i}", "year": year}, "") for i, year in enumerate(years)
    ]
    return LabelledSet("set", Path(), (*real, *ai))


@pytest.mark.parametrize(
    ("value", "year"),
    [("2024", 2024), (2024, 2024), (2024.0, 2024), (None, None), ("", None), ("soon", None)],
)
def test_a_year_is_a_number_or_nothing(value: Any, year: int | None) -> None:
    assert year_of({"year": value}) == year


def test_only_generators_up_to_the_year_and_all_photographs_are_kept() -> None:
    kept = up_to(pictures(["2022", "2023", "2024", None]), 2023)
    assert [s.key for s in kept] == ["real0", "real1", "ai0", "ai1"]


@pytest.mark.parametrize("years", [["2024", "2025"], ["2022", "2023"], [None, None]])
def test_a_set_that_the_year_does_not_part_is_refused(years: list[Any]) -> None:
    with pytest.raises(BadData, match="after 2023"):
        up_to(pictures(years), 2023)


def drawn(fall: float, seed: int, years: tuple[int, ...] = (2021, 2022, 2023, 2024)) -> Any:
    """Return labels, scores and columns; generators of a year lie `fall` nearer to the photographs than the last."""
    rng = np.random.default_rng(seed)
    labels, scores, columns = [0] * 200, list(rng.normal(0, 1, 200)), [{"group": f"p{i}"} for i in range(200)]
    for year in years:
        for generator in range(8):
            own = rng.normal(0, 0.15)
            for _ in range(6):
                labels.append(1)
                scores.append(rng.normal(1.5 - fall * (year - years[0]) + own, 1))
                columns.append({"generator": f"{year}-{generator}", "year": str(year)})
    return np.array(labels), np.array(scores), columns


def test_the_loss_a_year_is_that_of_a_line_through_the_years() -> None:
    found = over_years(*drawn(0.4, seed=1))
    assert found is not None
    areas = [part["roc_auc"]["value"] for part in found["years"].values()]
    assert list(found["years"]) == ["2021", "2022", "2023", "2024"]
    assert found["lost_a_year"]["value"] == pytest.approx(-np.polyfit(range(4), areas, 1)[0], abs=1e-4)
    assert found["lost_a_year"]["low"] > 0


def test_the_interval_holds_no_loss_19_times_in_20() -> None:
    held = 0
    for seed in range(200):
        lost = over_years(*drawn(0.0, seed))["lost_a_year"]  # type: ignore[index]
        held += lost["low"] <= 0 <= lost["high"]
    assert 180 <= held <= 199


def test_years_that_were_learned_from_count_as_one() -> None:
    labels, scores, columns = drawn(0.0, seed=3)
    later = np.array([c.get("year") in ("2023", "2024") for c in columns])
    scores = np.where(later, scores - 1, scores)
    found = over_years(labels, scores, columns, learned_up_to=2022)
    assert found is not None
    assert found["learned_up_to"] == 2022
    places = [np.mean(scores[labels == 0] < s) for s in scores[labels == 1]]
    ahead = [max(0, int(c["year"]) - 2022) for c in columns if "year" in c]
    assert found["lost_a_year"]["value"] == pytest.approx(-np.polyfit(ahead, places, 1)[0], abs=1e-4)


def test_generators_without_a_year_stand_apart_and_do_not_move_the_line() -> None:
    labels, scores, columns = drawn(0.2, seed=4)
    before = over_years(labels, scores, columns)
    more = [*columns, *({"generator": "some"} for _ in range(5))]
    after = over_years(np.append(labels, [1] * 5), np.append(scores, [9.0] * 5), more)
    assert before is not None
    assert after is not None
    assert after["years"][UNDATED]["n"] == 5
    assert after["lost_a_year"] == before["lost_a_year"]


@pytest.mark.parametrize("years", [(2024,), ()])
def test_without_two_years_there_is_no_time_axis(years: tuple[int, ...]) -> None:
    assert over_years(*drawn(0.0, 5, years)) is None


def test_without_photographs_there_is_no_time_axis() -> None:
    labels, scores, columns = drawn(0.0, 6)
    ai = np.flatnonzero(labels)
    assert over_years(labels[ai], scores[ai], [columns[i] for i in ai]) is None


def test_all_years_learned_from_leave_no_line_to_draw() -> None:
    found = over_years(*drawn(0.0, 7), learned_up_to=2030)
    assert found is not None
    assert found["lost_a_year"] is None
