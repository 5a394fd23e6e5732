"""A detector run over a labelled set, a row an image: the same way that a user's picture goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.detector import Detector
from aivsreal.errors import UnreadableImage
from aivsreal.evaluation.degrade import delivered
from aivsreal.images import Facts, open_picture
from aivsreal.threads import available_cores, in_order
from aivsreal.verdict import Verdict, Word

Chain = str
"""What happens to a picture first: nothing ("as_is"), or a name that `degrade.delivered` knows."""

Progress = Callable[[int, int], None]
"""Called with how many pictures are done, and of how many."""

CHAINS: tuple[Chain, ...] = ("as_is", "aligned")
_IN_FLIGHT = 4


@dataclass(frozen=True, slots=True)
class Row:
    """What the detector said about one sample; without a verdict where `error` says why not.

    format, width, height: of the file as it lies in the set, whatever the chain made of it
    embedding: float32 [d], kept only where it was asked for
    delivered: the logits of the deliveries by which the verdict was tried
    """

    key: str
    label: int
    columns: Mapping[str, Any]
    logit: float = float("nan")
    probability_ai: float = float("nan")
    verdict: Word | None = None
    delivered: tuple[float, ...] = ()
    error: str | None = None
    format: str = ""
    width: int = 0
    height: int = 0
    embedding: np.ndarray[Any, np.dtype[np.float32]] | None = None


def measure(
    detector: Detector,
    labelled: LabelledSet,
    *,
    chain: Chain,
    keep_embeddings: bool = False,
    on_progress: Progress | None = None,
) -> list[Row]:
    """Return a row for every sample, in their order; one that cannot be read becomes a row with an error.

    chain: "as_is", or what a picture is decoded for and made into before it is shown to the detector
    Pictures are read, decoded and scored on every core, with a few in flight, so memory stays flat.
    """

    def score(sample: Sample) -> Row:
        return _scored(detector, sample, chain, keep_embeddings)

    rows = []
    for row in in_order(score, labelled.samples, threads=available_cores(), ahead=_IN_FLIGHT):
        rows.append(row)
        if on_progress:
            on_progress(len(rows), len(labelled))
    return rows


def _scored(detector: Detector, sample: Sample, chain: Chain, keep_embedding: bool) -> Row:
    try:
        verdict, facts = _predicted(detector, sample.read(), chain)
    except UnreadableImage as error:
        return Row(sample.key, sample.label, sample.columns, error=error.reason)
    return Row(
        key=sample.key,
        label=sample.label,
        columns=sample.columns,
        logit=verdict.logit,
        probability_ai=verdict.probability_ai,
        verdict=verdict.verdict,
        delivered=verdict.delivered,
        format=facts.format,
        width=facts.width,
        height=facts.height,
        embedding=verdict.embedding if keep_embedding else None,
    )


def _predicted(detector: Detector, file: bytes, chain: Chain) -> tuple[Verdict, Facts]:
    if chain == "as_is":
        verdict = detector.predict(file)
        return verdict, verdict.facts
    picture = open_picture(file, limits=detector.limits)
    return detector.predict(delivered(chain, file, picture.pixels)), picture.facts
