"""`aivsreal models`: which models there are, what each promises, whether it is whole, which one is in use."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from aivsreal.bundle import (
    CARD,
    MODEL_CARD,
    current_model,
    find_bundle,
    list_bundles,
    load_bundle,
    verify_bundle,
)
from aivsreal.cli.options import (
    SomePath,
    json_option,
    model_argument,
    print_json,
    several_data_argument,
    where_option,
)
from aivsreal.errors import AivsrealError, BadBundle, printable


@click.group("models")
def command() -> None:
    """List, show, verify, add and remove models; choose the one in use; record figures in a card.

    A model is a folder with its graph, weights and card. It is called by name, if it ships with this program
    or was added to the data folder, or by its folder. The one in use is what commands and a running server
    take where no model is named; every change of it is a line of the history.

    \b
    Examples:
      aivsreal models list
      aivsreal models show photos
      aivsreal models verify
      aivsreal models add RUN/bundle && aivsreal models promote photos-1.1.0
      aivsreal models rollback --why "too many portraits called AI"
      aivsreal models history
      aivsreal models remember RUN/bundle pictures/
      aivsreal models record RUN/bundle report/metrics.json --as mydata/test

    \b
    Exit codes:
      0  done
      1  the gate refuses a promotion
      2  the change cannot be made: a name that is taken, a model in use, nothing to go back to
      4  the figures are not of this model
      5  a model is missing, incomplete or altered
      8  the card or the data folder cannot be written
    """


@command.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """List every model that can be called by name.

    A damaged one is listed, too, with what is wrong.
    """
    from aivsreal.living.versions import versions

    rows = [one.as_json() for one in versions(_in_use())]
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("no models are installed")
    widths = {key: max((len(row[key]) for row in rows), default=0) for key in ("name", "version", "origin")}
    for row in rows:
        cells = "  ".join(f"{row[key]:<{width}}" for key, width in widths.items())
        click.echo(f"{cells}  {'in use' if row['in_use'] else '':<6}  {row['error'] or row['summary']}")


def _in_use() -> str:
    """Return the name of the model in use; "" where that is not known, which is told."""
    try:
        return current_model()
    except BadBundle as error:
        click.echo(f"aivsreal: {error.reason}\nhint: {error.hint}", err=True)
        return ""


@command.command("show")
@model_argument
@json_option
def show_model(model: str, as_json: bool) -> None:
    """Show a model's card.

    It tells what the model promises, how good it is, what it was trained on, and what it cannot do.
    """
    bundle = load_bundle(model)
    if as_json:
        click.echo((bundle.folder / CARD).read_text(encoding="utf-8"), nl=False)
        return
    text = (bundle.folder / MODEL_CARD).read_text(encoding="utf-8")
    if not sys.stdout.isatty():
        click.echo(text, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(_without_comments(text)))


def _without_comments(text: str) -> str:
    """Return the Markdown without its front matter and its last line, which are for machines."""
    body = text.split("\n---\n", 1)[-1] if text.startswith("---\n") else text
    return body.rpartition("<!--")[0]


@command.command("verify")
@click.argument("models", metavar="[MODEL]...", nargs=-1)
@json_option
@click.pass_context
def verify_models(ctx: click.Context, models: tuple[str, ...], as_json: bool) -> None:
    """Check every byte of models against their cards.

    Without MODEL, all that can be called by name. The exit code is 5 if one differs.
    """
    wanted = models or tuple(entry.name for entry in list_bundles())
    checked = [_check(model) for model in wanted]
    if as_json:
        print_json(checked)
    else:
        for row in checked:
            _tell(row)
    if any(row["error"] for row in checked):
        ctx.exit(BadBundle.exit_code)


def _check(model: str) -> dict[str, Any]:
    row: dict[str, Any] = {"model": model, "folder": None, "error": None, "hint": None}
    try:
        row["folder"] = str(find_bundle(model))
        verify_bundle(model)
    except AivsrealError as error:
        return {**row, "error": error.reason, "hint": error.hint}
    return row


def _tell(row: dict[str, Any]) -> None:
    if row["error"]:
        click.echo(f"aivsreal: {row['error']}\nhint: {row['hint']}", err=True)
    else:
        click.echo(f"{row['model']}: whole, as its card says")


@command.command("record")
@model_argument
@click.argument("metrics", type=SomePath(path_type=Path))
@click.option("--as", "name", required=True, help="Name of the measured set, such as photos/unseen.")
def record_figures(model: str, metrics: Path, name: str) -> None:
    """Put measured figures into a model's card.

    METRICS is the metrics.json that `aivsreal evaluate` wrote for MODEL.
    """
    from aivsreal.evaluation.record import record_figures as record

    bundle = record(find_bundle(model), metrics, name)
    click.echo(f"{bundle.title} now tells its figures on {name}: {bundle.folder / MODEL_CARD}")


@command.command("remember")
@model_argument
@several_data_argument
@where_option
@click.option(
    "--replayed",
    type=click.IntRange(min=2),
    default=1200,
    show_default=True,
    help="Training pictures that are kept, as embeddings.",
)
def remember_data(model: str, data: tuple[str, ...], where: tuple[str, ...], replayed: int) -> None:
    """Give a model a memory of its training pictures: embeddings, never pictures.

    DATA (and --where) are what it was trained on, with splits train and val. The memory is what `aivsreal monitor`
    compares with, what `aivsreal retrain` replays, and what the gate measures a successor on. Every picture is
    looked at once.
    """
    from aivsreal.data.sources import load_sets
    from aivsreal.data.split import with_validation
    from aivsreal.living.memory import require_memory
    from aivsreal.living.remember import remember

    labelled = with_validation(load_sets(data, where=where))
    bundle = remember(find_bundle(model), labelled, replayed=replayed)
    memory = require_memory(bundle)
    size = sum(len(data) for data in bundle.extra.values())
    held = int(memory.held.sum())
    click.echo(
        f"{bundle.title} remembers {len(memory) - held:,} pictures that it learned from and {held:,} held out "
        f"({size / 1e6:.1f} MB)"
    )


@command.command("add")
@click.argument("bundle", metavar="BUNDLE", type=SomePath(path_type=Path))
@click.option("--as", "name", metavar="NAME", help="How it is called.  [default: its name and version]")
def add_model(bundle: Path, name: str | None) -> None:
    """Copy a model into the data folder, to be called by name.

    BUNDLE is its folder. It is verified and tried on a drawn picture first. It is not in use by that.
    """
    from aivsreal.living import registry

    entry = registry.add(bundle, name)
    click.echo(f"{entry.name} is there; put it to use with: aivsreal models promote {entry.name}")


@command.command("promote")
@click.argument("name", metavar="NAME")
@click.option("--why", default="", help="A word for the history.")
@click.option("--force", is_flag=True, help="Whatever the gate says, even where there is none. Recorded.")
@json_option
def promote_model(name: str, why: str, force: bool, as_json: bool) -> int:
    """Put a model to use, if it passes the gate: commands and a running server take it from now on.

    It is verified, tried on a drawn picture, and compared with the model in use (see `aivsreal gate`). The
    decision is written down with its figures; the exit code of a refusal is 1, and says which slice failed.
    """
    from aivsreal.cli.gate import REFUSED, tell
    from aivsreal.living.promotion import promote

    outcome = promote(name, force=force, why=why)
    if as_json:
        print_json({"promoted": outcome.promoted, "line": outcome.line})
        return 0 if outcome.promoted else REFUSED
    if outcome.decision:
        tell(outcome.decision)
    if not outcome.promoted:
        click.echo(f"{outcome.line['from']} stays in use", err=True)
        return REFUSED
    line = outcome.line
    click.echo(f"{line['title']} is in use, after {line['from']}; back with: aivsreal models rollback")
    return 0


@command.command("rollback")
@click.option("--why", default="", help="A word for the history.")
def rollback_model(why: str) -> None:
    """Go back to the model that was in use before.

    One that is gone or damaged meanwhile is passed over.
    """
    from aivsreal.living import registry

    line = registry.rollback(why)
    for skipped in line["passed_over"]:
        click.echo(f"passed over {skipped['model']}: {skipped['error']}", err=True)
    click.echo(f"{line['title']} is in use again, after {line['from']}")


@command.command("remove")
@click.argument("name", metavar="NAME")
def remove_model(name: str) -> None:
    """Remove a model that was added, for good.

    The one in use, and the one that rollback would return to, stay.
    """
    from aivsreal.living import registry

    registry.remove(name)
    click.echo(f"{name} is removed")


@command.command("history")
@json_option
def show_history(as_json: bool) -> None:
    """Tell every change of the models, oldest first: when, who, what, and why."""
    from aivsreal.living import registry
    from aivsreal.living.versions import told

    found = registry.history()
    if as_json:
        print_json({"entries": list(found.entries), "damaged": found.damaged})
        return
    for line in found.entries:
        click.echo(f"{line['when']}  {printable(str(line['who']))}  {told(line)}")
    if not found.entries:
        click.echo("nothing was changed yet: the shipped model is in use")
    if found.damaged:
        click.echo(f"aivsreal: {found.damaged} damaged lines are passed over", err=True)
