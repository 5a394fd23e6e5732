"""`aivsreal export`: a run folder in, a bundle out."""

from __future__ import annotations

from pathlib import Path

import click

from aivsreal.cli.options import SomePath, several_data_argument, where_option

EXAMPLES = """\b
Examples:
  aivsreal export runs/photos pictures/
  aivsreal export runs/photos pictures/ --out models/photos --version 1.2.0

\b
Exit codes: 0 done; 2 the version is none, or a condition cannot be followed; 4 the data cannot be used;
6 the run cannot be used; 7 a package is missing; 8 the bundle cannot be written, or something else is there.
"""


@click.command("export", epilog=EXAMPLES)
@click.argument("run", type=SomePath(path_type=Path), metavar="RUN")
@several_data_argument
@click.option(
    "--out",
    type=SomePath(path_type=Path),
    metavar="BUNDLE",
    help="The bundle's folder; only an earlier bundle is replaced.  [default: RUN/bundle]",
)
@click.option(
    "--version",
    default="1.0.0",
    show_default=True,
    metavar="N.N.N",
    help="The model's version, as verdicts cite it.",
)
@where_option
def command(run: Path, data: tuple[str, ...], out: Path | None, version: str, where: tuple[str, ...]) -> None:
    """Make a model that can be used out of a RUN, calibrated on the validation split of DATA.

    DATA (and --where) are what the run was trained on: probabilities and thresholds are fitted on its
    validation pictures, through the exported graph, or on what a tower's judges say of sources left out.
    'aivsreal train' does this by itself when it ends; export a run that is still under way to use its
    best epoch so far. What --exclude left out of the run is left out here too.
    """
    from aivsreal.data.sources import load_sets
    from aivsreal.evaluation.finish import finish
    from aivsreal.training.run import open_run

    labelled = load_sets(data, where=where, exclude=open_run(run).excluded)
    bundle = finish(run, labelled, out or run / "bundle", version=version, say=click.echo)
    click.echo(f"the model is in {bundle.folder}")
