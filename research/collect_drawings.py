"""Collects pictures that people made and that are no photographs, as a parquet beside the checkout.

python research/collect_drawings.py --out ../runs/drawings
python research/collect_drawings.py --out ../runs/drawings --sheets    # and contact sheets, to look at

Debian's packages named in drawing_packages.toml are downloaded and unpacked, never installed; pictures drawn
by drawn_by_code.py join them. At most 12 pictures come from one source package (more where the table says so), whole packages go to one
split, near copies are left out, and each picture becomes a record as the `photos` set makes them. What to
leave out was seen on contact sheets: photographs, textures, pictures that nobody would show.
drawings.csv says what came out. Needs apt-get, dpkg-deb, tar and rsvg-convert (librsvg2-bin).
"""

import csv
import hashlib
import io
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
from drawn_by_code import drawn
from PIL import Image, ImageDraw
from records import record, rng_of, spread, write_parquet

from aivsreal.cli.script import parser_of, run

HERE = Path(__file__).parent
PACKAGES = HERE / "drawing_packages.toml"
MANIFEST = HERE / "drawings.csv"
MANIFEST_COLUMNS = ("package", "version", "source", "path", "licence", "sha256", "style", "split", "kind")

MOST_A_SOURCE = 12
SHORTEST, WIDEST = 128, 3.5
# Below this spread of grey values a picture is a plain area.
FLATTEST = 8.0
# Perceptual hashes of 64 bits that differ in fewer bits are taken for one picture.
NEAR = 8
SHARES = {"train": 0.70, "val": 0.15, "test": 0.15}

