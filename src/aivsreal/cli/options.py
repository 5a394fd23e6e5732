"""Arguments and options that several commands share, so that they read and mean the same everywhere."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

data_argument = click.argument("data", metavar="DATA")
"""DATA: a folder, a parquet file or folder, a table, or the name of a public set."""

several_data_argument = click.argument("data", metavar="DATA...", nargs=-1, required=True)
"""One DATA or several, joined into one set."""

model_argument = click.argument("model", metavar="MODEL")
"""MODEL: the name of a shipped or registered model, or a bundle's folder."""

where_option = click.option(
    "--where",
    "where",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Use only records whose COLUMN is (or with != is not) VALUE. Repeatable; all must hold.",
)

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="SECTION.FIELD=VALUE",
    help="Change one field of the recipe. Repeatable.",
)

fast_option = click.option(
    "--fast",
    is_flag=True,
    help="Score each file only once, not whether the answer holds when the picture is delivered again.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


class SomePath(click.Path):
    """click's path, which is not empty: that would be the current folder, as where a shell's variable was unset."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Fails, as click does, where it is empty or of another kind."""
        if value == "":
            self.fail("an empty path names nothing.", param, ctx)
        return super().convert(value, param, ctx)


class NumberRange(click.FloatRange):
    """click's range without its gap: every comparison with NaN is false, so that it lies in any."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number. Fails, as click does, where it is none or lies outside."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


def recipe_option(default: str, *, meaning: str = "A shipped recipe's name, or a TOML file.") -> Decorator:
    """Return the option --recipe."""
    return click.option(
        "--recipe", "recipe_name", default=default, show_default=True, metavar="R", help=meaning
    )


def scale_option(default: str, *, meaning: str) -> Decorator:
    """Return the option --scale."""
    return click.option(
        "--scale",
        type=click.Choice(["smoke", "cpu", "full"]),
        default=default,
        show_default=True,
        help=meaning,
    )


def print_json(value: Any) -> None:
    """Print `value` as one readable JSON document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_json_line(value: Any) -> None:
    """Print `value` as one line of JSON Lines, at once."""
    print(json.dumps(value, ensure_ascii=False), flush=True)
