"""`aivsreal serve`: the page and the API, under a server that is made for it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from aivsreal.cli.options import SomePath, fast_option
from aivsreal.web.settings import load_settings


@click.command("serve")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.  [default: 8000]")
@click.option(
    "--model", metavar="MODEL", help="A model's name or a bundle's folder.  [default: the one in use]"
)
@fast_option
@click.option("--workers", type=int, help="Processes.  [default: 1]")
@click.option("--database", metavar="URL", help="Where verdicts are remembered.  [default: a SQLite file]")
@click.option(
    "--config",
    metavar="FILE",
    type=SomePath(path_type=Path, dir_okay=False),
    help="A TOML file of settings; docs/operate.md lists them.",
)
def command(
    host: str | None,
    port: int | None,
    model: str | None,
    fast: bool,
    workers: int | None,
    database: str | None,
    config: Path | None,
) -> None:
    """Serve the web page and the API until stopped.

    Prints the address to open. Settings come from a TOML file, from AIVSREAL_* in the environment, and from
    the options above, the later before the earlier. Stopped by SIGTERM or Ctrl-C, it finishes what it accepted.

    \b
    Examples:
      aivsreal serve
      aivsreal serve --port 0 --model photos-small
      AIVSREAL_RATE_LIMIT="60 per minute" aivsreal serve --host 0.0.0.0 --workers 2

    \b
    Exit codes:
      0   stopped as asked
      2   a setting is wrong
      5   the model is missing, incomplete or altered
      7   a package is missing, as for PostgreSQL
      8   the data folder cannot be written to
      10  the port is taken, or the database cannot be used
    """
    overrides = {
        "host": host,
        "port": port,
        "model": model,
        "fast": fast or None,
        "workers": workers,
        "database": database,
    }
    settings = load_settings(config, os.environ, overrides)
    # Models of one's own are looked for there, too, and by the workers.
    os.environ["AIVSREAL_DATA_DIR"] = str(settings.folder)
    from aivsreal.web import server

    server.check(settings)
    listener = server.bind(settings)
    click.echo(f"aivsreal listens on {server.address(settings, listener)} (stop it with Ctrl-C)")
    server.run(settings, listener)
