"""May a verdict say which generator, or which family of them, a picture looks like? Measured, not built.

    python docs/looks_like.py DATA --work runs/looks-like [--model photos]

Linear heads on the tower's features of AI pictures (of `train`, aligned) name the generator and the family. They are asked of
`val`, whose generators they know, and of generators and families that they were fitted without: whatever they
name there is wrong, or right by the family at best. A name would be said only above a probability at which nine of
ten are right on groups of `train` left out. Writes docs/results/compare/looks-like.json.
"""

import json
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from aivsreal.bundle import load_bundle
from aivsreal.cli.script import parser_of, run
from aivsreal.data.labelled import Sample
from aivsreal.data.sources import load_sets
from aivsreal.deliveries import WORN, decoded
from aivsreal.evaluation.intervals import share
from aivsreal.evaluation.metrics import group_codes
from aivsreal.files import atomic_write_text
from aivsreal.images import open_picture
from aivsreal.training.tower import embeddings_of
from aivsreal.training.tower_graph import without_hidden
from aivsreal.views import ViewSpec, make_views

RESULTS = Path(__file__).parent / "results" / "compare" / "looks-like.json"
# Generators with fewer training pictures are not named; families with fewer cannot be left out.
FEWEST = 10
RIGHT = 0.9
FOLDS = 5
STRENGTH = 1e-2
# What is told of families alone: no generator is right about one that it never met.
FAMILY_ONLY = ("family_right_of_generators_never_met", "confusion", "strangers_called")


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--model", default="photos")
    parser.add_argument("--work", type=Path, required=True, help="where embeddings are kept")
    asked = parser.parse_args(arguments)
    bundle = load_bundle(asked.model)
    labelled = load_sets(asked.data, where=["label=ai"])
    learned, held = (list(labelled.of_split(split)) for split in ("train", "val"))
    x, held_x = (
        embeddings_of(
            without_hidden(bundle.onnx_bytes),
            part,
            partial(aligned_view, bundle.card.views.size),
            asked.work / name,
            print,
        )[:, 0].astype(np.float64)
        for name, part in (("train", learned), ("val", held))
    )
    found = {
        "model": bundle.title,
        "asked_for": RIGHT,
        **{level: told(level, learned, x, held, held_x) for level in ("generator", "family")},
    }
    atomic_write_text(RESULTS, json.dumps(found, indent=1) + "\n")
    print(f"{RESULTS.name}: {len(learned):,} pictures learned from, {len(held):,} asked")


def aligned_view(size: int, _: int, sample: Sample) -> list[NDArray[np.uint8]]:
    pixels = decoded(WORN["aligned"](open_picture(sample.read()).pixels))
    return [make_views(pixels, ViewSpec(size=size, whole="square", tiles=0)).batch[0]]


def told(
    level: str,
    learned: Sequence[Sample],
    x: NDArray[np.float64],
    held: Sequence[Sample],
    held_x: NDArray[np.float64],
) -> dict[str, Any]:
    """Return what naming this column would be worth."""
    names, groups = column(learned, level), column(learned, "group")
    counts = Counter(names.tolist())
    named = np.array([counts[name] >= FEWEST and name not in ("", "unknown", "various") for name in names])
    apart = predicted(x[named], names[named], groups[named])
    least = least_probability(*apart, names[named])
    model = head().fit(x[named], names[named])
    asked = np.isin(column(held, level), names[named])
    truth, codes = column(held, level)[asked], codes_of([s for s, a in zip(held, asked, strict=True) if a])
    says, probability = named_by(model, held_x[asked])
    sure = probability >= least
    # A generator never met is the usual case; whoever is named there, it is another's name.
    strangers = column(learned, "generator") if level == "generator" else names
    stranger_says, stranger_probability = predicted(x[named], names[named], strangers[named])
    codes_of_strangers = codes_of(pick(learned, named))
    of_family: dict[str, Any] = dict.fromkeys(FAMILY_ONLY)
    if level == "family":
        alike, _ = predicted(x[named], names[named], column(learned, "generator")[named])
        right = share(alike == names[named], codes_of_strangers).as_json()
        of_family = dict(
            zip(
                FAMILY_ONLY,
                (right, confusion(truth, says), confusion(names[named], stranger_says)),
                strict=True,
            )
        )
    return {
        "names": len(set(names[named].tolist())),
        "least_probability": round(float(least), 4),
        "right": share(says == truth, codes).as_json(),
        "commonest": share(truth == Counter(names[named].tolist()).most_common(1)[0][0], codes).as_json(),
        "named": share(sure, codes).as_json(),
        "right_where_named": share((says == truth)[sure], codes[sure]).as_json() if sure.any() else None,
        "strangers_named": share(stranger_probability >= least, codes_of_strangers).as_json(),
        **of_family,
    }


def head() -> Pipeline:
    return make_pipeline(
        StandardScaler(), LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=500)
    )


def named_by(model: Pipeline, x: NDArray[np.float64]) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Return the likeliest name of each picture, and its probability."""
    probability = model.predict_proba(x)
    return model.classes_[probability.argmax(axis=1)], probability.max(axis=1)


def predicted(
    x: NDArray[np.float64], names: NDArray[np.str_], apart: NDArray[np.str_]
) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Return what each picture is named, and how surely, by a head that was fitted without its value of `apart`."""
    says, probability = np.empty(len(names), names.dtype), np.zeros(len(names))
    for rest, out in GroupKFold(min(FOLDS, len(set(apart.tolist())))).split(x, names, apart):
        says[out], probability[out] = named_by(head().fit(x[rest], names[rest]), x[out])
    return says, probability


def least_probability(
    says: NDArray[np.str_], probability: NDArray[np.float64], names: NDArray[np.str_]
) -> float:
    """Return the least probability from which on RIGHT of the names are right; 1 where there is none."""
    order = np.argsort(-probability)
    right = np.cumsum((says == names)[order]) / np.arange(1, len(names) + 1)
    enough = np.flatnonzero(right >= RIGHT)
    return float(probability[order][enough[-1]]) if len(enough) else 1.0


def confusion(truth: NDArray[np.str_], says: NDArray[np.str_]) -> dict[str, dict[str, int]]:
    return {
        str(name): dict(Counter(says[truth == name].tolist()).most_common())
        for name in sorted(set(truth.tolist()))
    }


def column(samples: Sequence[Sample], name: str) -> NDArray[np.str_]:
    return np.array([str(sample.columns.get(name) or "") for sample in samples])


def codes_of(samples: Sequence[Sample]) -> NDArray[np.int64]:
    return np.asarray(group_codes([sample.columns.get("group") for sample in samples], len(samples)))


def pick(samples: Sequence[Sample], chosen: NDArray[np.bool_]) -> list[Sample]:
    return [sample for sample, taken in zip(samples, chosen, strict=True) if taken]


if __name__ == "__main__":
    run(main)
