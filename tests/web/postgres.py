"""A PostgreSQL of the tests' own: made in a folder, on a free port, and gone afterwards."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNPRIVILEGED = "nobody"
PLACES = "/usr/lib/postgresql/*/bin"


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs; None where it is not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/").glob(f"{PLACES[1:]}/initdb"))
    return folders[-1].parent if folders else None


@contextmanager
def postgres(bin: Path, folder: Path) -> Iterator[str]:
    """Give the URL of a server over `folder`, which is empty and may be given away.

    It refuses to run as root, so that root runs it as somebody who may do nothing.
    """
    who = {"user": UNPRIVILEGED, "group": "nogroup"} if os.geteuid() == 0 else {}
    if who:
        shutil.chown(folder, **who)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data = folder / "data"

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [bin / program, *arguments],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            env={"LC_ALL": "C"},
            **who,
        )

    run(
        "initdb",
        "--pgdata",
        str(data),
        "--username",
        "tester",
        "--auth",
        "trust",
        "--no-sync",
        "--encoding",
        "UTF8",
    )
    options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off -c shared_buffers=16MB"
    run("pg_ctl", "--pgdata", str(data), "--wait", "--log", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql://tester@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "--pgdata", str(data), "--wait", "--mode", "immediate", "stop")
