"""How near does `predict` come to what decoding and the network alone cost? And in how much memory?

    python benchmarks/predict_speed.py [--model photos] [--pictures 1000] [--rounds 3]

Floor: all pictures decoded, then all their views run through the network, each with every core and nothing
else between. All three are timed in turn within one run, since machines are noisy; the best of each counts.
Pictures are records of ../shared/data/photos where that exists, else drawn by code.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np

from aivsreal.detector import Detector
from aivsreal.images import encode, open_picture, resize
from aivsreal.threads import available_cores
from aivsreal.views import Views, make_views, short_side_needed

PHOTOS = Path(__file__).resolve().parents[2] / "shared" / "data" / "photos"
# Pictures whose views are held ready for the network; it runs over them again and again.
READY = 64


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="name or folder of a model (default: the shipped one)")
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--drawn", action="store_true", help="draw the pictures even where ../shared exists")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = write_pictures(Path(folder), options.pictures, drawn=options.drawn)
        # First, while this process is small: a child's peak counts its parent's pages from before exec.
        memory = resident_mb(folder, options.model)
        detector = Detector.load(options.model)
        print(f"{detector.bundle.title}, {len(paths)} pictures, {available_cores()} cores")
        measure(detector, paths, options.rounds)
        print(f"resident memory of `aivsreal predict`: {memory:.0f} MB at most")


def measure(detector: Detector, paths: list[Path], rounds: int) -> None:
    spec = detector.bundle.card.views
    short_side = short_side_needed(spec)
    ready = [make_views(open_picture(path, short_side=short_side).pixels, spec) for path in paths[:READY]]
    seen = [ready[number % len(ready)] for number in range(len(paths))]

    def network(views: Views) -> None:
        detector._run(views, 1)

    def decode(path: Path) -> None:
        open_picture(path, short_side=short_side)

    times: dict[str, list[float]] = {"decode": [], "network": [], "predict": []}
    for _ in range(rounds):
        times["decode"].append(timed(lambda: spread(decode, paths)))
        times["network"].append(timed(lambda: spread(network, seen)))
        times["predict"].append(timed(lambda: exhaust(detector.predict_many(paths))))
    best = {name: min(found) for name, found in times.items()}
    floor = best["decode"] + best["network"]
    count = len(paths)
    views = sum(len(views.batch) for views in seen) / count
    print(f"decoding alone      {count / best['decode']:8.1f} pictures/s")
    print(f"network alone       {count / best['network']:8.1f} pictures/s ({views:.1f} views a picture)")
    print(f"floor, one + other  {count / floor:8.1f} pictures/s")
    share = floor / best["predict"]
    print(f"predict_many        {count / best['predict']:8.1f} pictures/s = {share:.0%} of the floor")


def spread(work: Callable[..., None], items: Iterable[object]) -> None:
    with ThreadPoolExecutor(available_cores()) as pool:
        exhaust(pool.map(work, items))


def exhaust(results: Iterable[object]) -> None:
    for _ in results:
        pass


def timed(work: Callable[[], None]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def resident_mb(folder: str, model: str | None) -> float:
    command = [sys.executable, "-m", "aivsreal", "predict", folder, "--json"]
    if model:
        command += ["--model", model]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def write_pictures(folder: Path, count: int, *, drawn: bool) -> list[Path]:
    files = drawn_photos() if drawn or not PHOTOS.is_dir() else recorded_photos()
    paths = []
    for number, data in enumerate(islice(files, count)):
        paths.append(folder / f"{number:05}.jpg")
        paths[-1].write_bytes(data)
    return paths


def recorded_photos() -> Iterable[bytes]:
    import pyarrow.parquet as pq

    for file in sorted(PHOTOS.glob("*-train-*.parquet")):
        for batch in pq.ParquetFile(file).iter_batches(batch_size=64, columns=["image"]):
            for record in batch.column("image").to_pylist():
                yield record["bytes"]


def drawn_photos() -> Iterable[bytes]:
    rng = np.random.default_rng(0)
    while True:
        coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        grain = rng.integers(0, 12, (900, 1200, 3), dtype=np.uint8)
        yield encode(resize(coarse, (1200, 900)) // 2 + grain, format="JPEG", quality=90)


if __name__ == "__main__":
    main()
