"""A comparison on the drawn toy set: fitted, killed, gone on with, refused; and what its entries look at."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from safetensors.torch import save_file
from scipy.ndimage import gaussian_filter

from aivsreal.cli.compare import EXAMPLES
from aivsreal.data.sources import load_set
from aivsreal.data.toy import draw_toy_set
from aivsreal.errors import BadData, BadRecipe, BadRun, UsageError
from aivsreal.evaluation.compare.catalogue import METHODS, read_catalogue
from aivsreal.evaluation.compare.comparison import compare
from aivsreal.evaluation.compare.entry import Budget, Fitted, Work
from aivsreal.evaluation.compare.handmade import azimuthal_spectrum, texture_and_colour
from aivsreal.evaluation.compare.hierarchy import REPORT, Hierarchical
from aivsreal.evaluation.compare.made_up import EVERY, WithMadeUpFakes
from aivsreal.evaluation.compare.measured import fit_and_measure
from aivsreal.evaluation.compare.pairs import pair_loss
from aivsreal.evaluation.compare.trained import Trained
from aivsreal.images import Picture, open_picture
from aivsreal.training.autoencoder import DECODER, ENCODER, Autoencoder
from aivsreal.training.recipe import load_recipe
from tests.cli.runner import run

BASE = ["views.size=32", "optimise.batch_size=8", "data.validation_fraction=0.2"]
FILE = """
[entries.majority]
[entries.shortcuts]
[entries.features-tree]
[entries.azimuthal-spectrum]
[entries.ours]
[entries.staged]
second_stage = true
[entries.hierarchical]
[scales.smoke]
pictures = 40
seen = 80
minutes = 5
measured = 24
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_toy_set(tmp_path_factory.mktemp("toy") / "set", n=80, size=40)


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("entries") / "mine.toml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="module")
def compared(toy: Path, entries: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "compared"
    result = run(*command(toy, entries, out))
    assert result.exit_code == 0, result.output + result.stderr
    return out


def command(toy: Path, entries: Path | str, out: Path, *more: object) -> list[object]:
    sets = [part for text in BASE for part in ("--set", text)]
    asked = ["compare", toy, "--recipe", "toy", "--entries", entries, "--scale", "smoke", "--against", "ours"]
    return [*asked, *sets, "--out", out, *more]


def told(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "comparison.json").read_text())
    return found


def test_every_entry_has_its_cost_its_figures_and_a_test_against_ours(compared: Path) -> None:
    found = told(compared)
    assert found["budget"] == {"pictures": 40, "seen": 80, "minutes": 5.0, "measured": 24}
    assert found["counts"] == {"test": {"real": 12, "ai": 12}}
    for name in ("majority", "shortcuts", "features-tree", "azimuthal-spectrum"):
        entry = found["entries"][name]
        assert entry["cost"]["seen"] == sum(found["training"].values())
        pair = entry["against"]["test"]["aligned"]
        assert 0 <= pair["delong"]["p"] <= pair["delong"]["p_adjusted"] <= 1
    assert found["entries"]["ours"]["cost"]["seen"] == 80
    assert "against" not in found["entries"]["ours"]
    assert "second stage" in found["entries"]["staged"]["cost"]["note"]


def test_floors_stay_on_the_ground_and_texture_is_found(compared: Path) -> None:
    areas = {
        name: entry["splits"]["test"]["aligned"]["roc_auc"]["value"]
        for name, entry in told(compared)["entries"].items()
        if "splits" in entry
    }
    assert areas["majority"] == 0.5
    assert areas["azimuthal-spectrum"] > 0.9
    assert areas["features-tree"] > 0.7
    assert areas["staged"] > 0.7


def test_who_cannot_take_part_is_named_and_the_others_go_on(compared: Path) -> None:
    assert "family" in told(compared)["entries"]["hierarchical"]["failed"]
    assert "`hierarchical` did not take part" in (compared / "table.md").read_text()


