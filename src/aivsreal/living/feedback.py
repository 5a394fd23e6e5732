"""What people said of verdicts: listed, reviewed by somebody, and then a labelled set. Nothing unreviewed is learned.

Marks come from wherever a server keeps them; reviews are lines of a file of their own, the last one of a mark
counts. A review is of what was said then: whoever says something else later waits for another one. An accepted mark's
picture is copied, since uploads expire. Marks that contradict each other, or come by the dozen from one client, are set
apart: they are told as such, and only a review of each by itself accepts them.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from aivsreal.bundle import data_folder
from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.errors import BadData, UsageError
from aivsreal.files import atomic_write_bytes
from aivsreal.living import journal
from aivsreal.living.registry import who

Said = Literal["real", "ai", "not_sure"]
Decision = Literal["accept", "reject", "unsure"]
DECISIONS: tuple[Decision, ...] = ("accept", "reject", "unsure")
SAID_WORDS: Mapping[Said, str] = {"real": "it is real", "ai": "it is AI", "not_sure": "not sure"}

FOLDER, REVIEWS, PICTURES = "feedback", "reviews.jsonl", "pictures"
LEARNED = "learned"
# One client who marks more than so many, or so many without ever agreeing, is looked at more closely.
MOST_OF_ONE, MOST_DISAGREEING = 20, 8


@dataclass(frozen=True)
class Mark:
    """What one client said of one verdict; picture: where the upload lies, None where it was not kept."""

    id: str
    when: datetime
    said: Said
    remark: str
    verdict: str
    probability_ai: float
    model: str
    sha256: str
    client: str | None = None
    picture: Path | None = None


@dataclass(frozen=True)
class Reviewed:
    """A mark, what was decided of it (None: nothing yet), by whom and when, and why it is set apart ("": it is not)."""

    mark: Mark
    decision: Decision | None
    apart: str
    learned: bool = False
    by: str = ""
    decided: str = ""

    @property
    def client(self) -> str | None:
        """The client's number, by which it can be told from others and not be found; None where it is not known."""
        client = self.mark.client
        return hashlib.sha256(client.encode()).hexdigest()[:8] if client else None

    @property
    def picture(self) -> Path | None:
        """Where the picture lies now: its copy, or the upload; None where there is neither."""
        return picture_of(self.mark)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values; a client is named by a number only."""
        mark = self.mark
        return {
            "id": mark.id,
            "when": mark.when.isoformat(timespec="seconds"),
            "said": mark.said,
            "verdict": mark.verdict,
            "probability_ai": round(mark.probability_ai, 5),
            "model": mark.model,
            "sha256": mark.sha256,
            "remark": mark.remark,
            "client": self.client,
            "picture": str(self.picture) if self.picture else None,
            "decision": self.decision,
            "by": self.by,
            "decided": self.decided,
            "apart": self.apart,
            "learned": self.learned,
        }


def reviewed(marks: Sequence[Mark]) -> list[Reviewed]:
    """Return the marks with their reviews, those set apart last, else oldest first."""
    lines = journal.read(_reviews_file()).entries
    decisions = {line.get("id"): line for line in lines if line.get("decision") in DECISIONS}
    learned = {line.get("id") for line in lines if line.get("decision") == LEARNED}
    reasons = set_apart(marks)
    found = [_reviewed(m, _still(decisions, m), reasons.get(m.id, ""), m.id in learned) for m in marks]
    return sorted(found, key=lambda one: (bool(one.apart), one.mark.when, one.mark.id))


def picture_of(mark: Mark) -> Path | None:
    """Return where a mark's picture lies now: its copy, or the upload; None where there is neither."""
    copy = pictures_folder() / mark.sha256
    if copy.exists():
        return copy
    return mark.picture if mark.picture and mark.picture.exists() else None


def set_apart(marks: Sequence[Mark]) -> dict[str, str]:
    """Return the ids of marks that contradict each other or come by the dozen from one client, and why."""
    answers: dict[str, set[str]] = defaultdict(set)
    for mark in marks:
        if mark.said != "not_sure":
            answers[mark.sha256].add(mark.said)
    numbers: Counter[str | None] = Counter(mark.client for mark in marks if mark.client)
    agreeing = {mark.client for mark in marks if mark.client and mark.said in (mark.verdict, "not_sure")}
    reasons = {}
    for mark in marks:
        if len(answers[mark.sha256]) > 1:
            reasons[mark.id] = "others say the opposite of the same picture"
        elif numbers[mark.client] > MOST_OF_ONE:
            reasons[mark.id] = f"one client gave {numbers[mark.client]} marks"
        elif numbers[mark.client] > MOST_DISAGREEING and mark.client not in agreeing:
            reasons[mark.id] = f"one client gave {numbers[mark.client]} marks and never agrees"
    return reasons


