"""How far gradients move a verdict: the small model attacked with its own weights, the default with what came of that.

python docs/attacks.py DATA --where 'origin_kind!=benchmark' [--pictures 30]

Pictures of validation, their middle brought to a square as wide as a view, so that photos-small sees just these pixels and its
gradient is exact: AI pictures that it calls AI are pushed to pass as real, photographs that it calls real to be
accused. Projected gradient descent (Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks") by
at most 1, 2 and 4 of 255 levels in each colour, ten steps; saved as PNG, then judged as a user's file is, by
photos-small and by photos, which the attacker has not used (a transfer). Writes docs/results/attacks.json.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aivsreal.cli.script import parser_of, run
from aivsreal.data.sources import Sample, load_set
from aivsreal.detector import Detector
from aivsreal.evaluation.faithfulness import middle_square
from aivsreal.evaluation.intervals import wilson
from aivsreal.files import atomic_write_text
from aivsreal.images import encode, open_picture
from aivsreal.training.network import Network
from aivsreal.training.twin import twin
from aivsreal.verdict import judge

RESULTS = Path(__file__).parent / "results" / "attacks.json"
ATTACKED, OTHER = "photos-small", "photos"
STEPS, LEVELS = 10, (0, 1, 2, 4)
WRONG = {1: "real", 0: "ai"}


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("data")
    parser.add_argument("--pictures", type=int, default=30, help="of each class")
    parser.add_argument("--where", action="append", default=[], help="COLUMN=VALUE or !=; repeatable")
    parser.add_argument("--model", default=ATTACKED, help="the one that is attacked")
    parser.add_argument("--other", default=OTHER, help="the one that is judged by the same files")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args(arguments)
    detectors = [Detector.load(name) for name in (asked.model, asked.other)]
    network = twin(detectors[0].bundle)
    samples = load_set(asked.data, where=asked.where).of_split("val").samples
    rows = []
    for label, square in chosen(samples, detectors[0], asked.pictures):
        for level in LEVELS:
            file = png(attacked(network, square, label, level))
            rows += [row(detector, file, label, level) for detector in detectors]
    atomic_write_text(asked.out, json.dumps(summary(rows), indent=1) + "\n")
    print(asked.out.read_text("utf-8"))


def chosen(samples: Sequence[Sample], detector: Detector, most: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (label, uint8 [side, side, 3]) of `most` pictures of each class that are judged rightly."""
    taken: Counter[int] = Counter()
    for sample in samples:
        if taken[sample.label] == most:
            continue
        square = middle_square(open_picture(sample.read()).pixels, detector.bundle.card.views.size)
        if detector.predict(png(square)).verdict == WRONG[1 - sample.label]:
            taken[sample.label] += 1
            yield sample.label, square


def attacked(network: Network, square: np.ndarray, label: int, level: int) -> np.ndarray:
    """Return the picture, no colour moved by more than `level` of 255, its logit pushed to the wrong side."""
    start = torch.from_numpy(square.astype(np.float32))[None]
    moved, push = start.clone(), -1.0 if label else 1.0
    for _ in range(STEPS if level else 0):
        moved.requires_grad_(True)
        (slope,) = torch.autograd.grad(network(moved).sum(), moved)
        step = moved.detach() + push * max(1.0, level / 4) * slope.sign()
        moved = torch.minimum(torch.maximum(step, start - level), start + level).clamp(0, 255)
    return moved[0].round().to(torch.uint8).numpy()


def png(pixels: np.ndarray) -> bytes:
    return encode(np.ascontiguousarray(pixels), format="PNG")


def row(detector: Detector, file: bytes, label: int, level: int) -> dict[str, Any]:
    """Return what is said of one file, with the stability check and without."""
    card, verdict = detector.bundle.card, detector.predict(file)
    _, alone = judge(verdict.logit, card.calibration, card.thresholds)
    return {
        "model": detector.bundle.title,
        "label": label,
        "level": level,
        "alone": alone,
        "checked": verdict.verdict,
    }


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return for each model, class and strength the shares of each word."""
    groups: dict[tuple[str, int, int], list[dict[str, Any]]] = {}
    for one in rows:
        groups.setdefault((one["model"], one["label"], one["level"]), []).append(one)
    return [
        {"model": model, "label": "ai" if label else "real", "level": level, "n": len(members)}
        | {
            way: {
                word: share(sum(one[way] == word for one in members), len(members))
                for word in ("ai", "real", "uncertain")
            }
            for way in ("alone", "checked")
        }
        for (model, label, level), members in groups.items()
    ]


def share(hits: int, of: int) -> dict[str, float]:
    low, high = wilson(hits / of, of)
    return {"value": round(hits / of, 5), "low": round(low, 5), "high": round(high, 5)}


if __name__ == "__main__":
    run(main)
