"""One entry, fitted and measured: its scores of every picture in every chain, and what it cost."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from aivsreal.data.labelled import Sample
from aivsreal.errors import AivsrealError, UnreadableImage
from aivsreal.evaluation.calibration import fit_platt, sigmoid
from aivsreal.evaluation.compare.entry import Entry, Fitted, Work
from aivsreal.evaluation.degrade import TIERS, delivered
from aivsreal.evaluation.intervals import Floats
from aivsreal.evaluation.measure import CHAINS, Chain
from aivsreal.files import atomic_write_bytes, atomic_write_json, make_folder
from aivsreal.images import Picture, open_picture
from aivsreal.threads import available_cores, in_order

ALL_CHAINS: tuple[Chain, ...] = (*CHAINS, *TIERS)
RESULT, SCORES = "result.json", "scores.npz"
# Probabilities are kept this far from 0 and 1, so that all have a logit.
_EDGE = 1e-12
_BATCH = 8
_TIMED = 24


@dataclass(frozen=True)
class Measured:
    """What an entry cost, and its calibrated probabilities [n] of each split's pictures in each chain.

    NaN where a picture could not be read; failed: why the entry could not take part, "" where it did
    """

    name: str
    facts: Mapping[str, Any]
    probabilities: Mapping[tuple[str, Chain], Floats]
    failed: str = ""


def fit_and_measure(name: str, entry: Entry, work: Work, splits: Mapping[str, Sequence[Sample]]) -> Measured:
    """Return the entry's measurement, made now and kept in its folder, or read from there.

    Calibrated on validation pictures (as they are and aligned), one way for all entries. An entry that cannot
    take part on this data is told of, and tried again by the next call. Raises: CannotWrite.
    """
    if is_measured(work.folder):
        return _read(name, work.folder)
    try:
        facts, found = _measure(entry, work, splits)
    except AivsrealError as error:
        if error.exit_code == 8:  # a full disk is no fault of the entry's
            raise
        return Measured(name, {}, {}, f"{error.reason} ({error.hint})")
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {f"{split}/{chain}": p for (split, chain), p in found.items()}
    np.savez_compressed(buffer, **arrays)
    atomic_write_bytes(work.folder / SCORES, buffer.getvalue())
    atomic_write_json(work.folder / RESULT, facts)
    return Measured(name, facts, found)


def is_measured(folder: Path) -> bool:
    """Return whether an entry's folder holds a whole measurement: its scores were written before its result."""
    return (folder / RESULT).is_file()


def _measure(
    entry: Entry, work: Work, splits: Mapping[str, Sequence[Sample]]
) -> tuple[dict[str, Any], dict[tuple[str, Chain], Floats]]:
    make_folder(work.folder)
    with _one_thread():
        clock, processor = perf_counter(), process_time()
        fitted = entry.fit(work)
        facts = _facts(fitted, perf_counter() - clock, process_time() - processor)
        keep = work.folder if fitted.seen == 0 else None
        scale, offset = _calibration(entry, work.validation, keep)
        found = {}
        for split, samples in splits.items():
            for chain in ALL_CHAINS:
                logits = _once(entry, samples, chain, keep, split)
                found[split, chain] = sigmoid(scale * logits + offset)
        facts["milliseconds"] = _milliseconds(entry, work.validation)
    return facts, found


def _facts(fitted: Fitted, clock: float, processor: float) -> dict[str, Any]:
    """What it cost; after a kill, the seconds are those since it went on."""
    return {**asdict(fitted), "seconds": round(clock, 1), "processor_seconds": round(processor, 1)}


def _calibration(entry: Entry, validation: Sequence[Sample], keep: Path | None) -> tuple[float, float]:
    logits = np.stack([_once(entry, validation, chain, keep, "validation") for chain in CHAINS])
    whole = np.isfinite(logits).all(axis=0)
    labels = np.array([sample.label for sample in validation])
    return fit_platt(logits[:, whole], labels[whole])


def _once(entry: Entry, samples: Sequence[Sample], chain: Chain, keep: Path | None, name: str) -> Floats:
    """The logits, kept in a file of `keep`: what comes trained says the same after a kill, and may be slow."""
    if keep is None:
        return _logits(entry, samples, chain)
    file = keep / f"{name}-{chain}.npy"
    if not file.exists():
        buffer = io.BytesIO()
        np.save(buffer, _logits(entry, samples, chain))
        atomic_write_bytes(file, buffer.getvalue())
    return np.asarray(np.load(file))


def _logits(entry: Entry, samples: Sequence[Sample], chain: Chain) -> Floats:
    """The entry's probabilities as logits [n], a few pictures at a time; NaN for what cannot be read."""

    def opened(sample: Sample) -> Picture | None:
        try:
            file = sample.read()
            if chain == "as_is":
                return open_picture(file)
            return open_picture(delivered(chain, file, open_picture(file).pixels))
        except UnreadableImage:
            return None

    found = np.full(len(samples), np.nan)
    for start in range(0, len(samples), _BATCH):
        batch = samples[start : start + _BATCH]
        pictures = list(in_order(opened, batch, threads=available_cores(), ahead=2))
        there = [place for place, picture in enumerate(pictures) if picture is not None]
        if there:
            p = entry.predict_probability([picture for picture in pictures if picture is not None])
            found[[start + place for place in there]] = np.clip(p, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(found) - np.log1p(-found))


def _milliseconds(entry: Entry, samples: Sequence[Sample]) -> float:
    """Processor time of a picture that is opened already, one at a time on one thread: the median."""
    pictures = [open_picture(sample.read()) for sample in samples[:_TIMED]]
    spent = []
    for picture in pictures:
        before = process_time()
        entry.predict_probability([picture])
        spent.append(process_time() - before)
    return round(1000 * float(np.median(spent)), 3)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Give every entry one thread of arithmetic, so that their times can be compared."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def _read(name: str, folder: Path) -> Measured:
    facts = json.loads((folder / RESULT).read_text("utf-8"))
    with np.load(folder / SCORES) as content:
        found = {(key.rpartition("/")[0], key.rpartition("/")[2]): content[key] for key in content.files}
    return Measured(name, facts, found)
