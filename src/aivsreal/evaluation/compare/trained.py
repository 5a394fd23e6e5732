"""An entry that is a recipe: trained, exported and asked as every model of this project is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aivsreal.detector import Detector
from aivsreal.evaluation.calibration import sigmoid
from aivsreal.evaluation.compare.entry import Budget, Fitted, Work, origin_of
from aivsreal.evaluation.intervals import Floats
from aivsreal.images import Picture
from aivsreal.training.export import export
from aivsreal.training.loop import train
from aivsreal.training.recipe import Recipe, load_recipe, with_values
from aivsreal.training.run import Progress

# Validated this often within the pictures that it may see, so that the best of several is kept.
EPOCHS = 5


class Trained:
    """A recipe with some of its fields changed; it starts from the comparison's recipe, or names another."""

    def __init__(self, changes: Mapping[str, Any], recipe: str | None = None, initialised: str = "") -> None:
        self.changes = changes
        self.recipe = recipe
        self.initialised = initialised

    def fit(self, work: Work) -> Fitted:
        """Train and export; what lies in the entry's folder goes on."""
        recipe = self.resolved(work.recipe, work.budget)
        minutes = work.budget.minutes
        run = train(
            work.labelled,
            recipe,
            work.folder / "run",
            resume=True,
            seconds=None if minutes is None else 60 * minutes,
            say=work.say,
        )
        bundle = export(run.folder, work.folder / "bundle", version="1.0.0").bundle
        self.detector = Detector.load(bundle.folder, threads=1, fast=True)
        progress, _ = run.load_progress() or (Progress(), {})
        note = "" if len(progress.history) >= recipe.optimise.epochs else "stopped by the clock"
        began = self.initialised or origin_of(recipe.network.trunk)
        return Fitted(_seen(progress), bundle.card.network.parameters, began, note)

    def predict_probability(self, pictures: Sequence[Picture]) -> Floats:
        """Return the detector's probability, before any calibration."""
        logits = np.array([self.detector.score(picture).logit for picture in pictures])
        return sigmoid(logits)

    def resolved(self, base: Recipe, budget: Budget) -> Recipe:
        """Return the recipe that is trained: changed, and cut to the budget. Raises: BadRecipe."""
        begun = load_recipe(self.recipe) if self.recipe else base
        if self.recipe:  # the validation split is cut once, by the base
            begun = with_values(begun, {"data": base.data.model_dump(mode="json")})
        recipe = with_values(begun, self.changes)
        changes: dict[str, Any] = {"data.limit": budget.pictures, "optimise.patience": None}
        if budget.seen is not None:
            steps = max(1, budget.seen // (EPOCHS * recipe.optimise.batch_size))
            changes |= {"optimise.epochs": EPOCHS, "optimise.steps_per_epoch": steps}
        return with_values(recipe, changes)


def _seen(progress: Progress) -> int:
    """Pictures shown, from the speed and the seconds of each epoch."""
    return round(sum(float(line["images_per_second"]) * float(line["seconds"]) for line in progress.history))
