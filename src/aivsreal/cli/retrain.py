"""`aivsreal retrain`: new labelled pictures in, a challenger out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aivsreal.cli.options import SomePath, where_option
from aivsreal.errors import UsageError

if TYPE_CHECKING:
    from aivsreal.bundle import Bundle
    from aivsreal.data.labelled import LabelledSet


@click.command(
    "retrain",
    epilog="""
\b
Examples:
  aivsreal retrain --new pictures/of-a-new-generator
  aivsreal retrain --new new.csv --base photos --out models/challenger --version 1.1.0
  aivsreal retrain --feedback
  aivsreal retrain --new new/ --replay pictures/ --base runs/mine
  aivsreal models add models/challenger && aivsreal models promote photos-1.1.0

\b
Exit codes: 0 done; 2 wrong usage; 4 the data cannot be used, or is too little; 5 the base is missing, has no head
that could be replaced, or no memory; 6 a run begun before cannot be gone on with; 7 a package is missing; 8 the
challenger cannot be written; 130 interrupted (with --replay, go on with --resume).
""",
)
@click.option("--new", "data", metavar="DATA", multiple=True, help="New labelled pictures. Repeatable.")
@click.option("--feedback", is_flag=True, help="Also the reviewed feedback that no model in use has learned.")
@click.option(
    "--replay",
    multiple=True,
    metavar="DATA",
    help="Old labelled pictures, as the base was trained on: all of the network is taught. Repeatable.",
)
@click.option(
    "--base", metavar="MODEL", help="What is taught; a run will do, too.  [default: the model in use]"
)
@click.option(
    "--out",
    type=SomePath(path_type=Path),
    metavar="BUNDLE",
    help="The challenger's folder; only an earlier bundle is replaced.  [default: models/challenger]",
)
@click.option("--version", metavar="N.N.N", help="Its version.  [default: the base's, second number raised]")
@click.option("--resume", is_flag=True, help="With --replay: go on with what was begun and stopped.")
@where_option
def command(
    data: tuple[str, ...],
    feedback: bool,
    replay: tuple[str, ...],
    base: str | None,
    out: Path | None,
    version: str | None,
    resume: bool,
    where: tuple[str, ...],
) -> None:
    """Teach a model new pictures without losing what it knew; the result is a challenger.

    DATA is labelled as for `train`: a folder tree such as REAL/ and FAKE/, parquet, a table. One class alone will
    do. What the base remembers is replayed, and it is kept from forgetting; the base itself stays as it is.
    Pictures of the gate set are not learned from. A fifth of the new ones is held out, and becomes part of what
    the challenger's successors are judged on.

    Two hundred pictures take about two and a half minutes of processor time, shared among the cores.

    Models that remember, and are a frozen tower, are taught so. With --replay all of a network that `train` made is
    taught, from its own weights, at a low rate: old pictures are mixed with the new, which are less than half. That
    takes longer; training ends after a quarter of an hour. What is held out is copied to the data folder, for the
    gate. --where narrows the new pictures only.
    """
    folder = out or Path("models") / "challenger"
    new = _new(data, where, feedback)
    challenger = (
        _whole(base, new, replay, folder, version, resume)
        if replay
        else _head(base, new, folder, version, resume)
    )
    card = challenger.card
    click.echo(
        f"put it to use through the gate: aivsreal models add {folder} && "
        f"aivsreal models promote {card.name}-{card.version}"
    )


def _whole(
    base: str | None,
    new: LabelledSet,
    replay: tuple[str, ...],
    folder: Path,
    version: str | None,
    resume: bool,
) -> Bundle:
    from aivsreal.data.sources import load_sets
    from aivsreal.living.retrain_trunk import retrain_trunk

    old = load_sets(replay)
    return retrain_trunk(base, new, old, folder, version=version, resume=resume, say=click.echo)


def _head(base: str | None, new: LabelledSet, folder: Path, version: str | None, resume: bool) -> Bundle:
    from aivsreal.living.retrain import retrain

    if resume:
        raise UsageError(
            "there is nothing to resume: without --replay only a head is taught, at once",
            hint="leave out --resume",
        )
    return retrain(base, new, folder, version=version, say=click.echo)


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
