"""What is asked for beyond the plain figures: the tiers, single degradations, stability; and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aivsreal.data.where import nearest_hint
from aivsreal.errors import BadData, UsageError
from aivsreal.evaluation.answers import Answers
from aivsreal.evaluation.degrade import DEGRADATIONS, HARMLESS, TIERS
from aivsreal.evaluation.measure import Chain, Row
from aivsreal.evaluation.metrics import as_json, group_codes
from aivsreal.evaluation.paired import area_drop
from aivsreal.evaluation.stability import stability

TIER_CHAINS: Mapping[str, Chain] = {"clean": "as_is", **{tier: tier for tier in TIERS}}
# One degradation is a line of a table: what tells whether it fools the model, and into which error.
DEGRADATION_FIGURES = ("roc_auc", "false_positive_rate", "recall", "uncertain_share")


@dataclass(frozen=True)
class Robustness:
    """What else is to be measured. degradations: names of DEGRADATIONS, or ("all",)."""

    tiers: bool = False
    degradations: tuple[str, ...] = ()
    stability: bool = False

    def __post_init__(self) -> None:
        """Check the names. Raises: UsageError naming the nearest."""
        for name in self.degradations:
            if name != "all" and name not in DEGRADATIONS:
                raise UsageError(
                    f"there is no degradation {name!r}", hint=nearest_hint(name, list(DEGRADATIONS))
                )

    @property
    def names(self) -> tuple[str, ...]:
        """The degradations that are asked for, each once, in the order of DEGRADATIONS."""
        everything = "all" in self.degradations
        return tuple(name for name in DEGRADATIONS if everything or name in self.degradations)

    @property
    def chains(self) -> tuple[Chain, ...]:
        """The deliveries that must be measured beside the usual ones."""
        return (*(TIERS if self.tiers else ()), *self.names, *(HARMLESS if self.stability else ()))


def robustness_figures(measured: Mapping[Chain, Sequence[Row]], asked: Robustness) -> dict[str, Any]:
    """Return `tiers`, `degradations` and `stability` of metrics.json, those of them that were asked for.

    Each rests on the pictures that could be read in all of its own deliveries; `n` says on how many.
    Raises: BadData where these are of one class only.
    """
    found: dict[str, Any] = {}
    if asked.tiers:
        found["tiers"] = tier_figures(_answers(measured, TIERS))
    if asked.names:
        found["degradations"] = degradation_figures(_answers(measured, asked.names), asked.names)
    if asked.stability:
        found["stability"] = stability(_answers(measured, HARMLESS))
    return found


def tier_figures(answers: Answers) -> dict[str, Any]:
    """Return n, every figure of `clean`, `web` and `hard`, and `drop`: AUC lost from clean to web and hard."""
    return {
        "n": len(answers),
        **{tier: as_json(answers.figures(chain)) for tier, chain in TIER_CHAINS.items()},
        "drop": {tier: _drop(answers, tier) for tier in TIERS},
    }


def degradation_figures(answers: Answers, names: Sequence[str]) -> dict[str, Any]:
    """Return for "as_is" and each name: n, the few telling figures, and the AUC lost (`drop`)."""
    found: dict[str, Any] = {}
    for name in ("as_is", *names):
        figures = as_json(answers.figures(name, calibration=False))
        found[name] = {"n": len(answers), **{figure: figures[figure] for figure in DEGRADATION_FIGURES}}
        if name != "as_is":
            found[name]["drop"] = _drop(answers, name)
    return found


def _answers(measured: Mapping[Chain, Sequence[Row]], chains: Iterable[Chain]) -> Answers:
    answers = Answers.of({chain: measured[chain] for chain in ("as_is", *chains)})
    if set(answers.labels.tolist()) != {0, 1}:
        raise BadData(
            f"not a picture of each class could be read after {', '.join(chains)}",
            hint="do the limits in AIVSREAL_MAX_... refuse what was enlarged?",
        )
    return answers


def _drop(answers: Answers, chain: Chain) -> dict[str, float]:
    codes = group_codes(answers.groups, len(answers))
    before, after = answers.probabilities["as_is"], answers.probabilities[chain]
    return area_drop(answers.labels, before, after, codes).as_json()
