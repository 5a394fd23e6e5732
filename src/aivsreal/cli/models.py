"""`aivsreal models`: which models there are, what each promises, whether it is whole; and its record."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from aivsreal.bundle import (
    CARD,
    MODEL_CARD,
    BundleEntry,
    find_bundle,
    list_bundles,
    load_bundle,
    verify_bundle,
)
from aivsreal.cli.options import json_option, model_argument, print_json
from aivsreal.errors import AivsrealError, BadBundle


@click.group("models")
def command() -> None:
    """List, show and verify models; record measured figures in a model's card.

    A model is a folder with its graph, weights and card. It is called by name, if it ships with this program
    or lies in the folder `models` of the data folder, or by its folder.

    \b
    Examples:
      aivsreal models list
      aivsreal models show photos
      aivsreal models verify
      aivsreal models record RUN/bundle report/metrics.json --as mydata/test

    \b
    Exit codes:
      0  done
      4  the figures are not of this model
      5  a model is missing, incomplete or altered
      8  the card cannot be written
    """


@command.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """List every model that can be called by name.

    A damaged one is listed, too, with what is wrong.
    """
    rows = [_row(entry) for entry in list_bundles()]
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("no models are installed")
    widths = {key: max((len(row[key]) for row in rows), default=0) for key in ("name", "version", "origin")}
    for row in rows:
        cells = "  ".join(f"{row[key]:<{width}}" for key, width in widths.items())
        click.echo(f"{cells}  {row['error'] or row['summary']}")


def _row(entry: BundleEntry) -> dict[str, str]:
    row = {"name": entry.name, "version": "?", "origin": entry.origin, "folder": str(entry.folder)}
    try:
        card = load_bundle(entry.folder).card
    except BadBundle as error:
        return {**row, "summary": "", "error": f"damaged: {error.reason}"}
    return {**row, "version": card.version, "summary": card.summary, "error": ""}


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
@click.argument("metrics", type=click.Path(path_type=Path))
@click.option("--as", "name", required=True, help="Name of the measured set, such as photos/unseen.")
def record_figures(model: str, metrics: Path, name: str) -> None:
    """Put measured figures into a model's card.

    METRICS is the metrics.json that `aivsreal evaluate` wrote for MODEL.
    """
    from aivsreal.evaluation.record import record_figures as record

    bundle = record(find_bundle(model), metrics, name)
    click.echo(f"{bundle.title} now tells its figures on {name}: {bundle.folder / MODEL_CARD}")
