"""Tuning on the drawn toy set: searched, killed, joined by a second process, refused where it must be."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from aivsreal.cli.tune import seconds_of
from aivsreal.data.labelled import Sample
from aivsreal.data.sources import load_set
from aivsreal.data.toy import draw_toy_set
from aivsreal.errors import BadRecipe, BadRun, UsageError
from aivsreal.training import study as study_module
from aivsreal.training.recipe import Recipe, load_recipe, recipe_from, recipe_text, value_in, with_values
from aivsreal.training.search import SearchField, grid_points
from aivsreal.training.space import own_values, space_of, whole_fields
from aivsreal.training.tune import tune
from tests.cli.runner import run
from tests.training.test_loop import history, wait_for

SMALL = ["views.size=32", "data.limit=32", "optimise.batch_size=8", "optimise.epochs=2"]
RATE = {"low": 1e-4, "high": 1e-2, "log": True, "points": 2}
SEARCH = {"optimise.learning_rate": RATE, "network.dropout": {"choices": [0.0, 0.2]}}


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_toy_set(tmp_path_factory.mktemp("toy") / "set", n=80, size=40)


def toy_recipe(search: dict[str, Any] | None = None, *more: str) -> Recipe:
    recipe = load_recipe("toy", overrides=[*SMALL, *more])
    content = recipe.model_dump(mode="json") | {"search": SEARCH if search is None else search}
    return recipe_from(content, origin="test")


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "mine.toml"
    path.write_text(recipe_text(toy_recipe()))
    return path


@pytest.fixture(scope="module")
def grid(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished grid of four points, and the recipe as it is."""
    folder = tmp_path_factory.mktemp("grid") / "out"
    return tune(load_set(toy), toy_recipe(), folder, method="grid", say=silent)


def silent(_: str) -> None:
    pass


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_grid_tries_the_recipe_as_it_is_and_then_every_point(grid: Path) -> None:
    found = rows(grid)
    assert [row["own"] for row in found] == ["1", "0", "0", "0", "0"]
    points = {(float(r["optimise.learning_rate"]), float(r["network.dropout"])) for r in found[1:]}
    assert points == {(rate, dropout) for rate in (1e-4, 1e-2) for dropout in (0.0, 0.2)}
    assert all(row["state"] in ("complete", "pruned") for row in found)


def test_the_best_recipe_is_that_of_the_best_trial_and_can_be_trained(grid: Path) -> None:
    best = load_recipe(grid / "best.toml")
    told = json.loads((grid / "study.json").read_text())["best"]
    finished = [row for row in rows(grid) if row["state"] == "complete"]
    assert told["value"] == pytest.approx(max(float(row["value"]) for row in finished), abs=1e-5)
    assert best == with_values(toy_recipe(), told["params"])
    assert best.search == {}


def test_a_study_leaves_figures_and_no_weights_behind(grid: Path) -> None:
    for name in ("history.png", "slices.png"):
        assert (grid / name).read_bytes().startswith(b"\x89PNG")
    assert not list(grid.rglob("*.pt"))
    assert len(history(grid / "trials" / "0000" / "run")) == 2


