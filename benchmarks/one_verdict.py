"""How long does one verdict take on one thread: a photograph of 1 megapixel, and a camera's full file of 12?

    python benchmarks/one_verdict.py [--model photos] [--rounds 9]

Each is a JPEG of quality 90, with and without the stability check where the model has one. Prints medians of
processor time, since one thread's wall time also counts what else runs on the machine.
"""

from __future__ import annotations

import argparse
from statistics import median
from time import process_time

import numpy as np

from aivsreal.detector import Detector
from aivsreal.images import encode, resize

SIZES = {"1 megapixel": (1152, 864), "12 megapixels": (4032, 3024)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="name or folder of a model (default: the shipped one)")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    detectors = {fast: Detector.load(options.model, threads=1, fast=fast) for fast in (True, False)}
    bundle = detectors[True].bundle
    print(f"{bundle.title}, {bundle.card.network.parameters / 1e6:.1f} million parameters, one thread")
    for name, size in SIZES.items():
        file = encode(drawn(size), format="JPEG", quality=90)
        for fast, detector in detectors.items():
            taken = [timed(detector, file) for _ in range(options.rounds)]
            how = "--fast" if fast else "with the stability check"
            print(f"{name:<14} {how:<26} {1000 * median(taken):6.0f} ms")


def drawn(size: tuple[int, int]) -> np.ndarray:
    """Pixels [h, w, 3] with coarse and fine structure, as much work to decode as a photograph."""
    rng = np.random.default_rng(0)
    coarse = resize(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8), size)
    grain = rng.integers(0, 12, (size[1], size[0], 1), dtype=np.uint8)
    return coarse // 2 + grain


def timed(detector: Detector, file: bytes) -> float:
    start = process_time()
    detector.predict(file)
    return process_time() - start


if __name__ == "__main__":
    main()
