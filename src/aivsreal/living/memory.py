"""What a model remembers of the pictures it learned from and was judged on: embeddings, never pictures.

A bundle holds it as one file, memory-HASH.npz, listed in the card. Rows that were learned from are replayed when
the head is taught something new; rows that were held out are the reference that drift is told by, and a gate
that a successor must pass. Embeddings are kept in eight bits a number, which moves a logit by some hundredths.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aivsreal.bundle import Bundle
from aivsreal.errors import BadBundle, printable

PREFIX = "memory-"
SKETCH = 16
_STEPS = 127
# A sketch is kept in eight bits: up to eight deviations either way.
_SKETCH_STEP = 8 / 127
LONG_SIDES = (256, 512, 1024, 2048, 4096)


@dataclass(frozen=True, eq=False)
class Memory:
    """n pictures as one model saw them.

    codes: int8 [n, d]; step: float32 [d], so that codes * step are the embeddings
    labels: int8 [n], 1 AI; held: bool [n], False where the head learned from the row
    logits: float32 [n], of the picture as it is; sources, groups, formats, sizes, ids: text [n]
    origins: text [n], the collection or generator of each as finely as it is known, "" where it is not
    axes: float32 [d, k] and centre: float32 [d], by which an embedding becomes a sketch of k numbers
    new: bool [n], of what the model was taught last; left_out: float32 [n], the logit of such a row by a head
    that was taught without it, NaN elsewhere
    """

    codes: NDArray[np.int8]
    step: NDArray[np.float32]
    labels: NDArray[np.int8]
    held: NDArray[np.bool_]
    logits: NDArray[np.float32]
    sources: NDArray[np.str_]
    groups: NDArray[np.str_]
    origins: NDArray[np.str_]
    formats: NDArray[np.str_]
    sizes: NDArray[np.str_]
    ids: NDArray[np.str_]
    axes: NDArray[np.float32]
    centre: NDArray[np.float32]
    new: NDArray[np.bool_]
    left_out: NDArray[np.float32]

    def __len__(self) -> int:
        """Return how many pictures are remembered."""
        return len(self.labels)

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """float32 [n, d]."""
        return self.codes * self.step

    @property
    def sketches(self) -> NDArray[np.float32]:
        """float32 [n, k] as a record would hold them."""
        return unpacked(self.sketch(self.embeddings))

    def sketch(self, embeddings: NDArray[np.float32]) -> NDArray[np.int8]:
        """Return int8 [n, k] of embeddings [n, d]: where they lie along the axes on which pictures differ most."""
        along = (embeddings - self.centre) @ self.axes
        kept: NDArray[np.int8] = np.clip(np.rint(along / _SKETCH_STEP), -_STEPS, _STEPS).astype(np.int8)
        return kept

    def with_logits(self, logits: NDArray[np.float32]) -> Memory:
        """Return the same pictures as another head judges them."""
        return replace(self, logits=logits)

    def at(self, chosen: NDArray[Any]) -> Memory:
        """Return the rows chosen by a mask or by places."""
        rows = {name: getattr(self, name)[chosen] for name in _ROWS}
        return replace(self, **rows)


_ROWS = (
    "codes",
    "labels",
    "held",
    "logits",
    "sources",
    "groups",
    "origins",
    "formats",
    "sizes",
    "ids",
    "new",
    "left_out",
)


@dataclass(frozen=True, eq=False)
class Seen:
    """A picture as a model saw it, to be remembered."""

    embedding: NDArray[np.float32]
    label: int
    logit: float
    source: str
    group: str = ""
    origin: str = ""
    format: str = ""
    size: str = ""
    id: str = ""


def make_memory(learned: Sequence[Seen], held: Sequence[Seen]) -> Memory:
    """Return a memory of pictures that a head learned from and of others that were held out; at least two."""
    seen = [*learned, *held]
    embeddings = np.stack([one.embedding for one in seen]).astype(np.float32)
    step = np.maximum(np.abs(embeddings).max(axis=0), 1e-6) / _STEPS
    centre, axes = _axes(embeddings)
    return Memory(
        codes=coded(embeddings, step),
        step=step.astype(np.float32),
        held=np.arange(len(seen)) >= len(learned),
        new=np.zeros(len(seen), bool),
        left_out=np.full(len(seen), np.nan, np.float32),
        axes=axes,
        centre=centre,
        **_columns(seen),
    )


def grown(
    memory: Memory, seen: Sequence[Seen], held: NDArray[np.bool_], left_out: NDArray[np.float32]
) -> Memory:
    """Return the memory with newly taught pictures, of which `held` were not learned from; new is only what they are.

    left_out: float32 [n], their logits by heads that were taught without them
    """
    embeddings = np.stack([one.embedding for one in seen]).astype(np.float32)
    memory = _with_room_for(memory, embeddings)
    more = {
        "codes": coded(embeddings, memory.step),
        "held": held,
        "new": np.ones(len(seen), bool),
        "left_out": left_out,
        **_columns(seen),
    }
    old = replace(memory, new=np.zeros(len(memory), bool), left_out=np.full(len(memory), np.nan, np.float32))
    return replace(old, **{name: np.concatenate([getattr(old, name), more[name]]) for name in _ROWS})


def coded(embeddings: NDArray[np.float32], step: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return embeddings [n, d] in eight bits."""
    codes: NDArray[np.int8] = np.clip(np.rint(embeddings / step), -_STEPS, _STEPS).astype(np.int8)
    return codes


