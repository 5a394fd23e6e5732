"""Work done in processes of its own that are killed, starved of disk, or run against each other: for real.

A killed process gets SIGKILL from within, just before its n-th change of the file system, whatever that is.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["onnxruntime", "onnx", "pytest", "aivsreal.living.keep_up", "aivsreal.web.store", "tests.data.bundles"]
)
STEPS = {
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.truncate",
    "os.write",
}
Work = Callable[..., Any]


def killed_at_every_step(
    work: Work, data: Path, *args: Any, most: int = 200, every: int = 1
) -> Iterator[int]:
    """Yield after the work was killed before step 0, 1, 2 and so on, until it ends without being killed.

    every: only before each so-manieth step, for work that does one thing over and over
    """
    for step in range(0, most, every):
        process = CONTEXT.Process(target=_killed, args=(step, work, data, args))
        process.start()
        process.join()
        if process.exitcode == 0:
            return
        assert process.exitcode == -signal.SIGKILL, f"step {step} ended with {process.exitcode}"
        yield step
    raise AssertionError(f"not done after {most} steps")


def together(works: list[tuple[Any, ...]], data: Path) -> list[int | None]:
    """Return the exit codes of works (function and arguments), all begun at once: 0 done, 1 raised."""
    barrier = CONTEXT.Barrier(len(works))
    processes = [CONTEXT.Process(target=_at_once, args=(barrier, data, *work)) for work in works]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def without_space(work: Work, data: Path, *args: Any, largest: int = 0) -> str:
    """Return the error of work that may write no file beyond `largest` bytes; "" where it raised none."""
    here, there = CONTEXT.Pipe()
    process = CONTEXT.Process(target=_starved, args=(there, largest, work, data, args))
    process.start()
    process.join()
    return str(here.recv()) if here.poll() else ""


def _killed(step: int, work: Work, data: Path, args: tuple[Any, ...]) -> None:
    os.environ["AIVSREAL_DATA_DIR"] = str(data)
    left = [step]

    def count(event: str, details: tuple[Any, ...]) -> None:
        if _changes_something(event, details):
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1

    sys.addaudithook(count)
    work(*args)
    os._exit(0)


def _changes_something(event: str, details: tuple[Any, ...]) -> bool:
    """Return whether this step leaves something else on the disk; opening a lock's file and the like do not."""
    if event == "open":
        writing = bool(details[2]) and details[2] & (os.O_WRONLY | os.O_RDWR)
        return bool(writing) and isinstance(details[0], str) and not details[0].endswith(".lock")
    if event == "os.mkdir":
        return not Path(details[0]).is_dir()
    return event in STEPS


def _at_once(barrier: Any, data: Path, work: Work, *args: Any) -> None:
    os.environ["AIVSREAL_DATA_DIR"] = str(data)
    barrier.wait()
    work(*args)


def _starved(pipe: Any, largest: int, work: Work, data: Path, args: tuple[Any, ...]) -> None:
    os.environ["AIVSREAL_DATA_DIR"] = str(data)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    try:
        work(*args)
        pipe.send("")
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")
