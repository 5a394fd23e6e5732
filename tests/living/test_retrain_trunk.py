"""A whole network is taught new pictures beside old ones, through the loop that trained it, and may be killed."""

import dataclasses
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aivsreal.bundle import CARD, Bundle, verify_bundle
from aivsreal.data.labelled import LabelledSet
from aivsreal.data.sources import load_set
from aivsreal.data.toy import draw_toy_set
from aivsreal.detector import Detector
from aivsreal.errors import BadBundle, BadData, BadRecipe, UsageError
from aivsreal.evaluation.finish import finish
from aivsreal.living import retrain_trunk as module
from aivsreal.living.gate import compare
from aivsreal.living.gate_set import init_gate, load_held
from aivsreal.living.memory import require_memory
from aivsreal.living.retrain_trunk import mix, retrain_trunk, retraining, run_folder, trained_by
from aivsreal.training.export import largest_difference
from aivsreal.training.loader import NEW, epoch_order
from aivsreal.training.loop import train
from aivsreal.training.network import make_network
from aivsreal.training.recipe import load_recipe
from tests.cli.runner import run
from tests.living.towers import red_tower

SMALL = [
    'network.trunk_options={"channels":[8,16,24,32]}',
    "augment.resize=0",
    "augment.compress=0",
    "optimise.learning_rate=5e-3",
    "optimise.epochs=3",
]
TAUGHT = 30


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for all of this, with a data folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("trunk")
        patch.setenv("AIVSREAL_DATA_DIR", str(folder / "data"))
        yield folder


@pytest.fixture(scope="module")
def old(folder: Path) -> LabelledSet:
    """Grain and stripes; grids are taken out of the folder and lie in `new`."""
    draw_toy_set(folder / "old", n=160)
    grids = folder / "new" / "FAKE" / "grid"
    grids.mkdir(parents=True)
    for number, path in enumerate(sorted((folder / "old" / "train" / "FAKE" / "grid").iterdir())):
        if number < TAUGHT:
            shutil.copy(path, grids)
    for split in ("train", "test"):
        shutil.rmtree(folder / "old" / split / "FAKE" / "grid")
    return load_set(folder / "old")


@pytest.fixture(scope="module")
def new(folder: Path, old: LabelledSet) -> LabelledSet:
    assert old.root == folder / "old"
    return load_set(folder / "new")


@pytest.fixture(scope="module")
def base(folder: Path, old: LabelledSet) -> Bundle:
    """A bundle in a run's folder, that has never seen a grid."""
    made = train(old, load_recipe("toy", overrides=SMALL), folder / "run", say=quiet)
    return finish(made.folder, old, made.folder / "bundle", say=quiet)


