"""A real Ray cluster on this machine, a real S3 server, and a worker that is killed in the middle."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aivsreal.remote import examine
from aivsreal.remote.store import Store
from tests.data.draw import as_bytes, photo
from tests.remote.test_job import rows_in, write_bytes
from tests.remote.test_locations import upload

PARTS, PART_SIZE = 24, 5


def test_a_killed_worker_loses_nothing_and_doubles_nothing(model, s3, tmp_path):
    pytest.importorskip("ray.data", reason="needs the extra ray")
    drawn = [as_bytes(photo(1200, 900, seed=seed), "JPEG") for seed in range(4)]
    for number in range(PARTS * PART_SIZE - 1):
        write_bytes(tmp_path / "in" / f"{number:03}.jpg", drawn[number % 4])
    write_bytes(tmp_path / "in" / "broken.jpg", b"\xff\xd8\xff\xe0 and nothing more")
    upload(tmp_path / "in", s3 + "/in")
    command = [sys.executable, "-m", "aivsreal", "predict", s3 + "/in/", "--model", model, "--workers", "2"]
    command += ["--engine", "ray", "--part-size", str(PART_SIZE), "--out", s3 + "/ray"]

    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    store = Store(s3 + "/ray")
    while not store.names("verdicts") and running.poll() is None:
        time.sleep(0.05)
    workers = ray_workers(running.pid)
    os.kill(workers[0], signal.SIGKILL)
    done_then = len(store.names("verdicts"))
    _, told = running.communicate(timeout=240)

    assert done_then < PARTS
    assert running.returncode == 1, told
    assert f"{PARTS * PART_SIZE} pictures" in told
    examine([s3 + "/in/"], s3 + "/single", model=model, part_size=PART_SIZE)
    assert rows_in(s3 + "/ray") == rows_in(s3 + "/single")


def ray_workers(driver: int) -> list[int]:
    """The processes below a driver that hold a model."""
    return [pid for pid in below(driver) if b"ray::MapWorker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def below(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [pid for child in map(int, children) for pid in (child, *below(child))]