RASTER = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tga")
VECTOR = (".svg", ".svgz")
SVG_WIDTHS = 480, 1600
# What lies behind a transparent picture: mostly white, as viewers show it.
BEHIND = ((255, 255, 255), (255, 255, 255), (255, 255, 255), (32, 32, 32), (190, 190, 190))
# Files that serve a program rather than an eye: maps of heights and normals, glyphs, sheets of frames.
NOT_FOR_EYES = re.compile(
    r"normal|specular|_nm\b|_nrm|_spec\b|height|bump|light_?map|alpha|mask|font|/skins?/|cursor|/thumb|shadow"
    r"|_glow|\bglow|palette|noise|gradient\.|button|border|frame_|textures?/|models?/|terrain|tileset|qmlthemes",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Package:
    """A Debian package as downloaded: `folder` holds its pictures, `licence` is a short name."""

    name: str
    version: str
    source: str
    licence: str
    folder: Path


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a folder outside the checkout")
    parser.add_argument("--sheets", action="store_true", help="draw contact sheets too")
    options = parser.parse_args(arguments)
    chosen = tomllib.loads(PACKAGES.read_text("utf-8"))
    found = without_near_copies([*from_packages(options.out, chosen), *from_code(options.out, chosen)])
    # Dropped last: nothing that nobody has looked at moves up.
    rows = [row for row in found if row["sha256"][:12] not in chosen["dropped"]]
    write_parquet(options.out / "drawings.parquet", rows)
    write_manifest(rows)
    if options.sheets:
        write_sheets(options.out / "sheets", rows)
    print(f"{len(rows):,} pictures of {len({row['source'] for row in rows})} sources")


def from_packages(out: Path, chosen: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the records of every package, those of one source package bounded together."""
    taken: dict[str, int] = {}
    names = sorted(chosen["package"])
    download(names, out / "debs")
    for name in names:
        package = unpacked(name, out)
        choice = chosen["package"][name]
        left = choice.get("most", MOST_A_SOURCE) - taken.get(package.source, 0)
        rows = records_of(package, choice, left)
        taken[package.source] = taken.get(package.source, 0) + len(rows)
        print(f"{name}: {len(rows)}", flush=True)
        yield from rows


def from_code(out: Path, chosen: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the records of the pictures drawn by code, with the packages' fonts and licence texts."""
    download(chosen["fonts"], out / "debs")
    folders = [unpacked(name, out).folder for name in chosen["fonts"]]
    fonts = sorted(
        path for folder in folders for path in folder.rglob("*") if path.suffix in (".ttf", ".otf")
    )
    papers = (path for name in sorted(chosen["package"]) for path in papers_of(out / "files" / name))
    texts = [path.read_text("utf-8", "replace") for path in papers]
    for drawing in drawn(fonts, texts):
        sha256 = hashlib.sha256(np.asarray(drawing.picture).tobytes()).hexdigest()
        source = f"drawn-{drawing.family}"
        package = Package(source, "1", source, "MIT", HERE)
        yield row_of(package, f"{drawing.family}/{drawing.number}", drawing.style, drawing.picture, sha256)


def download(names: Sequence[str], debs: Path) -> None:
    """Fetch the packages that are not there yet."""
    debs.mkdir(parents=True, exist_ok=True)
    missing = [name for name in names if not any(debs.glob(f"{name}_*.deb"))]
    if missing:
        subprocess.run(["apt-get", "--quiet=2", "download", *missing], cwd=debs, check=True)


def unpacked(name: str, out: Path) -> Package:
    """Return a package whose pictures, fonts and copyright file lie in `out`/files/NAME."""
    deb = next((out / "debs").glob(f"{name}_*.deb"))
    folder = out / "files" / name
    if not folder.exists():
        part = folder.with_name(f"{name}.part")
        part.mkdir(parents=True, exist_ok=True)
        kept = [f"*{suffix}" for suffix in (*RASTER, *VECTOR, ".ttf", ".otf")] + ["*/copyright"]
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as archive:
            # tar fails where a pattern matches nothing, which is no failure here
            subprocess.run(
                ["tar", "-x", "-C", part, "--wildcards", "--ignore-case", *kept],
                stdin=archive.stdout,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        part.rename(folder)
    wanted = "${Version}\n${source:Package}"
    shown = subprocess.run(
        ["dpkg-deb", "--show", f"--showformat={wanted}", deb], capture_output=True, text=True
    )
    version, source = shown.stdout.splitlines()
    return Package(name, version, source, licence_of(folder), folder)


def papers_of(folder: Path) -> list[Path]:
    """Return the copyright files of a package."""
    return sorted(folder.glob("usr/share/doc/*/copyright"))


def licence_of(folder: Path) -> str:
    """Return the licence of most of a package, by the first words of its copyright file."""
    text = "\n".join(path.read_text("utf-8", "replace") for path in papers_of(folder))
    named = re.search(r"^Files: *\*.*?^License: *(\S.*?)$", text, re.MULTILINE | re.DOTALL)
    named = named or re.search(r"^License: *(\S.*?)$", text, re.MULTILINE)
    if named:
        return named[1].strip()
    known = ("CC-BY-SA", "Creative Commons", "public domain", "GPL-3", "GPL-2", "GPL", "MIT", "BSD")
    return next((word for word in known if word.lower() in text.lower()), "see the package")


def records_of(package: Package, choice: Mapping[str, Any], most: int) -> list[dict[str, Any]]:
    """Return at most `most` records of a package that differ from one another."""
    rows: list[dict[str, Any]] = []
    for path in by_turns(candidates(package.folder, choice)):
        if len(rows) >= most:
            break
        data = path.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        picture = opened(path, data, rng_of(sha256))
        if picture is None:
            continue
        name = path.relative_to(package.folder).as_posix()
        # Games come with manuals, and those are full of screenshots.
        manual = choice["style"] == "illustration" and "share/doc/" in name
        style = "screen" if manual else choice["style"]
        row = row_of(package, name, style, picture, sha256)
        rows = without_near_copies([*rows, row])
    return rows


def candidates(folder: Path, choice: Mapping[str, Any]) -> list[Path]:
    """Return the files whose path matches `only` and not `but` (regular expressions), in any order."""
    only, but = re.compile(choice.get("only", "")), re.compile(choice.get("but", "(?!)"))
    found = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() not in RASTER + VECTOR or path.is_symlink() or path.stat().st_size < 2_000:
            continue
        if only.search(name) and not but.search(name) and not NOT_FOR_EYES.search(name):
            found.append(path)
    return found


def by_turns(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield one path of each folder, then the next of each: large folders do not rule. By hash, not by name."""
    order = sorted(paths, key=lambda path: hashlib.sha256(path.name.encode()).digest())
    turns: dict[Path, int] = {}
    numbered = []
    for path in order:
        turns[path.parent] = turns.get(path.parent, 0) + 1
        numbered.append((turns[path.parent], path))
    yield from (path for _, path in sorted(numbered, key=lambda pair: pair[0]))


def opened(path: Path, data: bytes, rng: np.random.Generator) -> Image.Image | None:
    """Return the RGB picture, on a plain ground where it is transparent; None where there is little to see."""
    try:
        if path.suffix.lower() in VECTOR:
            data = rasterised(path, int(rng.integers(*SVG_WIDTHS)))
        with Image.open(io.BytesIO(data)) as picture:
            if min(picture.size) < SHORTEST or max(picture.size) > WIDEST * min(picture.size):
                return None
            picture = picture.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, subprocess.SubprocessError):
        return None
    covered = np.asarray(picture.getchannel("A"), dtype=np.float32).mean() / 255
    ground = Image.new("RGBA", picture.size, BEHIND[int(rng.integers(len(BEHIND)))])
    seen = Image.alpha_composite(ground, picture).convert("RGB")
    return seen if covered > 0.15 and spread(seen) >= FLATTEST else None


def rasterised(path: Path, width: int) -> bytes:
    """Return a drawing of vectors as PNG."""
    command = ["rsvg-convert", "--keep-aspect-ratio", f"--width={width}", path]
    return subprocess.run(command, capture_output=True, check=True, timeout=20).stdout


def row_of(package: Package, path: str, style: str, picture: Image.Image, sha256: str) -> dict[str, Any]:
    """Return the columns of a record; its hash for near copies stands under `look`."""
    kind, scale, jpeg = record(picture, rng_of(sha256))
    split = split_of(package.source)
    return {
        "jpeg": jpeg,
        "name": f"{split}/{package.source}/{sha256[:16]}-{kind}.jpg",
        "label": "real",
        "split": split,
        "kind": kind,
        "source": package.source,
        "origin_kind": "drawing",
        "style": style,
        "group": package.source,
        "repo": package.name,
        "version": package.version,
        "origin_path": path,
        "licence": package.licence,
        "original_format": Path(path).suffix.lstrip(".").upper() or None,
        "original_width": picture.width,
        "original_height": picture.height,
        "scale": scale,
        "sha256": sha256,
        "look": look_of(picture),
    }


def look_of(picture: Image.Image) -> int:
    """Return a perceptual hash of 64 bits."""
    return int(str(imagehash.phash(picture)), 16)


def split_of(source: str) -> str:
    """Return the split of a source package, drawn by the hash of its name."""
    place = int(hashlib.sha256(source.encode()).hexdigest()[:8], 16) / 2**32
    for split, share in SHARES.items():
        if place < share:
            return split
        place -= share
    return "test"


def without_near_copies(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows in their order without those that look like an earlier one."""
    kept: list[dict[str, Any]] = []
    for row in rows:
        if all((row["look"] ^ other["look"]).bit_count() >= NEAR for other in kept):
            kept.append(row)
    return kept


def write_manifest(rows: Sequence[Mapping[str, Any]]) -> None:
    """Write drawings.csv, a line a picture."""
    with MANIFEST.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(MANIFEST_COLUMNS)
        for row in rows:
            as_named = {**row, "package": row["repo"], "path": row["origin_path"]}
            table.writerow([as_named[column] for column in MANIFEST_COLUMNS])


def write_sheets(folder: Path, rows: Sequence[Mapping[str, Any]], across: int = 10, down: int = 8) -> None:
    """Write contact sheets; under each picture its sha256's first letters, for the list of dropped ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for sheet in range(0, len(rows), across * down):
        page = Image.new("RGB", (across * 165, down * 185), "white")
        draw = ImageDraw.Draw(page)
        for place, row in enumerate(rows[sheet : sheet + across * down]):
            left, top = place % across * 165, place // across * 185
            with Image.open(io.BytesIO(row["jpeg"])) as picture:
                picture.thumbnail((160, 155))
                page.paste(picture, (left, top))
            draw.text((left, top + 156), row["repo"][:26], fill="black")
            draw.text((left, top + 169), row["sha256"][:12], fill="blue")
        page.save(folder / f"{sheet // (across * down):03}.png")


if __name__ == "__main__":
    run(main)
