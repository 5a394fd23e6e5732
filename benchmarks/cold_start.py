"""How long does the first answer take? `import aivsreal`, and one verdict from a cold start.

    python benchmarks/cold_start.py [--model photos] [--rounds 7]

Each is a fresh process; the median counts. The interpreter's own start is in every figure and shown beside.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from aivsreal.images import encode, resize

HEAVY = ("torch", "timm", "sklearn", "scipy", "matplotlib", "pyarrow", "onnx")
VERDICT_AND_IMPORTS = f"""
import sys
from aivsreal.cli.main import main
try:
    main()
except SystemExit:
    print("imported:", *[name for name in {HEAVY!r} if name in sys.modules] or ["nothing heavy"])
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="name or folder of a model (default: the shipped one)")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        picture = draw(Path(folder) / "drawn.jpg")
        arguments = ["predict", str(picture), *(["--model", options.model] if options.model else [])]
        show("python, doing nothing", ["-c", "pass"], options.rounds)
        show("import aivsreal", ["-c", "import aivsreal"], options.rounds)
        show("aivsreal predict, one picture", ["-m", "aivsreal", *arguments], options.rounds)
        output = run(["-c", VERDICT_AND_IMPORTS, *arguments])
        print(output.strip().splitlines()[-1])


def show(what: str, arguments: list[str], rounds: int) -> None:
    times = []
    for _ in range(rounds):
        start = perf_counter()
        run(arguments)
        times.append(perf_counter() - start)
    print(f"{what:<30} {statistics.median(times):.3f} s ({min(times):.3f} to {max(times):.3f})")


def run(arguments: list[str]) -> str:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True).stdout


def draw(path: Path) -> Path:
    coarse = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    path.write_bytes(encode(resize(coarse, (1600, 1200)), format="JPEG", quality=90))
    return path


if __name__ == "__main__":
    main()
