"""A fixed subset of CIFAKE for comparisons on a small machine: 2,500 + 2,500 of train, 1,000 + 1,000 of its test.

python research/cifake_subset.py CIFAKE OUT      # CIFAKE: train-real.parquet, train-ai.parquet, test-...
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aivsreal.cli.script import parser_of, run

SIZES = {"train": 2500, "test": 1000}
SEED = 12


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("cifake", type=Path)
    parser.add_argument("out", type=Path)
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.concat_tables(parts(asked.cifake)), asked.out / "pictures.parquet", row_group_size=500)


def parts(cifake: Path) -> list[pa.Table]:
    """Return the drawn rows of each split and class, in the order of the files."""
    rng = np.random.default_rng(SEED)
    found = []
    for split, count in SIZES.items():
        for label in ("real", "ai"):
            table = pq.read_table(cifake / f"{split}-{label}.parquet")
            found.append(table.take(np.sort(rng.choice(table.num_rows, count, replace=False))))
    return found


if __name__ == "__main__":
    run(main)
