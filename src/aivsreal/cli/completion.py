"""`aivsreal completion`: the script that lets a shell complete commands, options and file names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    Examples:
      aivsreal completion bash > ~/.local/share/bash-completion/completions/aivsreal
      aivsreal completion zsh > "${fpath[1]}/_aivsreal"
      aivsreal completion fish > ~/.config/fish/completions/aivsreal.fish
    """
    kind = get_completion_class(shell)
    if kind is not None:
        click.echo(kind(ctx.find_root().command, {}, "aivsreal", "_AIVSREAL_COMPLETE").source())
