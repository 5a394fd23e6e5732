"""The user's own gate set: labelled pictures, copied once and then fixed, that every successor is measured on.

They lie in the data folder, are checked on every use, and are never trained on.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from aivsreal.bundle import data_folder
from aivsreal.data.folders import IMAGE_SUFFIXES
from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.data.split import pixel_ids
from aivsreal.errors import AivsrealError, BadData, UsageError
from aivsreal.files import atomic_folder, atomic_write_json

FOLDER = "gate"
TABLE = "gate.json"
# Fewer photographs cannot show that one in twenty is called AI.
FEWEST = 20


def init_gate(real: Path, ai: Path, *, replace: bool = False) -> LabelledSet:
    """Return the gate set after it stands in the data folder: the pictures of two folders, without copies.

    A folder within them names a slice, that is looked at by itself. replace: put it in the place of an earlier one
    Raises: UsageError where there is one already; BadData where a folder holds too few pictures; CannotWrite.
    """
    if (gate_folder() / TABLE).exists() and not replace:
        raise UsageError(
            f"there is a gate set in {gate_folder()} already",
            hint="a gate is fixed, so that models are measured alike; --replace makes a new one",
        )
    samples = [*_pictures(real, 0), *_pictures(ai, 1)]
    ids = pixel_ids(samples)
    _refuse_both_labels(samples, ids)
    kept = [s for at, s in enumerate(samples) if ids[at] and ids[at] not in ids[:at]]
    for label, folder in ((0, real), (1, ai)):
        if (count := sum(s.label == label for s in kept)) < FEWEST:
            raise BadData(
                f"{folder} holds {count} different pictures that can be read",
                hint=f"give at least {FEWEST} of each class: fewer tell nothing",
            )
    with atomic_folder(gate_folder(), replaces=TABLE) as new:
        rows = [_copied(sample, new) for sample in kept]
        atomic_write_json(new / TABLE, {"pictures": rows})
    gate = load_gate()
    assert gate is not None
    return gate


def load_gate() -> LabelledSet | None:
    """Return the gate set; None where there is none. Raises: BadData where a byte of it has changed."""
    table = gate_folder() / TABLE
    try:
        rows = json.loads(table.read_bytes())["pictures"]
        samples = [_sample(row) for row in rows]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(f"{table} cannot be read: {error}") from error
    for sample in samples:
        try:
            intact = hashlib.sha256(sample.read()).hexdigest() == sample.columns["sha256"]
        except AivsrealError:
            intact = False
        if not intact:
            raise _damaged(f"{sample.path} is not the picture that it was")
    return LabelledSet("gate", gate_folder(), tuple(samples))


def without_gate(labelled: LabelledSet) -> tuple[LabelledSet, int]:
    """Return the set without what stands in the gate set, by its pixels, and how many pictures that were."""
    gate = load_gate()
    if gate is None:
        return labelled, 0
    barred = set(pixel_ids(gate.samples)) - {""}
    kept = [s for s, one in zip(labelled, pixel_ids(labelled.samples), strict=True) if one not in barred]
    return labelled.with_samples(kept), len(labelled) - len(kept)


def gate_folder() -> Path:
    """Return where the gate set lies."""
    return data_folder() / FOLDER


def _pictures(folder: Path, label: int) -> list[Sample]:
    if not folder.is_dir():
        raise BadData(f"there is no folder {folder}", hint="name a folder of pictures")
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not path.name.startswith("."):
            within = path.relative_to(folder).parts[:-1]
            source = within[0] if within else ("ai" if label else "real")
            found.append(Sample(str(path), label, "", {"source": source}, str(path)))
    return found


def _refuse_both_labels(samples: list[Sample], ids: list[str]) -> None:
    labels: dict[str, Sample] = {}
    for sample, one in zip(samples, ids, strict=True):
        if one and labels.setdefault(one, sample).label != sample.label:
            raise BadData(
                f"{sample.path} and {labels[one].path} are the same picture under two labels",
                hint="take it out of one of the folders",
            )


def _copied(sample: Sample, folder: Path) -> dict[str, object]:
    data = sample.read()
    digest = hashlib.sha256(data).hexdigest()
    name = f"{digest[:24]}{Path(sample.path).suffix.lower()}"
    (folder / name).write_bytes(data)
    return {"file": name, "sha256": digest, "label": sample.label, "source": sample.columns["source"]}


def _sample(row: dict[str, object]) -> Sample:
    name, label = str(row["file"]), int(str(row["label"]))
    columns = {"source": str(row["source"]), "sha256": str(row["sha256"])}
    return Sample(name, label, "", columns, str(gate_folder() / name))


def _damaged(reason: str) -> BadData:
    return BadData(reason, hint="make the gate set anew: aivsreal gate init --real DIR --ai DIR --replace")
