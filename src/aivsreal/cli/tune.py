"""`aivsreal tune`: many trainings with other values, and the recipe of the best one."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import click

from aivsreal.cli.options import (
    SomePath,
    recipe_option,
    scale_option,
    set_option,
    several_data_argument,
    where_option,
)
from aivsreal.errors import UsageError

EXAMPLES = """\b
Examples:
  aivsreal tune pictures/ --recipe photos-small --search tpe --trials 40
  aivsreal tune pictures/ --recipe mine.toml --search grid --scale cpu --out runs/grid
  aivsreal tune pictures/ --recipe mine.toml --search random --time 2h --resume
  aivsreal tune pictures/ --recipe mine.toml --storage postgresql://me@db/studies --resume
  aivsreal train pictures/ --recipe runs/tune-mine/best.toml

\b
What is searched stands in the recipe; without such a table, a default space:
  [search]
  "optimise.learning_rate" = { low = 1e-4, high = 1e-2, log = true }
  "optimise.batch_size" = { choices = [16, 32, 64] }

\b
--out gets best.toml (ready for train), trials.csv, study.json, figures (history, importance, slices), the
study (study.db, without --storage) and a run folder a trial. Started again with --resume, it goes on with
whatever was left unfinished; several at a time work on one study.

\b
Exit codes: 0 done; 2 an option cannot be followed; 4 the data cannot be used; 6 the recipe, the study or
its database cannot be used; 7 a package is missing; 8 the folder cannot be written; 130 interrupted (go on
with --resume).
"""
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")


@click.command(epilog=EXAMPLES)
@several_data_argument
@recipe_option("photos-small")
@click.option(
    "--search", "method", type=click.Choice(["grid", "random", "tpe"]), default="tpe", show_default=True,
    help="Every point of a grid, drawn at random, or led by what was found so far.",
)  # fmt: skip
@click.option(
    "--trials", type=click.IntRange(min=1), default=None, metavar="N",
    help="How many trials the study is to hold.  [default: the whole grid, else 20, or what --time allows]",
)  # fmt: skip
@click.option("--time", "duration", metavar="2h", help="How long this process works: 90m, 2h, 1h30m, 45s.")
@click.option(
    "--objective", type=click.Choice(["val_auc", "val_accuracy", "val_loss"]), default="val_auc",
    show_default=True, help="What a trial is judged by, on validation pictures.",
)  # fmt: skip
@click.option(
    "--out", type=SomePath(path_type=Path), default=None, metavar="DIR",
    help="Where results and trials go.  [default: runs/tune-RECIPE]",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with the study that is there, or join it.")
@click.option("--storage", metavar="URL", help="A database that several processes or machines share.")
@click.option("--study", "name", metavar="NAME", help="The study's name there.  [default: the recipe's]")
@scale_option("full", meaning="How much work a trial is, as for train.")
@set_option
@where_option
def command(
    data: tuple[str, ...],
    recipe_name: str,
    method: Any,
    trials: int | None,
    duration: str | None,
    objective: str,
    out: Path | None,
    resume: bool,
    storage: str | None,
    name: str | None,
    scale: str,
    overrides: tuple[str, ...],
    where: tuple[str, ...],
) -> None:
    """Search the values of a recipe that do best on DATA's validation pictures.

    DATA is what train takes. The test split is never read. The first trial is the recipe as it is; trials that
    fall behind the others are given up after two epochs or more.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError(
            "tune is one process a trial, not several", hint="start it several times with --resume"
        )
    seconds = None if duration is None else seconds_of(duration)

    from aivsreal.data.sources import load_sets
    from aivsreal.training.recipe import load_recipe, recipe_text
    from aivsreal.training.tune import tune

    recipe = load_recipe(recipe_name, scale=scale, overrides=overrides)
    recipe_text(recipe)  # what cannot be written as TOML is told of now, not after the last trial
    folder = out or Path("runs") / f"tune-{recipe.name}"
    tune(
        load_sets(data, where=where),
        recipe,
        folder,
        method=method,
        trials=trials,
        seconds=seconds,
        objective=objective,
        storage=storage,
        name=name,
        resume=resume,
        say=click.echo,
    )
    _tell(json.loads((folder / "study.json").read_text("utf-8")), folder)


def seconds_of(text: str) -> float:
    """Return the seconds of `2h`, `90m`, `1h30m` or `45s`. Raises: UsageError."""
    found = _DURATION.fullmatch(text.strip())
    parts = [float(part or 0) for part in found.groups()] if found else [0.0]
    total = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    if total <= 0:
        raise UsageError(f"'{text}' is no time", hint="write --time 2h, 90m, 1h30m or 45s")
    return total


def _tell(study: dict[str, Any], folder: Path) -> None:
    best, own, objective = study["best"], study["recipe_as_it_is"], study["objective"]
    counts = ", ".join(f"{count} {state}" for state, count in study["trials"].items() if count)
    click.echo(f"trials: {counts}")
    if best is None:
        click.echo("no trial is finished yet; go on with --resume")
        return
    beside = "" if own is None else f" (the recipe as it is: {own['value']:.4f})"
    click.echo(f"best: trial {best['trial']}, {objective} {best['value']:.4f}{beside}")
    click.echo(f"train it: aivsreal train DATA --recipe {folder / 'best.toml'}")
