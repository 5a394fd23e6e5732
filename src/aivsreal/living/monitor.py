"""What came in lately against what the model was judged on: tests, words, a state that others can read.

report = watch(load_bundle(), read_records(model=...)[0])
report.alarm, report.words, report.as_json()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aivsreal.bundle import Bundle, data_folder
from aivsreal.errors import BadData
from aivsreal.evaluation.intervals import Figure, wilson
from aivsreal.files import atomic_write_json
from aivsreal.living import drift
from aivsreal.living.drift import Finding
from aivsreal.living.memory import require_memory, unpacked
from aivsreal.living.record import Record
from aivsreal.living.state import STATE

# Fewer verdicts tell nothing that could be acted on.
FEWEST = 50
LATEST = 1000
NO_ALARM = "Nothing that matters has changed."
ALARM = "The pictures or the verdicts have changed, in a way that matters: look at some, and consider teaching the model."


@dataclass(frozen=True, eq=False)
class Lot:
    """Verdicts side by side: logits float [n]; sketches float32 [n, k] or None where some have none."""

    name: str
    logits: NDArray[np.float64]
    words: tuple[str, ...]
    formats: tuple[str, ...]
    sizes: tuple[str, ...]
    sketches: NDArray[np.float32] | None


@dataclass(frozen=True)
class Report:
    """What a look found.

    enough: False where there were too few verdicts to tell
    right: of the feedback that was accepted, the share of answers that were right
    """

    model: str
    window: str
    against: str
    count: int
    enough: bool
    findings: tuple[Finding, ...]
    shares: Mapping[str, float]
    right: Figure | None = None
    damaged: int = 0
    when: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def alarm(self) -> bool:
        """Whether something changed that matters."""
        return any(finding.alarm for finding in self.findings)

    @property
    def words(self) -> str:
        """The outcome in a sentence."""
        if not self.enough:
            return f"Only {self.count} verdicts: too few to tell (at least {FEWEST})."
        return ALARM if self.alarm else NO_ALARM

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "when": self.when.isoformat(timespec="seconds"),
            "model": self.model,
            "window": self.window,
            "against": self.against,
            "verdicts": self.count,
            "enough": self.enough,
            "alarm": self.alarm,
            "words": self.words,
            "shares": {word: round(share, 5) for word, share in self.shares.items()},
            "right_on_feedback": None if self.right is None else self.right.as_json(),
            "findings": [finding.as_json() for finding in self.findings],
            "damaged_lines": self.damaged,
        }


def watch(
    bundle: Bundle,
    records: Sequence[Record],
    *,
    against: Sequence[Record] | None = None,
    right: Sequence[bool] = (),
    damaged: int = 0,
) -> Report:
    """Return how these verdicts of the model differ from its reference, or from an earlier lot of its verdicts.

    right: of every accepted feedback, whether the answer that it is about was right
    Raises: BadBundle where the model has no memory to be its reference; BadData where `against` is too few.
    """
    window = lot_of("window", records)
    before = reference_lot(bundle) if against is None else lot_of("an earlier window", against)
    if against is not None and len(against) < FEWEST:
        raise BadData(
            f"the window to compare with holds {len(against)} verdicts", hint=f"take one of {FEWEST} or more"
        )
    enough = len(records) >= FEWEST
    counts = {word: window.words.count(word) for word in ("real", "uncertain", "ai")}
    return Report(
        model=bundle.title,
        window=_span(records),
        against=before.name if against is None else _span(against),
        count=len(records),
        enough=enough,
        findings=tuple(compared(before, window)) if enough else (),
        shares={word: count / max(1, len(records)) for word, count in counts.items()},
        right=_right(right),
        damaged=damaged,
    )


def compared(before: Lot, after: Lot, *, seed: int = 0) -> list[Finding]:
    """Return every finding, with its alarm."""
    found = [drift.scores(before.logits, after.logits)]
    if before.sketches is not None and after.sketches is not None:
        rng = np.random.default_rng(seed)
        found.append(
            drift.embeddings(before.sketches.astype(np.float64), after.sketches.astype(np.float64), rng)
        )
    found.append(_words("uncertain", "share of 'cannot tell'", before, after))
    found.append(_words("ai", "share of 'likely AI-generated'", before, after, bears=False))
    found.append(drift.kinds("formats", "formats", before.formats, after.formats))
    found.append(drift.kinds("sizes", "sizes", before.sizes, after.sizes))
    return drift.judged(found)


def reference_lot(bundle: Bundle) -> Lot:
    """Return what the model said of the pictures that were held out of its training. Raises: BadBundle."""
    memory = require_memory(bundle)
    held = memory.at(memory.held)
    logits = held.logits.astype(np.float64)
    words = bundle.card.words(logits, held.embeddings)
    formats, sizes = tuple(held.formats.tolist()), tuple(held.sizes.tolist())
    return Lot(f"the reference of {bundle.title}", logits, words, formats, sizes, held.sketches)


def lot_of(name: str, records: Sequence[Record]) -> Lot:
    """Return records side by side."""
    sketches = [record.sketch for record in records]
    whole = bool(sketches) and len({len(sketch) for sketch in sketches}) == 1 and len(sketches[0]) > 0
    return Lot(
        name=name,
        logits=np.array([record.logit for record in records]),
        words=tuple(record.verdict for record in records),
        formats=tuple(record.format for record in records),
        sizes=tuple(record.size for record in records),
        sketches=unpacked(np.stack(sketches)) if whole else None,
    )


def keep_state(report: Report) -> None:
    """Write the report where a server and the next look find it. Raises: CannotWrite.

    One of too few verdicts leaves the last that could tell: an alarm stands until something speaks against it.
    """
    if not report.enough:
        return
    atomic_write_json(data_folder() / STATE, report.as_json())


def _words(word: str, what: str, before: Lot, after: Lot, *, bears: bool = True) -> Finding:
    return drift.share(
        word, what, [x == word for x in before.words], [x == word for x in after.words], bears=bears
    )


def _right(right: Sequence[bool]) -> Figure | None:
    if not right:
        return None
    value = sum(right) / len(right)
    return Figure(value, *wilson(value, len(right)))


def _span(records: Sequence[Record]) -> str:
    if not records:
        return "nothing"
    first, last = (records[place].when.isoformat(timespec="minutes") for place in (0, -1))
    return f"{len(records)} verdicts, {first} to {last}"
