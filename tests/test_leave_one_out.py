"""The study that leaves one value out: on the drawn toy set, as a researcher runs it."""

import csv
from pathlib import Path
from types import ModuleType

import pytest

from aivsreal.bundle import load_bundle
from aivsreal.data.labelled import LabelledSet
from aivsreal.data.sources import load_set
from aivsreal.data.split import with_validation
from aivsreal.data.toy import draw_toy_set
from tests.test_docs import ROOT, script


@pytest.fixture(scope="module")
def study() -> ModuleType:
    return script(ROOT / "docs" / "leave_one_out.py")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_toy_set(tmp_path_factory.mktemp("toy") / "set", n=160)


@pytest.fixture(scope="module")
def labelled(toy: Path) -> LabelledSet:
    return with_validation(load_set(toy))


def test_what_is_left_out_is_measured_against_validation_of_the_other_class(
    study: ModuleType, labelled: LabelledSet
) -> None:
    chosen = study.left_out(labelled, "generator=grid").of_split("left-out")
    keys = {sample.key: sample.split for sample in labelled}
    ai, real = [s for s in chosen if s.label], [s for s in chosen if not s.label]
    assert {s.columns["generator"] for s in ai} == {"grid"}
    assert {keys[s.key] for s in ai} == {"train", "val"}
    assert {keys[s.key] for s in real} == {"val"}


def test_rare_values_are_passed_over(study: ModuleType, labelled: LabelledSet) -> None:
    assert set(study.common_values(labelled, "generator", 1)) == {"grid", "stripes"}
    assert study.common_values(labelled, "generator", 10_000) == []


def test_a_study_is_trained_measured_tabled_and_goes_on(
    study: ModuleType, toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["--set", "optimise.epochs=1", "--set", "data.limit=16"]
    arguments = [str(toy), "--by", "generator", "--recipe", "toy", "--out", str(tmp_path), *short]
    study.main([*arguments, "--only", "grid"])
    assert load_bundle(tmp_path / "grid" / "bundle").card.training.excluded == ["generator=grid"]
    report = (tmp_path / "grid" / "report" / "metrics.json").read_bytes()
    (tmp_path / "table.md").unlink()
    study.main([*arguments, "--only", "grid"])
    assert "generator=grid: done before" in capsys.readouterr().out
    assert (tmp_path / "grid" / "report" / "metrics.json").read_bytes() == report
    assert (tmp_path / "table.md").read_text().splitlines()[2].startswith("| grid | ")
    with (tmp_path / "table.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["generator"] == "grid"
    assert 0 <= float(row["roc_auc_low"]) <= float(row["roc_auc_value"]) <= 1
