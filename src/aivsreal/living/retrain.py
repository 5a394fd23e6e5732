"""From new labelled pictures to a challenger: the same tower, a head that was taught, a card that says so.

Pictures of the user's gate set are never learned from. Some of the new ones are held out, and become part of
the challenger's own reference and gate; whether it gains is judged on these, and on heads that were taught
without the picture in question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from aivsreal.bundle import Bundle, is_version, load_bundle, save_bundle
from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.data.split import group_ids
from aivsreal.detector import Detector
from aivsreal.errors import BadData, UnreadableImage, UsageError
from aivsreal.evaluation.measure import measure
from aivsreal.images import open_picture
from aivsreal.living.feedback import ids_in
from aivsreal.living.gate_set import without_gate
from aivsreal.living.heads import head_in
from aivsreal.living.memory import Memory, Seen, as_file, grown, require_memory
from aivsreal.living.remember import seen_of
from aivsreal.living.teach import Pictures, Teaching, taught
from aivsreal.self_test import REFERENCE, self_test_picture
from aivsreal.threads import available_cores, in_order
from aivsreal.training.augment import augment
from aivsreal.training.recipe import AugmentSection
from aivsreal.training.tower_graph import head_of, with_head
from aivsreal.verdict import logit_at

Say = Callable[[str], None]
# Views of each new picture that are drawn at random beside the one that a verdict sees.
DRAWN = 3
HELD_OUT, MOST_HELD = 0.2, 0.5
# With fewer new pictures of a class none is held out: the left-out heads judge them all.
FEWEST_TO_HOLD = 20
FEWEST = 5


@dataclass(frozen=True, eq=False)
class Looked:
    """A new picture as the base sees it. drawn: float32 [DRAWN, d], embeddings of augmented views."""

    seen: Seen
    drawn: NDArray[np.float32]


def retrain(
    base: str | Path | None,
    new: LabelledSet,
    out: Path,
    *,
    version: str | None = None,
    teaching: Teaching | None = None,
    seed: int = 0,
    say: Say = print,
) -> Bundle:
    """Return the challenger in `out`, which appears when it is whole: the base, taught the new pictures.

    base: name or folder of a tower with a memory (default: the model in use); version: default the base's with
    its second number raised
    Raises: BadBundle where the base has no head or no memory; BadData where too few new pictures are left;
    UsageError; CannotWrite.
    """
    bundle = load_bundle(base)
    number = version or next_version(bundle.card.version)
    if not is_version(number):
        raise UsageError(f"{number!r} is no version", hint="write three numbers, as in 1.2.0")
    head_in(bundle), require_memory(bundle)
    chosen, barred = without_gate(new, bundle)
    if barred:
        say(f"{barred} of the new pictures stand in the gate set and are not learned from")
    looked = look(bundle, chosen, seed=seed, say=say)
    if len(looked) < FEWEST:
        raise BadData(
            f"{len(looked)} new pictures can be learned from", hint=f"give at least {FEWEST}, better fifty"
        )
    held = held_out(looked)
    challenger = teach_bundle(bundle, looked, held, number, new, out, teaching)
    learned, part = (
        int((~held).sum()),
        challenger.card.training.counts[f"taught as {number}"]["part of the way"],
    )
    say(f"{challenger.title} is in {out}: {bundle.title}, taught {learned} pictures of {new.name}")
    say(
        f"it went {part:.0%} of the way that they ask for"
        if part
        else "it learned nothing: what would find more of them loses known AI pictures, or more photographs are called AI"
    )
    return challenger


def look(bundle: Bundle, labelled: LabelledSet, *, seed: int = 0, say: Say = print) -> list[Looked]:
    """Return every picture that can be read as the base sees it: as it is, and in DRAWN augmented views."""
    detector = Detector(bundle, threads=1, fast=True)
    section = _augmentation(bundle)
    size = bundle.card.views.size
    groups = group_ids(labelled.samples)

    def drawn(numbered: tuple[int, Sample]) -> NDArray[np.float32] | None:
        place, sample = numbered
        try:
            pixels = open_picture(sample.read()).pixels
        except UnreadableImage:
            return None
        rng = np.random.default_rng((seed, place, 0x11F))
        return detector.embed(np.stack([augment(pixels, section, size, rng) for _ in range(DRAWN)]))

    rows = measure(detector, labelled, chain="as_is", keep_embeddings=True)
    views = in_order(drawn, enumerate(labelled), threads=available_cores(), ahead=2)
    found = []
    for row, group, sample, embeddings in zip(rows, groups, labelled, views, strict=True):
        seen = seen_of(row)
        if seen is None or embeddings is None:
            say(f"{sample.key} is left out: {row.error}")
            continue
        found.append(Looked(_of_group(seen, group), embeddings))
    return found


def teach_bundle(
    bundle: Bundle,
    looked: Sequence[Looked],
    held: NDArray[np.bool_],
    version: str,
    new: LabelledSet,
    out: Path,
    teaching: Teaching | None = None,
) -> Bundle:
    """Return the challenger in `out`.

    held: bool [n], which of the pictures looked at are not learned from; new: the set that they are of
    """
    old, memory = head_in(bundle), require_memory(bundle)
    known, (learned, views_of) = (
        replayed(memory),
        as_pictures([x for x, h in zip(looked, held, strict=True) if not h]),
    )
    card = bundle.card
    above = logit_at(card.thresholds.ai_above, card.calibration)
    lesson = taught(old, known, learned, views_of, above, teaching)
    head = lesson.head
    judged = np.full(len(looked), np.nan, np.float32)
    # The first view of a picture is the one that a verdict sees.
    judged[~held] = lesson.left_out[np.unique(views_of, return_index=True)[1]]
    after = grown(memory, [one.seen for one in looked], held, judged)
    logits = after.embeddings @ head.weight + head.bias
    after = after.with_logits(logits.astype(np.float32))
    graph = with_head(bundle.onnx_bytes, head)
    card = card.model_copy(
        update={
            "version": version,
            "created": datetime.now(UTC).date(),
            "training": bundle.card.training.model_copy(
                update=_training(bundle, looked, held, new, version, lesson.part)
            ),
            "figures": {},
            "limits": [*bundle.card.limits, _limit(bundle, int((~held).sum()), new.name)],
        }
    )
    unsaved = Bundle(out, card, graph)
    reference = {**card.reference, REFERENCE: Detector(unsaved, fast=True).predict(self_test_picture()).logit}
    card = card.model_copy(update={"reference": reference})
    return save_bundle(out, onnx=graph, weights=save(head_of(graph)), card=card, extra=as_file(after))


def replayed(memory: Memory) -> Pictures:
    """Return what the model learned from, to be replayed: a photograph's group is its whole collection."""
    learned = memory.at(~memory.held)
    collections = (learned.labels == 0) & (learned.origins != "")
    groups = np.where(collections, learned.origins, learned.groups)
    return Pictures(learned.embeddings, learned.labels, groups, learned.sources)


