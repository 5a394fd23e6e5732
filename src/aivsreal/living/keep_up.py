"""Unattended: look at what came in, learn from reviewed feedback where there is enough, gate, promote or refuse, report."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from aivsreal.bundle import Bundle, data_folder, list_bundles, load_bundle
from aivsreal.data.labelled import LabelledSet
from aivsreal.errors import AivsrealError, UsageError
from aivsreal.files import atomic_write_json, make_folder
from aivsreal.living import registry
from aivsreal.living.feedback import Mark, accepted_set, ids_in, mark_learned
from aivsreal.living.monitor import Report, keep_state
from aivsreal.living.promotion import Outcome, promote
from aivsreal.living.retrain import next_version, retrain
from aivsreal.living.state import LAST, ROUNDS
from aivsreal.living.window import look

Say = Callable[[str], None]
# Reviewed pictures that make a retraining worth its while, and how many more after one that was refused.
ENOUGH = 30
TRIED = "tried.json"
MORE = 10


@dataclass(frozen=True)
class Attempt:
    """A challenger that is made, and the marks that it learns; noted before, so that a killed round can be finished."""

    model: str
    ids: tuple[str, ...]
    refused: bool = False


@dataclass(frozen=True)
class Kept:
    """What a round came to; error: why a step could not be done."""

    report: Report | None
    reviewed: int
    outcome: Outcome | None
    error: str = ""

    @property
    def needs_people(self) -> bool:
        """Whether somebody should look: an alarm, a refusal, or something that failed."""
        alarm = self.report is not None and self.report.alarm
        return alarm or bool(self.error) or (self.outcome is not None and not self.outcome.promoted)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "monitor": self.report.as_json() if self.report else None,
            "reviewed_pictures": self.reviewed,
            "promoted": self.outcome.promoted if self.outcome else None,
            "decision": self.outcome.words if self.outcome else None,
            "line": self.outcome.line if self.outcome else None,
            "error": self.error,
            "needs_people": self.needs_people,
        }


def keep_up(marks: Sequence[Mark], *, enough: int = ENOUGH, say: Say = print) -> Kept:
    """Return what a round came to, after it is written to the data folder.

    A step that fails is told in the report and does not keep the others from being done.
    Raises: UsageError where another round is under way; CannotWrite.
    """
    folder = make_folder(data_folder() / ROUNDS)
    try:
        with FileLock(folder / ".lock", timeout=0):
            kept = _round(marks, enough, folder, say)
            atomic_write_json(folder / LAST, kept.as_json())
    except Timeout as error:
        raise UsageError("another round is under way", hint="wait for it to end") from error
    return kept


def _round(marks: Sequence[Mark], enough: int, folder: Path, say: Say) -> Kept:
    report, outcome, errors, count = None, None, [], 0
    try:
        bundle = load_bundle()
    except AivsrealError as error:  # without it there is no step that could be done
        say(error.reason)
        return Kept(None, 0, None, f"the model in use: {error.reason}")
    try:
        report = _watched(bundle, marks)
        say(f"monitor: {report.words}")
    except AivsrealError as error:
        errors.append(f"monitor: {error.reason}")
    try:
        _finish(bundle, folder)
    except AivsrealError as error:
        errors.append(f"what an earlier round left undone: {error.reason}")
    try:
        new = accepted_set(marks)
        count = len(new)
        if _worth_it(count, enough, folder):
            outcome = _taught(bundle, new, folder, say)
        else:
            say(f"retrain: {count} reviewed pictures, not yet enough")
    except AivsrealError as error:
        errors.append(f"retrain: {error.reason}")
    for text in errors:
        say(text)
    return Kept(report, count, outcome, "; ".join(errors))


def _watched(bundle: Bundle, marks: Sequence[Mark]) -> Report:
    report = look(bundle, marks).report
    keep_state(report)
    return report


def _finish(bundle: Bundle, folder: Path) -> None:
    """Do what was left undone: what a model in use has learned is marked, a challenger that was never judged goes."""
    mark_learned(bundle.card.training.feedback, bundle.title)
    attempt = _last_attempt(folder)
    if attempt is None:
        return
    told = {line.get("what") for line in registry.history().entries if line.get("model") == attempt.model}
    if "promote" in told:  # by force, where it was refused before
        mark_learned(attempt.ids, attempt.model)
        (folder / TRIED).unlink(missing_ok=True)
    elif attempt.refused:
        return
    elif "refuse" in told:
        _note(folder, replace(attempt, refused=True))
    else:
        if attempt.model in {entry.name for entry in list_bundles()}:
            registry.remove(attempt.model)
        (folder / TRIED).unlink(missing_ok=True)


def _taught(bundle: Bundle, new: LabelledSet, folder: Path, say: Say) -> Outcome:
    """Return what became of a challenger that learned the new pictures."""
    version = _free_version(bundle)
    attempt = Attempt(f"{bundle.card.name}-{version}", ids_in(new))
    _note(folder, attempt)
    out = folder / "challenger"
    retrain(bundle.folder, new, out, version=version, say=say)
    entry = registry.add(out)
    outcome = promote(entry.name)
    say(f"gate: {outcome.words}")
    if outcome.promoted:
        (folder / TRIED).unlink(missing_ok=True)
    else:
        _note(folder, replace(attempt, refused=True))
    return outcome


def _worth_it(count: int, enough: int, folder: Path) -> bool:
    """Return whether there is enough, and after a refusal enough more than the last time."""
    attempt = _last_attempt(folder)
    refused = len(attempt.ids) if attempt and attempt.refused else 0
    return count >= max(enough, refused + MORE if refused else 0)


def _note(folder: Path, attempt: Attempt) -> None:
    atomic_write_json(folder / TRIED, asdict(attempt))


def _last_attempt(folder: Path) -> Attempt | None:
    """Return the attempt that was noted last; None where it is done with, or its note cannot be read."""
    try:
        content = json.loads((folder / TRIED).read_bytes())
        ids = tuple(str(id) for id in content["ids"])
        return Attempt(str(content["model"]), ids, content["refused"] is True)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _free_version(bundle: Bundle) -> str:
    """Return the next version that no model of this name ever bore: the history tells of one model under a name."""
    taken = {entry.name for entry in list_bundles()}
    taken |= {str(line.get("model")) for line in registry.history().entries}
    version = next_version(bundle.card.version)
    while f"{bundle.card.name}-{version}" in taken:
        version = next_version(version)
    return version
