"""One measurement of one model on one split: figures, slices, predictions, plots, report, in one folder."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from aivsreal import __version__
from aivsreal.bundle import Bundle
from aivsreal.data.labelled import LabelledSet, require_both_classes
from aivsreal.data.split import leaked_and_copies
from aivsreal.detector import Detector
from aivsreal.errors import BadData
from aivsreal.evaluation.answers import Answers
from aivsreal.evaluation.measure import CHAINS, Chain, Progress, Row, measure
from aivsreal.evaluation.metrics import as_json
from aivsreal.evaluation.plots import draw_plots
from aivsreal.evaluation.predictions import write_predictions
from aivsreal.evaluation.report import write_report
from aivsreal.evaluation.robustness import Robustness, robustness_figures
from aivsreal.evaluation.robustness_plots import draw_robustness
from aivsreal.evaluation.slices import slices
from aivsreal.evaluation.years import over_years
from aivsreal.files import atomic_folder, atomic_write_json

METRICS, PREDICTIONS, REPORT = "metrics.json", "predictions.csv", "report.html"
DEFAULT_SPLIT = "test"
_LEARNED_SPLITS = {"train", "val"}


@dataclass(frozen=True)
class Measurement:
    """What was measured on what, before it is written down.

    measured: a row a sample and chain, those that failed included; leaked and copies: their keys
    asked: what was measured beside the pictures as they are and aligned
    fast: whether the check was left out that the model's card asks for
    """

    bundle: Bundle
    data: LabelledSet
    split: str
    where: tuple[str, ...]
    measured: Mapping[Chain, Sequence[Row]]
    answers: Answers
    leaked: frozenset[str]
    copies: frozenset[str]
    asked: Robustness
    fast: bool
    seconds: float


def evaluate(
    model: str | Path | None,
    labelled: LabelledSet,
    split: str | None = None,
    out: str | Path | None = None,
    *,
    where: Sequence[str] = (),
    tiers: bool = False,
    degradations: Sequence[str] = (),
    stability: bool = False,
    fast: bool = False,
    on_progress: Progress | None = None,
) -> Path:
    """Return the metrics.json in `out`, which also holds predictions.csv, report.html and the plots.

    model: a bundle's name or folder; split: default "test", or everything where the data names no split
    out: appears whole when all is done, in place of an earlier report; default report/MODEL-DATA-SPLIT
    where: the conditions that `labelled` was narrowed by, to be written down
    tiers, stability: measure the tiers `web` and `hard` too; the twelve harmless changes of each picture too
    fast: give verdicts on the file alone, as `predict --fast` does
    degradations: names of degrade.DEGRADATIONS, or "all", to be measured one by one
    Raises: UsageError for an unknown degradation; BadData for a missing split, a missing class, or where hardly a picture can be read; BadBundle;
    CannotWrite.
    """
    asked = Robustness(tiers, tuple(degradations), stability)
    detector = Detector.load(model, threads=1, fast=fast)
    split, chosen = _chosen(labelled, split)
    require_both_classes(chosen)
    target = Path(out) if out else default_out(detector.bundle, labelled, split)
    # Opened first, so that a place which cannot be written to is told of before hours of measuring.
    with atomic_folder(target, replaces=METRICS) as folder:
        measurement = _measured(detector, labelled, chosen, split, tuple(where), asked, on_progress)
        metrics = metrics_of(measurement)
        atomic_write_json(folder / METRICS, metrics)
        write_predictions(folder / PREDICTIONS, measurement.measured, measurement.leaked, measurement.copies)
        plots = draw_plots(folder, measurement.answers, metrics, chosen)
        plots += draw_robustness(folder, metrics)
        write_report(folder / REPORT, metrics, plots)
    return target / METRICS


def default_out(bundle: Bundle, labelled: LabelledSet, split: str) -> Path:
    """Return report/MODEL-DATA-SPLIT below the working folder."""
    return Path("report") / "-".join(part for part in (bundle.card.name, labelled.name, split) if part)


def metrics_of(measurement: Measurement) -> dict[str, Any]:
    """Return what metrics.json holds: figures as {value, low, high}, slices, counts, model, thresholds."""
    answers = measurement.answers
    metrics: dict[str, Any] = {chain: as_json(answers.figures(chain)) for chain in CHAINS}
    spoilt = measurement.leaked | measurement.copies
    if spoilt:
        clean = np.asarray([row.key not in spoilt for row in answers.rows])
        metrics["leak_free"] = as_json(answers.at(clean).figures("as_is"))
    metrics |= robustness_figures(measurement.measured, measurement.asked)
    columns = [row.columns for row in answers.rows]
    if by_year := over_years(answers.labels, answers.probabilities["aligned"], columns):
        metrics["years"] = by_year
    return metrics | {
        "slices": slices(answers),
        "confusion": answers.confusion(),
        "counts": _counts(measurement),
        "failures": _failures(measurement.measured),
        "model": _model(measurement.bundle),
        "thresholds": measurement.bundle.card.thresholds.model_dump(mode="json"),
        "data": {
            "name": measurement.data.name,
            "split": measurement.split,
            "where": list(measurement.where),
            "fingerprint": measurement.data.fingerprint(),
        },
        "made": {
            "on": datetime.now(UTC).date().isoformat(),
            "aivsreal": __version__,
            "python": platform.python_version(),
            "seconds": round(measurement.seconds, 1),
            "fast": measurement.fast,
        },
    }


def _chosen(labelled: LabelledSet, split: str | None) -> tuple[str, LabelledSet]:
    """Return the split's name and its samples; data without any split is measured whole. Raises: BadData."""
    if labelled.splits == ("",):
        if split is not None:
            raise BadData(
                f"{labelled.name} has no splits", hint="leave --split out, and all of it is measured"
            )
        return "", labelled
    return split or DEFAULT_SPLIT, labelled.of_split(split or DEFAULT_SPLIT)


