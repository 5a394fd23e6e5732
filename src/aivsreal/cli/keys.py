"""`aivsreal keys`: make, list and revoke the keys that programs bring to the API."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from aivsreal.cli.options import SomePath, json_option, print_json
from aivsreal.errors import UsageError, printable
from aivsreal.web.settings import load_settings
from aivsreal.web.store import Store, open_store

LONGEST_NAME = 200


def _where(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which server's keys are meant."""
    for option in (
        click.option("--database", metavar="URL", help="The server's database.  [default: as serve]"),
        click.option(
            "--config",
            metavar="FILE",
            type=SomePath(path_type=Path, dir_okay=False),
            help="The server's TOML file of settings.",
        ),
    ):
        command = option(command)
    return command


@click.group("keys")
def command() -> None:
    """Make, list and revoke API keys.

    A key is shown once, when it is made; the database holds only its hash.

    \b
    Examples:
      aivsreal keys make "photo desk"
      aivsreal keys make --operator "me"
      aivsreal keys list
      aivsreal keys revoke 3f9a0c1b2d4e

    \b
    Exit codes:
      0  done
      2  a name that is too long, a key that there is not, or a setting that is wrong
      7  a package is missing, as for PostgreSQL
      8  the data folder cannot be written to
      10  the database cannot be used
    """


@command.command("make")
@click.argument("name")
@click.option("--operator", is_flag=True, help="A key that also opens what only operators may see.")
@_where
def make(name: str, operator: bool, database: str | None, config: Path | None) -> None:
    """Print a new key for NAME, a person or a program."""
    if not 0 < len(name) <= LONGEST_NAME:
        raise UsageError(f"a name has 1 to {LONGEST_NAME} letters", hint='for example "photo desk"')
    key, whole = _store(database, config).make_key(printable(name), operator=operator)
    click.echo(whole)
    click.echo(f"key {key.id} is shown only now; send it as  Authorization: Bearer KEY", err=True)


@command.command("list")
@json_option
@_where
def list_(as_json: bool, database: str | None, config: Path | None) -> None:
    """List the keys that were made, without their secrets."""
    keys = _store(database, config).list_keys()
    if as_json:
        print_json(
            [
                {
                    "id": key.id,
                    "name": key.name,
                    "operator": key.operator,
                    "created": key.created.isoformat(),
                    "revoked": key.revoked and key.revoked.isoformat(),
                }
                for key in keys
            ]
        )
        return
    for key in keys:
        kind = "operator" if key.operator else "user"
        state = f"revoked {key.revoked:%Y-%m-%d}" if key.revoked else "valid"
        click.echo(f"{key.id}  {kind:<8}  made {key.created:%Y-%m-%d}  {state:<18}  {key.name}")


@command.command("revoke")
@click.argument("id")
@_where
def revoke(id: str, database: str | None, config: Path | None) -> None:
    """Make the key of this ID worthless from now on."""
    if not _store(database, config).revoke_key(id):
        raise UsageError(f"there is no valid key '{id}'", hint="`aivsreal keys list` shows the keys")
    click.echo(f"key {id} is revoked")


def _store(database: str | None, config: Path | None) -> Store:
    return open_store(load_settings(config, os.environ, {"database": database}).database_url)
