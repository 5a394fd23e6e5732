"""Teach a whole network new pictures, for who has pictures of his own to replay beside them.

The base's weights are the start. New pictures are mixed with replayed ones, whose labels are by half what the base
says of them (distillation, as in Li and Hoiem 2017, "Learning without forgetting"), at a low learning rate, through
the loop that trained the base. Of the new pictures a fifth is held out: the gate judges by it whether anything is
gained. A run that was killed goes on.
"""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aivsreal.bundle import WEIGHTS, Bundle, find_bundle, is_version, load_bundle, save_bundle
from aivsreal.data.labelled import LabelledSet, Sample, require_both_classes
from aivsreal.data.split import pixel_ids, with_validation
from aivsreal.detector import Detector
from aivsreal.errors import BadBundle, BadData, BadRun, UsageError
from aivsreal.evaluation.calibration import sigmoid
from aivsreal.evaluation.finish import finish
from aivsreal.evaluation.measure import measure
from aivsreal.living.feedback import ids_in
from aivsreal.living.gate_set import keep_held, without_gate
from aivsreal.living.remember import drawn, remember
from aivsreal.living.retrain import HELD_OUT, Say, next_version
from aivsreal.training.loader import NEW
from aivsreal.training.loop import train
from aivsreal.training.recipe import Recipe, recipe_from, with_values
from aivsreal.training.teacher import save_teacher

OPINIONS = "opinions.safetensors"
FEWEST = 20
# Pictures that are replayed, of each split: looking at them is what takes time before the training.
REPLAYED = 3000
# How often each new picture is shown, in which share of a class's pictures (docs/log.md).
PASSES, NEW_SHARE, OPINION, LEARNING_RATE = 12, 0.35, 0.5, 1e-4
EPOCHS, FEWEST_STEPS, MOST_STEPS = 4, 8, 160
# Of a slow machine the steps end early, so that all of it takes less than half an hour.
SECONDS = 15 * 60.0


@dataclass(frozen=True)
class Mixed:
    """What is learned and what is not.

    known: replayed train and val pictures; learned: new ones, all train; held: new ones that are not learned from
    """

    known: LabelledSet
    learned: LabelledSet
    held: LabelledSet

    @property
    def joined(self) -> LabelledSet:
        """Everything that the training sees: replayed and learned, the latter marked as new."""
        marked = [dataclasses.replace(s, columns={**s.columns, NEW: True}) for s in self.learned]
        name = f"{self.learned.name} + {self.known.name}"
        samples = [*_under("replay", self.known), *_under("new", marked)]
        return dataclasses.replace(self.known, name=name, samples=tuple(samples))


def retrain_trunk(
    base: str | Path | None,
    new: LabelledSet,
    replay: LabelledSet,
    out: Path,
    *,
    version: str | None = None,
    resume: bool = False,
    say: Say = print,
) -> Bundle:
    """Return the challenger in `out`, which appears when it is whole: the base, all of it taught the new pictures.

    base: name or folder of a model that `train` made, or of its run (default: the model in use)
    replay: what it was trained on, or the like, with both classes; validation is cut from it where it has none
    version: default the base's with its second number raised
    resume: go on with what was begun in `run_folder(out)`; that folder goes when the challenger is whole
    Raises: BadBundle where the base is a tower or says not how it was trained; BadData where a set holds too
    little; BadRun; UsageError; CannotWrite.
    """
    bundle = _bundle_at(base)
    number = version or next_version(bundle.card.version)
    if not is_version(number):
        raise UsageError(f"{number!r} is no version", hint="write three numbers, as in 1.2.0")
    recipe, folder = trained_by(bundle), run_folder(out)
    begun = (folder / "run.json").is_file()
    if begun and not resume:
        raise BadRun(
            f"{folder} already holds a run", hint="go on with --resume, delete it, or choose another --out"
        )
    mixed = mix(bundle, new, replay, recipe, say)
    say(f"{len(mixed.learned)} new pictures beside {len(mixed.known)} replayed; {len(mixed.held)} held out")
    if not begun:
        _write_opinions(bundle, mixed.known.of_split("train"), folder / OPINIONS, say)
    recipe = retraining(recipe, bundle, mixed.learned, folder / OPINIONS)
    run = train(mixed.joined, recipe, folder, resume=resume, seconds=SECONDS, say=say)
    finished = finish(run.folder, mixed.joined, folder / "bundle", version=number, say=say)
    say("remembering what it learned from and was judged on")
    challenger = _as_challenger(remember(finished.folder, mixed.joined), bundle, mixed, new, out)
    shutil.rmtree(folder, ignore_errors=True)
    say(f"{challenger.title} is in {out}: {bundle.title}, taught {len(mixed.learned)} pictures of {new.name}")
    return challenger


