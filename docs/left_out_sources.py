"""How a tower's head does on generators and collections that it was fitted without, from one finished run.

python docs/left_out_sources.py RUN DATA... --name photos

Ten heads were fitted in the run, each without a tenth of the sources; every training picture was judged by the head
that had not met its source. That is a study of leaving sources out, for nothing more than the fit. Writes
docs/results/left-out-NAME.json: the figures by generator, family and origin, of the pictures aligned, under the
thresholds of the run's bundle; docs/write_results.py shows them.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from runs import pictures_of

from aivsreal.bundle import load_bundle
from aivsreal.cli.script import parser_of, run
from aivsreal.data.labelled import Sample
from aivsreal.errors import BadData, BadRun
from aivsreal.evaluation.calibration import sigmoid
from aivsreal.evaluation.intervals import Figure, area_under_roc, share
from aivsreal.evaluation.metrics import group_codes
from aivsreal.files import atomic_write_text
from aivsreal.training.run import open_run
from aivsreal.training.tower import load_left_out

RESULTS = Path(__file__).parent / "results"
COLUMNS = ("origin_kind", "family", "generator")
FEWEST = 15
AS_IT_IS, ALIGNED = 0, 1


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--name", default="photos")
    asked = parser.parse_args(arguments)
    run = open_run(asked.run)
    found = load_left_out(asked.run)
    if found is None:
        raise BadRun(
            f"{asked.run} has no tower, and left nothing out",
            hint="name a run of a recipe with a tower, such as photos",
        )
    samples = pictures_of(run, asked.data).of_split("train").samples
    if [sample.label for sample in samples] != found.labels.tolist():
        raise BadData(
            "DATA is not what the run was trained on",
            hint="give the sets of `aivsreal train`, in the same order",
        )
    card = load_bundle(asked.run / "bundle").card
    log_odds = card.calibration.scale * found.logits + card.calibration.offset
    probabilities = sigmoid(log_odds)
    usual, drawn = (card.thresholds_of(drawn=drawn).ai_above for drawn in (False, True))
    ai_above = np.where(found.looks_drawn, drawn, usual)
    study = {
        "model": f"{card.name} {card.version}",
        "as_is": figures(samples, probabilities[AS_IT_IS], ai_above, everywhere=True),
        "aligned": figures(samples, probabilities[ALIGNED], ai_above, everywhere=True),
        "slices": {
            name: {
                "n": len(chosen),
                **figures(samples, probabilities[ALIGNED], ai_above, chosen),
            }
            for name, chosen in slices(samples)
        },
    }
    path = RESULTS / f"left-out-{asked.name}.json"
    atomic_write_text(path, json.dumps(study, indent=1) + "\n")
    print(f"{path.name}: {len(samples):,} pictures, {len(study['slices'])} slices")


def slices(samples: Sequence[Sample]) -> list[tuple[str, list[int]]]:
    """Return (COLUMN=VALUE, numbers of its samples) for values with at least FEWEST samples."""
    found: dict[str, list[int]] = {}
    for column in COLUMNS:
        for number, sample in enumerate(samples):
            if value := sample.columns.get(column):
                found.setdefault(f"{column}={value}", []).append(number)
    return [(name, chosen) for name, chosen in found.items() if len(chosen) >= FEWEST]


def figures(
    samples: Sequence[Sample],
    probabilities: np.ndarray,
    ai_above: np.ndarray,
    chosen: Sequence[int] | None = None,
    *,
    everywhere: bool = False,
) -> dict[str, Any]:
    """Return the share called AI of the chosen, and the area of the AI pictures among them against photographs.

    Photographs are all real pictures but drawings and those of benchmarks.
    """
    labels = np.array([sample.label for sample in samples])
    codes = group_codes([sample.columns.get("group") for sample in samples], len(samples))
    kinds = np.array([str(sample.columns.get("origin_kind")) for sample in samples])
    photographs = (labels == 0) & ~np.isin(kinds, ("drawing", "benchmark"))
    taken = np.zeros(len(samples), bool)
    taken[np.arange(len(samples)) if chosen is None else list(chosen)] = True
    called = probabilities > ai_above
    out: dict[str, Figure | None] = {}
    ai, real = taken & (labels == 1), taken & (photographs if everywhere else labels == 0)
    if ai.any():
        out["recall"] = share(called[ai], codes[ai])
        out["roc_auc"] = area_under_roc(
            probabilities[ai], probabilities[photographs], codes[ai], codes[photographs]
        )
    if real.any():
        out["false_positive_rate"] = share(called[real], codes[real])
    return {name: figure.as_json() for name, figure in out.items() if figure}


if __name__ == "__main__":
    run(main)
