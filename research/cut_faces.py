"""Cuts faces out of a set's training pictures, as a parquet beside the checkout.

python research/cut_faces.py ../shared/data/photos --out ../runs/faces/faces.parquet

Photographs and AI pictures alike are cut (faces.py); benchmarks' are left out, as they are such cuts already. A face
keeps generator, source and group of the picture that it was cut out of, so that the two are never apart.
Needs the Python package opencv-python-headless.
"""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from faces import cut_faces
from PIL import Image
from records import COLUMNS, rng_of, write_parquet

from aivsreal.cli.script import parser_of, run
from aivsreal.data.labelled import LabelledSet
from aivsreal.data.sources import load_set


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("data")
    parser.add_argument("--out", type=Path, required=True, help="a parquet file outside the checkout")
    options = parser.parse_args(arguments)
    rows = list(face_rows(load_set(options.data, where=["split=train", "origin_kind!=benchmark"])))
    write_parquet(options.out, rows)
    ai = sum(row["label"] == "ai" for row in rows)
    print(f"{len(rows) - ai} faces of photographs, {ai} of AI pictures")


def face_rows(labelled: LabelledSet) -> Iterator[dict[str, Any]]:
    """Yield a record for each face, in the order of the pictures."""
    for number, sample in enumerate(labelled):
        with Image.open(io.BytesIO(sample.read())) as opened:
            picture = opened.convert("RGB")
        known = {name: sample.columns.get(name) for name in COLUMNS}
        seed = rng_of(known["sha256"])
        for face, (scale, jpeg) in enumerate(cut_faces(picture, seed)):
            yield known | {
                "jpeg": jpeg,
                "name": f"train/faces/{number:05}-{face}.jpg",
                "label": "ai" if sample.label else "real",
                "split": "train",
                "kind": "face",
                "scale": scale,
            }


if __name__ == "__main__":
    run(main)
