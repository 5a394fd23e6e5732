"""Runs the command line in this process, as a user would type it."""

from __future__ import annotations

from click.testing import CliRunner, Result

from aivsreal.cli.main import cli


def run(*args: object, stdin: str | None = None) -> Result:
    """Return what `aivsreal ARGS...` prints (`.stdout`, `.stderr`) and its `.exit_code`."""
    return CliRunner().invoke(cli, [str(arg) for arg in args], input=stdin)
