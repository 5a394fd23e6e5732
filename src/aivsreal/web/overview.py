"""What an operator sees first: which model answers, what needs somebody, how full queue and disk are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aivsreal.bundle import Bundle, current_model, find_bundle
from aivsreal.errors import BadBundle
from aivsreal.living import registry
from aivsreal.living.feedback import reviewed
from aivsreal.living.serving import LiveDetector
from aivsreal.living.state import latest_round, latest_state
from aivsreal.living.versions import Version, versions
from aivsreal.web.examine import Examiner
from aivsreal.web.marks import marks_in
from aivsreal.web.storage import Stored, free, stored

# As many changes as are looked at in one go; `aivsreal models history` tells all.
LATEST_CHANGES = 20


@dataclass(frozen=True)
class Overview:
    """One look at a server.

    bundle: the model that answers; named: whether the settings name it, so that no promotion changes it
    changes: the latest lines of the history, newest first, of `all_changes`
    state, round: what `aivsreal monitor` and `aivsreal keep-up` wrote last; None where they never did
    waiting, apart, accepted: feedback that nobody has reviewed, of it what is set apart, and what can be learned
    queue, room: pictures that wait in this process, and how many may
    problems: what somebody should look at
    """

    bundle: Bundle
    named: bool
    versions: Sequence[Version]
    changes: Sequence[Mapping[str, Any]]
    all_changes: int
    state: Mapping[str, Any] | None
    round: Mapping[str, Any] | None
    waiting: int
    apart: int
    accepted: int
    queue: int
    room: int
    stored: Sequence[Stored]
    free: tuple[int, int]
    problems: Sequence[str]


def overview(examiner: Examiner) -> Overview:
    """Return what there is to see of a server now. Raises: AivsrealError where a file may not be read."""
    state, last = latest_state(), latest_round()
    marks = reviewed(marks_in(examiner.store, examiner.settings.folder))
    waiting = [one for one in marks if one.decision is None]
    history = registry.history()
    current, problems = _in_use()
    if history.damaged:
        problems.append(f"{history.damaged} damaged lines of the models' history are passed over")
    problems += [*_of_process(examiner), *_of_monitoring(state, last)]
    return Overview(
        bundle=examiner.detector.bundle,
        named=examiner.settings.model is not None,
        versions=versions(current),
        changes=history.entries[: -LATEST_CHANGES - 1 : -1],
        all_changes=len(history.entries),
        state=state,
        round=last,
        waiting=len(waiting),
        apart=sum(bool(one.apart) for one in waiting),
        accepted=sum(
            one.decision == "accept" and not one.learned and one.picture is not None for one in marks
        ),
        queue=examiner.batcher.waiting,
        room=examiner.settings.queue,
        stored=stored(examiner.settings),
        free=free(examiner.settings),
        problems=problems,
    )


def _in_use() -> tuple[str, list[str]]:
    """Return the name of the model in use, and what is wrong with it or with the file that says so."""
    try:
        current = current_model()
        find_bundle()
    except BadBundle as error:
        return "", [f"{error.reason}; {error.hint}"]
    return current, []


def _of_process(examiner: Examiner) -> list[str]:
    found = []
    if isinstance(examiner.model, LiveDetector) and examiner.model.problem:
        found.append(examiner.model.problem)
    if examiner.recorder and examiner.recorder.problem:
        found.append(f"verdicts are not recorded: {examiner.recorder.problem}")
    if not examiner.batcher.works:
        found.append("every thread is stuck in a picture: restart this process")
    return found


def _of_monitoring(state: Mapping[str, Any] | None, last: Mapping[str, Any] | None) -> list[str]:
    found = []
    if state and state.get("alarm"):
        found.append(f"monitoring: {state.get('words')}")
    if last and last.get("promoted") is False:
        found.append(f"the gate refused what was taught last: {last.get('decision')}")
    if last and last.get("error"):
        found.append(f"the last unattended round: {last['error']}")
    return found