def as_pictures(looked: Sequence[Looked]) -> tuple[Pictures, NDArray[np.int64]]:
    """Return all views of the pictures, and the number of the picture that each shows."""
    views = [np.concatenate([one.seen.embedding[None], one.drawn]) for one in looked]
    of = np.repeat(np.arange(len(looked)), [len(part) for part in views])
    labels = np.array([one.seen.label for one in looked], np.int8)[of]
    groups = np.array([one.seen.group for one in looked], np.str_)[of]
    sources = np.array([one.seen.source for one in looked], np.str_)[of]
    return Pictures(np.concatenate(views), labels, groups, sources), of


def held_out(looked: Sequence[Looked], share: float = HELD_OUT) -> NDArray[np.bool_]:
    """Return which pictures are not learned from, bool [n]: by a hash of their group, of large classes only.

    A group stays together. Where one is so large that most of a class would be held out, all of that is learned.
    """
    labels = np.array([one.seen.label for one in looked], np.int8)
    low = np.array([_height(one.seen.group) < share for one in looked], bool)
    held = np.zeros(len(looked), bool)
    for label in (0, 1):
        own = labels == label
        if own.sum() >= FEWEST_TO_HOLD and low[own].mean() <= MOST_HELD:
            held |= own & low
    return held


def next_version(version: str) -> str:
    """Return the version with its second number raised: 1.1.0 after 1.0.3."""
    major, minor, _ = version.split("-")[0].split("+")[0].split(".")
    return f"{major}.{int(minor) + 1}.0"


def _training(
    bundle: Bundle,
    looked: Sequence[Looked],
    held: NDArray[np.bool_],
    new: LabelledSet,
    version: str,
    part: float,
) -> dict[str, object]:
    """Return what the card says of the teaching beside the base's training."""
    before = bundle.card.training
    labels = [one.seen.label for one, out in zip(looked, held, strict=True) if not out]
    sources = {one.seen.source for one in looked if one.seen.label}
    generators = {name.partition("=")[2] for name in sources if name.startswith("generator=")}
    entry = {
        "real": labels.count(0),
        "ai": labels.count(1),
        "held out": int(held.sum()),
        "part of the way": round(part, 2),
        "data": new.name,
        "base": bundle.title,
    }
    return {
        "counts": {**before.counts, f"taught as {version}": entry},
        "generators": sorted({*before.generators, *generators}),
        "feedback": sorted({*before.feedback, *ids_in(new)}),
    }


def _limit(bundle: Bundle, learned: int, data_name: str) -> str:
    return (
        f"Was taught {learned} pictures of {data_name} after its thresholds were chosen: its promises are those "
        f"measured for {bundle.title}."
    )


def _augmentation(bundle: Bundle) -> AugmentSection:
    """Return the augmentation that the head was fitted with, as the card's recipe says; else the default."""
    tower = bundle.card.network.recipe.get("tower") or {}
    return AugmentSection.model_validate(tower.get("augment") or {})


def _of_group(seen: Seen, group: str) -> Seen:
    return Seen(**{**seen.__dict__, "group": group})


def _height(group: str) -> float:
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:7], "big") / 2**56
