"""What made-up fakes add: a tower's head fitted without them and with them, on everything else alike.

    python docs/made_up_fakes.py RUN DATA... --taef2 FOLDER --work runs/made-up [--photographs 100]

The ablation of Chatterjee et al. ("synthetic data as augmentation") on our recipe. RUN is a finished run of a recipe with
a tower, DATA what it was trained on; its embeddings are used again. Some of its training photographs, drawn by a seed, go
through an auto-encoder (taef2) and are added to its AI pictures as one more generator, in the same views. Both heads
are measured on validation pictures, aligned. Writes docs/results/compare/made-up-fakes.json.
"""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from runs import kept_embeddings, pictures_of

from aivsreal.bundle import load_bundle
from aivsreal.cli.script import parser_of, run
from aivsreal.data.labelled import Sample, source_of
from aivsreal.data.sources import load_sets
from aivsreal.detector import Detector
from aivsreal.evaluation.compare.made_up import made_up_fakes
from aivsreal.evaluation.intervals import area_under_roc, detected_at
from aivsreal.evaluation.measure import Row, measure
from aivsreal.evaluation.metrics import group_codes
from aivsreal.evaluation.significance import compare_areas
from aivsreal.files import atomic_write_text
from aivsreal.training.autoencoder import load_autoencoder
from aivsreal.training.judge import fit_head, source_weights
from aivsreal.training.recipe import Recipe
from aivsreal.training.run import open_run
from aivsreal.training.tower import embeddings_of, fitted_views, tower_graph
from aivsreal.training.tower_graph import Head

RESULTS = Path(__file__).parent / "results" / "compare" / "made-up-fakes.json"
SEED = 0
NO_PHOTOGRAPHS = ("drawing", "benchmark")


def main(arguments: Sequence[str]) -> None:
    asked = _parser().parse_args(arguments)
    found = open_run(asked.run)
    cut = pictures_of(found, asked.data)
    known = cut.of_split("train").samples
    # What the run left out of its fit, such as GANs, is still worth being judged by.
    judged = load_sets(asked.data, where=found.facts["data"]["where"])
    held = judged.with_samples([s for s in judged if s.split == "val"] or cut.of_split("val").samples)
    seen = kept_embeddings(asked.run, known)
    fakes = made_up_fakes(
        drawn(known, asked.photographs), load_autoencoder(asked.taef2), asked.work / "fakes"
    )
    added = embeddings_of(
        tower_graph(found.recipe), fakes, partial(fitted_views, found.recipe), asked.work / "tower", print
    )
    heads = {
        "without": head_on(seen, known, found.recipe),
        "with": head_on(np.concatenate([seen, added]), [*known, *fakes], found.recipe),
    }
    bundle = load_bundle(asked.run / "bundle")
    rows = measure(Detector(bundle, threads=1, fast=True), held, chain="aligned", keep_embeddings=True)
    study = {
        "model": bundle.title,
        "training_pictures": len(known),
        "made_up_fakes": len(fakes),
        "seed": SEED,
        "slices": slices([row for row in rows if not row.error], heads),
    }
    atomic_write_text(asked.out, json.dumps(study, indent=1) + "\n")
    print(asked.out.read_text("utf-8"))


def drawn(samples: Sequence[Sample], count: int) -> list[Sample]:
    """Return `count` photographs, drawn by the seed."""
    photographs = [s for s in samples if not s.label and s.columns.get("origin_kind") not in NO_PHOTOGRAPHS]
    return [photographs[index] for index in np.random.default_rng(SEED).permutation(len(photographs))[:count]]


def head_on(seen: np.ndarray, samples: Sequence[Sample], recipe: Recipe) -> Head:
    """Return the head that the recipe fits on embeddings [n, views, d] of the samples."""
    views = seen.shape[1]
    labels = np.repeat([sample.label for sample in samples], views)
    sources = np.repeat([source_of(sample.columns) or sample.key for sample in samples], views)
    weights = source_weights(labels, sources, recipe.data.source_power)
    return fit_head(
        seen.reshape(-1, seen.shape[-1]).astype(np.float64), labels, weights, recipe.tower.strength
    )


def slices(rows: Sequence[Row], heads: dict[str, Head]) -> dict[str, Any]:
    """Return the figures on text-to-image pictures against photographs, and on what benchmarks hold."""
    kinds = [str(row.columns.get("origin_kind")) for row in rows]
    chosen = {
        "AI pictures against photographs": [
            row for row, kind in zip(rows, kinds, strict=True) if kind not in NO_PHOTOGRAPHS
        ],
        "benchmarks": [row for row, kind in zip(rows, kinds, strict=True) if kind == "benchmark"],
    }
    return {
        name: compared(part, heads) for name, part in chosen.items() if {row.label for row in part} == {0, 1}
    }


def compared(rows: Sequence[Row], heads: dict[str, Head]) -> dict[str, Any]:
    """Return the area and what is found at 5 false alarms in 100, of both heads, and the areas' difference."""
    labels = np.array([row.label for row in rows])
    groups = group_codes([row.columns.get("group") for row in rows], len(rows))
    embeddings = np.stack([row.embedding for row in rows]).astype(np.float64)
    # Behind a tower's features stand the units of its hidden layer, which these heads do not know.
    scores = {
        name: embeddings[:, : len(head.weight)] @ head.weight + head.bias for name, head in heads.items()
    }
    test = compare_areas(labels, scores["without"], scores["with"], groups)
    return {
        "real": int((labels == 0).sum()),
        "ai": int((labels == 1).sum()),
        **{name: figures(labels, one, groups) for name, one in scores.items()},
        "difference": {**test.difference.as_json(), "p": round(test.p, 4)},
    }


def figures(labels: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    ai, real = labels == 1, labels == 0
    parts = scores[ai], scores[real], groups[ai], groups[real]
    found = {"roc_auc": area_under_roc(*parts), "tpr_at_5_fpr": detected_at(0.05, *parts)}
    return {name: figure and figure.as_json() for name, figure in found.items()}


def _parser() -> Any:
    parser = parser_of(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--taef2", type=Path, required=True, help="the folder of the auto-encoder's weights")
    parser.add_argument("--work", type=Path, required=True, help="where fakes and their embeddings are kept")
    parser.add_argument("--photographs", type=int, default=100)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    run(main)
