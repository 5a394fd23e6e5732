"""A real `aivsreal serve` in a process of its own, on a free port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

STOP_SECONDS = 40


@dataclass(frozen=True)
class Serving:
    """A server that runs, and where."""

    url: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def workers(self) -> list[int]:
        """The process ids of its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def stop(self) -> int:
        """Tell it to stop, as a supervisor does; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def serving(model: Path, data: Path, *arguments: object, **environment: object) -> Iterator[Serving]:
    """Give a server over this model and data folder; it is stopped afterwards, if it still runs."""
    env = {
        **os.environ,
        "AIVSREAL_DATA_DIR": str(data),
        **{key: str(val) for key, val in environment.items()},
    }
    given = [str(argument) for argument in ("--port", 0, "--model", model, *arguments)]
    process = subprocess.Popen(
        [sys.executable, "-m", "aivsreal", "serve", *given], env=env, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield Serving(next(word for word in line.split() if word.startswith("http")), process)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
