"""`aivsreal gate`: the fixed pictures that a model must pass before it is put to use."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aivsreal.cli.options import NumberRange, SomePath, json_option, model_argument, print_json

if TYPE_CHECKING:
    from aivsreal.living.gate import Decision

REFUSED = 1


@click.group("gate")
def command() -> None:
    """Keep the pictures that a model must pass before it is put to use, and try a model on them.

    A challenger passes if more of the new data is right, no more photographs are called AI than before, and no
    slice loses more than the tolerance in a way that its paired 95 % interval shows. Measured is on the gate set
    made here, on the pictures that `retrain --replay` held out, and, where two models differ in their head only, on
    the embeddings that the one in use was judged on (shipped models bring them).

    \b
    Examples:
      aivsreal gate init --real ~/Pictures/ours --ai ~/Pictures/fakes
      aivsreal gate show
      aivsreal gate check models/challenger
      aivsreal models promote photos-1.1.0

    \b
    Exit codes:
      0  done; the model passes
      1  the model is refused
      2  there is a gate set already, or nothing to measure on
      4  a folder holds too few pictures, or the gate set is damaged
      5  a model is missing or altered
      7  a package is missing
      8  the gate set cannot be written
    """


@command.command("init")
@click.option("--real", required=True, type=SomePath(path_type=Path), help="A folder of real photographs.")
@click.option("--ai", required=True, type=SomePath(path_type=Path), help="A folder of AI pictures.")
@click.option("--replace", is_flag=True, help="In the place of an earlier gate set.")
def init(real: Path, ai: Path, replace: bool) -> None:
    """Make the gate set of pictures of your own.

    They are copied into the data folder, second copies left out, and are never trained on. Folders within the
    two name slices that are looked at by themselves.
    """
    from aivsreal.living.gate_set import gate_folder, init_gate

    labelled = init_gate(real, ai, replace=replace)
    count = Counter(sample.label for sample in labelled)
    click.echo(f"the gate holds {count[0]} photographs and {count[1]} AI pictures: {gate_folder()}")


@command.command("show")
@json_option
def show(as_json: bool) -> None:
    """Say what the gate set holds, after checking every byte of it."""
    from aivsreal.living.gate_set import load_gate

    labelled = load_gate()
    slices = Counter((s.label, str(s.columns["source"])) for s in labelled or ())
    rows = [
        {"class": "ai" if label else "real", "slice": source, "pictures": count}
        for (label, source), count in sorted(slices.items())
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(f"{row['class']:<4}  {row['pictures']:>6}  {row['slice']}")
    if not rows:
        click.echo("there is no gate set; make one: aivsreal gate init --real DIR --ai DIR")


@command.command("check")
@model_argument
@click.option("--against", metavar="MODEL", help="The model that it must not fall behind.  [default: in use]")
@click.option(
    "--tolerance",
    type=NumberRange(0, 1),
    default=0.01,
    show_default=True,
    help="What a slice may lose although its interval shows the loss.",
)
@json_option
def check(model: str, against: str | None, tolerance: float, as_json: bool) -> int:
    """Try MODEL against the one in use, without changing anything."""
    from aivsreal.bundle import load_bundle
    from aivsreal.living.gate import compare

    decision = compare(load_bundle(against), load_bundle(model), tolerance=tolerance)
    if as_json:
        print_json(decision.as_json())
    else:
        tell(decision)
    return 0 if decision.passed else REFUSED


def tell(decision: Decision) -> None:
    """Print a decision, a line a slice."""
    width = max(len(one.name) for one in decision.slices)
    for one in decision.slices:
        click.echo(f"  {'FAILS' if one.fails else 'holds':<5}  {one.name:<{width}}  {one.words}")
    click.echo(decision.words)
