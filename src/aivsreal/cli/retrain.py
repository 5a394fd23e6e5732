"""`aivsreal retrain`: new labelled pictures in, a challenger out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aivsreal.cli.options import where_option
from aivsreal.errors import UsageError

if TYPE_CHECKING:
    from aivsreal.data.labelled import LabelledSet


@click.command(
    "retrain",
    epilog="""
\b
Examples:
  aivsreal retrain --new pictures/of-a-new-generator
  aivsreal retrain --new new.csv --base photos --out models/challenger --version 1.1.0
  aivsreal retrain --feedback
  aivsreal models add models/challenger && aivsreal models promote photos-1.1.0

\b
Exit codes: 0 done; 2 wrong usage; 4 the new data cannot be used, or is too little; 5 the base is missing, has
no head that could be replaced, or no memory; 7 a package is missing; 8 the challenger cannot be written.
""",
)
@click.option("--new", "data", metavar="DATA", multiple=True, help="New labelled pictures. Repeatable.")
@click.option("--feedback", is_flag=True, help="Also the reviewed feedback that no model in use has learned.")
@click.option("--base", metavar="MODEL", help="What is taught.  [default: the model in use]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="BUNDLE",
    help="The challenger's folder; only an earlier bundle is replaced.  [default: models/challenger]",
)
@click.option("--version", metavar="N.N.N", help="Its version.  [default: the base's, second number raised]")
@where_option
def command(
    data: tuple[str, ...],
    feedback: bool,
    base: str | None,
    out: Path | None,
    version: str | None,
    where: tuple[str, ...],
) -> None:
    """Teach a model new pictures without losing what it knew; the result is a challenger.

    DATA is labelled as for `train`: a folder tree such as REAL/ and FAKE/, parquet, a table. One class alone will
    do. What the base remembers is replayed, and it is kept from forgetting; the base itself stays as it is.
    Pictures of the gate set are not learned from. A fifth of the new ones is held out, and becomes part of what
    the challenger's successors are judged on.

    Two hundred pictures take some two to five minutes on a CPU.
    """
    from aivsreal.living.retrain import retrain

    folder = out or Path("models") / "challenger"
    challenger = retrain(base, _new(data, where, feedback), folder, version=version, say=click.echo)
    card = challenger.card
    click.echo(
        f"put it to use through the gate: aivsreal models add {folder} && "
        f"aivsreal models promote {card.name}-{card.version}"
    )


def _new(data: tuple[str, ...], where: tuple[str, ...], feedback: bool) -> LabelledSet:
    """Return the new pictures. Raises: UsageError where none are named; BadData."""
    from aivsreal.cli.feedback import marks
    from aivsreal.data.sources import load_sets
    from aivsreal.living.feedback import accepted_set

    if not data and not feedback:
        raise UsageError("there is nothing to learn from", hint="give --new DATA, or --feedback, or both")
    if not feedback:
        return load_sets(data, where=where)
    said = accepted_set(marks())
    if not data:
        return said
    labelled = load_sets(data, where=where)
    joined = dataclasses.replace(labelled, name=f"{labelled.name} + {said.name}")
    return joined.with_samples([*labelled, *said])
