"""Labelled images in a folder tree: `train/REAL/x.jpg`, `0_real/x.png`, `sdv1.4/train/ai/x.png`.

One folder of a path names the class, one may name the split, and one more names where the picture comes from:
the generator of an AI picture, the source of a real one.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from aivsreal.data.labelled import Sample
from aivsreal.data.words import LabelWords, label_of_folders, split_of, unknown_labels
from aivsreal.errors import BadData

IMAGE_SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".png",
        ".apng",
        ".webp",
        ".avif",
        ".heic",
        ".heif",
        ".hif",
        ".gif",
        ".tif",
        ".tiff",
        ".bmp",
        ".dib",
    ]
)


def folder_samples(root: Path, own_words: LabelWords) -> tuple[list[Sample], dict[str, int]]:
    """Return the samples of a tree in the order of their paths, and a count of the other files by suffix.

    Raises: BadData where there is no image, or folders name no class.
    """
    images, ignored = _files(root)
    if not images:
        found = ", ".join(f"{count} {suffix}" for suffix, count in ignored.items()) or "nothing"
        raise BadData(
            f"{root} holds no image, parquet file or table (it holds {found})",
            hint="give a folder with one folder a class in it, as in DATA/train/real and DATA/train/fake",
        )
    samples = []
    unknown: set[str] = set()
    for folders, name in images:
        named = label_of_folders(folders, own_words)
        if named is None:
            named = _label_of_root(root, own_words)
        if named is None:
            unknown.add(folders[-1] if folders else name)
            continue
        samples.append(_sample(root, folders, name, *named))
    if unknown:
        raise unknown_labels(unknown, str(root))
    return samples, ignored


def _sample(root: Path, folders: tuple[str, ...], name: str, label: int, class_at: int) -> Sample:
    split_at = next((at for at, word in enumerate(folders) if at != class_at and split_of(word)), None)
    split = "" if split_at is None else split_of(folders[split_at]) or ""
    above = [f for at, f in enumerate(folders) if at < class_at and at != split_at]
    below = [f for at, f in enumerate(folders) if at > class_at and at != split_at]
    origin = next(iter(above or below), None)
    return Sample(
        key="/".join((*folders, name)),
        label=label,
        split=split,
        columns={"generator": origin if label else None, "source": None if label else origin},
        path=str(root.joinpath(*folders, name)),
    )


def _label_of_root(root: Path, own_words: LabelWords) -> tuple[int, int] | None:
    """A folder given by itself (`DATA/test/fake`) still says its class in its own name."""
    named = label_of_folders((root.resolve().name,), own_words)
    return None if named is None else (named[0], -1)


def _files(root: Path) -> tuple[list[tuple[tuple[str, ...], str]], dict[str, int]]:
    images: list[tuple[tuple[str, ...], str]] = []
    ignored: Counter[str] = Counter()
    for folders, name in _walk(str(root), (), frozenset()):
        suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 (a Path for each of a million names is slow)
        if suffix in IMAGE_SUFFIXES:
            images.append((folders, name))
        else:
            ignored[suffix or name] += 1
    return images, dict(sorted(ignored.items()))


def _walk(
    folder: str, above: tuple[str, ...], on_the_way: frozenset[str]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield (folders, file name) below a folder, sorted, without what is hidden.

    on_the_way: the real places of the folders above; a link that leads back to one of them is passed over
    """
    place = os.path.realpath(folder)
    if place in on_the_way:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise BadData(f"cannot list {folder}: {error.strerror}", hint="is it yours to read?") from error
    for entry in entries:
        if entry.name.startswith(".") or entry.name == "__MACOSX":
            continue
        if _is_folder(entry):
            yield from _walk(entry.path, (*above, entry.name), on_the_way | {place})
        else:
            yield above, entry.name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
