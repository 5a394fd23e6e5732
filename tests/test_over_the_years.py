"""The study of what wears off: who is fitted on what, and the day that comes of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.errors import BadData
from aivsreal.training.recipe import load_recipe
from aivsreal.training.run import Run
from tests.test_docs import ROOT, script


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return script(ROOT / "docs" / "over_the_years.py")


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    """Return 120 photographs, and 120 AI pictures of generators of 2022 and of 2023 each; ten sources a kind."""

    def some(kind: str, label: int, year: int | None) -> list[Sample]:
        origin = "generator" if label else "source"
        return [
            Sample(f"{kind}{i}", label, "train", {"year": year, origin: f"{kind}-{i % 10}"}, "")
            for i in range(120)
        ]

    return [*some("real", 0, None), *some("older", 1, 2022), *some("newer", 1, 2023)]


@pytest.fixture(scope="module")
def seen(samples: list[Sample], module: ModuleType) -> np.ndarray:
    """Return embeddings in which 2022's generators leave one trace, and 2023's quite another."""
    x = np.random.default_rng(0).normal(0, 1, (len(samples), module.VIEWS, 6))
    for number, sample in enumerate(samples):
        if sample.label:
            x[number, :, 0 if sample.columns["year"] == 2022 else 1] += 4
    return x


def area(found: dict[str, dict[str, dict[str, dict[str, float]]]], year: str) -> float:
    return found["years"][year]["roc_auc"]["value"]


def test_a_new_trace_is_missed_by_heads_of_the_year_before_and_found_by_those_that_met_it(
    module: ModuleType, samples: list[Sample], seen: np.ndarray, tmp_path: Path
) -> None:
    run = Run(tmp_path, load_recipe("photos"), {})
    before, after = (module.study(samples, seen, year, run) for year in (2022, 2023))
    assert area(before, "2022") > 0.95
    assert area(before, "2023") < 0.7
    assert area(after, "2023") > 0.95
    assert before["lost_a_year"]["low"] > 0.2
    assert after["lost_a_year"] is None


def test_a_year_is_studied_where_enough_lies_before_and_after_it(
    module: ModuleType, samples: list[Sample]
) -> None:
    assert module.years_between(samples) == [2022, 2023]


@pytest.mark.parametrize(("some", "dated"), [(slice(300), 180), (slice(120), 0)])
def test_pictures_that_no_year_parts_are_refused_before_anything_is_fitted(
    module: ModuleType, samples: list[Sample], some: slice, dated: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled = LabelledSet("of one year", Path(), tuple(samples[some]))
    for name, found in {
        "open_run": None,
        "pictures_of": labelled,
        "kept_embeddings": np.zeros((1, 3, 6)),
    }.items():
        monkeypatch.setattr(module, name, lambda *_, found=found: found)
    monkeypatch.setattr(module, "study", lambda *_: pytest.fail("fitted"))
    with pytest.raises(BadData, match=f": {dated} are dated"):
        module.main(["run", "data"])


@pytest.mark.parametrize(("lost", "days"), [(0.04, 182), (0.02, 365), (0.001, 365), (0.0, 365), (-0.1, 365)])
def test_the_more_is_lost_the_sooner_a_model_is_to_be_looked_at(
    module: ModuleType, lost: float, days: int
) -> None:
    until = module.reviewed_until(date(2026, 1, 1), {"value": lost})
    assert (until - date(2026, 1, 1)).days == days
