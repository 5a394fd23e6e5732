"""From a finished run to a bundle that may give verdicts: export, then calibration on validation pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aivsreal.bundle import CARD, Bundle, load_bundle
from aivsreal.data.labelled import LabelledSet
from aivsreal.data.split import with_validation
from aivsreal.evaluation.calibration import calibrate
from aivsreal.files import atomic_folder
from aivsreal.training.export import export
from aivsreal.training.loader import limited
from aivsreal.training.run import open_run
from aivsreal.training.tower import learned_and_doubted, load_left_out


def finish(
    run_folder: Path,
    labelled: LabelledSet,
    bundle_folder: Path,
    *,
    version: str = "1.0.0",
    say: Callable[[str], None] = print,
) -> Bundle:
    """Return the run's calibrated bundle. `labelled` is the set that the run was trained on.

    It appears in `bundle_folder` only when it is calibrated, in place of an earlier bundle.
    Raises: BadRun, BadData, CannotWrite.
    """
    recipe = open_run(run_folder).recipe
    with atomic_folder(bundle_folder, replaces=CARD) as unfinished:
        exported = export(run_folder, unfinished, version=version)
        if exported.difference is not None:
            say(f"exported: torch and ONNX differ by {exported.difference:.1e} at most")
        cut = with_validation(
            labelled, fraction=recipe.data.validation_fraction, drop_copies=recipe.data.drop_copies
        )
        cut, _ = learned_and_doubted(cut, recipe)
        calibrate(
            unfinished,
            limited(cut.of_split("val"), recipe.data.limit),
            max_false_positive_rate=recipe.promise.false_positive_rate,
            max_missed_rate=recipe.promise.false_negative_rate,
            hard_factor=recipe.promise.hard_factor,
            answers_lost=recipe.stability.answers_lost,
            max_accused_drawings=recipe.promise.accused_drawings,
            left_out=load_left_out(Path(run_folder)),
        )
    bundle = load_bundle(Path(bundle_folder))
    thresholds = bundle.card.thresholds
    say(f"called AI above {thresholds.ai_above:.3f}: {thresholds.promise_ai}")
    say(f"called real below {thresholds.real_below:.3f}: {thresholds.promise_real}")
    if bundle.card.drawn is not None:
        say(
            f"what looks drawn is asked {bundle.card.drawn.stricter:.2f} more: {bundle.card.drawn.promise_ai}"
        )
    if cost := bundle.card.stability.cost:
        say(cost)
    return bundle
