"""The words people use for the two classes and for splits, read tolerantly: `0_real`, `FAKE images`, `valid`.

1 is AI and 0 is real everywhere in this project, whatever numbers a data set uses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from aivsreal.data.rows import rows_of
from aivsreal.errors import BadData

REAL, AI = 0, 1
LABEL_NAMES = ("real", "ai")
LABEL_COLUMNS = ("label", "labels", "class")  # what tables and parquet files call the column

# A name may also be that of a thing in a picture ("human", "nature"), so these give way to the plain words.
_PLAIN = {
    "real": REAL,
    "authentic": REAL,
    "genuine": REAL,
    "ai": AI,
    "fake": AI,
    "synthetic": AI,
    "aigenerated": AI,
    "deepfake": AI,
}
_VAGUE = {
    "nature": REAL,
    "natural": REAL,
    "human": REAL,
    "photo": REAL,
    "photograph": REAL,
    "original": REAL,
    "generated": AI,
    "artificial": AI,
    "machine": AI,
}
_FILLERS = {
    "images",
    "image",
    "imgs",
    "img",
    "pictures",
    "picture",
    "pics",
    "art",
    "data",
    "set",
    "samples",
    "photo",
    "photos",
}
_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "unseen": "unseen",
}
_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

LabelWords = Mapping[str, int]
"""Words of one data set that the general list does not know (its `labels.csv`), as written there."""


def label_of(word: str, own_words: LabelWords | None = None) -> int | None:
    """Return 1 (AI), 0 (real) or None where the word names neither; a set's own words come first."""
    if own_words and word in own_words:
        return own_words[word]
    plain = _bare(word)
    return _PLAIN.get(plain, _VAGUE.get(plain))


def label_of_folders(folders: tuple[str, ...], own_words: LabelWords | None = None) -> tuple[int, int] | None:
    """Return (label, position of the folder that says so), None where no folder names a class.

    `fake/human/x.jpg` and `human/fake/x.jpg` are both fake: a vague word gives way to a plain one.
    Raises: BadData where two folders contradict each other in equally plain words.
    """
    named = [(label_of(word, own_words), _rank(word, own_words), at) for at, word in enumerate(folders)]
    found = [(label, rank, at) for label, rank, at in named if label is not None]
    if not found:
        return None
    best = min(rank for _, rank, _ in found)
    labels = {label for label, rank, _ in found if rank == best}
    if len(labels) > 1:
        raise BadData(
            f"the folders of {'/'.join(folders)} name both classes",
            hint="let one folder in each path say real or ai, or describe the set in a CSV of path,label",
        )
    return next((label, at) for label, rank, at in found if rank == best)


def split_of(word: str) -> str | None:
    """Return train, val, test or unseen where the word means one of them, else None."""
    return _SPLITS.get(_bare(word))


def read_own_words(folder: Path) -> dict[str, int]:
    """Return the words of `labels.csv` (columns word,label) in a folder; empty where there is none.

    It is how a set says what its numbers or its unusual folder names mean. Raises: BadData.
    """
    path = folder / "labels.csv"
    if not path.is_file():
        return {}
    words: dict[str, int] = {}
    for row in rows_of(path):
        word, label = (row.get("word") or "").strip(), label_of(row.get("label") or "")
        if not word or label is None:
            raise BadData(
                f"{path} has a line that is not a word and its label: {','.join(str(cell or '') for cell in row.values())}",
                hint="write a first line 'word,label', then lines like 'cats,real' or '1,ai'",
            )
        words[word] = label
    return words


def unknown_labels(words: set[str], where: str) -> BadData:
    """Return the error for words that name no class, with what to do about it."""
    shown = ", ".join(repr(word) for word in sorted(words)[:6]) + (", ..." if len(words) > 6 else "")
    example = sorted(words)[0]
    return BadData(
        f"{where}: cannot tell which class is meant by {shown}",
        hint=f"use real and ai (or nature, human, authentic; fake, synthetic, generated), "
        f"or put a labels.csv beside the data with the lines 'word,label' and '{example},real' (or ai)",
    )


def _rank(word: str, own_words: LabelWords | None) -> int:
    if own_words and word in own_words:
        return 0
    return 1 if _bare(word) in _PLAIN else 2


def _bare(word: str) -> str:
    """`0_real` -> real, `AI-generated` -> aigenerated, `FakeImages` -> fake, `photos` -> photo."""
    tokens = [token.lower() for token in _TOKEN.findall(word)]
    kept = [token for token in tokens if token not in _FILLERS] or tokens
    joined = "".join(kept)
    known = joined in _PLAIN or joined in _VAGUE or joined in _SPLITS
    return joined if known else joined.removesuffix("s")