def test_the_tables_say_what_the_json_says(compared: Path) -> None:
    found = told(compared)["entries"]
    with (compared / "table.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 6 * 4
    for row in rows:
        figure = found[row["entry"]]["splits"][row["split"]][row["chain"]]["roc_auc"]
        assert float(row["roc_auc_value"]) == figure["value"]
    for name in ("areas-test.png", "cost-test.png"):
        assert (compared / name).read_bytes().startswith(b"\x89PNG")


def test_a_stopped_comparison_goes_on_with_what_is_missing(
    toy: Path, entries: Path, compared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (compared / "entries" / "ours" / "result.json").read_bytes()
    (compared / "entries" / "majority" / "result.json").unlink()
    (compared / "comparison.json").unlink()
    monkeypatch.setattr("aivsreal.evaluation.compare.trained.train", lambda *_, **__: pytest.fail("again"))
    again = run(*command(toy, entries, compared))
    assert again.exit_code == 0, again.output + again.stderr
    assert set(told(compared)["entries"]["majority"]) == {"about", "source", "cost", "splits", "against"}
    assert (compared / "entries" / "ours" / "result.json").read_bytes() == before


def test_another_comparison_is_not_mixed_into_a_folder(toy: Path, entries: Path, compared: Path) -> None:
    before = (compared / "comparison.json").read_bytes()
    other = run(*command(toy, entries, compared, "--set", "network.dropout=0.3"))
    assert (other.exit_code, "another recipe" in other.stderr) == (6, True)
    assert (compared / "comparison.json").read_bytes() == before


def described(path: Path, words: str) -> Path:
    path.write_text(f"[entries.majority]\n[entries.mine]\n{words}")
    return path


def test_an_entry_under_another_description_is_not_taken_for_the_one_that_was_measured(
    toy: Path, tmp_path: Path
) -> None:
    file, out = tmp_path / "mine.toml", tmp_path / "out"
    asked = command(toy, described(file, "method = 'shortcuts'"), out, "--against", "majority")
    assert run(*asked).exit_code == 0
    before = (out / "comparison.json").read_bytes()
    described(file, "method = 'features-tree'")
    refused = run(*asked)
    assert (refused.exit_code, "entries/mine holds what was made by another method" in refused.stderr) == (
        6,
        True,
    )
    assert (out / "comparison.json").read_bytes() == before
    shutil.rmtree(out / "entries" / "mine")
    assert run(*asked).exit_code == 0
    figures = told(out)["entries"]["mine"]["splits"]
    assert figures != json.loads(before)["entries"]["mine"]["splits"]


@pytest.mark.parametrize("kept", [True, False])
def test_other_words_of_an_entry_and_one_of_before_that_kept_none_measure_nothing_anew(
    toy: Path, tmp_path: Path, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = tmp_path / "mine.toml", tmp_path / "out"
    asked = command(toy, described(file, "method = 'shortcuts'"), out, "--against", "majority")
    assert run(*asked).exit_code == 0
    if not kept:
        (out / "entries" / "mine" / "asked.json").unlink()
    monkeypatch.setattr("aivsreal.evaluation.compare.measured._measure", lambda *_: pytest.fail("again"))
    described(file, "method = 'shortcuts'\nabout = 'as a user says'")
    again = run(*asked)
    assert again.exit_code == 0, again.output + again.stderr
    assert told(out)["entries"]["mine"]["about"] == "as a user says"
    assert json.loads((out / "entries" / "mine" / "asked.json").read_text()) == {"method": "shortcuts"}


def test_two_processes_do_not_compare_in_one_folder(toy: Path, entries: Path, compared: Path) -> None:
    with FileLock(compared / "lock"):
        refused = run(*command(toy, entries, compared))
    assert (refused.exit_code, "another process" in refused.stderr) == (6, True)


@pytest.fixture(scope="module")
def dated(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the toy set with years, two pictures of train in test, and one of test twice."""
    folder = tmp_path_factory.mktemp("dated") / "set"
    shutil.copytree(toy, folder)
    (folder / "generators.csv").write_text("generator,generator_year\nstripes,2019\ngrid,2024\n")
    learned = sorted((folder / "train" / "REAL").iterdir())
    for number, path in enumerate((learned[0], learned[1], sorted((folder / "test" / "REAL").iterdir())[0])):
        shutil.copy(path, folder / "test" / "REAL" / f"copy{number}{path.suffix}")
    return folder


def test_what_was_learned_from_and_copies_are_left_out_of_the_leak_free_figures(
    dated: Path, tmp_path: Path
) -> None:
    result = run(*command(dated, "shortcuts,majority", tmp_path / "out", "--against", "majority"))
    assert result.exit_code == 0, result.output + result.stderr
    majority = told(tmp_path / "out")["entries"]["majority"]["splits"]["test"]
    assert majority["as_is"]["accuracy"]["value"] == pytest.approx(23 / 43, abs=1e-4)
    assert majority["leak_free"]["accuracy"]["value"] == pytest.approx(20 / 40, abs=1e-4)
    assert "accuracy leak-free" in (tmp_path / "out" / "table.md").read_text()


def test_later_generators_are_not_learned_from_and_are_measured_by_year(dated: Path, tmp_path: Path) -> None:
    names = "azimuthal-spectrum,majority"
    asked = command(dated, names, tmp_path / "out", "--up-to", 2020, "--against", "majority")
    result = run(*asked)
    assert result.exit_code == 0, result.output + result.stderr
    found = told(tmp_path / "out")
    assert found["learned_up_to"] == 2020
    assert found["training"]["ai"] < found["training"]["real"]
    by_year = found["entries"]["azimuthal-spectrum"]["splits"]["test"]["years"]
    assert list(by_year["years"]) == ["2019", "2024"]
    assert by_year["years"]["2019"]["roc_auc"]["value"] > 0.9
    lost = by_year["years"]["2019"]["roc_auc"]["value"] - by_year["years"]["2024"]["roc_auc"]["value"]
    assert by_year["lost_a_year"]["value"] == pytest.approx(lost / 4, abs=1e-4)
    assert "AUC lost a year" in (tmp_path / "out" / "table.md").read_text()
    mixed = run(*[part if part != 2020 else 2021 for part in asked])
    assert (mixed.exit_code, "another year" in mixed.stderr) == (6, True)


def test_a_picture_of_a_later_generator_is_no_leak_where_it_was_not_learned_from(
    dated: Path, tmp_path: Path
) -> None:
    shutil.copytree(dated, tmp_path / "set")
    later = sorted((tmp_path / "set" / "train" / "FAKE" / "grid").iterdir())[0]
    shutil.copy(later, tmp_path / "set" / "test" / "FAKE" / "grid" / f"copy{later.suffix}")
    counts = {}
    for up_to in ((), ("--up-to", 2020)):
        out = tmp_path / f"out{len(counts)}"
        asked = command(tmp_path / "set", "majority", out, "--against", "majority", *up_to)
        assert run(*asked).exit_code == 0
        counts[up_to] = told(out)["entries"]["majority"]["splits"]["test"]["leak_free"]["accuracy"]["value"]
    # Of 23 real pictures three are copies; of 21 AI pictures the one is a leak only where it was learned from.
    assert list(counts.values()) == pytest.approx([20 / 40, 20 / 41], abs=1e-4)


@pytest.mark.parametrize("year", [2018, 2024, 2030])
def test_a_year_that_parts_nothing_is_refused(dated: Path, tmp_path: Path, year: int) -> None:
    refused = run(*command(dated, "majority", tmp_path / "out", "--up-to", year, "--against", "majority"))
    assert (refused.exit_code, f"after {year}" in refused.stderr) == (4, True)
    assert not (tmp_path / "out").exists()


def test_what_is_measured_is_never_learned_from(toy: Path, tmp_path: Path) -> None:
    catalogue, names = read_catalogue("majority")
    seen: list[set[str]] = []
    majority = METHODS["majority"]

    class Watched:
        def __init__(self) -> None:
            self.inner = majority()

        def fit(self, work: Work) -> Any:
            seen.append({s.split for s in (*work.labelled, *work.training, *work.validation)})
            return self.inner.fit(work)

        def predict_probability(self, pictures: Any) -> Any:
            return self.inner.predict_probability(pictures)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "majority", Watched)  # type: ignore[arg-type]
        recipe = load_recipe("toy", overrides=BASE)
        compare(load_set(toy), catalogue, names, recipe, tmp_path / "out", scale="smoke", say=lambda _: None)
    assert seen == [{"train", "val"}]


def test_the_help_lists_every_entry() -> None:
    listed = re.sub(r"-\n\s+", "-", EXAMPLES)
    assert [name for name in read_catalogue("all")[1] if f" {name}" not in listed] == []


@pytest.mark.parametrize(
    ("asked", "why", "hint"),
    [
        ("ours,features-svn", "features-svn", "features-svm"),
        ("", "no entry", "majority"),
        (" , ", "no entry", "majority"),
    ],
)
def test_an_unknown_entry_is_refused_with_the_nearest(asked: str, why: str, hint: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        read_catalogue(asked)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[entries.a]\nmethod = 'svm'", "no method"),
        ("[entries.a]\nmethod = 'majority'\nset = { 'network.dropout' = 0.1 }", "a method and"),
        ("[entries.a]\nmethod = 'majority'\nsecond_stage = true", "a method and"),
        ("[entries.a]\nmade_up = 'x'\nsecond_stage = true", "made-up fakes and a second"),
        ("[entries.a]\nabuot = 'x'", "abuot"),
        ("[entries.'../a']\nset = { 'network.dropout' = 0.1 }", "no name"),
        ("[entries.ours]\n[scales.cpu]\nseen = 0", "seen is 0"),
        ("[entries.ours]\n[scales.cpu]\nminutes = nan", "minutes is nan"),
        ("[entries.ours]\n[scales.cpu]\npictures = inf", "pictures is inf"),
        ("[entries.ours]\n[scales.cpu]\nsean = 10", "sean"),
        ("[entries.ours", "no TOML"),
        ("", "no entry"),
    ],
)
def test_a_file_of_entries_that_makes_no_sense_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises((BadRecipe, UsageError), match=why):
        read_catalogue(str(path))


@pytest.mark.parametrize(
    ("text", "hint"), [("abuot = 'x'", "did you mean 'about'?"), ("about = 3", "mend that value")]
)
def test_a_spelling_is_proposed_only_for_a_key_that_there_is_none_of(
    tmp_path: Path, text: str, hint: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"[entries.a]\n{text}")
    with pytest.raises(BadRecipe) as caught:
        read_catalogue(str(path))
    assert caught.value.hint.startswith(hint)


def test_an_entry_with_a_field_that_no_recipe_has_is_refused_before_anything_is_trained(
    toy: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[entries.majority]\n[entries.odd]\nset = { 'network.dropuot' = 0.1 }")
    refused = run(*command(toy, path, tmp_path / "out")[:-2], "--out", tmp_path / "out", "--against", "odd")
    assert (refused.exit_code, "entry odd" in refused.stderr) == (6, True)
    assert "network.dropout" in refused.stderr
    assert not (tmp_path / "out").exists()


def test_refusals_before_any_work(toy: Path, tmp_path: Path) -> None:
    catalogue, names = read_catalogue("majority")
    recipe, labelled = load_recipe("toy", overrides=BASE), load_set(toy)
    with pytest.raises(UsageError, match="no part"):
        compare(labelled, catalogue, names, recipe, tmp_path / "a", scale="smoke", against="ours")
    with pytest.raises(BadData, match="no split 'unseen'"):
        compare(labelled, catalogue, names, recipe, tmp_path / "b", scale="smoke", splits=["unseen"])
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "asked.json").write_text("{")
    with pytest.raises(BadRun, match="cannot be read"):
        compare(labelled, catalogue, names, recipe, tmp_path / "c", scale="smoke", say=lambda _: None)


@pytest.mark.parametrize("describe", [texture_and_colour, azimuthal_spectrum])
@pytest.mark.parametrize("size", [(8, 8), (9, 31), (300, 40), (32, 32)])
def test_features_are_as_many_and_finite_whatever_the_picture(describe: Any, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for pixels in (rng.integers(0, 256, (*size, 3), dtype=np.uint8), np.full((*size, 3), 7, np.uint8)):
        features = describe(pixels)
        assert features.shape == describe(np.zeros((64, 64, 3), np.uint8)).shape
        assert np.isfinite(features).all()


def test_blur_takes_the_high_frequencies_out_of_the_spectrum() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    blurred = gaussian_filter(noise, sigma=(1, 1, 0))
    sharp, soft = (azimuthal_spectrum(pixels) for pixels in (noise, blurred))
    assert abs(sharp[24:].mean() - sharp[:24].mean()) < 0.5
    assert soft[24:].mean() < soft[:24].mean() - 2


def test_pairs_of_a_class_together_and_others_a_margin_apart_cost_nothing() -> None:
    labels = torch.tensor([0, 0, 1, 1])
    apart = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    together = torch.ones(4, 2)
    assert float(pair_loss(apart, labels)) == pytest.approx(0, abs=1e-6)
    assert float(pair_loss(together, labels)) == pytest.approx(8 / 12, abs=1e-3)


def test_made_up_fakes_are_learned_as_ai_and_made_once(toy: Path, tmp_path: Path) -> None:
    autoencoder = Autoencoder()
    for part, name in ((autoencoder.encoder, ENCODER), (autoencoder.decoder, DECODER)):
        save_file(part.state_dict(), tmp_path / name)
    samples = load_set(toy).of_split("train")
    learned, held = samples.samples[::2], tuple(replace(s, split="val") for s in samples.samples[1::2])
    budget = Budget(30, 16, None, None)
    recipe = load_recipe("toy", overrides=BASE)
    labelled = samples.with_samples([*learned, *held])
    work = Work(labelled, learned, held, recipe, budget, tmp_path / "out", lambda _: None)
    photographs = sum(not s.label for s in learned)
    fitted = WithMadeUpFakes(Trained({}), str(tmp_path)).fit(work)
    made = sorted((tmp_path / "out" / "made-up").iterdir())
    assert len(made) == -(-photographs // EVERY)
    assert fitted.note == f"{len(made)} made-up fakes"
    trained = json.loads((tmp_path / "out" / "run" / "run.json").read_text())["data"]
    assert trained["training"] == {"real": photographs, "ai": len(learned) - photographs + len(made)}
    assert "made-up" in trained["generators"]
    written = [path.stat().st_mtime_ns for path in made]
    WithMadeUpFakes(Trained({}), str(tmp_path)).fit(work)
    assert [path.stat().st_mtime_ns for path in made] == written


def test_made_up_fakes_without_weights_keep_an_entry_out(toy: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"[entries.majority]\n[entries.fakes]\nmade_up = '{tmp_path / 'none'}'")
    asked = command(toy, path, tmp_path / "out", "--against", "majority")
    result = run(*asked)
    assert result.exit_code == 0, result.output + result.stderr
    assert "taef2_encoder" in told(tmp_path / "out")["entries"]["fakes"]["failed"]


def test_the_hierarchy_says_how_often_it_knows_the_family(toy: Path, tmp_path: Path) -> None:
    import dataclasses

    labelled = load_set(toy)
    family = {"stripes": "gan", "grid": "diffusion", None: None}
    samples = [
        dataclasses.replace(s, columns={**s.columns, "family": family[s.columns.get("generator")]})
        for s in labelled.of_split("train")
    ]
    recipe = load_recipe("toy", overrides=BASE)
    budget = Budget(None, 64, None, None)
    parts = tuple(samples[::2]), tuple(samples[1::2])
    work = Work(labelled.with_samples(samples), *parts, recipe, budget, tmp_path, lambda _: None)
    entry = Hierarchical()
    assert entry.fit(work).seen == 64
    families = json.loads((tmp_path / REPORT).read_text())
    assert set(families["confusion"]) == {"gan", "diffusion"}
    assert families["pictures"] == sum(s.label for s in parts[1])
    picture = open_picture(samples[0].read())
    assert 0 <= entry.predict_probability([picture])[0] <= 1


class Bright:
    """It comes trained: the brighter, the likelier AI. Stopped after so many looks."""

    def __init__(self, patience: int) -> None:
        self.patience, self.looks = patience, 0

    def fit(self, work: Work) -> Fitted:  # noqa: ARG002 - there is nothing to learn
        return Fitted(0, None, "its own")

    def predict_probability(self, pictures: Sequence[Picture]) -> np.ndarray:
        self.looks += 1
        if self.looks > self.patience:
            raise KeyboardInterrupt
        return np.array([picture.pixels.mean() / 255 for picture in pictures])


def test_what_comes_trained_is_asked_once_of_each_chain_over_a_stop(toy: Path, tmp_path: Path) -> None:
    labelled = load_set(str(toy))
    shown, test = (
        tuple(
            sample
            for label in (0, 1)
            for sample in [s for s in labelled.of_split(split) if s.label == label][:8]
        )
        for split in ("train", "test")
    )
    work = Work(labelled, shown, shown, load_recipe("toy"), Budget(16, 16, 1, 16), tmp_path / "bright", print)
    stopped, whole, again = Bright(patience=7), Bright(patience=99), Bright(patience=99)
    with pytest.raises(KeyboardInterrupt):
        fit_and_measure("bright", stopped, work, {"test": test})
    measured = fit_and_measure("bright", again, work, {"test": test})
    unbroken = replace(work, folder=tmp_path / "unbroken")
    expected = fit_and_measure("bright", whole, unbroken, {"test": test})
    for part, probabilities in expected.probabilities.items():
        assert np.array_equal(measured.probabilities[part], probabilities)
    brightness = [open_picture(sample.read()).pixels.mean() for sample in test]
    assert np.array_equal(np.argsort(measured.probabilities["test", "as_is"]), np.argsort(brightness))
    # Two looks a chain; three whole chains were done when it was stopped.
    assert whole.looks - again.looks == 6