def test_a_finished_grid_is_not_begun_again(toy: Path, grid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows(grid)
    monkeypatch.setattr("aivsreal.training.tune.train", lambda *_, **__: pytest.fail("it trained again"))
    tune(load_set(toy), toy_recipe(), grid, method="grid", resume=True, say=silent)
    assert rows(grid) == before


def test_the_test_split_is_never_read(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labelled = load_set(toy)
    asked: list[str] = []
    read = Sample.read

    def noted(sample: Sample) -> bytes:
        asked.append(sample.split)
        return read(sample)

    monkeypatch.setattr(Sample, "read", noted)
    tune(labelled, toy_recipe(None, "optimise.epochs=1"), tmp_path / "out", trials=1, say=silent)
    assert set(asked) == {"train", "val"}


def test_a_killed_study_goes_on_with_the_very_trial_that_was_under_way(
    toy: Path, recipe_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = ["tune", str(toy), "--recipe", str(recipe_file), "--search", "random", "--trials", "3"]
    longer = ["--set", "optimise.epochs=3", "--out", str(out)]
    command = [sys.executable, "-m", "aivsreal", *arguments, *longer]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    second = out / "trials" / "0001" / "run" / "history.jsonl"
    wait_for(second.exists, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    begun = history(second.parent)
    again = run(*arguments, *longer, "--resume")
    assert again.exit_code == 0, again.output
    found = rows(out)
    assert [row["trial"] for row in found] == ["0", "1", "2"]
    assert all(row["state"] in ("complete", "pruned") for row in found)
    assert history(second.parent)[: len(begun)] == begun
    refused = run(*arguments, *longer)
    assert (refused.exit_code, "--resume" in refused.stderr) == (6, True)


def test_two_processes_share_a_study(toy: Path, recipe_file: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    command = [sys.executable, "-m", "aivsreal", "tune", str(toy), "--recipe", str(recipe_file)]
    options = ["--storage", url, "--resume", "--trials", "6", "--set", "optimise.epochs=1"]
    outs = [tmp_path / "one", tmp_path / "two"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen([*command, *options, "--out", str(out)], stdout=subprocess.DEVNULL, env=environment)
        for out in outs
    ]
    assert [process.wait(180) for process in processes] == [0, 0]
    trained = [{path.name for path in (out / "trials").iterdir() if (path / "run").exists()} for out in outs]
    assert trained[0] | trained[1] == {f"{number:04}" for number in range(6)}
    assert not trained[0] & trained[1]
    last = max(
        (rows(out) for out in outs), key=lambda found: sum(row["state"] == "complete" for row in found)
    )
    assert len({row["optimise.learning_rate"] for row in last}) == 6


def test_what_comes_apart_is_given_up_and_the_study_goes_on(toy: Path, tmp_path: Path) -> None:
    search = {"optimise.learning_rate": {"choices": [2e-3, 1e30]}}
    recipe = toy_recipe(search, "optimise.clip_norm=1e30", "optimise.warmup_epochs=0")
    told: list[str] = []
    tune(load_set(toy), recipe, tmp_path / "out", method="grid", say=told.append)
    assert {row["state"] for row in rows(tmp_path / "out")} == {"complete", "pruned"}
    assert any("came apart" in line for line in told)


def test_when_the_time_is_over_the_trial_waits_for_resume(toy: Path, tmp_path: Path) -> None:
    recipe = toy_recipe(None, "optimise.epochs=3")
    tune(load_set(toy), recipe, tmp_path / "out", seconds=0.001, trials=1, say=silent)
    (waiting,) = rows(tmp_path / "out")
    assert (waiting["state"], waiting["epochs"]) == ("running", "1")
    tune(load_set(toy), recipe, tmp_path / "out", trials=1, resume=True, say=silent)
    assert [(row["trial"], row["state"], row["epochs"]) for row in rows(tmp_path / "out")] == [
        ("0", "complete", "3")
    ]


def test_a_study_of_other_things_cannot_be_joined(toy: Path, grid: Path, tmp_path: Path) -> None:
    labelled = load_set(toy)
    with pytest.raises(BadRun, match="another recipe"):
        tune(labelled, toy_recipe(None, "optimise.epochs=3"), grid, resume=True)
    with pytest.raises(BadRun, match="another search"):
        tune(labelled, toy_recipe({"network.dropout": {"low": 0, "high": 0.5}}), grid, resume=True)
    with pytest.raises(BadRun, match="another objective"):
        tune(labelled, toy_recipe(), grid, objective="val_loss", resume=True)
    other = load_set(draw_toy_set(tmp_path / "other", n=40, seed=5))
    with pytest.raises(BadRun, match="other data"):
        tune(other, toy_recipe(), grid, resume=True)
    with pytest.raises(BadRun, match="already"):
        tune(labelled, toy_recipe(), grid)


@contextmanager
def written_to(database: Path) -> Iterator[None]:
    """Hold a database as a program does that writes for a long time."""
    with closing(sqlite3.connect(database)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


def test_a_locked_database_is_told_in_a_line_and_nothing_is_lost(
    toy: Path, grid: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_module, "LOCK_SECONDS", 0.1)
    before = rows(grid)
    arguments = ("tune", toy, "--recipe", recipe_file, "--search", "grid", "--out", grid, "--resume")
    with written_to(grid / "study.db"):
        refused = run(*arguments)
    assert refused.exit_code == 6
    assert "locked" in refused.stderr
    assert len(refused.stderr.splitlines()) == 2
    assert run(*arguments).exit_code == 0
    assert rows(grid) == before


def test_a_database_that_is_gone_or_none_is_told_in_a_line(
    toy: Path, recipe_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "lost" / "trials" / "0000").mkdir(parents=True)
    tuned = ("tune", toy, "--recipe", recipe_file, "--resume", "--trials", 1)
    gone = run(*tuned, "--out", tmp_path / "lost")
    assert (gone.exit_code, "is gone" in gone.stderr) == (6, True)
    no_url = run(*tuned, "--out", tmp_path / "a", "--storage", "nonsense")
    assert (no_url.exit_code, "is no database" in no_url.stderr) == (2, True)
    nowhere = run(*tuned, "--out", tmp_path / "b", "--storage", f"sqlite:///{tmp_path}/none/study.db")
    assert (nowhere.exit_code, len(nowhere.stderr.splitlines())) == (6, 2)
    (tmp_path / "text.db").write_text("this is no database, but it is long enough to be looked at " * 20)
    text = run(*tuned, "--out", tmp_path / "c", "--storage", f"sqlite:///{tmp_path / 'text.db'}")
    assert (text.exit_code, "not a database" in text.stderr) == (6, True)


def test_a_password_is_not_shown(toy: Path, recipe_file: Path, tmp_path: Path) -> None:
    tuned = ("tune", toy, "--recipe", recipe_file, "--trials", 1, "--out", tmp_path / "out")
    refused = run(*tuned, "--storage", "postgresql://me:hush@127.0.0.1:1/none")
    assert refused.exit_code in (6, 7)
    assert "hush" not in refused.output + refused.stderr


@pytest.mark.parametrize(
    ("search", "why"),
    [
        ({"optimise.learning_rate": {"low": 1e-2, "high": 1e-4}}, "upside down"),
        ({"optimise.learning_rate": {"low": 0, "high": 1, "log": True}}, "begins above 0"),
        ({"optimise.epochs": {"choices": [1, 2], "low": 1}}, "either choices"),
        ({"optimise.epochs": {"choices": [2, 2]}}, "twice"),
        ({"optimise.epochs": {"low": 1}}, "low and high"),
        ({"optimise.epochs": {"low": 1, "high": 3, "step": 1}}, "step"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused_when_the_recipe_is_read(search: Any, why: str) -> None:
    with pytest.raises(BadRecipe, match=why):
        toy_recipe(search)


@pytest.mark.parametrize(
    ("search", "why", "hint"),
    [
        ({"optimise.learnin_rate": RATE}, "no field", "optimise.learning_rate"),
        ({"network.dropout": {"low": 0, "high": 1.5}}, "network.dropout", "recipes.md"),
        ({"optimise.epochs": {"low": 1.5, "high": 3}}, "optimise.epochs", "recipes.md"),
        ({"optimise.optimiser": {"choices": ["adam", "sgd"]}}, "optimise.optimiser", "recipes.md"),
        ({"data.limit": {"low": 10, "high": 20}}, "cannot try", "same pictures"),
    ],
)
def test_a_search_for_what_a_recipe_cannot_be_is_refused(search: Any, why: str, hint: str) -> None:
    with pytest.raises(BadRecipe, match=why) as caught:
        space_of(toy_recipe(search), "random")
    assert hint in caught.value.hint


def test_a_tower_cannot_be_tuned() -> None:
    with pytest.raises(BadRecipe, match="tower"):
        space_of(load_recipe("photos"), "tpe")


@pytest.mark.parametrize("name", ["cifake", "paper", "photos-small", "toy"])
def test_the_default_space_fits_every_recipe_that_trains_a_network(name: str) -> None:
    recipe = load_recipe(name)
    space = space_of(recipe, "tpe")
    assert own_values(recipe, space) is not None or recipe.optimise.weight_decay == 0
    assert ("network.freeze_stages" in space) == (recipe.network.trunk != "scratch")
    for field, tried in space.items():
        for value in tried.ends:
            assert value_in(with_values(recipe, {field: value}), field) == value
    assert len(grid_points(space_of(recipe, "grid"), whole_fields(space))) == 27


def test_the_points_of_a_grid_are_whole_where_a_field_is() -> None:
    field = SearchField(low=1, high=16, log=True, points=5)
    assert field.grid(whole=True) == [1, 2, 4, 8, 16]
    assert SearchField(low=0, high=1, points=3).grid(whole=False) == [0.0, 0.5, 1.0]


def test_a_recipe_reads_back_from_its_text() -> None:
    for name in ("cifake", "paper", "photos", "photos-small", "toy"):
        text = recipe_text(load_recipe(name))
        assert text
    with pytest.raises(BadRecipe, match="nothing"):
        recipe_text(load_recipe("toy", overrides=["optimise.clip_norm=null"]))


def test_times_are_read_as_people_write_them() -> None:
    assert [seconds_of(text) for text in ("2h", "90m", "1h30m", "45s", "1.5h")] == [
        7200, 5400, 5400, 45, 5400,
    ]  # fmt: skip
    for wrong in ("", "2", "h", "-1h", "2d", "0s"):
        with pytest.raises(UsageError):
            seconds_of(wrong)