@pytest.fixture(scope="module")
def challenger(folder: Path, base: Bundle, new: LabelledSet) -> Bundle:
    """What became of a retraining that was killed in its second epoch, refused to begin anew, and went on."""
    out = folder / "challenger"
    arguments = ["retrain", "--base", base.folder.parent, "--new", new.root, "--replay", folder / "old"]
    arguments = [str(part) for part in (*arguments, "--out", out)]
    process = subprocess.Popen([sys.executable, "-m", "aivsreal", *arguments])
    until = time.monotonic() + 600
    history = run_folder(out) / "history.jsonl"
    # Where an epoch takes long, a checkpoint within it comes first, and the history has no line yet.
    while not (history.exists() and history.read_text()):
        assert process.poll() is None, "the retraining ended before it could be killed"
        assert time.monotonic() < until, "the retraining wrote no checkpoint"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()

    refused = run(*arguments)
    assert (refused.exit_code, "--resume" in refused.stderr) == (6, True)
    resumed = run(*arguments, "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    assert "epoch 1/" not in resumed.stdout
    return verify_bundle(out)


def quiet(_: str) -> None:
    pass


def mean_logit(bundle: Bundle, labelled: LabelledSet, generator: str | None) -> float:
    detector = Detector(bundle, fast=True)
    chosen = [sample for sample in labelled if sample.columns.get("generator") == generator]
    return float(np.mean([detector.predict(sample.path).logit for sample in chosen]))


def test_what_is_new_is_found_more_and_what_was_known_is_kept(
    base: Bundle, challenger: Bundle, tmp_path: Path
) -> None:
    fresh = load_set(draw_toy_set(tmp_path / "fresh", n=60, seed=5))
    stripes, grids = (
        [mean_logit(bundle, fresh, name) - mean_logit(bundle, fresh, None) for bundle in (base, challenger)]
        for name in ("stripes", "grid")
    )
    assert grids[1] > grids[0] + 0.2
    assert stripes[1] > stripes[0] - 0.3


def test_feedback_that_a_whole_network_is_taught_stands_on_its_card(tmp_path: Path, new: LabelledSet) -> None:
    bundle = red_tower(tmp_path / "tower")
    marked = [dataclasses.replace(s, columns={**s.columns, "feedback": s.key}) for s in new]
    facts = module._training(bundle, bundle, module.Mixed(new, new, new), new.with_samples(marked))
    assert facts["feedback"] == sorted(sample.key for sample in new)


def test_the_card_says_where_it_comes_from_and_nothing_of_the_machine(
    folder: Path, challenger: Bundle
) -> None:
    card = challenger.card
    entry = card.training.counts["taught as 1.1.0"]
    assert (challenger.title, entry["base"], entry["real"]) == ("toy 1.1.0", "toy 1.0.0", 0)
    assert entry["ai"] + entry["held out"] == TAUGHT
    assert card.training.generators == ["grid", "stripes"]
    assert card.network.initialised_from == "toy 1.0.0"
    assert "by toy 1.0.0" in card.limits[-1]
    assert card.thresholds.fitted_on
    assert str(folder) not in (challenger.folder / CARD).read_text()
    assert not run_folder(challenger.folder).exists()
    assert set(require_memory(challenger).held.tolist()) == {True, False}


def test_what_was_held_out_is_not_learned_by_a_successor(
    challenger: Bundle, old: LabelledSet, new: LabelledSet
) -> None:
    held = load_held(challenger)
    said: list[str] = []

    mixed = mix(challenger, new, old, trained_by(challenger), said.append)

    assert held is not None
    assert len(mixed.learned) + len(mixed.held) == TAUGHT - len(held)
    assert said == [f"{len(held)} pictures of new stand in the gate set and are not learned from"]
    again = retraining(trained_by(challenger), challenger, mixed.learned, challenger.folder)
    assert again.optimise.learning_rate == trained_by(challenger).optimise.learning_rate


def test_the_gate_judges_by_pictures_photographs_first(
    folder: Path, base: Bundle, challenger: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="nothing to measure"):
        compare(base, challenger)
    copy = folder / "data-with-gate"
    shutil.copytree(folder / "data", copy)
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(copy))
    init_gate(folder / "old" / "test" / "REAL", folder / "old" / "test" / "FAKE")

    forwards = {one.name: one.count for one in compare(base, challenger).slices}
    back = {one.name: one.count for one in compare(challenger, base).slices}

    held = len(load_held(challenger) or ())
    assert (forwards["new"], forwards["real photographs"]) == (held, 40)
    # A successor of the challenger must not lose what that held out.
    assert "new" not in back
    assert back["AI pictures"] == forwards["AI pictures"] + held
    picture = next((copy / "held").rglob("*.[jp][pn]g"))
    picture.write_bytes(picture.read_bytes() + b" ")
    with pytest.raises(BadData, match="not the picture that it was"):
        compare(base, challenger)


