"""`aivsreal train`: labelled images in, a run folder and a bundle out."""

from __future__ import annotations

from pathlib import Path

import click

from aivsreal.cli.options import (
    SomePath,
    recipe_option,
    scale_option,
    set_option,
    several_data_argument,
    where_option,
)

EXAMPLES = """\b
Examples:
  aivsreal train pictures/ --recipe photos
  aivsreal train pictures/ more.parquet --recipe photos --resume
  aivsreal train pictures/ --recipe mine.toml --set optimise.epochs=5 --out runs/mine
  aivsreal train pictures/ --recipe photos --where style=photo
  aivsreal train pictures/ --recipe photos --exclude generator=midjourney --exclude family=gan
  torchrun --nproc-per-node 2 -m aivsreal train pictures/ --recipe photos

\b
Exit codes: 0 done; 2 a condition or option cannot be followed; 4 the data cannot be used; 6 the recipe or
the run cannot be used; 7 a package is missing; 8 the run cannot be written, as on a full disk (make room,
then go on with --resume); 9 a hub cannot be reached; 130 interrupted (go on with --resume).
"""


@click.command(epilog=EXAMPLES)
@several_data_argument
@recipe_option("photos")
@click.option(
    "--out",
    type=SomePath(path_type=Path),
    default=None,
    metavar="RUN",
    help="The run folder.  [default: runs/RECIPE]",
)
@click.option("--resume", is_flag=True, help="Go on with the run in that folder, if there is one.")
@scale_option("full", meaning="How much work: a minute's trial, what a CPU does in an evening, or all.")
@set_option
@where_option
@click.option(
    "--exclude",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Leave such records out of training and validation, to measure on them later. Repeatable.",
)
def command(
    data: tuple[str, ...],
    recipe_name: str,
    out: Path | None,
    resume: bool,
    scale: str,
    overrides: tuple[str, ...],
    where: tuple[str, ...],
    exclude: tuple[str, ...],
) -> None:
    """Train a model on DATA, and export it as a bundle.

    DATA is a folder, a parquet file or folder, a table, or the name of a public set; several are joined. A
    set without a validation split gets one cut from train. The run folder holds recipe, history, checkpoints,
    curves and, in the end, the bundle; a run that was stopped in any way goes on with --resume.

    --exclude takes any column of DATA and those that a generators.csv beside it joins (family, year, ...), and
    stands in the run and on the model's card; 'label=ai & family=gan' leaves out what meets both. It differs from
    --where COLUMN!=VALUE in that a value which no record has is an error, so that a misspelt name cannot stay in.
    """
    from aivsreal.data.sources import load_sets
    from aivsreal.data.split import with_validation
    from aivsreal.evaluation.finish import finish
    from aivsreal.training.loop import is_first_process, train
    from aivsreal.training.recipe import load_recipe

    recipe = load_recipe(recipe_name, scale=scale, overrides=overrides)
    labelled = load_sets(data, where=where, exclude=exclude)
    # Cut once here, for it decodes every picture: training and calibration take a set with validation as it is.
    labelled = with_validation(
        labelled, fraction=recipe.data.validation_fraction, drop_copies=recipe.data.drop_copies
    )
    folder = out or Path("runs") / recipe.name
    run = train(labelled, recipe, folder, where=where, excluded=exclude, resume=resume, say=click.echo)
    if not is_first_process():
        return
    bundle = finish(run.folder, labelled, run.folder / "bundle", say=click.echo)
    click.echo(
        f"the model is in {bundle.folder}; measure it with: aivsreal evaluate {bundle.folder} {data[0]}"
    )
