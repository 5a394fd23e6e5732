"""Promotion through the gate: compared, decided, written down, and then in use or not; what it learned is marked so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aivsreal.bundle import load_bundle
from aivsreal.errors import AivsrealError
from aivsreal.living import registry
from aivsreal.living.feedback import mark_learned
from aivsreal.living.gate import TOLERANCE, Decision, compare


@dataclass(frozen=True)
class Outcome:
    """What became of a challenger: the history's line, and the decision, if one could be come to."""

    promoted: bool
    words: str
    line: dict[str, Any]
    decision: Decision | None = None


def promote(name: str, *, force: bool = False, why: str = "", tolerance: float = TOLERANCE) -> Outcome:
    """Return what became of the registered model of this name: in use now, or refused by the gate.

    force: put it to use whatever the gate says, even where there is none, and though it cannot be read which model
    is in use; the history says where the gate was overruled
    Raises: UsageError where there is nothing to compare on, or it is in use; BadBundle; BadData; CannotWrite.
    """
    pointer = registry.read_pointer(forgiving=force)
    try:
        challenger = load_bundle(registry.registered(name).folder)
        decision = compare(load_bundle(pointer.model), challenger, tolerance=tolerance)
    except AivsrealError as error:
        if not force:
            raise
        words = f"without a gate: {error.reason}"
        line = _put_to_use(name, forced=True, forgiving=True, why=why or words)
        return Outcome(True, f"by force, without a gate: {error.reason}", line)
    if not decision.passed and not force:
        line = registry.record_refusal(
            name, against=pointer.model, why=decision.words, figures=decision.as_json()
        )
        return Outcome(False, decision.words, line, decision)
    line = _put_to_use(
        name,
        expected=None if force else pointer.model,
        forced=not decision.passed,
        forgiving=force,
        why=why or decision.words,
        figures=decision.as_json(),
    )
    return Outcome(True, decision.words, line, decision)


def _put_to_use(name: str, **how: Any) -> dict[str, Any]:
    """Return the history's line of the promotion, after the feedback that the model was taught is marked as learned."""
    line = registry.promote(name, **how)
    mark_learned(load_bundle(name).card.training.feedback, name)
    return line