def review(
    marks: Sequence[Mark], id: str, decision: Decision, *, said: str | None = None, by: str = ""
) -> Reviewed:
    """Return the mark after the decision on it is written down, and its picture copied where it is accepted.

    said: what was read and decided on (default: what is said now). by: who decided (default: who runs this)
    Raises: UsageError where there is no such mark, it says nothing that could be accepted, or something else than
    was decided on; CannotWrite.
    """
    found = next((one for one in reviewed(marks) if one.mark.id == id), None)
    if found is None:
        raise UsageError(f"there is no feedback {id!r}", hint="`aivsreal feedback list --all` shows all")
    if said is not None and said != found.mark.said:
        raise UsageError(
            f"{id} says '{SAID_WORDS[found.mark.said]}' by now", hint="look at it again, then decide"
        )
    if decision == "accept" and found.mark.said == "not_sure":
        raise UsageError(f"{id} says 'not sure': there is nothing to accept", hint="reject it, or leave it")
    if decision == "accept" and found.picture and found.picture.parent != pictures_folder():
        _copy(found.picture, found.mark)
    line = _write(id, decision, by=by, said=found.mark.said)
    return _reviewed(found.mark, line, found.apart, found.learned)


def accepted_set(marks: Sequence[Mark], *, again: bool = False) -> LabelledSet:
    """Return what was accepted as a labelled set with its origin; of marks without a picture nothing can be learned.

    again: also pictures that a model which was promoted has learned already, by whichever mark. Pictures under two
    accepted labels are left out.
    """
    known = reviewed(marks)
    learned = {one.mark.sha256 for one in known if one.learned}
    chosen = [one for one in known if one.decision == "accept" and one.picture]
    labels: dict[str, set[str]] = defaultdict(set)
    for one in chosen:
        labels[one.mark.sha256].add(one.mark.said)
    samples = {}
    for one in chosen:
        if len(labels[one.mark.sha256]) == 1 and (again or one.mark.sha256 not in learned):
            samples[one.mark.sha256] = _sample(one)
    return LabelledSet("feedback", pictures_folder(), tuple(samples.values()))


def ids_in(labelled: LabelledSet) -> tuple[str, ...]:
    """Return the ids of the marks that are in a set, which may hold other pictures beside them."""
    return tuple(str(sample.columns["feedback"]) for sample in labelled if "feedback" in sample.columns)


def mark_learned(ids: Sequence[str], model: str) -> None:
    """Write down that a model which is in use has learned these, where that is not known. Raises: CannotWrite."""
    lines = journal.read(_reviews_file()).entries
    known = {line.get("id") for line in lines if line.get("decision") == LEARNED}
    for id in ids:
        if id not in known:
            _write(id, LEARNED, model=model)


def export(marks: Sequence[Mark], folder: Path) -> LabelledSet:
    """Return the accepted set after its pictures lie in folder/real and folder/ai. Raises: BadData, CannotWrite."""
    labelled = accepted_set(marks, again=True)
    if not labelled.samples:
        raise BadData(
            "no accepted feedback has a picture",
            hint="`aivsreal feedback review`; the server must keep uploads",
        )
    for sample in labelled:
        data = sample.read()
        name = f"{sample.columns['sha256']}{_suffix(data)}"
        atomic_write_bytes(folder / ("ai" if sample.label else "real") / name, data)
    return labelled


def rights(marks: Sequence[Mark], model: str) -> list[bool]:
    """Return of every accepted mark on an answer of this model, whether the answer was right."""
    return [
        one.mark.said == one.mark.verdict
        for one in reviewed(marks)
        if one.decision == "accept" and one.mark.model == model and one.mark.verdict != "uncertain"
    ]


def pictures_folder() -> Path:
    """Return where the pictures of accepted marks lie, named by their checksum."""
    return data_folder() / FOLDER / PICTURES


def _still(decisions: Mapping[Any, Mapping[str, Any]], mark: Mark) -> Mapping[str, Any]:
    """Return the line of a mark's last review; empty where that was of another answer, or does not say of which."""
    line = decisions.get(mark.id, {})
    return line if line.get("said") == mark.said else {}


def _reviewed(mark: Mark, line: Mapping[str, Any], apart: str, learned: bool) -> Reviewed:
    """Return a mark with the line of its last review; empty where it has none."""
    by, when = str(line.get("who", "")), str(line.get("when", ""))
    return Reviewed(mark, line.get("decision"), apart, learned, by, when)


def _sample(one: Reviewed) -> Sample:
    mark = one.mark
    columns: Mapping[str, Any] = {
        "source": "feedback",
        "sha256": mark.sha256,
        "feedback": mark.id,
        "said_of": f"{mark.verdict} by {mark.model}",
    }
    return Sample(mark.sha256, int(mark.said == "ai"), "", columns, str(one.picture))


def _copy(picture: Path, mark: Mark) -> None:
    try:
        data = picture.read_bytes()
    except OSError as error:
        raise UsageError(
            f"the picture of {mark.id} cannot be read: {error.strerror}", hint="is it still there?"
        ) from error
    if hashlib.sha256(data).hexdigest() != mark.sha256:
        raise BadData(
            f"the kept picture of {mark.id} is not the one that was judged", hint="reject this mark"
        )
    atomic_write_bytes(pictures_folder() / mark.sha256, data)


def _write(id: str, decision: str, *, by: str = "", **more: str) -> dict[str, Any]:
    when = datetime.now(UTC).isoformat(timespec="seconds")
    line = {"id": id, "decision": decision, "when": when, "who": by or who(), **more}
    journal.append(_reviews_file(), line)
    return line


def _reviews_file() -> Path:
    return data_folder() / FOLDER / REVIEWS


def _suffix(data: bytes) -> str:
    from aivsreal.images import open_picture

    return f".{open_picture(data).facts.format.lower()}"
