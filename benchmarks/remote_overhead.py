"""What does a Ray cluster cost against one process on the same pictures, and does a killed worker change a row?

    python benchmarks/remote_overhead.py DATA [--model photos-small] [--pictures 2000] [--json OUT]

DATA is a folder with ai-train-*.parquet and real-train-*.parquet of pictures, as ../shared/data/photos. They are
put on a real S3 server on this machine (moto), and `aivsreal predict s3://... --out s3://...` runs over them: in one
process, by a Ray cluster of two workers, and by the same with one worker killed with SIGKILL in the middle of a
part. Rows are compared one by one. Processor time is what /proc tells of all processes of a run; it is the fairer
figure where other jobs share the machine.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import s3fs
from moto.server import ThreadedMotoServer

from aivsreal.bundle import load_bundle
from aivsreal.remote.store import Store
from aivsreal.threads import available_cores

WORKERS, PART_SIZE = 2, 64
TICK = os.sysconf("SC_CLK_TCK")
BUCKET = "s3://bucket"
# What Ray calls a process of its own while it examines a part.
AT_WORK = b"ray::MapBatches"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="photos-small")
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--stability", action="store_true", help="with the stability check, not --fast")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    options = parser.parse_args()
    how = ["--model", options.model, *([] if options.stability else ["--fast"])]
    with s3_server():
        size = upload(islice(records(options.data, options.pictures), options.pictures))
        runs = {
            "one process": measured("single", how, ray=False, kill=False),
            "ray, two workers": measured("ray", how, ray=True, kill=False),
            "ray, one of two workers killed": measured("killed", how, ray=True, kill=True),
        }
        single = rows_in("single")
        found = {
            "model": load_bundle(options.model).title,
            "stability_check": options.stability,
            "pictures": len(single),
            "bytes_a_picture": round(size / len(single)),
            "bytes_a_row": round(size_of("single/verdicts") / len(single)),
            "cores": available_cores(),
            "part_size": PART_SIZE,
            "runs": runs,
            "rows_equal_with_ray": rows_in("ray") == single,
            "rows_equal_with_a_killed_worker": rows_in("killed") == single,
            "ray_to_one_process": {
                name: round(runs["ray, two workers"][name] / runs["one process"][name], 3)
                for name in ("seconds", "processor_seconds")
            },
        }
    text = json.dumps(found, indent=1) + "\n"
    print(text, end="")
    if options.json:
        options.json.write_text(text, encoding="utf-8")


@contextmanager
def s3_server() -> Iterator[None]:
    """Run an S3 server, which this process and its children use from now on."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        yield
    finally:
        server.stop()


def records(data: Path, count: int) -> Iterator[bytes]:
    """Yield the files of AI pictures, half of the count, then those of photographs."""
    for kind in ("ai", "real"):
        yield from islice(
            chain.from_iterable(map(files_of, sorted(data.glob(f"{kind}-train-*.parquet")))), -(-count // 2)
        )


def files_of(table: Path) -> Iterator[bytes]:
    for batch in pq.ParquetFile(table).iter_batches(batch_size=64, columns=["image"]):
        for record in batch.column("image").to_pylist():
            yield record["bytes"]


def upload(files: Iterable[bytes]) -> int:
    """Put the files into a new bucket; return how many bytes they have."""
    filesystem, size = s3fs.S3FileSystem(), 0
    filesystem.mkdir("bucket")
    for number, data in enumerate(files):
        filesystem.pipe_file(f"bucket/in/{number:05}.jpg", data)
        size += len(data)
    return size


def measured(name: str, how: list[str], *, ray: bool, kill: bool) -> dict[str, Any]:
    """Return what one run took: seconds, processor seconds, seconds to the first part, MiB of its processes."""
    command = [
        sys.executable,
        "-m",
        "aivsreal",
        "predict",
        f"{BUCKET}/in/",
        "--out",
        f"{BUCKET}/{name}",
        *how,
    ]
    command += [
        "--workers",
        str(WORKERS),
        "--part-size",
        str(PART_SIZE),
        *(["--engine", "ray"] if ray else []),
    ]
    before, start = os.getloadavg()[0], time.perf_counter()
    process = subprocess.Popen(command, start_new_session=True)
    watch, first = Watch(process.pid), None
    killed_after = None
    try:
        while process.poll() is None:
            watch.look()
            if first is None and parts_of(name):
                first = time.perf_counter() - start
            if kill and first is not None and killed_after is None and kill_one_at_work(watch.pids):
                killed_after = parts_of(name)
            time.sleep(0.2)
    finally:
        seconds = time.perf_counter() - start
        for pid in watch.living():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert process.returncode in (0, 1), f"the run ended with {process.returncode}"
    assert not kill or killed_after is not None, "no worker was met at work"
    return {
        "seconds": round(seconds, 1),
        "processor_seconds": round(watch.processor_seconds, 1),
        "seconds_to_first_part": round(first or seconds, 1),
        "largest_process_mb": round(watch.largest_mb),
        "largest_worker_mb": round(watch.worker_mb or watch.largest_mb),
        "load_average": [round(before, 1), round(os.getloadavg()[0], 1)],
        **({"parts_done_when_killed": killed_after} if kill else {}),
    }


class Watch:
    """All processes of a session: which are there, what they have taken so far."""

    def __init__(self, session: int) -> None:
        self.session = session
        self.pids: list[int] = []
        self.taken: dict[int, float] = {}
        self.largest_mb = self.worker_mb = 0.0

    @property
    def processor_seconds(self) -> float:
        return sum(self.taken.values())

    def look(self) -> None:
        self.pids = self.living()
        for pid in self.pids:
            with suppress(OSError, StopIteration):
                stat = stat_of(pid)
                self.taken[pid] = (int(stat[11]) + int(stat[12])) / TICK
                peak = peak_mb(pid)
                self.largest_mb = max(self.largest_mb, peak)
                if is_at_work(pid):
                    self.worker_mb = max(self.worker_mb, peak)

    def living(self) -> list[int]:
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                stat = stat_of(int(entry.name))
                if stat[0] != "Z" and int(stat[3]) == self.session:
                    found.append(int(entry.name))
        return found


def stat_of(pid: int) -> list[str]:
    """State, parent, group, session, ... of a process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def is_at_work(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(AT_WORK)
    return False


def kill_one_at_work(pids: Iterable[int]) -> bool:
    """Return whether a worker was killed; it is stopped before, so that it is surely in the middle of a part."""
    for pid in filter(is_at_work, pids):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            if is_at_work(pid):
                os.kill(pid, signal.SIGKILL)
                return True
            os.kill(pid, signal.SIGCONT)
    return False


def parts_of(name: str) -> int:
    return len(Store(f"{BUCKET}/{name}").names("verdicts"))


def rows_in(name: str) -> list[dict[str, Any]]:
    """Return every row of a run in the order of the parts, without the seconds that it took."""
    store = Store(f"{BUCKET}/{name}")
    parts = (pq.read_table(store.open(f"verdicts/{part}")) for part in sorted(store.names("verdicts")))
    return [row for part in parts for row in part.drop_columns("seconds").to_pylist()]


def size_of(folder: str) -> int:
    return int(s3fs.S3FileSystem().du(f"bucket/{folder}"))


if __name__ == "__main__":
    main()
