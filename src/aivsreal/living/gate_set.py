"""Pictures that models are measured on and never learn from: the user's own gate set, and what a retraining held out.

They are copied once into the data folder, then fixed, and checked on every use.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from aivsreal.bundle import Bundle, data_folder
from aivsreal.data.folders import IMAGE_SUFFIXES
from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.data.split import pixel_ids
from aivsreal.errors import AivsrealError, BadData, UsageError
from aivsreal.files import atomic_folder, atomic_write_json, put_back
from aivsreal.living.remember import source_name

FOLDER, HELD = "gate", "held"
TABLE = "gate.json"
# Fewer photographs cannot show that one in twenty is called AI.
FEWEST = 20


def init_gate(real: Path, ai: Path, *, replace: bool = False) -> LabelledSet:
    """Return the gate set after it stands in the data folder: the pictures of two folders, without copies.

    A folder within them names a slice, that is looked at by itself. replace: put it in the place of an earlier one
    Raises: UsageError where there is one already; BadData where a folder holds too few pictures; CannotWrite.
    """
    put_back(gate_folder())
    if (gate_folder() / TABLE).exists() and not replace:
        raise UsageError(
            f"there is a gate set in {gate_folder()} already",
            hint="a gate is fixed, so that models are measured alike; --replace makes a new one",
        )
    kept = _different([*_pictures(real, 0), *_pictures(ai, 1)])
    for label, folder in ((0, real), (1, ai)):
        if (count := sum(s.label == label for s in kept)) < FEWEST:
            raise BadData(
                f"{folder} holds {count} different pictures that can be read",
                hint=f"give at least {FEWEST} of each class: fewer tell nothing",
            )
    _keep(gate_folder(), kept)
    gate = load_gate()
    assert gate is not None
    return gate


def load_gate() -> LabelledSet | None:
    """Return the gate set; None where there is none. Raises: BadData where a byte of it has changed."""
    return _kept(
        gate_folder(), hint="make the gate set anew: aivsreal gate init --real DIR --ai DIR --replace"
    )


def keep_held(fingerprint: str, samples: Sequence[Sample]) -> None:
    """Copy pictures that a retraining held out, under the fingerprint of what it trained on. Raises: CannotWrite."""
    named = [dataclasses.replace(s, columns={**s.columns, "source": source_name(s)}) for s in samples]
    _keep(_held_folder(fingerprint), named)


def load_held(bundle: Bundle) -> LabelledSet | None:
    """Return what was held out when the bundle was retrained; None where nothing was, or not on this machine.

    Raises: BadData where a byte of it has changed.
    """
    folder = _held_folder(bundle.card.training.data_fingerprint)
    return _kept(folder, hint=f"retrain {bundle.title} anew, or delete {folder} and let the gate do without")


def without_gate(labelled: LabelledSet, base: Bundle) -> tuple[LabelledSet, int]:
    """Return the set without what the base's successors are judged on, and how many pictures that were.

    That is the gate set and what a retraining of the base held out; pictures are known by their pixels.
    """
    judges = [sample for part in (load_gate(), load_held(base)) for sample in part or ()]
    if not judges:
        return labelled, 0
    barred = set(pixel_ids(judges)) - {""}
    kept = [s for s, one in zip(labelled, pixel_ids(labelled.samples), strict=True) if one not in barred]
    return labelled.with_samples(kept), len(labelled) - len(kept)


def gate_folder() -> Path:
    """Return where the gate set lies."""
    return data_folder() / FOLDER


def _held_folder(fingerprint: str) -> Path:
    return data_folder() / HELD / fingerprint[:24]


def _keep(folder: Path, samples: Sequence[Sample]) -> None:
    """Copy the pictures into a folder of their own, with a table of them."""
    with atomic_folder(folder, replaces=TABLE) as new:
        rows = [_copied(sample, new) for sample in samples]
        atomic_write_json(new / TABLE, {"pictures": rows})


def _kept(folder: Path, hint: str) -> LabelledSet | None:
    """Return the pictures that `_keep` copied, every byte checked; None where there are none.

    Raises: BadData; CannotWrite where an earlier folder was to be put back, and could not.
    """
    put_back(folder)
    table = folder / TABLE
    try:
        rows = json.loads(table.read_bytes())["pictures"]
        samples = [_sample(row, folder) for row in rows]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadData(f"{table} cannot be read: {error}", hint=hint) from error
    for sample in samples:
        try:
            intact = hashlib.sha256(sample.read()).hexdigest() == sample.columns["sha256"]
        except AivsrealError:
            intact = False
        if not intact:
            raise BadData(f"{sample.path} is not the picture that it was", hint=hint)
    return LabelledSet(folder.name, folder, tuple(samples))


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


def _different(samples: list[Sample]) -> list[Sample]:
    """Return the readable samples, the first of each picture. Raises: BadData where one has two labels."""
    first: dict[str, Sample] = {}
    for sample, pixels in zip(samples, pixel_ids(samples), strict=True):
        if pixels and first.setdefault(pixels, sample).label != sample.label:
            raise BadData(
                f"{sample.path} and {first[pixels].path} are the same picture under two labels",
                hint="take it out of one of the folders",
            )
    return list(first.values())


def _copied(sample: Sample, folder: Path) -> dict[str, object]:
    data = sample.read()
    digest = hashlib.sha256(data).hexdigest()
    suffix = Path(sample.path).suffix.lower()
    name = f"{digest[:24]}{suffix if sample.row < 0 else ''}"
    (folder / name).write_bytes(data)
    columns = {name: sample.columns[name] for name in ("source", "group") if sample.columns.get(name)}
    return {"file": name, "sha256": digest, "label": sample.label, **columns}


def _sample(row: dict[str, object], folder: Path) -> Sample:
    name, label = str(row["file"]), int(str(row["label"]))
    columns = {"source": str(row["source"]), "sha256": str(row["sha256"]), "group": row.get("group")}
    return Sample(name, label, "", columns, str(folder / name))
