"""`aivsreal retrain`: new labelled pictures in, a challenger out."""

from __future__ import annotations

from pathlib import Path

import click

from aivsreal.cli.options import where_option


@click.command(
    "retrain",
    epilog="""
\b
Examples:
  aivsreal retrain --new pictures/of-a-new-generator
  aivsreal retrain --new new.csv --base photos --out models/challenger --version 1.1.0
  aivsreal models add models/challenger && aivsreal models promote photos-1.1.0

\b
Exit codes: 0 done; 2 wrong usage; 4 the new data cannot be used, or is too little; 5 the base is missing, has
no head that could be replaced, or no memory; 7 a package is missing; 8 the challenger cannot be written.
""",
)
@click.option(
    "--new", "data", metavar="DATA", multiple=True, required=True, help="New labelled pictures. Repeatable."
)
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
    data: tuple[str, ...], base: str | None, out: Path | None, version: str | None, where: tuple[str, ...]
) -> None:
    """Teach a model new pictures without losing what it knew; the result is a challenger.

    DATA is labelled as for `train`: a folder tree such as REAL/ and FAKE/, parquet, a table. One class alone will
    do. What the base remembers is replayed, and it is kept from forgetting; the base itself stays as it is.
    Pictures of the gate set are not learned from. A fifth of the new ones is held out, and becomes part of what
    the challenger's successors are judged on.

    Two hundred pictures take some two to five minutes on a CPU.
    """
    from aivsreal.data.sources import load_sets
    from aivsreal.living.retrain import retrain

    folder = out or Path("models") / "challenger"
    challenger = retrain(base, load_sets(data, where=where), folder, version=version, say=click.echo)
    card = challenger.card
    click.echo(
        f"put it to use through the gate: aivsreal models add {folder} && "
        f"aivsreal models promote {card.name}-{card.version}"
    )