def _measured(
    detector: Detector,
    labelled: LabelledSet,
    chosen: LabelledSet,
    split: str,
    where: tuple[str, ...],
    asked: Robustness,
    on_progress: Progress | None,
) -> Measurement:
    started = perf_counter()
    chains = (*CHAINS, *asked.chains)
    total = len(chains) * len(chosen)
    measured: dict[Chain, list[Row]] = {}
    for done, chain in enumerate(chains):

        def tell(count: int, _: int, before: int = done * len(chosen)) -> None:
            if on_progress:
                on_progress(before + count, total)

        measured[chain] = measure(detector, chosen, chain=chain, on_progress=tell)
    usual = {chain: measured[chain] for chain in CHAINS}
    answers = Answers.of(usual)
    if set(answers.labels.tolist()) != {0, 1}:
        raise BadData(
            f"{chosen.name}: not a picture of each class could be read: {_first_error(usual)}",
            hint="`aivsreal audit` lists the unreadable ones",
        )
    leaked, copies = _leaks(labelled, split)
    fast = detector.deliveries != detector.bundle.card.stability.deliveries
    seconds = perf_counter() - started
    return Measurement(
        detector.bundle, chosen, split, where, measured, answers, leaked, copies, asked, fast, seconds
    )


def _leaks(labelled: LabelledSet, split: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the keys of the split's pictures that also stand in train or val, and of its second copies.

    Only asked where the data at hand has something to learn from: elsewhere nothing can have leaked.
    """
    if split in _LEARNED_SPLITS or not _LEARNED_SPLITS & set(labelled.splits):
        return frozenset(), frozenset()
    leaked, copies = (
        frozenset(labelled.samples[place].key for place in places)
        for places in leaked_and_copies(labelled, split)
    )
    return leaked, copies


def _counts(measurement: Measurement) -> dict[str, int]:
    labels = measurement.answers.labels
    return {
        "pictures": len(measurement.data),
        "measured": int(labels.size),
        "real": int((labels == 0).sum()),
        "ai": int((labels == 1).sum()),
        "failed": len(measurement.data) - int(labels.size),
        "leaked": len(measurement.leaked),
        "copies": len(measurement.copies),
    }


def _failures(measured: Mapping[Chain, Sequence[Row]]) -> dict[str, str]:
    return {row.key: row.error for chain in CHAINS for row in measured[chain] if row.error}


def _first_error(measured: Mapping[Chain, Sequence[Row]]) -> str:
    return next(iter(_failures(measured).values()), "one class is empty")


def _model(bundle: Bundle) -> dict[str, str]:
    return {
        "name": bundle.card.name,
        "version": bundle.card.version,
        "graph_sha256": bundle.card.files["model.onnx"],
    }
