"""From a logit to a word: calibration, thresholds, and the Verdict that everything else hands on.

1 is AI (design decision 3). Between the two thresholds the honest answer is `uncertain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from aivsreal.deliveries import DeliveryName
from aivsreal.images import Facts

Word = Literal["ai", "real", "uncertain"]

WORDS_FOR_PEOPLE: dict[Word, str] = {
    "ai": "likely AI-generated",
    "real": "likely real",
    "uncertain": "cannot tell",
}
UNSTABLE = "The answer changes when the same picture is delivered in another way: it is not given."
NOT_A_PHOTOGRAPH = "It looks drawn, painted or made on a screen, not photographed: there this model cannot tell people's work from AI."
TOO_SMALL = "It is smaller than anything that this model can judge."
NEARLY_BLANK = "It shows next to nothing that this model could judge by."
UNCERTAIN_PROMISE = "The score lies between the two thresholds: this model cannot tell."


class Calibration(BaseModel):
    """probability_ai = sigmoid(scale * logit + offset)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    offset: float = Field(default=0.0, allow_inf_nan=False)
    fitted_on: str | None = Field(default=None, description="the data it was fitted on; None: never fitted")


class Thresholds(BaseModel):
    """Below `real_below` a picture is called real, above `ai_above` AI; and what each promises."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    real_below: float = Field(default=0.5, ge=0, le=1)
    ai_above: float = Field(default=0.5, ge=0, le=1)
    promise_ai: str = ""
    promise_real: str = ""
    fitted_on: str | None = Field(
        default=None, description="the data they were chosen on; None: never chosen"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Thresholds:
        if self.real_below > self.ai_above:
            raise ValueError(f"real_below {self.real_below} lies above ai_above {self.ai_above}")
        return self

    def promise(self, word: Word) -> str:
        """Return what the model promises about a verdict of this word."""
        return {"ai": self.promise_ai, "real": self.promise_real, "uncertain": UNCERTAIN_PROMISE}[word]


class Drawn(BaseModel):
    """How a picture that looks drawn rather than photographed is told, and what more is asked before it is called AI.

    A picture looks drawn where `weight` . embedding + `bias` > 0, weight being over the first entries of an embedding.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: tuple[float, ...] = Field(min_length=1)
    bias: float
    stricter: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="log-odds by which it must lie above `ai_above`"
    )
    promise_ai: str = ""
    fitted_on: str | None = Field(default=None, description="the data it was chosen on; None: never chosen")

    def looks_drawn(self, embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return for each of embeddings [n, d] whether its picture looks drawn, bool [n]."""
        weight = np.asarray(self.weight)
        return np.asarray(embeddings[:, : len(weight)] @ weight + self.bias > 0)

    def stricter_than(self, usual: Thresholds) -> Thresholds:
        """Return the thresholds that pictures which look drawn are judged by."""
        ai_above = usual.ai_above
        if self.stricter and 0 < ai_above < 1:
            ai_above = _sigmoid(log(ai_above / (1 - ai_above)) + self.stricter)
        return usual.model_copy(
            update={"ai_above": ai_above, "promise_ai": self.promise_ai or usual.promise_ai}
        )


class Stability(BaseModel):
    """How a verdict is tried: which deliveries are scored beside the file, and how far they may disagree."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    deliveries: tuple[DeliveryName, ...] = ()
    limit: float | None = Field(
        default=None, gt=0, description="largest spread of log-odds at which an answer is given; None: any"
    )
    cost: str = Field(default="", description="what it cost and saved where it was fitted")


def settle(word: Word, delivered: Sequence[Word], spread: float, limit: float | None) -> Word:
    """Return the word that is given: `uncertain` where a delivery says the opposite, or too far apart.

    delivered: what each delivery alone would be called; spread: of file and deliveries, in log-odds
    """
    opposite = {"ai": "real", "real": "ai"}.get(word)
    if opposite in delivered or (limit is not None and spread > limit):
        return "uncertain"
    return word


def judge(logit: float, calibration: Calibration, thresholds: Thresholds) -> tuple[float, Word]:
    """Return probability_ai in 0..1 and the word for it."""
    probability = _sigmoid(calibration.scale * logit + calibration.offset)
    if probability > thresholds.ai_above:
        return probability, "ai"
    if probability < thresholds.real_below:
        return probability, "real"
    return probability, "uncertain"


def logit_at(probability: float, calibration: Calibration) -> float:
    """Return the logit that is calibrated to this probability of 0..1; infinite at 0 and 1."""
    if not 0 < probability < 1:
        return inf if probability else -inf
    return (log(probability / (1 - probability)) - calibration.offset) / calibration.scale


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the model says about one picture, and everything needed to cite it.

    embedding: float32 [d], of the views as the logit is; heatmap: float32 [h, w] of calibrated log-odds over the
    whole picture (above 0 speaks for AI), or None where it was not asked for; delivered: the logit of each
    delivery that was scored; logit_spread and spread: how far the logits, and the probabilities, of file and
    deliveries lie apart, None where only the file was scored; reason: why no answer is given, where there is more
    to say than that the score lies between the thresholds.
    """

    verdict: Word
    probability_ai: float
    logit: float
    model: str
    thresholds: Thresholds
    promise: str
    path: str | None
    facts: Facts
    embedding: NDArray[np.float32]
    heatmap: NDArray[np.float32] | None
    seconds: float
    delivered: tuple[float, ...] = ()
    logit_spread: float | None = None
    spread: float | None = None
    reason: str | None = None

    @property
    def words(self) -> str:
        """The verdict in words for people."""
        return WORDS_FOR_PEOPLE[self.verdict]

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as plain values, without its arrays."""
        return {
            "path": self.path,
            "verdict": self.verdict,
            "probability_ai": round(self.probability_ai, 6),
            "logit": round(self.logit, 5),
            "model": self.model,
            "real_below": self.thresholds.real_below,
            "ai_above": self.thresholds.ai_above,
            "promise": self.promise,
            "reason": self.reason,
            "spread": None if self.spread is None else round(self.spread, 6),
            "logit_spread": None if self.logit_spread is None else round(self.logit_spread, 5),
            "declared": None if self.facts.declared is None else self.facts.declared.origin,
            "declared_in": None if self.facts.declared is None else self.facts.declared.where,
            "format": self.facts.format,
            "width": self.facts.width,
            "height": self.facts.height,
            "bytes": self.facts.n_bytes,
            "sha256": self.facts.sha256,
            "seconds": round(self.seconds, 4),
        }


def _sigmoid(x: float) -> float:
    """Return 1 / (1 + e^-x) without overflow at either end."""
    if x >= 0:
        return 1 / (1 + exp(-x))
    return exp(x) / (1 + exp(x))