def run_folder(out: Path) -> Path:
    """Return where a challenger is made."""
    return out.with_name(f"{out.name}-run")


def trained_by(bundle: Bundle) -> Recipe:
    """Return the recipe that a bundle's network was trained by. Raises: BadBundle where none of it can be trained."""
    if not bundle.card.network.recipe:
        raise BadBundle(
            f"{bundle.title} does not say how it was trained",
            hint="train a model of your own: aivsreal train DATA",
        )
    recipe = recipe_from(bundle.card.network.recipe, origin=f"of {bundle.title}")
    if recipe.tower.graph is not None:
        raise BadBundle(
            f"{bundle.title} is a frozen tower: only its head is taught",
            hint="leave out --replay: it remembers",
        )
    return recipe


def mix(bundle: Bundle, new: LabelledSet, replay: LabelledSet, recipe: Recipe, say: Say = print) -> Mixed:
    """Return new and replayed pictures, without what the bundle's successors are judged on, copies, and what cannot be read.

    Of the new set its train and val pictures count, or all where it names no split.
    Raises: BadData where too few are left, or a class of the replayed ones is missing.
    """
    chosen = _readable(_allowed(bundle, new, ("", "train", "val"), say), say)
    taught = [dataclasses.replace(sample, split="train") for sample in chosen]
    if len(taught) < FEWEST:
        raise BadData(
            f"{len(taught)} new pictures can be learned from",
            hint=f"give at least {FEWEST}, better two hundred",
        )
    cut = with_validation(chosen.with_samples(taught), fraction=HELD_OUT)
    known = with_validation(
        replay, fraction=recipe.data.validation_fraction, drop_copies=recipe.data.drop_copies
    )
    known = _readable(_without(_allowed(bundle, known, ("train", "val"), say), chosen), say)
    parts = [known.of_split("train"), known.of_split("val")]
    for part in parts:
        require_both_classes(part)
    rng = np.random.default_rng(recipe.optimise.seed)
    kept = [sample for part in parts for sample in part.at(drawn(part.samples, REPLAYED, rng))]
    return Mixed(known.with_samples(kept), cut.of_split("train"), cut.of_split("val"))


def retraining(recipe: Recipe, bundle: Bundle, learned: LabelledSet, opinions: Path) -> Recipe:
    """Return the recipe by which the bundle is taught, from the one that it was trained by.

    Its values do not build on one another, so that a model may be taught again and again.
    """
    shown = PASSES * max(int(learned.labels().sum()), int((1 - learned.labels()).sum()))
    a_step = NEW_SHARE * recipe.optimise.batch_size / 2
    steps = math.ceil(shown / a_step / EPOCHS)
    return with_values(
        recipe,
        {
            "name": bundle.card.name,
            "data.limit": None,
            "data.new_share": NEW_SHARE,
            "data.balance": "class" if recipe.data.balance == "none" else recipe.data.balance,
            "network.trunk": str(bundle.folder),
            "network.head": "kept",
            "optimise.epochs": EPOCHS,
            "optimise.steps_per_epoch": min(max(steps, FEWEST_STEPS), MOST_STEPS),
            "optimise.learning_rate": min(recipe.optimise.learning_rate, LEARNING_RATE),
            "optimise.final_learning_rate": 0.0,
            "optimise.warmup_epochs": 0.25,
            "optimise.cosine_epochs": None,
            "optimise.patience": None,
            "optimise.select": "last",
            "optimise.checkpoint_minutes": 1.0,
            "teacher.features": str(opinions),
            "teacher.weight": 0.0,
            "teacher.opinion": OPINION,
        },
    )


