"""Tuning: many trainings of one recipe, each with other values, judged on validation pictures, kept in a study.

The study lies in a database (a SQLite file, or one that several machines share), each trial's training in a run
folder of its own. A process that dies leaves its trial as it is; whoever comes next goes on with it. The test
split is dropped before anything is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from aivsreal.data.labelled import LabelledSet
from aivsreal.data.split import with_validation
from aivsreal.errors import BadRecipe, Diverged
from aivsreal.training.loop import train
from aivsreal.training.recipe import Recipe, with_values
from aivsreal.training.run import Epoch, alone_in, open_run
from aivsreal.training.search import SearchField, grid_points
from aivsreal.training.space import own_values, space_of, whole_fields
from aivsreal.training.study import OWN, Direction, begin_or_join, database, started, unfinished
from aivsreal.training.study_report import write_figures, write_results

Method = Literal["grid", "random", "tpe"]
OBJECTIVES: dict[str, Direction] = {"val_auc": "maximize", "val_accuracy": "maximize", "val_loss": "minimize"}
TRIALS = 20
# Marks a trial whose values were not drawn.
_ASKED_FOR = "asked for"
# A first epoch tells little, and so does a median of fewer trials.
_PRUNER = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2)


@dataclass(frozen=True)
class Tuning:
    """What a study was asked to do."""

    recipe: Recipe
    space: dict[str, SearchField]
    method: Method
    objective: str
    folder: Path

    @property
    def whole(self) -> frozenset[str]:
        """The searched fields that take whole numbers only."""
        return whole_fields(self.space)


class _TimeIsUp(Exception):
    """The time given is over; the trial under way waits for the next process."""


def tune(
    labelled: LabelledSet,
    recipe: Recipe,
    folder: Path,
    *,
    method: Method = "tpe",
    trials: int | None = None,
    seconds: float | None = None,
    objective: str = "val_auc",
    storage: str | None = None,
    name: str | None = None,
    resume: bool = False,
    say: Callable[[str], None] = print,
) -> Path:
    """Return `folder` with best.toml, trials.csv, study.json and figures, after trying values of the recipe.

    trials: how many the study is to hold, those of other processes included (default: the whole grid, or 20
    where no time is given either)
    seconds: how long this process works; a trial under way stops after its epoch, and waits
    storage, name: URL of a database that several processes share, and the study's name there
    resume: go on with a study that is there, or join it
    Raises: BadData, BadRecipe, BadRun, MissingDependency, CannotWrite.
    """
    tuning = Tuning(recipe, space_of(recipe, method), method, objective, folder)
    labelled = _without_test(labelled, recipe)
    facts = {
        # Without its defaults, so that a field that a later version adds does not end the study.
        "recipe": recipe.model_dump(mode="json", exclude={"search"}, exclude_defaults=True),
        "space": {key: field.model_dump(mode="json") for key, field in tuning.space.items()},
        "objective": objective,
        "data": labelled.fingerprint(),
    }
    with database(storage):
        study = begin_or_join(
            folder, storage, name or recipe.name, facts, direction=OBJECTIVES[objective], resume=resume
        )
        study.pruner = _PRUNER
        _enqueue(study, tuning, say)
        until = None if seconds is None else monotonic() + seconds
        most = trials if trials is not None or seconds is not None or method == "grid" else TRIALS
        try:
            _work(study, tuning, labelled, most, until, say)
        except _TimeIsUp:
            say("the time is over; the trial under way waits for --resume")
        finally:
            write_results(study, recipe, folder)
        write_figures(study, folder)
    return folder


def _without_test(labelled: LabelledSet, recipe: Recipe) -> LabelledSet:
    """Only train and val, the latter cut once, so that every trial is judged on the same pictures."""
    cut = with_validation(
        labelled, fraction=recipe.data.validation_fraction, drop_copies=recipe.data.drop_copies
    )
    return cut.with_samples([sample for sample in cut if sample.split in ("train", "val")])


def _enqueue(study: optuna.Study, tuning: Tuning, say: Callable[[str], None]) -> None:
    """Put the recipe as it is first, and for a grid every point after it, in a drawn order."""
    own = own_values(tuning.recipe, tuning.space)
    if own is None:
        say("the recipe's own values lie outside of the search, so they are not tried")
    else:
        study.enqueue_trial(own, user_attrs={OWN: True, _ASKED_FOR: True}, skip_if_exists=True)
    if tuning.method != "grid":
        return
    points = grid_points(tuning.space, tuning.whole)
    order = np.random.default_rng(tuning.recipe.optimise.seed).permutation(len(points))
    # Optuna's own skip_if_exists reads every trial again for each point, and a grid may have thousands.
    known = {_key(t.system_attrs.get("fixed_params", t.params)) for t in study.get_trials(deepcopy=False)}
    for place in order:
        if _key(points[place]) not in known:
            study.enqueue_trial(points[place], user_attrs={_ASKED_FOR: True})


def _key(values: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(values.items()))


def _work(
    study: optuna.Study,
    tuning: Tuning,
    labelled: LabelledSet,
    most: int | None,
    until: float | None,
    say: Callable[[str], None],
) -> None:
    """Try trial after trial: first those that a process left unfinished here, then new ones."""
    while until is None or monotonic() < until:
        trial = _next(study, tuning, most)
        if trial is None:
            return
        folder = _folder(tuning, trial.number)
        with alone_in(folder) as alone:
            if alone and _is_open(study, trial.number):
                _try(study, trial, tuning, labelled, until, say)
                write_results(study, tuning.recipe, tuning.folder)


def _next(study: optuna.Study, tuning: Tuning, most: int | None) -> Trial | None:
    """Return a trial to go on with, or a new one; None where the study has all that it is to have."""
    for left in unfinished(study):
        folder = _folder(tuning, left.number)
        if folder.is_dir() and _is_free(folder):
            return Trial(study, left._trial_id)
    waiting = study.get_trials(deepcopy=False, states=[TrialState.WAITING])
    if (most is not None and started(study) >= most) or (tuning.method == "grid" and not waiting):
        return None
    trial = study.ask()
    # Two processes may both have seen room for one more; a number tells who came too late.
    late = most is not None and trial.number >= most
    if late or (tuning.method == "grid" and _ASKED_FOR not in trial.user_attrs):
        study.tell(trial, state=TrialState.FAIL)
        return None
    return trial


def _try(
    study: optuna.Study,
    trial: Trial,
    tuning: Tuning,
    labelled: LabelledSet,
    until: float | None,
    say: Callable[[str], None],
) -> None:
    # A sampler of its own for every trial: the same number draws the same values, after a kill as before it,
    # and no two processes draw alike.
    study.sampler = _sampler(tuning.method, tuning.recipe.optimise.seed + trial.number)
    values = {
        name: field.suggest(trial, name, whole=name in tuning.whole) for name, field in tuning.space.items()
    }
    shown = ", ".join(f"{name}={_short(value)}" for name, value in values.items())
    say(f"trial {trial.number}: {shown}")
    folder = _folder(tuning, trial.number)

    def after(epoch: Epoch) -> None:
        trial.report(getattr(epoch, tuning.objective), epoch.epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
        if until is not None and monotonic() >= until:
            raise _TimeIsUp

    try:
        run = train(
            labelled, with_values(tuning.recipe, values), folder / "run", resume=True, on_epoch=after, say=say
        )
        value = _worth(run.load_progress()[0].history, tuning)  # type: ignore[index]
        study.tell(trial, value)
        say(f"trial {trial.number}: {tuning.objective} {value:.4f}")
    except (optuna.TrialPruned, Diverged) as why:
        study.tell(trial, state=TrialState.PRUNED)
        reason = why.reason if isinstance(why, Diverged) else "behind the others"
        say(f"trial {trial.number}: given up, {reason}")
    except BadRecipe:
        study.tell(trial, state=TrialState.FAIL)
        raise
    _keep_the_record_only(folder / "run")


def _worth(history: Sequence[dict[str, Any]], tuning: Tuning) -> float:
    """The figure of the epoch that the recipe would export."""
    best = max(history, key=lambda line: float(line["val_auc"]))
    kept = best if tuning.recipe.optimise.select == "best" else history[-1]
    return float(kept[tuning.objective])


def _keep_the_record_only(run: Path) -> None:
    """Drop a finished trial's weights: hundreds of trials would fill a disk, and `train best.toml` makes them."""
    for file in (open_run(run).checkpoint, open_run(run).weights):
        file.unlink(missing_ok=True)


def _sampler(method: Method, seed: int) -> optuna.samplers.BaseSampler:
    if method == "tpe":
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    return optuna.samplers.RandomSampler(seed=seed)


def _folder(tuning: Tuning, number: int) -> Path:
    return tuning.folder / "trials" / f"{number:04}"


def _is_free(folder: Path) -> bool:
    with alone_in(folder) as alone:
        return alone


def _is_open(study: optuna.Study, number: int) -> bool:
    """Return whether nobody has finished the trial since it was chosen."""
    trial: FrozenTrial = study.get_trials(deepcopy=False)[number]
    return trial.state == TrialState.RUNNING


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
