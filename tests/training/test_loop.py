"""The whole of training on the drawn toy set: learn, stop, be killed, go on, run as two processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from aivsreal.bundle import load_bundle
from aivsreal.cli.main import cli
from aivsreal.data.sources import load_set
from aivsreal.data.toy import draw_toy_set
from aivsreal.errors import BadData, BadRun
from aivsreal.training.loop import class_weights, learning_rate_at, train
from aivsreal.training.network import make_network
from aivsreal.training.recipe import OptimiseSection, load_recipe
from aivsreal.training.run import load_tensors, open_run

QUICK = ["optimise.epochs=2", "data.limit=48"]
TIMES = ("seconds", "images_per_second")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_toy_set(tmp_path_factory.mktemp("toy") / "set", n=160)


@pytest.fixture(scope="module")
def uninterrupted(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("run") / "whole"
    train(load_set(toy), load_recipe("toy", overrides=QUICK), folder, say=lambda _: None)
    return history(folder)


def history(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def timeless(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in line.items() if name not in TIMES} for line in lines]


def command(toy: Path, run: Path, *more: str) -> list[str]:
    sets = [part for override in QUICK for part in ("--set", override)]
    return ["aivsreal", "train", str(toy), "--recipe", "toy", "--out", str(run), *sets, *more]


def test_the_history_holds_every_figure_of_every_epoch(uninterrupted: list[dict[str, Any]]) -> None:
    assert [line["epoch"] for line in uninterrupted] == [1, 2]
    assert all(0 <= line["val_auc"] <= 1 and line["train_loss"] > 0 for line in uninterrupted)
    assert all(line["images_per_second"] > 0 for line in uninterrupted)


def test_a_run_killed_in_an_epoch_goes_on_as_if_nothing_had_been(
    toy: Path, tmp_path: Path, uninterrupted: list[dict[str, Any]]
) -> None:
    run = tmp_path / "run"
    # A checkpoint after every step, which changes no result, gives the kill steps to fall between.
    arguments = command(toy, run)
    often = ["--set", "optimise.checkpoint_minutes=0"]
    process = subprocess.Popen([sys.executable, "-m", *arguments, *often], stdout=subprocess.DEVNULL)
    # The history is written right after the checkpoint: with it there, both are.
    wait_for(lambda: (run / "history.jsonl").exists(), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(history(run)) < 2
    subprocess.run([sys.executable, "-m", *arguments, *often, "--resume"], check=True, capture_output=True)
    for resumed, whole in zip(timeless(history(run)), timeless(uninterrupted), strict=True):
        # On a crowded machine sums are split otherwise among threads, and two near-equal logits may change places.
        assert resumed == pytest.approx(whole, rel=5e-3, abs=1e-4)


def test_a_run_killed_between_the_last_step_and_validation_goes_on(
    toy: Path, tmp_path: Path, uninterrupted: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    recipe = load_recipe("toy", overrides=[*QUICK, "optimise.checkpoint_minutes=0"])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("aivsreal.training.loop.predict_logits", killed)
        train(load_set(toy), recipe, tmp_path / "run", say=lambda _: None)
    train(load_set(toy), recipe, tmp_path / "run", resume=True, say=lambda _: None)
    for resumed, whole in zip(timeless(history(tmp_path / "run")), timeless(uninterrupted), strict=True):
        assert resumed == pytest.approx(whole, rel=1e-3, abs=1e-4)


def test_the_exported_weights_are_the_average_and_the_average_moves(toy: Path, tmp_path: Path) -> None:
    recipe = load_recipe("toy", overrides=["optimise.epochs=1", "data.limit=48"])
    run = train(load_set(toy), recipe, tmp_path / "run", say=lambda _: None)
    kept, last = load_tensors(run.weights)["weights"], load_tensors(run.checkpoint)
    torch.manual_seed(recipe.optimise.seed)
    begun = make_network(recipe.network).state_dict()
    name = "head.1.weight"
    assert torch.equal(kept[name], last["ema"][name])
    assert not torch.equal(kept[name], last["student"][f"network.{name}"])
    assert not torch.equal(kept[name], begun[name])


def test_two_processes_learn_what_one_learns(
    toy: Path, tmp_path: Path, uninterrupted: list[dict[str, Any]]
) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = tmp_path / "run"
    subprocess.run([*launcher, *command(toy, run)], check=True, capture_output=True, env=environment)
    lines = history(run)
    assert [line["learning_rate"] for line in lines] == [line["learning_rate"] for line in uninterrupted]
    # Each process normalises over its own half of a batch: equal only up to that noise.
    assert lines[-1]["train_loss"] == pytest.approx(uninterrupted[-1]["train_loss"], abs=0.15)
    assert lines[-1]["val_auc"] == pytest.approx(uninterrupted[-1]["val_auc"], abs=0.15)
    assert (run / "bundle" / "card.json").is_file()


def test_training_learns_the_two_textures(toy: Path, tmp_path: Path) -> None:
    train(load_set(toy), load_recipe("toy"), tmp_path / "run", say=lambda _: None)
    assert max(line["val_auc"] for line in history(tmp_path / "run")) > 0.9
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_training_stops_when_validation_gets_no_better(toy: Path, tmp_path: Path) -> None:
    # With a rate of nearly nothing no epoch can beat the first by more than chance for long.
    hopeless = ["optimise.epochs=30", "optimise.patience=1", "optimise.learning_rate=1e-12", "data.limit=16"]
    still = [*hopeless, "optimise.final_learning_rate=0", "optimise.ema_decay=0", "optimise.batch_size=8"]
    run = train(load_set(toy), load_recipe("toy", overrides=still), tmp_path / "run", say=lambda _: None)
    assert len(history(run.folder)) < 30


def test_other_data_and_other_recipes_cannot_resume_a_run(toy: Path, tmp_path: Path) -> None:
    recipe = load_recipe("toy", overrides=["optimise.epochs=1", "data.limit=16"])
    train(load_set(toy), recipe, tmp_path / "run", say=lambda _: None)
    other = load_set(draw_toy_set(tmp_path / "other", n=80, seed=9))
    with pytest.raises(BadRun, match="other data"):
        train(other, recipe, tmp_path / "run", resume=True, say=lambda _: None)
    longer = load_recipe("toy", overrides=["optimise.epochs=2", "data.limit=16"])
    with pytest.raises(BadRun, match="another recipe"):
        train(load_set(toy), longer, tmp_path / "run", resume=True, say=lambda _: None)
    with pytest.raises(BadRun, match="already holds a run"):
        train(load_set(toy), recipe, tmp_path / "run", say=lambda _: None)


def test_one_class_is_not_enough_and_leaves_nothing_behind(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData):
        train(load_set(toy, where=["label=ai"]), load_recipe("toy"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_is_excluded_is_neither_trained_nor_validated_on_and_stands_in_run_and_card(
    toy: Path, tmp_path: Path
) -> None:
    run, short = tmp_path / "run", ["--set", "optimise.epochs=1", "--set", "data.limit=16"]
    arguments = ["train", str(toy), "--recipe", "toy", "--out", str(run), *short]
    result = CliRunner().invoke(cli, [*arguments, "--exclude", "generator=grid", "--where", "label!=none"])
    assert result.exit_code == 0, result.output
    facts = open_run(run).facts["data"]
    assert (facts["excluded"], facts["where"]) == (["generator=grid"], ["label!=none"])
    assert facts["generators"] == ["stripes"]
    card = load_bundle(run / "bundle").card
    assert (card.training.excluded, card.training.where) == (["generator=grid"], ["label!=none"])
    page = (run / "bundle" / "MODEL.md").read_text()
    assert "left out of training and validation: generator=grid" in page
    again = CliRunner().invoke(cli, ["export", str(run), str(toy), "--out", str(tmp_path / "again")])
    assert again.exit_code == 0, again.output
    assert load_bundle(tmp_path / "again").card.thresholds == card.thresholds


def test_the_learning_rate_warms_up_falls_and_stays() -> None:
    section = OptimiseSection(
        epochs=10, warmup_epochs=1, cosine_epochs=5, learning_rate=1.0, final_learning_rate=0.1
    )
    rates = [learning_rate_at(step, 10, section) for step in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert max(rates) == pytest.approx(1.0)
    assert rates[10:50] == sorted(rates[10:50], reverse=True)
    assert rates[50:] == pytest.approx([0.1] * 50)


def test_class_weights_make_both_classes_count_alike(toy: Path) -> None:
    samples = [s for s in load_set(toy) if s.label == 0 or s.columns["generator"] == "grid"]
    real, ai = class_weights(samples, load_recipe("toy", overrides=["data.balance=none"]))
    assert real * sum(s.label == 0 for s in samples) == pytest.approx(ai * sum(s.label for s in samples))


def wait_for(happened: Any, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < until, "the training wrote no checkpoint"
        time.sleep(0.02)
