"""Does a verdict come out alike on a processor that multiplies eight bits otherwise?

    python benchmarks/other_processors.py PICTURE... [--model photos] [--processor Haswell]

Each picture is judged here and on a processor without VNNI, which qemu-user (apt install qemu-user) plays; there with
that processor's own products and with the exact ones that `aivsreal.sessions` asks for. It takes a minute a picture.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from aivsreal.bundle import load_bundle

# Run in a process of its own: the emulator starts a whole program. A --fast verdict, and its logit.
JUDGE = """
import sys
from aivsreal import detector, sessions
if sys.argv[1] == "own":
    sessions.cuts_off_sums = lambda: False
judge = detector.Detector.load(sys.argv[2], threads=1, fast=True)
for path in sys.argv[3:]:
    verdict = judge.predict(path)
    print(f"{verdict.verdict} {verdict.logit:.2f}")
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE")
    parser.add_argument("--model", default="photos", help="name or folder of a model")
    parser.add_argument("--processor", default="Haswell", help="as qemu-x86_64 -cpu help names them")
    options = parser.parse_args()
    emulator = shutil.which("qemu-x86_64")
    if emulator is None:
        parser.error("qemu-x86_64 is missing: apt install qemu-user")
    there = [emulator, "-cpu", options.processor]
    judged = {
        "here": answers([], "own", options),
        f"{options.processor}, its own products": answers(there, "own", options),
        f"{options.processor}, exact products": answers(there, "exact", options),
    }
    print(f"{load_bundle(options.model).title}, verdict and logit")
    for place, found in judged.items():
        print(f"{place:<30} " + "  ".join(f"{answer:<16}" for answer in found).rstrip())


def answers(before: list[str], products: str, options: argparse.Namespace) -> list[str]:
    """Return the verdict and logit of each picture, as a process behind `before` gives them."""
    files = [str(path) for path in options.pictures]
    command = [*before, sys.executable, "-c", JUDGE, products, options.model, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout.splitlines()


if __name__ == "__main__":
    main()
