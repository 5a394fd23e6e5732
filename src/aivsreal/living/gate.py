"""The gate: a challenger takes the champion's place only if it gains on what is new and loses nowhere.

Both judge the same pictures: the user's gate set and what a retraining held out, through the whole way of a verdict,
and, where the two differ in their head only, the embeddings that the champion was judged on. Real photographs come
first: of them no more may be called AI than before. Every comparison is paired, and its interval decides with its
value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aivsreal.bundle import Bundle
from aivsreal.data.labelled import LabelledSet
from aivsreal.detector import Detector
from aivsreal.errors import UsageError
from aivsreal.evaluation.intervals import Bools, Figure
from aivsreal.evaluation.measure import measure
from aivsreal.evaluation.metrics import group_codes
from aivsreal.evaluation.paired import share_difference
from aivsreal.living.gate_set import load_gate, load_held
from aivsreal.living.heads import head_in, same_tower
from aivsreal.living.memory import Memory, memory_of

Part = Literal["gate", "new"]

# What a slice may lose although its interval shows the loss: one picture in a hundred.
TOLERANCE = 0.01
# Smaller slices are anecdotes; they count in all AI pictures, and in all photographs.
FEWEST = 5
NO_GATE = "make one of your own pictures: aivsreal gate init --real DIR --ai DIR; --force promotes without, and is recorded"


@dataclass(frozen=True)
class Judged:
    """One picture, and whether each of the two calls it AI."""

    part: Part
    label: int
    source: str
    group: str
    before: bool
    after: bool


@dataclass(frozen=True)
class Slice:
    """Pictures that are compared by themselves: the share called AI before and after, and the difference."""

    name: str
    label: int
    count: int
    before: float
    after: float
    difference: Figure
    fails: bool
    words: str

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "slice": self.name,
            "pictures": self.count,
            "called_ai_before": round(self.before, 5),
            "called_ai_after": round(self.after, 5),
            "difference": self.difference.as_json(),
            "fails": self.fails,
            "words": self.words,
        }


@dataclass(frozen=True)
class Decision:
    """Whether the challenger may be promoted, and what it was decided by."""

    champion: str
    challenger: str
    slices: tuple[Slice, ...]
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether no slice fails."""
        return not any(one.fails for one in self.slices)

    @property
    def words(self) -> str:
        """The outcome in a sentence; a refusal says which slices failed."""
        if self.passed:
            gains = next((one.words for one in self.slices if one.name == "new"), "there is no new data")
            return f"{self.challenger} passes: it loses nowhere against {self.champion}, and {gains}"
        failed = "; ".join(f"{one.name}: {one.words}" for one in self.slices if one.fails)
        return f"{self.challenger} is refused: {failed}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values, as the history keeps it."""
        return {
            "champion": self.champion,
            "challenger": self.challenger,
            "passed": self.passed,
            "tolerance": self.tolerance,
            "slices": [one.as_json() for one in self.slices],
        }


def compare(champion: Bundle, challenger: Bundle, *, tolerance: float = TOLERANCE) -> Decision:
    """Return the decision on the user's gate set, the champion's remembered pictures, and what is new.

    Raises: UsageError where there is neither a gate set nor a memory that both heads can be tried on; BadData
    where the gate set is damaged; BadBundle.
    """
    rows = [*_on_pictures(champion, challenger), *_on_memories(champion, challenger)]
    # What was held out may be AI pictures alone, and without photographs nothing is let pass.
    if not any(row.part == "gate" and row.label == 0 for row in rows):
        raise UsageError(
            f"there is nothing to measure {challenger.title} against {champion.title} on", hint=NO_GATE
        )
    return decide(rows, champion.title, challenger.title, tolerance=tolerance)


def decide(
    rows: Sequence[Judged], champion: str, challenger: str, *, tolerance: float = TOLERANCE
) -> Decision:
    """Return the decision on these pictures; pure."""
    slices: list[Slice] = []
    gate = [row for row in rows if row.part == "gate"]
    for label, all_of in ((0, "real photographs"), (1, "AI pictures")):
        of_class = [row for row in gate if row.label == label]
        if of_class:
            slices.append(_slice(all_of, label, of_class, tolerance, strict=label == 0))
        for source in sorted({row.source for row in of_class}):
            part = [row for row in of_class if row.source == source]
            if FEWEST <= len(part) < len(of_class):
                slices.append(_slice(source, label, part, tolerance))
    new = [row for row in rows if row.part == "new"]
    if new:
        slices.append(_gain(new))
    return Decision(champion, challenger, tuple(slices), tolerance)


