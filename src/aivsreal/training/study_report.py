"""What a study found: best.toml, ready for `train`; trials.csv; study.json; and three figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from aivsreal.files import atomic_write_json, atomic_write_text
from aivsreal.training.drawing import BLUE, VERMILION, write_figure
from aivsreal.training.recipe import Recipe, recipe_text, with_values
from aivsreal.training.study import FACTS, OWN

BEST, TRIALS, SUMMARY = "best.toml", "trials.csv", "study.json"
_SHOWN = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
_MARKS = {"finished": (BLUE, "o"), "given up": ("#999999", "x"), "recipe as it is": (VERMILION, "D")}
# An importance read off fewer trials than this would be noise.
_FEWEST = 4


def write_results(study: optuna.Study, recipe: Recipe, folder: Path) -> None:
    """Write best.toml, trials.csv and study.json from what the study holds by now. Raises: CannotWrite."""
    atomic_write_text(folder / TRIALS, _csv(_trials(study)))
    atomic_write_json(folder / SUMMARY, summary(study))
    best = _best(study)
    if best is not None:
        atomic_write_text(folder / BEST, recipe_text(with_values(recipe, best.params)))


def summary(study: optuna.Study) -> dict[str, Any]:
    """Return what the study was of, how many trials it has, its best, and the recipe's own values' worth."""
    trials, facts = _trials(study), study.user_attrs[FACTS]
    own = next((t for t in trials if t.user_attrs.get(OWN) and t.state == TrialState.COMPLETE), None)
    return {
        "study": study.study_name,
        "recipe": facts["recipe"]["name"],
        "objective": facts["objective"],
        "data": facts["data"],
        "space": facts["space"],
        "trials": {state.name.lower(): sum(t.state == state for t in trials) for state in _SHOWN},
        "best": _as_json(_best(study)),
        "recipe_as_it_is": _as_json(own),
    }


def importance(study: optuna.Study) -> dict[str, float]:
    """Return the share of the objective's variance that each searched field explains; {} for too few trials.

    By fANOVA (Hutter, Hoos and Leyton-Brown 2014, "An efficient approach for assessing hyperparameter
    importance").
    """
    finished = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    if len(finished) < _FEWEST or len({trial.value for trial in finished}) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: round(float(share), 4) for name, share in found.items()}


def write_figures(study: optuna.Study, folder: Path) -> None:
    """Draw history.png, slices.png and importance.png, as far as there are trials for them, the shares in study.json.

    Raises: CannotWrite.
    """
    trials = [t for t in _trials(study) if t.state != TrialState.RUNNING and _reached(t) is not None]
    if not trials:
        return
    objective = study.user_attrs[FACTS]["objective"]
    _draw_history(trials, objective, study, folder / "history.png")
    _draw_slices(trials, objective, study.user_attrs[FACTS]["space"], folder / "slices.png")
    if shares := importance(study):
        _draw_importance(shares, objective, folder / "importance.png")
        atomic_write_json(folder / SUMMARY, summary(study) | {"importance": shares})


def _draw_history(trials: Sequence[FrozenTrial], objective: str, study: optuna.Study, path: Path) -> None:
    figure = _figure(8, 4.5)
    panel = figure.subplots()
    _points(panel, trials, [trial.number for trial in trials])
    finished = [t for t in trials if t.state == TrialState.COMPLETE]
    better = max if study.direction == optuna.study.StudyDirection.MAXIMIZE else min
    values = [float(t.value) for t in finished]  # type: ignore[arg-type]
    so_far = [better(values[: place + 1]) for place in range(len(values))]
    panel.step(
        [t.number for t in finished], so_far, where="post", color=BLUE, linewidth=1, label="best so far"
    )
    best = _best(study)
    title = (
        "No trial is finished"
        if best is None
        else f"Best {objective} {best.value:.4f}, in trial {best.number}"
    )
    panel.set(title=title, xlabel="trial", ylabel=objective)
    panel.legend()
    write_figure(path, figure)


def _draw_slices(trials: Sequence[FrozenTrial], objective: str, space: dict[str, Any], path: Path) -> None:
    columns = min(4, len(space))
    rows = -(-len(space) // columns)
    figure = _figure(3.4 * columns, 3.0 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for panel, (name, field) in zip(panels.flat, space.items(), strict=False):
        having = [trial for trial in trials if name in trial.params]
        values = [t.params[name] for t in having]
        _points(panel, having, [str(v) for v in values] if field["choices"] else values)
        panel.set(xlabel=name, xscale="log" if field["log"] else panel.get_xscale())
    for panel in panels.flat[len(space) :]:
        panel.set_visible(False)
    panels[0, 0].set_ylabel(objective)
    figure.suptitle(f"{objective} against each field that was searched")
    write_figure(path, figure)


def _draw_importance(shares: dict[str, float], objective: str, path: Path) -> None:
    figure = _figure(8, 0.6 + 0.45 * len(shares))
    panel = figure.subplots()
    names = list(shares)[::-1]
    panel.barh(names, [shares[name] for name in names], color=BLUE)
    first = max(shares, key=lambda name: shares[name])
    panel.set(title=f"What {objective} depends on most: {first}", xlabel="share of its variance", xlim=(0, 1))
    write_figure(path, figure)


def _points(panel: Any, trials: Sequence[FrozenTrial], places: Sequence[Any]) -> None:
    for kind, (colour, marker) in _MARKS.items():
        chosen = [place for place, trial in enumerate(trials) if _kind(trial) == kind]
        if chosen:
            across, up = [places[i] for i in chosen], [_reached(trials[i]) for i in chosen]
            panel.scatter(across, up, color=colour, marker=marker, label=kind, zorder=3)


def _kind(trial: FrozenTrial) -> str:
    if trial.state == TrialState.PRUNED:
        return "given up"
    return "recipe as it is" if trial.user_attrs.get(OWN) else "finished"


def _csv(trials: Sequence[FrozenTrial]) -> str:
    names = list(dict.fromkeys(name for trial in trials for name in trial.params))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", "value", "epochs", "seconds", "own", *names])
    for trial in trials:
        value, seconds = _reached(trial), trial.duration.total_seconds() if trial.duration else None
        writer.writerow(
            [
                trial.number,
                trial.state.name.lower(),
                None if value is None else f"{value:.6g}",
                max(trial.intermediate_values, default=0),
                None if seconds is None else round(seconds, 1),
                int(bool(trial.user_attrs.get(OWN))),
                *(trial.params.get(name) for name in names),
            ]
        )
    return text.getvalue()


def _trials(study: optuna.Study) -> list[FrozenTrial]:
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state in _SHOWN]


def _best(study: optuna.Study) -> FrozenTrial | None:
    if not study.get_trials(deepcopy=False, states=[TrialState.COMPLETE]):
        return None
    return study.best_trial


def _reached(trial: FrozenTrial) -> float | None:
    """A finished trial's value, or how far another one came."""
    if trial.state == TrialState.COMPLETE:
        return trial.value
    return trial.intermediate_values[max(trial.intermediate_values)] if trial.intermediate_values else None


def _as_json(trial: FrozenTrial | None) -> dict[str, Any] | None:
    return None if trial is None else {"trial": trial.number, "value": trial.value, "params": trial.params}


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
