"""The one way from a picture to a verdict: open, views, ONNX session, fuse, judge.

Command line, web, evaluation and monitoring all walk it, so that a figure in a report is a figure about what
users get.

    detector = Detector.load()
    print(detector.predict("photo.jpg").words)
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aivsreal.bundle import Bundle, load_bundle
from aivsreal.deliveries import DELIVERIES, DeliveryName
from aivsreal.errors import AivsrealError, BadBundle, first_line
from aivsreal.images import Limits, Picture, Source, open_picture
from aivsreal.sessions import open_session
from aivsreal.threads import available_cores, in_order
from aivsreal.verdict import (
    NEARLY_BLANK,
    NOT_A_PHOTOGRAPH,
    TOO_SMALL,
    UNSTABLE,
    Calibration,
    Verdict,
    judge,
    settle,
)
from aivsreal.views import (
    ViewSpec,
    assemble_map,
    contrast,
    fuse,
    make_views,
    short_side_needed,
    view_weights,
)

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

OUTPUTS = ("logit", "map", "embedding")
# Views a run. On two cores a MobileNetV2 takes 3.8 ms a view by 2, 3.9 by 4, 4.2 by 8, in ever more memory.
BATCH = 2
# Long side of an assembled heat map: the network's own map is some 7 x 7 a view, more would be invented.
HEATMAP_SIDE = 256
# Pictures under way for each worker: enough that none waits for the one before it in order.
AHEAD = 3


@dataclass(frozen=True, eq=False)
class Score:
    """What the network says of a picture, before calibration.

    view_logits: float32 [n]; is_whole: bool [n]; embedding: float32 [d], of the views as the logit is;
    heatmap: float32 [h, w] in logits.
    """

    logit: float
    view_logits: NDArray[np.float32]
    is_whole: NDArray[np.bool_]
    embedding: NDArray[np.float32]
    heatmap: NDArray[np.float32] | None


@dataclass(frozen=True)
class Failure:
    """A picture that got no verdict, and why; path is None for one given as bytes."""

    path: str | None
    error: AivsrealError
    model: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the failure as plain values, under the keys of `Verdict.as_json`."""
        return {
            "path": self.path,
            "verdict": None,
            "probability_ai": None,
            "model": self.model,
            "error": self.error.reason,
            "hint": self.error.hint,
        }