def test_the_first_weights_are_the_bases_own(base: Bundle, new: LabelledSet) -> None:
    recipe = retraining(trained_by(base), base, new, base.folder / "opinions")
    kept = make_network(recipe.network).eval()
    begun = make_network(recipe.network.model_copy(update={"head": "new"})).eval()

    # The bundle's file of weights has eleven bits a number.
    assert largest_difference(kept, base.onnx_bytes, recipe.views.size) < 0.01
    assert largest_difference(begun, base.onnx_bytes, recipe.views.size) > 0.01
    other = load_recipe("toy", overrides=[f"network.trunk={base.folder}", "network.head=kept"])
    with pytest.raises(BadRecipe, match="not those of this whole network"):
        make_network(other.network)


def test_new_pictures_are_the_share_of_a_class_that_was_asked_for(
    base: Bundle, old: LabelledSet, new: LabelledSet
) -> None:
    mixed = mix(base, new, old, trained_by(base), quiet)
    recipe = retraining(trained_by(base), base, mixed.learned, base.folder / "opinions")
    samples = mixed.joined.of_split("train").samples

    shown = [samples[at] for at in epoch_order(samples, recipe, 0)]

    ai = [sample for sample in shown if sample.label]
    assert len(ai) == len(shown) / 2
    assert sum(NEW in sample.columns for sample in ai) == round(module.NEW_SHARE * len(ai))
    assert not any(NEW in sample.columns for sample in shown if not sample.label)


def test_what_is_new_is_not_replayed_and_what_cannot_be_read_is_left_out(
    base: Bundle, old: LabelledSet, new: LabelledSet, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    damaged = dataclasses.replace(new.samples[0], key="broken", path=str(broken))
    learned = [dataclasses.replace(sample, split="train") for sample in new]
    said: list[str] = []

    mixed = mix(
        base,
        new.with_samples([*new, damaged]),
        old.with_samples([*old, *learned]),
        trained_by(base),
        said.append,
    )

    assert said == ["broken is left out: it cannot be read"]
    assert not any(sample.columns.get("generator") == "grid" for sample in mixed.known)
    assert {sample.split for sample in mixed.known} == {"train", "val"}


def test_a_retraining_killed_while_it_is_finished_trains_nothing_twice(
    base: Bundle, old: LabelledSet, new: LabelledSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "finish", killed)
    monkeypatch.setattr(module, "PASSES", 1)
    first: list[str] = []
    second: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        retrain_trunk(base.folder, new, old, tmp_path / "c", say=first.append)
    with pytest.raises(KeyboardInterrupt):
        retrain_trunk(base.folder, new, old, tmp_path / "c", resume=True, say=second.append)

    assert sum(line.startswith("epoch") for line in first) == module.EPOCHS
    assert not any(line.startswith(("epoch", "asking")) for line in second)


def test_what_cannot_be_retrained_is_told(
    base: Bundle, old: LabelledSet, new: LabelledSet, tmp_path: Path
) -> None:
    real = old.with_samples([sample for sample in old if not sample.label])
    nowhere = tmp_path / "c"
    with pytest.raises(BadBundle, match="does not say how it was trained"):
        retrain_trunk(red_tower(tmp_path / "tower").folder, new, old, nowhere, say=quiet)
    with pytest.raises(BadBundle, match="frozen tower") as caught:
        retrain_trunk("photos", new, old, nowhere, say=quiet)
    assert "leave out --replay" in caught.value.hint
    with pytest.raises(BadData, match="12 new pictures"):
        retrain_trunk(base.folder, new.at(range(12)), old, nowhere, say=quiet)
    with pytest.raises(BadData, match="real pictures only"):
        retrain_trunk(base.folder, new, real, nowhere, say=quiet)
    with pytest.raises(UsageError, match="no version"):
        retrain_trunk(base.folder, new, old, nowhere, version="new", say=quiet)
    assert not nowhere.exists()
    assert not run_folder(nowhere).exists()


def test_without_replay_there_is_nothing_to_resume(base: Bundle, new: LabelledSet) -> None:
    result = run("retrain", "--base", base.folder, "--new", new.root, "--resume")
    assert (result.exit_code, "without --replay" in result.stderr) == (2, True)