def _slice(name: str, label: int, rows: Sequence[Judged], tolerance: float, *, strict: bool = False) -> Slice:
    """Compare one slice. strict: any rise of false accusations fails, whatever its interval."""
    before, after, difference = _compared(rows)
    lost = difference.value if label == 0 else -difference.value
    shown = difference.low > 0 if label == 0 else difference.high < 0
    fails = lost > 0 if strict else lost > tolerance and shown
    words = (
        f"{after.sum()} of {len(rows)} called AI, before {before.sum()} "
        f"({difference.value:+.1%}, {difference.low:+.1%} to {difference.high:+.1%})"
    )
    return Slice(
        name, label, len(rows), float(before.mean()), float(after.mean()), difference, bool(fails), words
    )


def _gain(rows: Sequence[Judged]) -> Slice:
    """Compare right answers on the new data: more must be right, and the interval must show it."""
    labels = np.array([row.label == 1 for row in rows])
    before = np.array([row.before for row in rows]) == labels
    after = np.array([row.after for row in rows]) == labels
    difference = share_difference(before, after, _groups(rows))
    gains = difference.low > 0
    words = (
        f"{after.sum()} of {len(rows)} new pictures right, before {before.sum()} "
        f"({difference.value:+.1%}, {difference.low:+.1%} to {difference.high:+.1%})"
    )
    if not gains:
        words += ": no gain is shown"
    return Slice("new", 1, len(rows), float(before.mean()), float(after.mean()), difference, not gains, words)


def _compared(rows: Sequence[Judged]) -> tuple[Bools, Bools, Figure]:
    before = np.array([row.before for row in rows])
    after = np.array([row.after for row in rows])
    return before, after, share_difference(before, after, _groups(rows))


def _groups(rows: Sequence[Judged]) -> NDArray[np.int64]:
    return group_codes([row.group or None for row in rows], len(rows))


def _on_pictures(champion: Bundle, challenger: Bundle) -> Iterator[Judged]:
    """Yield what both say of pictures, by the whole way of a verdict: the user's gate set, and what was held out.

    What the champion's retraining held out is kept from being lost; what the challenger's did is new.
    """
    fingerprints = [bundle.card.training.data_fingerprint for bundle in (champion, challenger)]
    new = load_held(challenger) if fingerprints[0] != fingerprints[1] else None
    parts: tuple[tuple[Part, LabelledSet | None], ...] = (
        ("gate", load_gate()),
        ("gate", load_held(champion)),
        ("new", new),
    )
    for part, labelled in parts:
        if labelled is None:
            continue
        answers = [
            measure(Detector(bundle, threads=1), labelled, chain="as_is") for bundle in (champion, challenger)
        ]
        for first, second in zip(*answers, strict=True):
            if not first.error and not second.error:
                source, group = str(first.columns["source"]), str(first.columns["group"] or "")
                called = first.verdict == "ai", second.verdict == "ai"
                yield Judged(part, first.label, source, group, *called)


def _on_memories(champion: Bundle, challenger: Bundle) -> Iterator[Judged]:
    """Yield what both heads say of remembered embeddings; nothing where the two differ in more than the head.

    The gate is what the champion was judged on; only a champion without a memory is measured on the challenger's.
    """
    theirs, own = memory_of(champion), memory_of(challenger)
    if (theirs is None and own is None) or not same_tower(champion, challenger):
        return
    if theirs is not None:
        yield from _judged("gate", champion, challenger, theirs.at(theirs.held))
    elif own is not None:
        yield from _judged("gate", champion, challenger, own.at(own.held & ~own.new))
    if own is not None and own.new.any():
        yield from _judged("new", champion, challenger, own.at(own.new))


def _judged(part: Part, champion: Bundle, challenger: Bundle, memory: Memory) -> Iterator[Judged]:
    before = _called(champion, _logits(champion, memory), memory)
    after = _logits(challenger, memory)
    if part == "new":
        # A row that was learned from is judged by a head that was taught without it.
        after = np.where(np.isnan(memory.left_out), after, memory.left_out)
    called = _called(challenger, after, memory)
    for at in range(len(memory)):
        group, source = str(memory.groups[at]), str(memory.sources[at])
        yield Judged(part, int(memory.labels[at]), source, group, bool(before[at]), bool(called[at]))


def _logits(bundle: Bundle, memory: Memory) -> NDArray[np.float32]:
    head = head_in(bundle)
    return np.asarray(memory.embeddings @ head.weight + head.bias, np.float32)


def _called(bundle: Bundle, logits: NDArray[np.float32], memory: Memory) -> Bools:
    return np.array([word == "ai" for word in bundle.card.words(logits, memory.embeddings)])