def _bundle_at(base: str | Path | None) -> Bundle:
    """Return the bundle of a name or a folder, or the one in a run's folder. Raises: BadBundle."""
    folder = find_bundle(base)
    return load_bundle(folder / "bundle" if (folder / "run.json").is_file() else folder)


def _allowed(bundle: Bundle, labelled: LabelledSet, splits: Sequence[str], say: Say) -> LabelledSet:
    """Return the pictures of these splits that do not stand in the gate set."""
    chosen, barred = without_gate(labelled.with_samples([s for s in labelled if s.split in splits]), bundle)
    if barred:
        say(f"{barred} pictures of {labelled.name} stand in the gate set and are not learned from")
    return chosen


def _readable(labelled: LabelledSet, say: Say) -> LabelledSet:
    ids = pixel_ids(labelled.samples)
    for sample, one in zip(labelled, ids, strict=True):
        if not one:
            say(f"{sample.key} is left out: it cannot be read")
    return labelled.with_samples([s for s, one in zip(labelled, ids, strict=True) if one])


def _without(labelled: LabelledSet, others: LabelledSet) -> LabelledSet:
    """Return the pictures that are none of the others: who has new ones among the old replays them not."""
    barred = set(pixel_ids(others.samples))
    ids = pixel_ids(labelled.samples)
    return labelled.with_samples([s for s, one in zip(labelled, ids, strict=True) if one not in barred])


def _under(name: str, samples: Sequence[Sample] | LabelledSet) -> list[Sample]:
    return [dataclasses.replace(sample, key=f"{name}/{sample.key}") for sample in samples]


def _write_opinions(bundle: Bundle, learned: LabelledSet, file: Path, say: Say) -> None:
    """Write what the bundle says of pictures, as a teacher without features."""
    say(f"asking {bundle.title} for its opinion of {len(learned)} pictures")
    rows = measure(Detector(bundle, threads=1, fast=True), learned, chain="as_is")
    logits = np.array([row.logit for row in rows])
    opinions = sigmoid(logits).astype(np.float32)
    save_teacher(file, learned.samples, np.zeros((len(learned), 1), np.float32), opinions)


def _as_challenger(made: Bundle, base: Bundle, mixed: Mixed, new: LabelledSet, out: Path) -> Bundle:
    """Return the finished bundle in `out`, under a card that says where it comes from."""
    held = mixed.held
    keep_held(made.card.training.data_fingerprint, held.samples)
    card = made.card.model_copy(
        update={
            "summary": base.card.summary,
            "licence": base.card.licence,
            "notice": base.card.notice,
            "network": made.card.network.model_copy(update=_network(made, base)),
            "training": made.card.training.model_copy(update=_training(made, base, mixed, new)),
            "limits": [
                *base.card.limits,
                f"Was taught {len(mixed.learned)} pictures of {held.name} by {base.title}, {len(mixed.known)} of "
                f"{mixed.known.name} being replayed.",
            ],
        }
    )
    weights = (made.folder / WEIGHTS).read_bytes()
    return save_bundle(out, onnx=made.onnx_bytes, weights=weights, card=card, extra=made.extra)


def _network(made: Bundle, base: Bundle) -> dict[str, Any]:
    """Return what the card says of the network: no folder of this machine."""
    recipe = dict(made.card.network.recipe)
    recipe["network"] = {**recipe["network"], "trunk": base.title}
    recipe["teacher"] = {**recipe["teacher"], "features": OPINIONS}
    return {"initialised_from": base.title, "recipe": recipe}


def _training(made: Bundle, base: Bundle, mixed: Mixed, new: LabelledSet) -> dict[str, Any]:
    labels = mixed.learned.labels()
    entry = {
        "real": int((1 - labels).sum()),
        "ai": int(labels.sum()),
        "held out": len(mixed.held),
        "replayed": len(mixed.known),
        "data": mixed.held.name,
        "base": base.title,
    }
    before, after = base.card.training, made.card.training
    return {
        "counts": {**before.counts, f"taught as {made.card.version}": entry},
        "generators": sorted({*before.generators, *after.generators}),
        "feedback": sorted({*before.feedback, *ids_in(new)}),
    }
