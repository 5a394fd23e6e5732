"""What a tower's judge loses a year: fitted on generators up to a year, judged on those of the years after.

python docs/over_the_years.py RUN DATA... --name photos
python docs/over_the_years.py RUN DATA... --name photos --card BUNDLE    # and says on the card until when it stands

From the embeddings of one finished run, for nothing more than the fits. For each year, judges are fitted on all
photographs and the AI pictures of generators up to that year, each without a fifth of the sources; every picture is
judged, aligned, by the judge that had met neither its source nor, from the next year on, any generator as new. So
what is lost is lost to time, and not to a source that was never met: that all sources share. Writes
docs/results/years-NAME.json; docs/write_comparison.py shows it.
"""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from runs import kept_embeddings, pictures_of
from sklearn.model_selection import GroupKFold

from aivsreal.bundle import load_bundle, update_card
from aivsreal.cli.script import parser_of
from aivsreal.cli.script import run as run_script
from aivsreal.data.labelled import Sample, source_of
from aivsreal.errors import BadData
from aivsreal.evaluation.years import over_years, year_of
from aivsreal.files import atomic_write_text
from aivsreal.training.judge import fit_judge, source_weights
from aivsreal.training.run import Run, open_run

RESULTS = Path(__file__).parent / "results"
FOLDS = 5
VIEWS = 3  # as it is, aligned, from the web
ALIGNED = 1
# Fewer AI pictures than this say little of what came before a year, or after it.
FEWEST = 100
# A model is to be looked at again when it is expected to have lost this much area on new generators, and after a
# year whatever it lost: nobody has measured further ahead.
TOLERATED, LONGEST = 0.02, 365


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--name", default="photos")
    parser.add_argument("--card", type=Path, metavar="BUNDLE")
    asked = parser.parse_args(arguments)
    run = open_run(asked.run)
    samples = pictures_of(run, asked.data).of_split("train").samples
    seen = kept_embeddings(asked.run, samples)[:, :VIEWS].astype(np.float64)
    found = {str(year): study(samples, seen, year, run) for year in years_between(samples)}
    study_of_all = {"pictures": len(samples), "up_to": found, "lost_a_year": worst(found)}
    path = RESULTS / f"years-{asked.name}.json"
    atomic_write_text(path, json.dumps(study_of_all, indent=1) + "\n")
    for year, part in found.items():
        print(f"up to {year}: lost a year {part['lost_a_year']}")
    if asked.card:
        card = load_bundle(asked.card).card
        until = reviewed_until(card.created, study_of_all["lost_a_year"])
        update_card(asked.card, card.model_copy(update={"reviewed_until": until}))
        print(f"{card.name} {card.version}: reviewed until {until}")


def years_between(samples: Sequence[Sample]) -> list[int]:
    """Return the years with enough AI pictures up to them and enough after them, and the last of all.

    Heads that know the last year say how hard each year's generators are, known or not.
    Raises: BadData where no year parts the pictures so: then nothing can wear off.
    """
    years = np.array([y for s in samples if s.label and (y := year_of(s.columns)) is not None])
    enough = [int(y) for y in np.unique(years) if (years <= y).sum() >= FEWEST <= (years > y).sum()]
    if not enough:
        raise BadData(
            f"no year has {FEWEST} AI pictures up to it and {FEWEST} after it: {len(years)} are dated",
            hint="give more sets; years come from a column `year`, or from a generators.csv",
        )
    return [*enough, int(years.max())]


def study(samples: Sequence[Sample], seen: np.ndarray, year: int, run: Run) -> dict[str, Any]:
    """Return how heads that know generators up to the year do on each year's."""
    labels = np.array([s.label for s in samples])
    sources = np.array([source_of(s.columns) or s.key for s in samples])
    learned = np.array([not s.label or (year_of(s.columns) or year + 1) <= year for s in samples])
    logits = np.zeros(len(samples))
    for rest, out in GroupKFold(FOLDS).split(labels, labels, sources):
        fitted = rest[learned[rest]]
        x = seen[fitted].reshape(-1, seen.shape[-1])
        each = np.repeat(labels[fitted], VIEWS)
        weights = source_weights(each, np.repeat(sources[fitted], VIEWS), run.recipe.data.source_power)
        logits[out] = fit_judge(x, each, weights, run.recipe.tower)(seen[out, ALIGNED])
    photographs = [i for i, s in enumerate(samples) if s.label or is_photograph(s)]
    found = over_years(
        labels[photographs], logits[photographs], [samples[i].columns for i in photographs], year
    )
    assert found is not None
    return found


def is_photograph(sample: Sample) -> bool:
    """Drawings and the real halves of benchmarks are no photographs that time is asked about."""
    return str(sample.columns.get("origin_kind")) not in ("drawing", "benchmark")


def worst(found: dict[str, Any]) -> dict[str, float]:
    """Return the largest loss a year of all, as the cautious answer."""
    lost: list[dict[str, float]] = [part["lost_a_year"] for part in found.values() if part["lost_a_year"]]
    return max(lost, key=lambda figure: figure["value"])


def reviewed_until(created: date, lost: dict[str, float]) -> date:
    """Return the day by which the model is expected to have lost what is tolerated."""
    days = LONGEST if lost["value"] <= 0 else min(LONGEST, round(365 * TOLERATED / lost["value"]))
    return created + timedelta(days=days)


if __name__ == "__main__":
    run_script(main)
