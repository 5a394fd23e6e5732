"""How many pictures a second does the server examine, how long does each take, and what if too many come?

    python benchmarks/web_load.py [--model photos-small] [--seconds 15] [--pictures 100]

A real `aivsreal serve` on loopback, under 1, 8 and 64 clients that each send one picture after another; beside
`Detector.predict_many` on the same files in the same run, before and after, the better counting. Then twice as
many pictures a second as 64 clients got through, whatever becomes of them. Then the ordinary way of serving:
Flask's development server around a torch MobileNetV2, one forward of a 224-pixel square in the handler.

Clients and server share the cores. Pictures are records of ../shared/data/photos where that exists.
"""

from __future__ import annotations

import argparse
import http.client
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from threading import Lock
from time import perf_counter, sleep
from urllib.parse import urlsplit

import numpy as np
from predict_speed import exhaust, timed, write_pictures

from aivsreal.detector import Detector
from aivsreal.threads import available_cores

CLIENTS = (1, 8, 64)
IMAGE = {"Content-Type": "image/jpeg"}


@dataclass
class Answers:
    """Seconds that each answer took, by its status; 0: no answer."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    wall: float = 0.0
    lock: Lock = field(default_factory=Lock)

    def add(self, status: int, seconds: float) -> None:
        with self.lock:
            self.seconds.setdefault(status, []).append(seconds)

    @property
    def good(self) -> list[float]:
        return self.seconds.get(201, []) + self.seconds.get(200, [])

    @property
    def refused(self) -> list[float]:
        return self.seconds.get(503, [])

    @property
    def failed(self) -> int:
        return sum(len(found) for status, found in self.seconds.items() if status not in (200, 201, 503))

    @property
    def rate(self) -> float:
        return len(self.good) / self.wall


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="photos")
    parser.add_argument("--seconds", type=float, default=15, help="of each load")
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--ordinary", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ordinary:
        serve_ordinarily()
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = write_pictures(Path(folder), options.pictures, drawn=False)
        files = [path.read_bytes() for path in paths]
        print(
            f"{options.model}, {len(files)} pictures, {available_cores()} cores, {options.seconds:g} s a load"
        )
        detector = Detector.load(options.model)
        before = rate_of_detector(detector, files)
        capacity, lines = measure_server(options.model, files, options.seconds)
        best = max(before, rate_of_detector(detector, files))
        print(f"predict_many            {best:6.1f} pictures/s")
        for clients, line, rate in lines:
            print(f"serve, {clients:2} clients       {line}, {rate / best:.0%} of predict_many")
        print(overloaded(options.model, files, options.seconds, 2 * capacity))
        for clients, line in measure_ordinary(files, options.seconds):
            print(f"ordinary, {clients:2} clients    {line}")


def rate_of_detector(detector: Detector, files: list[bytes]) -> float:
    exhaust(detector.predict_many(files[:4]))
    return len(files) / timed(lambda: exhaust(detector.predict_many(files)))


def measure_server(
    model: str, files: list[bytes], seconds: float
) -> tuple[float, list[tuple[int, str, float]]]:
    lines, capacity = [], 0.0
    with serving(model, queue=max(CLIENTS)) as (port, pid):
        load(port, "/api/v1/images", files, clients=2, seconds=2)
        for clients in CLIENTS:
            answers = load(port, "/api/v1/images", files, clients=clients, seconds=seconds)
            lines.append((clients, told(answers, peak_mb(pid)), answers.rate))
            capacity = answers.rate
    return capacity, lines


def overloaded(model: str, files: list[bytes], seconds: float, rate: float) -> str:
    with serving(model, queue=32) as (port, pid):
        load(port, "/api/v1/images", files, clients=2, seconds=2)
        answers = flood(port, files, seconds=seconds, rate=rate)
        memory = peak_mb(pid)
    return (
        f"twice the capacity ({rate:.1f} a second sent, queue of 32): {answers.rate:.1f} pictures/s examined, "
        f"p50 {spread(answers.good)}; {len(answers.refused)} of {sum(map(len, answers.seconds.values()))} "
        f"refused with 503, p50 {spread(answers.refused)}; {answers.failed} failed; {memory:.0f} MB at most"
    )


def measure_ordinary(files: list[bytes], seconds: float) -> Iterator[tuple[int, str]]:
    command = [sys.executable, __file__, "--ordinary"]
    with started(command, {}) as (port, process):
        load(port, "/", files, clients=2, seconds=2)
        for clients in CLIENTS:
            answers = load(port, "/", files, clients=clients, seconds=seconds)
            yield clients, told(answers, peak_mb(process.pid))


def told(answers: Answers, memory: float) -> str:
    return (
        f"{answers.rate:6.1f} pictures/s, p50 {spread(answers.good)}, {len(answers.refused)} refused, "
        f"{answers.failed} failed, {memory:.0f} MB at most"
    )


def spread(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    half, most = np.percentile(seconds, [50, 99])
    return f"{half * 1000:.0f} ms, p99 {most * 1000:.0f} ms"


def load(port: int, path: str, files: list[bytes], *, clients: int, seconds: float) -> Answers:
    """Return what clients saw that each send the next picture as soon as the last is answered."""
    answers, stop = Answers(), perf_counter() + seconds

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        for data in cycle(files[number % len(files) :] + files[: number % len(files)]):
            if perf_counter() > stop:
                return
            connection = ask(connection, path, data, answers)

    answers.wall = timed(lambda: each(client, clients))
    return answers


def flood(port: int, files: list[bytes], *, seconds: float, rate: float) -> Answers:
    """Return what senders saw that send so many pictures a second, answered or not."""
    answers, begin = Answers(), perf_counter()
    count = int(seconds * rate)

    def send(number: int) -> None:
        sleep(max(0.0, begin + number / rate - perf_counter()))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        ask(connection, "/api/v1/images", files[number % len(files)], answers).close()

    with ThreadPoolExecutor(256) as pool:
        answers.wall = timed(lambda: exhaust(pool.map(send, range(count))))
    return answers


def ask(
    connection: http.client.HTTPConnection, path: str, data: bytes, answers: Answers
) -> http.client.HTTPConnection:
    """Count one answer; return the connection to go on with."""
    start = perf_counter()
    try:
        connection.request("POST", path, data, IMAGE)
        answer = connection.getresponse()
        answer.read()
        answers.add(answer.status, perf_counter() - start)
    except (OSError, http.client.HTTPException):
        answers.add(0, perf_counter() - start)
        connection.close()
    return connection


def each(client: object, clients: int) -> None:
    with ThreadPoolExecutor(clients) as pool:
        exhaust(pool.map(client, range(clients)))  # type: ignore[arg-type]


@contextmanager
def serving(model: str, *, queue: int) -> Iterator[tuple[int, int]]:
    """Give the port of our server and the process id of its worker."""
    command = [sys.executable, "-m", "aivsreal", "serve", "--port", "0", "--model", model]
    with tempfile.TemporaryDirectory() as folder:
        environment = {"AIVSREAL_DATA_DIR": folder, "AIVSREAL_QUEUE": str(queue)}
        with started(command, environment) as (port, process):
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            yield port, int(children.read_text().split()[0])


@contextmanager
def started(command: list[str], environment: dict[str, str]) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Give the port that a server prints, once it answers."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "http" in line)
        port = urlsplit(next(word for word in line.split() if word.startswith("http"))).port or 0
        while not answers_at(port):
            sleep(0.1)
        yield port, process
    finally:
        process.terminate()
        process.wait()


def answers_at(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def serve_ordinarily() -> None:
    """Serve as tutorials do: the development server, and the network called in the view."""
    import io
    import socket

    import torch
    from flask import Flask, request
    from PIL import Image

    from aivsreal.training.timm_import import import_timm

    app = Flask(__name__)
    network = import_timm().create_model("mobilenetv2_100", num_classes=1).eval()

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    @app.post("/")
    def predict() -> dict[str, float]:
        image = Image.open(io.BytesIO(request.get_data())).convert("RGB").resize((224, 224))
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div(255).unsqueeze(0)
        with torch.no_grad():
            return {"probability_ai": torch.sigmoid(network(pixels)).item()}

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    app.run(port=port, threaded=True)


if __name__ == "__main__":
    main()