class Detector:
    """A loaded model. One may be used by many threads at once."""

    def __init__(
        self, bundle: Bundle, *, threads: int | None = None, limits: Limits | None = None, fast: bool = False
    ) -> None:
        self.bundle = bundle
        self.deliveries = () if fast else bundle.card.stability.deliveries
        self.threads = threads or available_cores()
        self.limits = limits or Limits.from_environment()
        self._sessions: dict[int, InferenceSession] = {}
        self._lock = Lock()

    @classmethod
    def load(
        cls,
        model: str | Path | None = None,
        *,
        threads: int | None = None,
        limits: Limits | None = None,
        fast: bool = False,
    ) -> Detector:
        """Return the detector of a bundle by name or folder, by default the model in use.

        threads: cores for a single picture (default: all)
        fast: score the file only, and not whether the answer holds when the picture is delivered again
        Raises: BadBundle.
        """
        detector = cls(load_bundle(model), threads=threads, limits=limits, fast=fast)
        # Opened now, so that a graph which cannot run is told of before any picture is read.
        detector._session(detector.threads)
        return detector

    def score(self, picture: Picture, *, heatmap: bool = False) -> Score:
        """Return what the network says of an opened picture. Raises: BadBundle."""
        return self._score(picture, heatmap=heatmap, threads=self.threads)

    def embed(self, views: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the embedding of each view, float32 [n, d] of uint8 [n, size, size, 3]. Raises: BadBundle."""
        return self._run(views, self.threads)[2]

    def predict(self, source: Source, *, heatmap: bool = False) -> Verdict:
        """Return the verdict on a picture by its path or its bytes. Raises: UnreadableImage, BadBundle."""
        return self._predict(source, heatmap=heatmap, threads=self.threads)

    def open(self, source: Source) -> Picture:
        """Return the picture of a path or bytes as this model needs it. Raises: UnreadableImage."""
        return open_picture(source, limits=self.limits, short_side=short_side_needed(self.bundle.card.views))

    def predict_picture(
        self, picture: Picture, *, heatmap: bool = False, threads: int | None = None
    ) -> Verdict:
        """Return the verdict on a picture that `open` gave, for callers who need its pixels themselves.

        threads: cores for it (default: all); the verdict is the same with any number
        Raises: BadBundle.
        """
        return self._judged(picture, None, perf_counter(), heatmap=heatmap, threads=threads or self.threads)

    def predict_many(
        self, sources: Iterable[Source], *, heatmap: bool = False, workers: int | None = None
    ) -> Generator[Verdict | Failure, None, None]:
        """Yield a verdict or a failure for each source, in their order, reading ahead only a few pictures.

        workers: pictures at a time (default: one a core), which share the cores. Closing the iterator stops
        them.
        """
        workers = workers or available_cores()
        # Pictures side by side use the cores better than threads within one.
        threads = max(1, self.threads // workers)
        yield from in_order(
            lambda source: self._attempt(source, heatmap, threads),
            sources,
            threads=workers,
            ahead=AHEAD,
            name="aivsreal-predict",
        )

    def _attempt(self, source: Source, heatmap: bool, threads: int) -> Verdict | Failure:
        try:
            return self._predict(source, heatmap=heatmap, threads=threads)
        except AivsrealError as error:
            return Failure(_path_of(source), error, self.bundle.title)

    def _predict(self, source: Source, *, heatmap: bool, threads: int) -> Verdict:
        start = perf_counter()
        return self._judged(self.open(source), _path_of(source), start, heatmap=heatmap, threads=threads)

    def _judged(
        self, picture: Picture, path: str | None, start: float, *, heatmap: bool, threads: int
    ) -> Verdict:
        card = self.bundle.card
        score = self._score(picture, heatmap=heatmap, threads=threads)
        drawn = bool(card.looks_drawn(score.embedding[None])[0])
        thresholds = card.thresholds_of(drawn=drawn)
        probability, word = judge(score.logit, card.calibration, thresholds)
        delivered = tuple(self._delivered(name, picture, score, threads) for name in self.deliveries)
        judged = [judge(logit, card.calibration, thresholds) for logit in delivered]
        logit_spread = float(np.ptp([score.logit, *delivered]))
        settled = settle(
            word,
            [other for _, other in judged],
            card.calibration.scale * logit_spread,
            card.stability.limit,
        )
        reason = UNSTABLE if settled != word else None
        if settled == "uncertain" and drawn:
            reason = NOT_A_PHOTOGRAPH
        if too_little := _too_little(picture, card.views):
            settled, reason = "uncertain", too_little
        return Verdict(
            verdict=settled,
            probability_ai=probability,
            logit=score.logit,
            model=self.bundle.title,
            thresholds=thresholds,
            promise=reason or thresholds.promise(settled),
            path=path,
            facts=picture.facts,
            embedding=score.embedding,
            heatmap=None if score.heatmap is None else _log_odds(score.heatmap, card.calibration),
            seconds=perf_counter() - start,
            delivered=delivered,
            logit_spread=logit_spread if delivered else None,
            spread=float(np.ptp([probability, *(other for other, _ in judged)])) if delivered else None,
            reason=reason,
        )

    def _delivered(self, name: DeliveryName, picture: Picture, score: Score, threads: int) -> float:
        """Return the logit of the picture delivered again: its whole views anew, and the tiles of the file.

        Whole views of a small copy cost a fraction of all; where a model sees tiles only, those are scored.
        """
        spec = self.bundle.card.views
        anew = spec if spec.whole == "none" else spec.model_copy(update={"tiles": 0})
        views = make_views(DELIVERIES[name](picture.pixels), anew)
        kept = score.view_logits[~score.is_whole] if anew is not spec else score.view_logits[:0]
        logits = np.concatenate([self._run(views.batch, threads)[0], kept])
        return self._finite(fuse(logits, np.concatenate([views.is_whole, np.zeros(len(kept), bool)]), spec))

    def _score(self, picture: Picture, *, heatmap: bool, threads: int) -> Score:
        spec = self.bundle.card.views
        views = make_views(picture.pixels, spec)
        logits, maps, embeddings = self._run(views.batch, threads)
        logit = self._finite(fuse(logits, views.is_whole, spec))
        shape = _heatmap_shape(*picture.pixels.shape[:2])
        assembled = assemble_map(maps, views, spec, shape=shape) if heatmap else None
        return Score(
            logit, logits, views.is_whole, view_weights(views.is_whole, spec) @ embeddings, assembled
        )

    def _finite(self, logit: float) -> float:
        if np.isfinite(logit):
            return logit
        raise BadBundle(
            f"{self.bundle.title} gives no number for this picture",
            hint="the model is broken: use another, or train it again",
        )

    def _run(self, views: NDArray[np.uint8], threads: int) -> list[NDArray[np.float32]]:
        """Return logit [n], map [n, h, w] and embedding [n, d], a few views at a time."""
        session = self._session(threads)
        at_once = 1 if self.bundle.card.views.alone else BATCH
        parts = []
        for first in range(0, len(views), at_once):
            try:
                parts.append(session.run(OUTPUTS, {"views": views[first : first + at_once]}))
            except Exception as error:
                raise _broken_graph(self.bundle, error) from error
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]

    def _session(self, threads: int) -> InferenceSession:
        with self._lock:
            if threads not in self._sessions:
                self._sessions[threads] = _open_session(self.bundle, threads)
            return self._sessions[threads]


def _open_session(bundle: Bundle, threads: int) -> InferenceSession:
    """Return a session over the verified bytes, after checking that the graph is one of ours."""
    try:
        session = open_session(bundle.onnx_bytes, threads)
    except Exception as error:
        raise _broken_graph(bundle, error) from error
    _check_graph(bundle, session)
    return session


def _check_graph(bundle: Bundle, session: InferenceSession) -> None:
    side = bundle.card.views.size
    taken = [(entry.name, entry.type, list(entry.shape[1:])) for entry in session.get_inputs()]
    given = {entry.name for entry in session.get_outputs()}
    if taken != [("views", "tensor(uint8)", [side, side, 3])] or not given.issuperset(OUTPUTS):
        raise BadBundle(
            f"the graph of {bundle.title} is not one that its card describes",
            hint=f"it must take uint8 views [n, {side}, {side}, 3] and give {', '.join(OUTPUTS)}",
        )


def _broken_graph(bundle: Bundle, error: Exception) -> BadBundle:
    """Return what to say of an error of ONNX Runtime, whose exceptions share no base but Exception."""
    return BadBundle(
        f"the graph of {bundle.title} cannot be run: {first_line(error)}",
        hint="pip install --upgrade onnxruntime; or use another model",
    )


def _too_little(picture: Picture, spec: ViewSpec) -> str | None:
    """Return why there is too little in a picture to judge by, or None."""
    if min(picture.facts.width, picture.facts.height) < spec.least_side:
        return TOO_SMALL
    return NEARLY_BLANK if contrast(picture.pixels) < spec.least_contrast else None


def _log_odds(heatmap: NDArray[np.float32], calibration: Calibration) -> NDArray[np.float32]:
    return (calibration.scale * heatmap + calibration.offset).astype(np.float32)


def _heatmap_shape(height: int, width: int) -> tuple[int, int]:
    share = min(1.0, HEATMAP_SIDE / max(height, width))
    return max(1, round(height * share)), max(1, round(width * share))


def _path_of(source: Source) -> str | None:
    return None if isinstance(source, bytes) else str(source)
