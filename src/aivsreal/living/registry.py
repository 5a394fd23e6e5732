"""Which models there are and which one is in use: folders beside the shipped ones, a pointer, a history.

The pointer is one small file that is replaced at once. It carries the line of the history that it belongs to,
so that the two cannot contradict each other: a change has happened when the pointer is replaced, and a history
that a killed process left a line short gets it from the pointer, by whoever reads or writes next.
Changes are made one at a time, under a lock that dies with its process.
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock, Timeout

from aivsreal.bundle import (
    CARD,
    DEFAULT_MODEL,
    GRAPH,
    POINTER,
    Bundle,
    BundleEntry,
    current_model,
    data_folder,
    list_bundles,
    load_bundle,
    models_folder,
    verify_bundle,
)
from aivsreal.detector import Detector
from aivsreal.errors import AivsrealError, BadBundle, CannotWrite, UsageError
from aivsreal.files import atomic_folder, atomic_write_json
from aivsreal.living import journal
from aivsreal.living.journal import Journal
from aivsreal.self_test import TOLERANCE, difference, self_test_picture

HISTORY = "history.jsonl"
LOCK = ".registry.lock"
# How long a change waits for another to end. Adding a model copies some 60 MB.
PATIENCE = 60.0
# How far rollback can go back.
REMEMBERED = 50
A_DAY = 24 * 3600


@dataclass(frozen=True)
class Pointer:
    """Which model is in use, the ones before it (newest last), and the history's line that made it so.

    damaged: what is written could not be read, and the default model stands here for it
    """

    model: str
    before: tuple[str, ...] = ()
    entry: Mapping[str, Any] | None = None
    damaged: bool = False


def add(bundle_folder: str | Path, name: str | None = None) -> BundleEntry:
    """Return the model after it stands in the user's models folder; it is not in use by that.

    name: how it is called from now on (default: its card's name and version, as in photos-1.1.0)
    Raises: BadBundle where it is not whole, cannot give a verdict, or bears the name and version of another;
    UsageError where the name is taken; CannotWrite.
    """
    bundle = verify_bundle(bundle_folder)
    require_verdict(bundle)
    chosen = name or f"{bundle.card.name}-{bundle.card.version}"
    with _changing():
        known = {entry.name: entry for entry in list_bundles()}
        if chosen in known:
            raise UsageError(
                f"there is a model named {chosen} already", hint="choose another name: --as NAME"
            )
        _refuse_namesake(bundle, list(known.values()))
        folder = models_folder() / _checked_name(chosen)
        with atomic_folder(folder) as new:
            for file in bundle.folder.iterdir():
                if file.is_file():
                    shutil.copyfile(file, new / file.name)
            verify_bundle(new)
        _write_line("add", model=chosen, bundle=bundle)
    return BundleEntry(chosen, folder, "registered")


def promote(
    name: str,
    *,
    expected: str | None = None,
    forced: bool = False,
    forgiving: bool = False,
    why: str = "",
    figures: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the history's line after the model of this name is the one in use.

    expected: the model that must still be in use, being the one that this one was compared with
    forced, why, figures: how it was decided, to be written down
    forgiving: write a pointer that is damaged anew
    Raises: BadBundle where the model is not whole or cannot give a verdict; UsageError where it is in use
    already, or another was promoted meanwhile; CannotWrite.
    """
    with _changing():
        bundle = verify_bundle(registered(name).folder)
        require_verdict(bundle)
        before = read_pointer(forgiving=forgiving)
        if before.model == name and not before.damaged:
            raise UsageError(f"{name} is in use already", hint="`aivsreal models list` shows all")
        if expected is not None and before.model != expected:
            raise UsageError(
                f"{before.model} was promoted while {name} was compared with {expected}",
                hint="compare again: repeat the command",
            )
        stack = () if before.model == name else (*before.before, before.model)[-REMEMBERED:]
        line = _line("promote", model=name, bundle=bundle, before=before.model)
        line |= {"forced": forced, "why": why, "figures": dict(figures or {})}
        _replace_pointer(Pointer(name, stack, line))
    return line


def rollback(why: str = "") -> dict[str, Any]:
    """Return the history's line after the model before the present one is in use again.

    A model that is gone or damaged meanwhile is passed over, and the line names it.
    Raises: UsageError where nothing is left to go back to; CannotWrite.
    """
    with _changing():
        before = read_pointer()
        stack, passed_over = list(before.before), []
        while stack:
            name = stack.pop()
            try:
                bundle = verify_bundle(registered(name).folder)
                require_verdict(bundle)
            except AivsrealError as error:
                passed_over.append({"model": name, "error": error.reason})
                continue
            line = _line("rollback", model=name, bundle=bundle, before=before.model)
            line |= {"why": why, "passed_over": passed_over}
            _replace_pointer(Pointer(name, tuple(stack), line))
            return line
    raise UsageError(
        f"there is no model to go back to from {before.model}",
        hint="promote one: aivsreal models promote NAME",
    )


def remove(name: str) -> None:
    """Take a registered model away for good.

    Raises: UsageError for one that ships, is in use, or is the one that rollback would return to; CannotWrite.
    """
    with _changing():
        entry = registered(name)
        pointer = read_pointer()
        if entry.origin == "shipped":
            raise UsageError(
                f"{name} ships with this program", hint="only models that were added are removed"
            )
        if name == pointer.model:
            raise UsageError(f"{name} is in use", hint="promote another first, or roll back")
        if pointer.before and name == pointer.before[-1]:
            raise UsageError(
                f"{name} is what `aivsreal models rollback` would return to",
                hint="promote another first: a way back is always kept",
            )
        _take_away(entry.folder)
        _write_line("remove", model=name)


def record_refusal(name: str, *, against: str, why: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the history's line that says that a model was not promoted, and why. Raises: CannotWrite."""
    with _changing():
        line = _line("refuse", model=name, before=against) | {"why": why, "figures": dict(figures)}
        journal.append(_history_file(), line)
    return line


def history() -> Journal:
    """Return every change, oldest first, and how many lines are damaged; nothing is written by looking."""
    found = journal.read(_history_file())
    try:
        missing = _missing_line(found, read_pointer())
    except BadBundle:
        return found
    return Journal((*found.entries, missing), found.damaged) if missing else found


def read_pointer(*, forgiving: bool = False) -> Pointer:
    """Return which model is in use. forgiving: the default one where the pointer is damaged. Raises: BadBundle."""
    try:
        model = current_model()
        content = json.loads((data_folder() / POINTER).read_bytes())
        return Pointer(model, tuple(str(name) for name in content["before"]), _checked_line(content["entry"]))
    except (FileNotFoundError, NotADirectoryError):
        return Pointer(DEFAULT_MODEL)
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = BadBundle(
            f"{data_folder() / POINTER} is damaged: {error}", hint="aivsreal models promote NAME --force"
        )
        if not forgiving:
            raise problem from error
    except BadBundle:
        if not forgiving:
            raise
    return Pointer(DEFAULT_MODEL, damaged=True)


def _checked_line(entry: Any) -> dict[str, Any] | None:
    """Return the pointer's line of the history. Raises: TypeError, KeyError where it is none."""
    if entry is None:
        return None
    for key in ("id", "when", "who", "what", "model"):
        if not isinstance(entry[key], str):
            raise TypeError(f"its {key} is no text")
    return dict(entry)


def registered(name: str) -> BundleEntry:
    """Return the model of this name. Raises: BadBundle, also for a folder, which can go away."""
    for entry in list_bundles():
        if entry.name == name:
            return entry
    names = ", ".join(entry.name for entry in list_bundles())
    if (Path(name) / CARD).is_file():
        raise BadBundle(f"{name} is a folder, no registered model", hint=f"aivsreal models add {name}")
    raise BadBundle(f"there is no model named '{name}'", hint=f"there are: {names}")


def require_verdict(bundle: Bundle) -> None:
    """Return quietly where the model judges a drawn picture as its card says. Raises: BadBundle."""
    detector = Detector(bundle)
    off = difference(detector, detector.predict(self_test_picture()).logit)
    if off is not None and off > TOLERANCE:
        raise BadBundle(
            f"{bundle.title} computes otherwise on this machine than where it was made (by {off:.2f})",
            hint="measure it here with aivsreal evaluate, and calibrate it anew",
        )


def who() -> str:
    """Return who is at work, as the history names them: user@machine."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return f"{user}@{socket.gethostname()}"


@contextmanager
def _changing() -> Iterator[None]:
    """Hold the registry, after what a killed change left undone is written down."""
    lock = FileLock(data_folder() / LOCK)
    try:
        data_folder().mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=PATIENCE)
    except Timeout as error:
        raise CannotWrite(
            "another change of the models is under way", hint="wait for it to end, then try again"
        ) from error
    except OSError as error:
        raise CannotWrite(
            f"cannot write {data_folder()}: {error.strerror}",
            hint="set AIVSREAL_DATA_DIR to a folder of yours",
        ) from error
    try:
        _catch_up()
        yield
    finally:
        lock.release()


def _catch_up() -> None:
    """Bring the history up to what is: the pointer's line, folders that came or went without one."""
    found = journal.read(_history_file())
    try:
        missing = _missing_line(found, read_pointer())
    except BadBundle:  # which only a forced promotion mends
        missing = None
    if missing:
        journal.append(_history_file(), missing)
    _clear_what_killed_changes_left()
    there = {entry.name for entry in list_bundles() if entry.origin == "registered"}
    told = _told_to_be_there(found)
    for name in sorted(there - told):
        _write_line("found", model=name)
    for name in sorted(told - there):
        _write_line("gone", model=name)


def _clear_what_killed_changes_left() -> None:
    """Remove unfinished folders of yesterday: one of today may belong to an export under way."""
    for left in models_folder().glob(".*.part"):
        if time.time() - left.stat().st_mtime > A_DAY:
            shutil.rmtree(left, ignore_errors=True)


def _told_to_be_there(found: Journal) -> set[str]:
    told: set[str] = set()
    for line in found.entries:
        if line.get("what") in ("add", "found"):
            told.add(str(line.get("model")))
        if line.get("what") in ("remove", "gone"):
            told.discard(str(line.get("model")))
    return told


def _missing_line(found: Journal, pointer: Pointer) -> dict[str, Any] | None:
    """Return the pointer's own line where the history has not got it."""
    if pointer.entry is None or any(line.get("id") == pointer.entry.get("id") for line in found.entries):
        return None
    return dict(pointer.entry)


def _replace_pointer(pointer: Pointer) -> None:
    content = {"model": pointer.model, "before": list(pointer.before), "entry": pointer.entry}
    atomic_write_json(data_folder() / POINTER, content)
    _catch_up()


def _write_line(what: str, *, model: str, bundle: Bundle | None = None) -> None:
    journal.append(_history_file(), _line(what, model=model, bundle=bundle))


def _line(
    what: str, *, model: str, bundle: Bundle | None = None, before: str | None = None
) -> dict[str, Any]:
    line: dict[str, Any] = {
        "id": uuid4().hex,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "who": who(),
        "what": what,
        "model": model,
    }
    if before is not None:
        line["from"] = before
    if bundle is not None:
        line |= {"title": bundle.title, "graph": bundle.card.files[GRAPH]}
    return line


def _refuse_namesake(bundle: Bundle, known: list[BundleEntry]) -> None:
    """Refuse a model whose verdicts could not be told from another's."""
    for entry in known:
        try:
            other = load_bundle(entry.folder)
        except BadBundle:
            continue
        same_graph = other.card.files[GRAPH] == bundle.card.files[GRAPH]
        if other.title == bundle.title and not same_graph:
            raise BadBundle(
                f"another model, {entry.name}, is {bundle.title} too: verdicts would not say which of them spoke",
                hint="give it a version of its own, as with `aivsreal export --version 1.1.0`",
            )


def _checked_name(name: str) -> str:
    if not name.replace("-", "").replace(".", "").replace("_", "").isalnum() or not name[0].isalnum():
        raise UsageError(
            f"{name!r} cannot be a model's name", hint="use letters, digits, dots, dashes, underscores"
        )
    return name


def _take_away(folder: Path) -> None:
    """Remove a folder so that no half of it is ever seen: it is renamed first."""
    aside = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.part")
    try:
        folder.rename(aside)
    except OSError as error:
        raise CannotWrite(
            f"cannot remove {folder}: {error.strerror}", hint="is it yours to change?"
        ) from error
    shutil.rmtree(aside, ignore_errors=True)


def _history_file() -> Path:
    return data_folder() / HISTORY
