"""Give a model its memory: look at the pictures it was trained on once more, and keep their embeddings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from aivsreal.bundle import Bundle, load_bundle, update_card
from aivsreal.data.labelled import LabelledSet, Sample, require_both_classes, source_of
from aivsreal.detector import Detector
from aivsreal.errors import BadData
from aivsreal.evaluation.measure import Row, measure
from aivsreal.living.memory import Seen, as_file, make_memory, size_class

Progress = Callable[[int, int], None]
# Pictures that are replayed: with 1,536 numbers each in eight bits some 1.8 MB.
REPLAYED = 1200
# Sources with many pictures get fewer places than their size would give them.
SOURCE_POWER = 0.6


def remember(
    bundle_folder: str | Path,
    labelled: LabelledSet,
    *,
    replayed: int = REPLAYED,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> Bundle:
    """Return the bundle after it holds a memory of its train and val pictures, in place of an earlier one.

    labelled: what it was trained on. Of `train` as many are kept as `replayed` says, of both classes alike and
    of AI pictures only those whose generator is on the card; of `val` all.
    Raises: BadData where a split is missing or unreadable; BadBundle; CannotWrite.
    """
    bundle = load_bundle(Path(bundle_folder))
    held = labelled.of_split("val")
    learned = labelled.of_split("train")
    known = set(bundle.card.training.generators)
    learned = learned.with_samples([s for s in learned if not s.label or not known or _generator(s) in known])
    for part in (learned, held):
        require_both_classes(part)
    learned = learned.at(drawn(learned.samples, replayed, np.random.default_rng(seed)))
    detector = Detector(bundle, threads=1, fast=True)
    both = learned.with_samples([*learned, *held])
    rows = measure(detector, both, chain="as_is", keep_embeddings=True, on_progress=on_progress)
    seen = [seen_of(row) for row in rows]
    first = [one for one in seen[: len(learned)] if one is not None]
    last = [one for one in seen[len(learned) :] if one is not None]
    if not first or not last:
        raise BadData(f"hardly a picture of {labelled.name} can be read", hint="`aivsreal audit` lists them")
    return update_card(bundle.folder, bundle.card, extra=as_file(make_memory(first, last)))


def drawn(samples: Sequence[Sample], count: int, rng: np.random.Generator) -> list[int]:
    """Return places of at most `count` samples: half of each class, a source by its size to SOURCE_POWER."""
    chosen: list[int] = []
    for label in (0, 1):
        places = [place for place, sample in enumerate(samples) if sample.label == label]
        size = Counter(source_name(samples[place]) for place in places)
        weights = np.array([size[source_name(samples[place])] ** (SOURCE_POWER - 1) for place in places])
        # Keys of Efraimidis and Spirakis 2006, "Weighted random sampling with a reservoir".
        keys = rng.exponential(size=len(places)) / weights
        chosen += [places[at] for at in np.argsort(keys)[: count // 2]]
    return sorted(chosen)


def seen_of(row: Row) -> Seen | None:
    """Return a measured picture as it is remembered; None where it could not be read."""
    if row.error or row.embedding is None:
        return None
    return Seen(
        embedding=row.embedding,
        label=row.label,
        logit=row.logit,
        source=name_of_source(row.columns, row.label),
        group=str(row.columns.get("group") or ""),
        origin=source_of(row.columns),
        format=row.format,
        size=size_class(row.width, row.height),
    )


def source_name(sample: Sample) -> str:
    """Return what a sample's source is called in a memory."""
    return name_of_source(sample.columns, sample.label)


def name_of_source(columns: Mapping[str, object], label: int) -> str:
    """Return "generator=..." of an AI picture, "origin_kind=..." or "source=..." of a real one; else its class."""
    for column in ("generator",) if label else ("origin_kind", "source", "repo"):
        if value := columns.get(column):
            return f"{column}={value}"
    return "label=ai" if label else "label=real"


def _generator(sample: Sample) -> str:
    return str(sample.columns.get("generator") or "")
