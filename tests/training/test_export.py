"""A finished run becomes a bundle, or nothing at all."""

from pathlib import Path

import pytest
import torch

from aivsreal.bundle import load_bundle
from aivsreal.data.sources import load_set
from aivsreal.data.toy import draw_toy_set
from aivsreal.errors import BadData, BadRun, CannotWrite, UsageError
from aivsreal.evaluation.finish import finish
from aivsreal.training import export as exporting
from aivsreal.training.loop import train
from aivsreal.training.network import make_network
from aivsreal.training.recipe import load_recipe
from aivsreal.training.run import Run


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_toy_set(tmp_path_factory.mktemp("toy") / "set", n=160)


@pytest.fixture(scope="module")
def run(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    recipe = load_recipe("toy", overrides=["optimise.epochs=1", "data.limit=32"])
    return train(load_set(toy), recipe, tmp_path_factory.mktemp("run") / "run", say=lambda _: None)


def test_a_finished_run_becomes_a_calibrated_bundle(toy: Path, run: Run, tmp_path: Path) -> None:
    bundle = finish(run.folder, load_set(toy), tmp_path / "bundle", version="2.1.0", say=lambda _: None)
    assert bundle.title == "toy 2.1.0"
    assert bundle.card.thresholds.fitted_on
    assert bundle.card.training.data_fingerprint == run.facts["data"]["fingerprint"]


def test_a_graph_that_differs_from_torch_is_refused_and_nothing_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)  # no difference is that small
    with pytest.raises(BadRun, match="differs from torch"):
        exporting.export(run.folder, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_a_large_logit_may_not_be_further_off_than_a_small_one() -> None:
    network = make_network(load_recipe("toy").network).eval()
    bias = list(network.head.parameters())[-1]
    with torch.no_grad():
        bias.fill_(50.0)
        graph = exporting.to_onnx(network, 32)
        bias.fill_(50.0 + 1e-3)
    assert exporting.largest_difference(network, graph, 32) == pytest.approx(1e-3, rel=0.1)


def test_a_folder_without_a_run_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(BadRun):
        exporting.export(tmp_path, tmp_path / "bundle")


def test_a_version_that_is_none_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no version"):
        exporting.export(run.folder, tmp_path / "bundle", version="new")


def test_a_bundle_that_cannot_be_calibrated_does_not_replace_an_earlier_one(
    toy: Path, run: Run, tmp_path: Path
) -> None:
    earlier = finish(run.folder, load_set(toy), tmp_path / "bundle", say=lambda _: None)
    with pytest.raises(BadData):
        finish(run.folder, load_set(toy, where=["label=ai"]), tmp_path / "bundle", say=lambda _: None)
    assert load_bundle(tmp_path / "bundle").card == earlier.card
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_bundle_never_replaces_a_run_or_other_files(toy: Path, run: Run) -> None:
    for place in (run.folder, toy):
        before = sorted(place.rglob("*"))
        with pytest.raises(CannotWrite, match="holds other files"):
            finish(run.folder, load_set(toy), place, say=lambda _: None)
        assert sorted(place.rglob("*")) == before
