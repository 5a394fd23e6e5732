"""The two values of the data floor: a Sample (one labelled image, not yet read) and a LabelledSet of them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aivsreal.data.contents import content_ids
from aivsreal.errors import BadData, UnreadableImage

if TYPE_CHECKING:
    import numpy as np

_SPLIT_ORDER = {"": 0, "train": 1, "val": 2, "test": 3, "unseen": 4}


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled image: what is known of it, and where its bytes lie.

    key: path relative to the set's root, or `file.parquet#row`; unique in its set
    label: 1 AI, 0 real
    split: "train", "val", "test", "unseen" or a set's own word; "" where the set names none
    columns: everything else that the data says (generator, source, group, ...); None where it says nothing
    path, row: the file that holds it; row is -1 for an image file, else the row in a parquet file
    """

    key: str
    label: int
    split: str
    columns: Mapping[str, Any]
    path: str
    row: int = -1

    def read(self) -> bytes:
        """Return the image file's bytes, as they were saved. Raises: UnreadableImage."""
        if self.row >= 0:
            from aivsreal.data.parquet import read_image

            return read_image(self.path, self.row)
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            raise UnreadableImage(
                f"cannot read {self.path}: {error.strerror or error}",
                hint="is it still there, and yours to read?",
            ) from error


@dataclass(frozen=True)
class LabelledSet:
    """Labelled images of one origin, in a fixed order.

    generator_table: generators.csv beside the data, a row a generator
    ignored: how many files of which suffix were passed over, being no images
    """

    name: str
    root: Path
    samples: tuple[Sample, ...]
    generator_table: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many samples there are."""
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        """Go through the samples in their order."""
        return iter(self.samples)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that occur: train, val, test, unseen, then a set's own words."""
        return tuple(sorted({s.split for s in self.samples}, key=lambda s: (_SPLIT_ORDER.get(s, 9), s)))

    @property
    def column_names(self) -> tuple[str, ...]:
        """Every column that some sample has, in the order of first meeting."""
        return tuple(dict.fromkeys(name for sample in self.samples for name in sample.columns))

    def labels(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return int64 [n]: 1 AI, 0 real."""
        import numpy as np

        return np.fromiter((s.label for s in self.samples), dtype=np.int64, count=len(self.samples))

    def of_split(self, name: str) -> LabelledSet:
        """Return the samples of one split. Raises: BadData where the set has no such split."""
        chosen = [s for s in self.samples if s.split == name]
        if not chosen:
            have = ", ".join(split or "(none named)" for split in self.splits)
            raise BadData(f"{self.name} has no split {name!r}", hint=f"it has: {have}")
        return self.with_samples(chosen)

    def at(self, indices: Iterable[int]) -> LabelledSet:
        """Return the samples at these positions, in the order given."""
        return self.with_samples([self.samples[i] for i in indices])

    def with_samples(self, samples: Sequence[Sample]) -> LabelledSet:
        """Return the same set with other samples."""
        return dataclasses.replace(self, samples=tuple(samples))

    def fingerprint(self) -> str:
        """Return a SHA-256 of what the set holds: every picture's bytes, label and split, in no order.

        Neither file names nor folders enter, so a set keeps its fingerprint when it is moved or repacked.
        """
        lines = (
            f"{i} {s.label} {s.split}" for i, s in zip(content_ids(self.samples), self.samples, strict=True)
        )
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def require_both_classes(labelled: LabelledSet) -> None:
    """Return quietly where both classes occur. Raises: BadData where one is missing."""
    labels = {sample.label for sample in labelled.samples}
    if len(labels) == 2:
        return
    here, missing = ("AI pictures", "real ones") if labels == {1} else ("real pictures", "AI ones")
    raise BadData(
        f"{labelled.name} holds {here} only, {missing} are missing",
        hint="give the folder above both classes, or a looser --where",
    )


def source_of(columns: Mapping[str, Any]) -> str:
    """Return what a sample of these columns comes from: its generator, or its source or repository; "" where none is told."""
    for column in ("generator", "source", "repo"):
        if columns.get(column):
            return f"{column}={columns[column]}"
    return ""
