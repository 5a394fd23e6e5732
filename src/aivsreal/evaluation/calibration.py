"""From raw logits to probabilities and thresholds: fitted on validation, or on training sources that were left out.

Each picture is shown in four ways, since nobody knows in which one it will come: as it is, aligned, after a way
over the web and after hard use. Probabilities are fitted on the mixture of all; where a tower's run knows what judges
say of sources that they had not met, on these, in the first three ways. Nothing here ever sees a set that is being
reported (design decision 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize

from aivsreal.bundle import Bundle, load_bundle, update_card
from aivsreal.data.labelled import LabelledSet, require_both_classes
from aivsreal.detector import Detector
from aivsreal.errors import BadData
from aivsreal.evaluation.intervals import Bools, Floats, Ints
from aivsreal.evaluation.measure import Chain, Progress, Row, measure
from aivsreal.self_test import REFERENCE, self_test_picture
from aivsreal.verdict import Calibration, Drawn, Stability, Thresholds

if TYPE_CHECKING:
    from aivsreal.training.tower import LeftOut
    from aivsreal.training.tower_graph import Head

USUAL: tuple[Chain, ...] = ("as_is", "aligned", "web")
HARD: Chain = "hard"
REFERENCE_BINS = 20
_SMALLEST_SCALE = 0.01
_SMALLEST_LIMIT = 0.05
_BAND = 0.4
_EVEN_ODDS = 0.0
LEFT_OUT_SOURCES = "training sources that were left out in turn"


@dataclass(frozen=True)
class Limit:
    """A threshold in log-odds and the share of errors that it keeps to, on so many pictures."""

    log_odds: float
    rate: float
    pictures: int


def calibrate(
    bundle_folder: str | Path,
    labelled: LabelledSet,
    *,
    split: str = "val",
    max_false_positive_rate: float = 0.02,
    max_missed_rate: float = 0.10,
    hard_factor: float = 2.5,
    answers_lost: float = 0.05,
    max_accused_drawings: float = 0.01,
    left_out: LeftOut | None = None,
    on_progress: Progress | None = None,
) -> Bundle:
    """Return the bundle after its card holds calibration, thresholds, promises and reference.

    max_false_positive_rate: at most this share of photographs is called AI
    max_missed_rate: at most this share of AI pictures is called real
    hard_factor: after hard use at most this many times these shares, see choose_thresholds
    answers_lost: share of answers that may be lost where the model also scores deliveries, see limited_spread
    max_accused_drawings: at most this share of what people made and looks drawn is called AI, where left_out tells it
    left_out: what is known of training pictures from models that had not met their sources; then probabilities are
    fitted on them, both rates are those of such pictures, without drawings, and validation has a say after hard
    use only
    Both rates hold for pictures as they are, aligned ones and those after a way over the web, each by itself.
    Raises: BadData for a split that is missing, of one class, or unreadable; BadBundle; CannotWrite.
    """
    bundle = load_bundle(Path(bundle_folder))
    chosen = labelled.of_split(split)
    require_both_classes(chosen)
    detector = Detector.load(Path(bundle_folder), threads=1)
    measured = [
        measure(detector, chosen, chain=chain, keep_embeddings=chain == "as_is", on_progress=on_progress)
        for chain in (*USUAL, HARD)
    ]
    ways = _readable(measured, f"{labelled.name} {split}")
    labels = np.asarray([row.label for row in ways[0]], dtype=np.int64)
    logits = np.asarray([[row.logit for row in rows] for rows in ways])
    fitted_on = (
        f"{labelled.name} {split}: {int((labels == 0).sum())} photographs and "
        f"{int(labels.sum())} AI pictures, as they are, aligned, on the web and after hard use"
    )
    # Validation shares its sources with training, so that its AI pictures score higher than a user's will.
    calibration = (
        _calibration(logits, labels, fitted_on)
        if left_out is None
        else _calibration(left_out.logits, left_out.labels, LEFT_OUT_SOURCES)
    )
    scale, offset = calibration.scale, calibration.offset
    log_odds = scale * logits + offset
    drawn = None if left_out is None else _tells(left_out.drawn)
    photographic = _no_drawing(labels, _looks_drawn(drawn, ways[0]))
    usual, usual_labels = log_odds[:-1, photographic], labels[photographic]
    unmet = usual[:, :0]
    if left_out is not None:
        kept = _no_drawing(left_out.labels, left_out.looks_drawn)
        unmet = scale * left_out.logits + offset
        usual, usual_labels, unmet = unmet[:, kept], left_out.labels[kept], unmet[:, ~kept]
    thresholds = choose_thresholds(
        usual,
        usual_labels,
        log_odds[-1, photographic],
        labels[photographic],
        max_false_positive_rate=max_false_positive_rate,
        max_missed_rate=max_missed_rate,
        hard_factor=hard_factor,
        fitted_on=fitted_on if left_out is None else f"{LEFT_OUT_SOURCES}, and {fitted_on}",
        unmet=left_out is not None,
    )
    if drawn is not None:
        drawn = stricter(drawn, thresholds, unmet, max_accused_drawings)
    card = bundle.card.model_copy(
        update={
            "calibration": calibration,
            "thresholds": thresholds,
            "drawn": drawn,
            "stability": limited_spread(
                bundle.card.stability,
                log_odds[:-1],
                scale * np.asarray([[row.delivered for row in rows] for rows in ways[:-1]]) + offset,
                labels,
                thresholds,
                answers_lost,
            ),
            "reference": {
                **reference(ways[0], scale, offset, f"{labelled.name} {split}"),
                REFERENCE: detector.predict(self_test_picture()).logit,
            },
        }
    )
    return update_card(bundle.folder, card)


def _calibration(logits: Floats, labels: Ints, fitted_on: str) -> Calibration:
    scale, offset = fit_platt(logits, labels)
    return Calibration(scale=scale, offset=offset, fitted_on=fitted_on)


def fit_platt(logits: Floats, labels: Ints) -> tuple[float, float]:
    """Return scale > 0 and offset such that sigmoid(scale * logit + offset) is a probability at even odds.

    logits: [m, n], m ways in which each of n pictures was shown; labels: [n]
    The classes weigh the same, whatever their numbers. Targets are smoothed by one picture a class, which
    keeps the scale finite where the classes are perfectly apart (Platt 1999, "Probabilistic outputs for
    support vector machines and comparisons to regularized likelihood methods").
    """
    ways = logits.shape[0]
    x, is_ai = logits.ravel(), np.tile(labels == 1, ways)
    n_ai, n_real = int((labels == 1).sum()), int((labels == 0).sum())
    target = np.where(is_ai, (n_ai + 1) / (n_ai + 2), 1 / (n_real + 2))
    weight = np.where(is_ai, 0.5 / (n_ai * ways), 0.5 / (n_real * ways))
    centre, spread = float(np.median(x)), float(x.std()) or 1.0
    unit = (x - centre) / spread

    def loss(parameters: Floats) -> tuple[float, Floats]:
        z = parameters[0] * unit + parameters[1]
        value = float((weight * (np.logaddexp(0, z) - target * z)).sum())
        slope = weight * (sigmoid(z) - target)
        return value, np.array([(slope * unit).sum(), slope.sum()])

    start = np.array([1.0, 0.0])
    bounds = [(_SMALLEST_SCALE, None), (None, None)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14})
    scale = float(found.x[0]) / spread
    return scale, float(found.x[1]) - scale * centre


def choose_thresholds(
    log_odds: Floats,
    labels: Ints,
    hard: Floats,
    hard_labels: Ints,
    *,
    max_false_positive_rate: float,
    max_missed_rate: float,
    hard_factor: float,
    fitted_on: str,
    unmet: bool = False,
) -> Thresholds:
    """Return the two thresholds and the promises that they were chosen for.

    log_odds: calibrated, [m, n], m usual ways in which each of n pictures was shown; labels: [n]; hard: [k], of
    validation pictures after hard use; hard_labels: [k]
    unmet: whether the n pictures are of sources that were left out of the fit, and not of validation: a promise that
    is about new cameras and generators must rest on such, for validation shares its sources with training
    Each threshold is the strictest of the ways. Hard use has a say, or the promise would be broken for the very
    photographs that have been around most: without it about three times as many of them are called AI as
    promised. But it does not rule alone: held to the same rate it costs nearly half of the AI pictures that
    are found as they are, for little else is left of so small a picture than what its compression did to it.
    So it is held to `hard_factor` times the rates, and the promise says so (docs/log.md, tiers in calibration).
    No picture is called AI below even odds, none real above them, and a band of at least 0.4 in log-odds (at
    even odds: 10 points of probability) stays uncertain, even where the classes are perfectly apart: moving a
    threshold outwards only makes its promise safer.
    """
    ai = ceiling(log_odds[:, labels == 0], max_false_positive_rate)
    ai_hard = ceiling(hard[None, hard_labels == 0], _eased(max_false_positive_rate, hard_factor))
    missed = ceiling(-log_odds[:, labels == 1], max_missed_rate)
    missed_hard = ceiling(-hard[None, hard_labels == 1], _eased(max_missed_rate, hard_factor))
    ai_above = max(ai.log_odds, ai_hard.log_odds, _EVEN_ODDS)
    real_below = min(-missed.log_odds, -missed_hard.log_odds, _EVEN_ODDS, ai_above - _BAND)
    return Thresholds(
        real_below=_rounded(real_below, floor),
        ai_above=_rounded(ai_above, ceil),
        promise_ai=_promise("photographs", "called AI", ai, ai_hard, max_false_positive_rate, unmet),
        promise_real=_promise("AI pictures", "called real", missed, missed_hard, max_missed_rate, unmet),
        fitted_on=fitted_on,
    )


def stricter(drawn: Drawn, thresholds: Thresholds, log_odds: Floats, rate: float) -> Drawn:
    """Return `drawn` with what more is asked of pictures that look drawn, so that at most this share is called AI.

    log_odds: calibrated, [m, n], m ways in which each of n real pictures that look drawn was shown; without any,
    nothing more is asked, and nothing promised
    """
    if not log_odds.shape[1]:
        return drawn
    limit = ceiling(log_odds, rate)
    more = max(0.0, limit.log_odds - _log_odds_of(thresholds.ai_above))
    promise = (
        f"Of 100 drawings, paintings and screens that people made and that it has not met, at most about "
        f"{_of_100(limit.rate)} are called AI (judged on {limit.pictures:,}, each by a model made without its source)."
    )
    return drawn.model_copy(
        update={
            "stricter": ceil(more * 10_000) / 10_000,
            "promise_ai": promise,
            "fitted_on": LEFT_OUT_SOURCES,
        }
    )


def ceiling(scores: Floats, rate: float) -> Limit:
    """Return the lowest score that at most this share of new pictures of the same kind will exceed.

    scores: [m, n]; the highest of the m ways counts. Split conformal prediction: the next score exceeds the
    ceil((n + 1)(1 - rate))-th smallest of n with a chance of at most `rate`, whatever the distribution
    (Angelopoulos and Bates 2021, "A gentle introduction to conformal prediction"). Fewer than 1 / rate - 1
    pictures cannot say so much: then the highest score is taken, and the rate returned is what they can say.
    """
    ordered = np.sort(scores, axis=1)
    pictures = ordered.shape[1]
    possible = max(rate, 1 / (pictures + 1))
    rank = min(pictures, ceil((pictures + 1) * (1 - possible) - 1e-9))
    return Limit(float(ordered[:, rank - 1].max()), possible, pictures)


def limited_spread(
    before: Stability,
    log_odds: Floats,
    delivered: Floats,
    labels: Ints,
    thresholds: Thresholds,
    answers_lost: float,
) -> Stability:
    """Return `before` with the largest spread at which an answer is given, and what the check costs and saves.

    log_odds: [m, n], calibrated, m ways in which each of n pictures was shown; delivered: [m, n, k], of its k
    deliveries; labels: [n]. The limit loses at most `answers_lost` of the answers. Some that it would spare are
    lost all the same, and counted with them: those that a delivery contradicts.
    """
    accused, cleared = _called(log_odds, thresholds)
    answered = accused | cleared
    if not before.deliveries or not answered.any():
        return before
    called_ai, called_real = (called.any(axis=2) for called in _called(delivered, thresholds))
    contradicted = (accused & called_real) | (cleared & called_ai)
    spread = np.ptp(np.concatenate([log_odds[..., None], delivered], axis=2), axis=2)
    # Rounded up before anything is counted by it, so that the counts are those of the limit on the card.
    exact = float(np.quantile(spread[answered], 1 - answers_lost))
    limit = max(ceil(exact * 10_000) / 10_000, _SMALLEST_LIMIT)
    lost = answered & (contradicted | (spread > limit))
    cost = (
        f"Of {int(answered.sum()):,} answers in validation {int(lost.sum()):,} are not given, since the picture "
        f"delivered again has another; {int((lost & accused & (labels == 0)).sum()):,} of them are false accusations."
    )
    return before.model_copy(update={"limit": limit, "cost": cost})


def _tells(head: Head | None) -> Drawn | None:
    """Return the part of a card that tells drawings by this head; None without one."""
    if head is None:
        return None
    return Drawn(weight=tuple(round(float(x), 6) for x in head.weight), bias=head.bias)


def _looks_drawn(drawn: Drawn | None, rows: Sequence[Row]) -> Bools:
    if drawn is None:
        return np.zeros(len(rows), bool)
    return drawn.looks_drawn(np.stack([row.embedding for row in rows if row.embedding is not None]))


def _no_drawing(labels: Ints, looks_drawn: Bools) -> Bools:
    """Return which pictures the thresholds are about: AI pictures of any look, real ones that do not look drawn.

    Where every real picture looks drawn they are about all, for there is nothing else to choose them by.
    """
    photographic = (labels == 1) | ~looks_drawn
    return np.asarray(photographic if (labels[photographic] == 0).any() else np.ones(len(labels), bool))


def _called(log_odds: Floats, thresholds: Thresholds) -> tuple[Bools, Bools]:
    """Return where log-odds alone are called AI, and where real."""
    probability = sigmoid(log_odds)
    return probability > thresholds.ai_above, probability < thresholds.real_below


def reference(rows: Sequence[Row], scale: float, offset: float, data: str) -> dict[str, Any]:
    """Return what drift is later told by: probabilities in 20 equal bins, and the embeddings' spread."""
    probabilities = sigmoid(scale * np.asarray([row.logit for row in rows]) + offset)
    counts, _ = np.histogram(probabilities, bins=REFERENCE_BINS, range=(0.0, 1.0))
    embeddings = np.stack([row.embedding for row in rows if row.embedding is not None]).astype(np.float64)
    return {
        "data": data,
        "n": len(rows),
        "score_histogram": [int(count) for count in counts],
        "embedding_mean": [round(float(x), 4) for x in embeddings.mean(axis=0)],
        "embedding_std": [round(float(x), 4) for x in embeddings.std(axis=0)],
    }


def _readable(measured: Sequence[Sequence[Row]], name: str) -> list[list[Row]]:
    """Return the rows of the pictures that could be read in all ways. Raises: BadData where a class has none."""
    whole = [rows for rows in zip(*measured, strict=True) if not any(row.error for row in rows)]
    if {rows[0].label for rows in whole} != {0, 1}:
        raise BadData(
            f"{name}: hardly a picture could be read, too few to calibrate on",
            hint="`aivsreal audit` lists the unreadable ones",
        )
    return [list(rows) for rows in zip(*whole, strict=True)]


def _log_odds_of(probability: float) -> float:
    return float(np.log(probability) - np.log1p(-probability))


def _eased(rate: float, factor: float) -> float:
    return min(0.5, rate * factor)


def _promise(pictures: str, called: str, usual: Limit, hard: Limit, wanted: float, unmet: bool) -> str:
    rate, after = (
        _of_100(usual.rate),
        f"after hard use (cropped, made small, saved twice) at most about {_of_100(hard.rate)}",
    )
    if unmet:
        promise = (
            f"Of 100 {pictures} from sources that it has not met, at most about {rate} are {called} "
            f"(judged on {usual.pictures:,}, each by a model made without its source); {after} of 100 like the "
            f"{hard.pictures:,} of validation."
        )
    else:
        promise = f"Of 100 {pictures} like the {usual.pictures:,} of validation, at most about {rate} are {called}; {after}."
    if usual.rate > wanted:
        promise += f" So few {pictures} cannot promise {_of_100(wanted)} in 100."
    return promise


def _of_100(rate: float) -> str:
    return f"{100 * rate:.2g}".removesuffix(".0")


def _rounded(log_odds: float, outwards: Any) -> float:
    """Return the probability to four digits, moved outwards, unless that would make it 0 or 1."""
    exact = float(sigmoid(np.asarray([log_odds]))[0])
    rounded = float(outwards(exact * 10_000) / 10_000)
    return rounded if 0 < rounded < 1 else exact


def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + e^-x) of each number."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))
