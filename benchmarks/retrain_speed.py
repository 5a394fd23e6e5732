"""How long does it take to teach a model's head so many new pictures?

    python benchmarks/retrain_speed.py [--data ../shared/data/photos --where split=train] [--pictures 200]

The whole of `aivsreal retrain`, from reading the files to the challenger on the disk. Processor time is of all
threads together: where other work shares the machine, it divided by the cores is what is left of the time. Without
--data the drawn toy set is used, which is quicker to decode.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import perf_counter, process_time

from aivsreal.bundle import load_bundle
from aivsreal.data.labelled import LabelledSet
from aivsreal.data.sources import load_sets
from aivsreal.data.toy import draw_toy_set
from aivsreal.living.retrain import retrain
from aivsreal.threads import available_cores


def thinned(labelled: LabelledSet, count: int) -> LabelledSet:
    """So many of the pictures, evenly from all over the set."""
    return labelled.at([place * len(labelled) // count for place in range(min(count, len(labelled)))])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", action="append", default=[])
    parser.add_argument("--where", action="append", default=[])
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--base", default="photos")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = chosen.data or [str(draw_toy_set(Path(folder) / "toy", n=chosen.pictures, size=512))]
        new = thinned(load_sets(data, where=chosen.where), chosen.pictures)
        began, worked = perf_counter(), process_time()
        retrain(chosen.base, new, Path(folder) / "challenger", say=lambda _: None)
        seconds, processor = perf_counter() - began, process_time() - worked
    print(f"{load_bundle(chosen.base).title}, {len(new)} new pictures, {available_cores()} cores")
    print(f"{seconds:6.1f} s; processor time {processor:6.1f} s")


if __name__ == "__main__":
    main()
