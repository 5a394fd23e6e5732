"""A real Ray cluster on this machine, a real S3 server, and workers that die in the middle of a part.

Each run is a session of its own: by that all its processes are found, and ended in the end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from aivsreal.remote import examine
from aivsreal.remote.store import Store
from tests.data.draw import as_bytes, photo
from tests.remote.test_job import rows_in, write_bytes
from tests.remote.test_locations import upload

pytest.importorskip("ray.data", reason="needs the extra ray")
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")

PARTS, PART_SIZE = 16, 4
# For a whole test: an idle machine needs 15 seconds.
SECONDS = 240
# What Ray calls a process of its own while it examines a part.
AT_WORK = b"ray::MapBatches"
# Stands for a fault in a decoder: every process of Python that finds this on its path dies of one picture.
DEADLY = """
import os, signal
from PIL.ImageFile import ImageFile
begin = ImageFile.__init__
def begin_or_die(self, stream, *args, **kwargs):
    if b"deadly" in stream.read():
        os.kill(os.getpid(), signal.SIGKILL)
    stream.seek(0)
    begin(self, stream, *args, **kwargs)
ImageFile.__init__ = begin_or_die
"""


def test_a_killed_worker_loses_nothing_and_doubles_nothing(model, s3, tmp_path):
    draw_pictures(tmp_path / "in")
    write_bytes(tmp_path / "in" / "broken.jpg", b"\xff\xd8\xff\xe0 and nothing more")
    upload(tmp_path / "in", s3 + "/in")

    with ray_run(s3 + "/in/", s3 + "/ray", model, tmp_path / "told") as (process, until):
        until(lambda: Store(s3 + "/ray").names("verdicts"))
        until(lambda: kill_one_at_work(process.pid))
        done_then = len(Store(s3 + "/ray").names("verdicts"))
        until(lambda: process.poll() is not None)
        until(lambda: not living(process.pid))

    told = (tmp_path / "told").read_text()
    assert done_then < PARTS
    assert process.returncode == 1, told
    assert f"{PARTS * PART_SIZE + 1} pictures: " in told
    assert ", 1 failed (" in told
    assert "Warning" not in told
    examine([s3 + "/in/"], s3 + "/single", model=model, part_size=PART_SIZE)
    assert rows_in(s3 + "/ray") == rows_in(s3 + "/single")


def test_a_picture_that_ends_its_worker_every_time_costs_its_part_alone(model, tmp_path, monkeypatch):
    folder, out = tmp_path / "in", tmp_path / "out"
    draw_pictures(folder)
    write_bytes(folder / "999.jpg", as_bytes(photo(80, 60), "JPEG") + b"deadly")
    write_bytes(tmp_path / "path" / "sitecustomize.py", DEADLY.encode())
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "path"), *filter(None, sys.path)]))

    with ray_run(str(folder), str(out), model, tmp_path / "told") as (process, until):
        until(lambda: process.poll() is not None)
    examine([str(folder)], str(tmp_path / "single"), model=model, part_size=PART_SIZE)
    spared = len(rows_in(str(out)))
    examine([str(folder)], str(out), model=model, part_size=PART_SIZE)

    assert process.returncode == 1
    assert f"1 parts of {out} are not done, the first: {PARTS}" in (tmp_path / "told").read_text()
    assert spared == PARTS * PART_SIZE
    assert rows_in(str(out)) == rows_in(str(tmp_path / "single"))


def test_a_run_that_reaches_nothing_ends_and_leaves_nothing_behind(model, tmp_path):
    addresses = [f"http://127.0.0.1:9/{number}.png" for number in range(PARTS * PART_SIZE)]

    with ray_run(addresses, str(tmp_path / "out"), model, tmp_path / "told") as (process, until):
        until(lambda: process.poll() is not None)
        until(lambda: not living(process.pid))

    told = (tmp_path / "told").read_text().splitlines()
    assert process.returncode == 11
    assert told[0].startswith(f"aivsreal: none of {PART_SIZE} pictures in turn can be reached")
    assert len(told) == 2


def test_what_is_asked_of_ray_after_a_run_begins_no_other_cluster():
    late = "import aivsreal.remote.engine_ray, ray; ray.put(1)"

    asked = subprocess.run([sys.executable, "-c", late], capture_output=True, text=True, timeout=SECONDS)

    assert asked.returncode == 1
    assert "ray.init" in asked.stderr


def draw_pictures(folder: Path) -> None:
    """Draw all parts' pictures, four of them over and over."""
    drawn = [as_bytes(photo(800, 600, seed=seed), "JPEG") for seed in range(4)]
    for number in range(PARTS * PART_SIZE):
        write_bytes(folder / f"{number:03}.jpg", drawn[number % 4])


@contextmanager
def ray_run(
    source: str | list[str], out: str, model: Path, told: Path
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[Callable[[], object]], None]]]:
    """Give a run by two workers, and what waits until something is so; no process of it outlives the block."""
    end = time.monotonic() + SECONDS
    sources = [source] if isinstance(source, str) else source
    command = [sys.executable, "-m", "aivsreal", "predict", *sources, "--out", out, "--model", str(model)]
    command += ["--engine", "ray", "--workers", "2", "--part-size", str(PART_SIZE)]

    def until(so: Callable[[], object]) -> None:
        while not so():
            assert time.monotonic() < end, f"not done in {SECONDS} s: {told.read_text()}"
            time.sleep(0.02)

    with told.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)
    try:
        yield process, until
    finally:
        # Over and over: who is still there may begin others anew.
        while left := living(process.pid):
            for pid in left:
                send(pid, signal.SIGKILL)
        process.wait()


def living(session: int) -> list[int]:
    """The processes of a session that are no zombies."""
    return [
        pid
        for pid in (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
        if (stat := read_stat(pid)) and stat[0] != "Z" and int(stat[3]) == session
    ]


def read_stat(pid: int) -> list[str]:
    """State, parent, group, session, ... of a process; nothing of one that is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def kill_one_at_work(session: int) -> bool:
    """Whether a worker was killed; it is stopped before, so that it is surely in the middle of a part."""
    for pid in filter(is_at_work, living(session)):
        send(pid, signal.SIGSTOP)
        if is_at_work(pid):
            send(pid, signal.SIGKILL)
            return True
        send(pid, signal.SIGCONT)
    return False


def is_at_work(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(AT_WORK)
    return False


def send(pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, what)
