"""How far gradients move a verdict: the small model attacked with its own weights, the default with what came of that.

python docs/attacks.py DATA [--pictures 30]

Pictures of validation, their middle brought to a square of 224 pixels, so that photos-small sees just these pixels and its
gradient is exact: AI pictures that it calls AI are pushed to pass as real, photographs that it calls real to be
accused. Projected gradient descent (Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks") by
at most 1, 2 and 4 of 255 levels in each colour, ten steps; saved as PNG, then judged as a user's file is, by
photos-small and by photos, which the attacker has not used (a transfer). Writes docs/results/attacks.json.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load

from aivsreal.bundle import load_bundle
from aivsreal.data.sources import load_set
from aivsreal.data.where import narrowed
from aivsreal.detector import Detector
from aivsreal.evaluation.intervals import wilson
from aivsreal.files import atomic_write_text
from aivsreal.images import encode, open_picture, resize
from aivsreal.training.network import Network, make_network
from aivsreal.training.recipe import recipe_from
from aivsreal.verdict import judge

RESULTS = Path(__file__).parent / "results" / "attacks.json"
ATTACKED, OTHER = "photos-small", "photos"
SIDE, STEPS, LEVELS = 224, 10, (0, 1, 2, 4)
WRONG = {1: "real", 0: "ai"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--pictures", type=int, default=30, help="of each class")
    asked = parser.parse_args()
    network = twin(ATTACKED)
    detectors = {name: Detector.load(name) for name in (ATTACKED, OTHER)}
    rows = []
    for label, square in chosen(asked.data, detectors[ATTACKED], asked.pictures):
        for level in LEVELS:
            file = png(attacked(network, square, label, level))
            rows += [row(detector, file, label, level) for detector in detectors.values()]
    atomic_write_text(RESULTS, json.dumps(summary(rows), indent=1) + "\n")
    print(RESULTS.read_text("utf-8"))


def twin(name: str) -> Network:
    """Return the torch network of a shipped model, in evaluation mode."""
    bundle = load_bundle(name)
    recipe = recipe_from(bundle.card.network.recipe, origin=name)
    network = make_network(recipe.network, load_trunk=False)
    weights = load((bundle.folder / "weights.safetensors").read_bytes())
    network.load_state_dict({key: value.float() for key, value in weights.items()})
    return network.eval().requires_grad_(False)


def chosen(data: str, detector: Detector, most: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (label, uint8 [224, 224, 3]) of `most` validation pictures of each class that are judged rightly."""
    taken: Counter[int] = Counter()
    for sample in narrowed(load_set(data).of_split("val"), ["origin_kind!=benchmark"]).samples:
        if taken[sample.label] == most:
            continue
        square = middle_square(open_picture(sample.read()).pixels)
        if detector.predict(png(square)).verdict == WRONG[1 - sample.label]:
            taken[sample.label] += 1
            yield sample.label, square


def middle_square(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(np.ascontiguousarray(pixels[top : top + side, left : left + side]), (SIDE, SIDE))


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
    main()
