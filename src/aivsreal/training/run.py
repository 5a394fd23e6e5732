"""A run is a folder: what it was trained with, how far it is, and what came of it (design decision 9)."""

from __future__ import annotations

import io
import json
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from aivsreal import __version__
from aivsreal.errors import BadRun
from aivsreal.files import atomic_write_bytes, atomic_write_json, atomic_write_text, make_folder
from aivsreal.training.recipe import Recipe, recipe_from

_PACKAGES = ("torch", "timm", "lightning-fabric", "numpy", "pillow", "onnx", "onnxruntime", "scikit-learn")


@dataclass(frozen=True)
class Epoch:
    """One line of the history."""

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    train_auc: float
    val_loss: float
    val_accuracy: float
    val_auc: float
    images_per_second: float
    seconds: float


@dataclass
class Progress:
    """How far a run is: all that, with the weights, makes it go on as if it had never stopped."""

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0  # spent in this epoch
    best_auc: float = -1.0
    best_epoch: int = 0
    finished: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)
    loss_sum: float = 0.0
    logits: list[float] = field(default_factory=list)  # of this epoch's training pictures so far
    labels: list[int] = field(default_factory=list)

    def begin_epoch(self, epoch: int) -> None:
        """Set what is counted within an epoch back to nothing."""
        self.epoch, self.step, self.seconds, self.loss_sum = epoch, 0, 0.0, 0.0
        self.logits, self.labels = [], []


@dataclass(frozen=True)
class Run:
    """A run folder, and what was decided when it began."""

    folder: Path
    recipe: Recipe
    facts: dict[str, Any]

    @property
    def checkpoint(self) -> Path:
        """Where the last checkpoint lies."""
        return self.folder / "checkpoint.pt"

    @property
    def weights(self) -> Path:
        """Where the chosen weights lie."""
        return self.folder / "weights.pt"

    @property
    def excluded(self) -> tuple[str, ...]:
        """The conditions `COLUMN=VALUE` whose records were left out of training and validation."""
        return tuple(self.facts["data"].get("excluded", ()))  # runs of before have no such entry

    def save_progress(self, progress: Progress, state: dict[str, Any]) -> None:
        """Write a checkpoint and the history that belongs to it. Raises: CannotWrite."""
        save_tensors(self.checkpoint, {"progress": asdict(progress), **state})
        lines = "".join(json.dumps(line) + "\n" for line in progress.history)
        atomic_write_text(self.folder / "history.jsonl", lines)

    def load_progress(self) -> tuple[Progress, dict[str, Any]] | None:
        """Return the last checkpoint, or None where there is none yet. Raises: BadRun."""
        if not self.checkpoint.is_file():
            return None
        state = load_tensors(self.checkpoint)
        return Progress(**state.pop("progress")), state


def begin_run(folder: Path, recipe: Recipe, data: dict[str, Any]) -> Run:
    """Return a new run in `folder`, with everything written down that it depends on.

    Raises: BadRun where the folder already holds one; CannotWrite.
    """
    if (folder / "run.json").exists():
        raise BadRun(f"{folder} already holds a run", hint="go on with --resume, or choose another --out")
    facts = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "aivsreal": __version__,
        "versions": _versions(),
        "git": _git_state(),
        "data": data,
    }
    atomic_write_json(folder / "recipe.json", recipe.model_dump(mode="json"))
    atomic_write_json(folder / "run.json", facts)
    return Run(folder, recipe, facts)


@contextmanager
def alone_in(folder: Path) -> Iterator[bool]:
    """Give whether no other living process works in the folder; it is held until the block ends. Raises: CannotWrite."""
    lock = FileLock(make_folder(folder) / "lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def open_run(folder: Path) -> Run:
    """Return the run in `folder`. Raises: BadRun."""
    try:
        recipe = json.loads((folder / "recipe.json").read_text("utf-8"))
        facts = json.loads((folder / "run.json").read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadRun(f"{folder} holds no run", hint="give the folder that 'aivsreal train' made") from error
    except (OSError, ValueError) as error:
        raise BadRun(f"the run in {folder} cannot be read: {error}", hint="begin it anew") from error
    return Run(folder, recipe_from(recipe, origin=str(folder / "recipe.json")), facts)


def save_tensors(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values at once. Raises: CannotWrite."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    atomic_write_bytes(path, buffer.getvalue())


def load_tensors(path: Path) -> dict[str, Any]:
    """Return what `save_tensors` wrote; nothing in the file is executed. Raises: BadRun."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise BadRun(f"there is no {path}", hint="train further with --resume") from error
    except Exception as error:  # torch raises its own kinds, pickle's and zipfile's alike
        raise BadRun(f"{path} is damaged: {error}", hint="delete it; the run begins anew") from error
    return state


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _git_state() -> str | None:
    """The commit of the checkout that this code runs from, with a mark where files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