def unpacked(sketches: NDArray[np.int8]) -> NDArray[np.float32]:
    """Return float32 [n, k] of sketches as they are kept."""
    return (sketches * np.float32(_SKETCH_STEP)).astype(np.float32)


def size_class(width: int, height: int) -> str:
    """Return how large a picture is, coarsely: by its long side, as in "up to 512"."""
    longest = max(width, height)
    return next((f"up to {side}" for side in LONG_SIDES if longest <= side), f"over {LONG_SIDES[-1]}")


def as_file(memory: Memory) -> dict[str, bytes]:
    """Return the memory as a bundle's file: {name: bytes}; the name changes with the content."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{entry.name: getattr(memory, entry.name) for entry in fields(Memory)})
    data = buffer.getvalue()
    return {f"{PREFIX}{hashlib.sha256(data).hexdigest()[:12]}.npz": data}


def memory_of(bundle: Bundle) -> Memory | None:
    """Return what a bundle remembers; None where it has no memory. Raises: BadBundle where it is no memory."""
    data = next((data for name, data in bundle.extra.items() if name.startswith(PREFIX)), None)
    if data is None:
        return None
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as content:
            columns = {name: content[name] for name in content.files}
            # Memories of before it was kept which collection a picture comes from know nothing of it.
            columns.setdefault("origins", np.full(len(columns["labels"]), "", "<U1"))
            return Memory(**{entry.name: columns[entry.name] for entry in fields(Memory)})
    except (ValueError, KeyError, OSError) as error:
        raise BadBundle(
            f"the memory of {bundle.title} cannot be read: {error}",
            hint=f"make it anew: aivsreal models remember {bundle.folder} DATA",
        ) from error


def require_memory(bundle: Bundle) -> Memory:
    """Return what a bundle remembers. Raises: BadBundle where it has no memory."""
    memory = memory_of(bundle)
    if memory is None:
        raise BadBundle(
            f"{bundle.title} remembers no picture that it learned from",
            hint=f"give it a memory: aivsreal models remember {printable(str(bundle.folder))} DATA",
        )
    return memory


def _with_room_for(memory: Memory, embeddings: NDArray[np.float32]) -> Memory:
    """Return the memory with steps so wide that none of the embeddings is cut off."""
    step = np.maximum(memory.step, np.abs(embeddings).max(axis=0) / _STEPS).astype(np.float32)
    return replace(memory, codes=coded(memory.embeddings, step), step=step)


def _columns(seen: Sequence[Seen]) -> dict[str, NDArray[Any]]:
    return {
        "labels": np.array([one.label for one in seen], np.int8),
        "logits": np.array([one.logit for one in seen], np.float32),
        "sources": np.array([one.source for one in seen], np.str_),
        "groups": np.array([one.group for one in seen], np.str_),
        "origins": np.array([one.origin for one in seen], np.str_),
        "formats": np.array([one.format for one in seen], np.str_),
        "sizes": np.array([one.size for one in seen], np.str_),
        "ids": np.array([one.id for one in seen], np.str_),
    }


def _axes(embeddings: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean [d] and the principal axes [d, k], scaled so that these pictures have deviation 1 on each."""
    centre = embeddings.mean(axis=0)
    _, sizes, axes = np.linalg.svd(embeddings - centre, full_matrices=False)
    kept = min(SKETCH, int((sizes > 1e-6 * sizes[0]).sum())) if sizes[0] > 0 else 0
    deviation = sizes[:kept] / np.sqrt(len(embeddings))
    return centre.astype(np.float32), (axes[:kept].T / deviation).astype(np.float32)
