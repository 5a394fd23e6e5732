"""How far gradients move a verdict: a model attacked with its own weights, another with what came of that.

python docs/attacks.py DATA --where 'origin_kind!=benchmark' [--model photos --other photos-small] [--pictures 30] [--seed 0]

Pictures of validation, a seeded draw of those that the attacked model judges rightly, their middle brought to a square
as wide as a view, so that it sees just these pixels and its gradient is exact (that of a tower nearly, see
`training/tower_twin.py`): AI pictures that it calls AI are pushed to pass as
real, photographs that it calls real to be accused. At most 1, 2 and 4 of 255 levels in each colour, by projected
gradient descent (Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks") in two ways:

plain   pushes the file's logit as far as ten steps go, as if there were no stability check
aware   knows the check: twenty steps that bring the file and its re-deliveries together to the same place just beyond
        the threshold, through what can be differentiated of a re-delivery, its crop and its resize (expectation over
        transformations and backward pass approximation: Athalye et al. 2018, "Synthesizing robust adversarial
        examples" and "Obfuscated gradients give a false sense of security")

Saved as PNG, then judged as a user's file is, by that model and by the other, which the attacker has not used (a
transfer). Writes docs/results/attacks.json, under the name of the attacked model, anew after each picture.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aivsreal.bundle import Card
from aivsreal.cli.script import parser_of, run
from aivsreal.data.sources import Sample, load_set
from aivsreal.deliveries import DELIVERIES, DeliveryName
from aivsreal.detector import Detector
from aivsreal.evaluation.faithfulness import middle_square
from aivsreal.evaluation.intervals import wilson
from aivsreal.files import atomic_write_text
from aivsreal.images import encode, open_picture
from aivsreal.training.twin import twin
from aivsreal.verdict import judge
from aivsreal.views import make_views

RESULTS = Path(__file__).parent / "results" / "attacks.json"
ATTACKED, OTHER = "photos-small", "photos"
LEVELS = (1, 2, 4)
STEPS = {"plain": 10, "aware": 20}
WRONG = {1: "real", 0: "ai"}
# How far beyond the threshold the aware attacker aims, in log-odds: within what the check lets pass.
BEYOND = 0.7
# The share of each side that is left of a picture by a re-delivery, which its gradient goes through.
KEPT: dict[DeliveryName, float] = {"saved-80": 1.0, "resized-0.75": 1.0, "cropped-0.9": 0.9, "shared": 0.95}


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("data")
    parser.add_argument("--pictures", type=int, default=30, help="of each class")
    parser.add_argument("--where", action="append", default=[], help="COLUMN=VALUE or !=; repeatable")
    parser.add_argument("--model", default=ATTACKED, help="the one that is attacked")
    parser.add_argument("--other", default=OTHER, help="the one that is judged by the same files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    detectors = [Detector.load(name, threads=1) for name in (asked.model, asked.other)]
    network, card = twin(detectors[0].bundle), detectors[0].bundle.card
    samples = load_set(asked.data, where=asked.where).of_split("val").samples
    measured = json.loads(asked.out.read_text("utf-8")) if asked.out.exists() else {}
    rows: list[dict[str, Any]] = []
    for label, square in chosen(samples, detectors[0], asked.pictures, np.random.default_rng(asked.seed)):
        files = {("none", 0): square}
        files |= {("plain", level): pushed(network, square, label, level) for level in LEVELS}
        files |= {("aware", level): aimed(network, card, square, label, level) for level in LEVELS}
        for (way, level), pixels in files.items():
            rows += [row(detector, png(pixels), label, way, level) for detector in detectors]
        print(f"{len(rows)} verdicts", flush=True)
        measured[card.name] = summary(rows)
        atomic_write_text(asked.out, json.dumps(measured, indent=1) + "\n")


def chosen(
    samples: Sequence[Sample], detector: Detector, most: int, rng: np.random.Generator
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (label, uint8 [side, side, 3]) of `most` pictures of each class that are judged rightly, in random order."""
    taken: Counter[int] = Counter()
    for index in rng.permutation(len(samples)):
        sample = samples[index]
        if taken[sample.label] == most:
            continue
        square = middle_square(open_picture(sample.read()).pixels, detector.bundle.card.views.size)
        if detector.predict(png(square)).verdict == WRONG[1 - sample.label]:
            taken[sample.label] += 1
            yield sample.label, square


def pushed(network: nn.Module, square: np.ndarray, label: int, level: int) -> np.ndarray:
    """Return the picture, no colour moved by more than `level` of 255, its logit pushed to the wrong side."""
    start = torch.from_numpy(square.astype(np.float32))[None]
    moved, push = start.clone(), -1.0 if label else 1.0
    for _ in range(STEPS["plain"]):
        moved.requires_grad_(True)
        (slope,) = torch.autograd.grad(network(moved).sum(), moved)
        moved = within(moved.detach() + push * max(1.0, level / 4) * slope.sign(), start, level)
    return whole_levels(moved)


def aimed(network: nn.Module, card: Card, square: np.ndarray, label: int, level: int) -> np.ndarray:
    """Return the picture, moved as little, with which file and re-deliveries came nearest to the attacker's aim."""
    start = torch.from_numpy(square.astype(np.float32))[None]
    moved, aim = start.clone(), logit_aimed_at(card, label)
    nearest, found = float("inf"), start
    for _ in range(STEPS["aware"] + 1):
        moved.requires_grad_(True)
        loss = (logits_of_deliveries(network, card, moved) - aim).square().sum()
        if loss.item() < nearest:
            nearest, found = loss.item(), moved.detach()
        (slope,) = torch.autograd.grad(loss, moved)
        moved = within(moved.detach() - slope.sign(), start, level)
    return whole_levels(found)


def logit_aimed_at(card: Card, label: int) -> float:
    """Return the logit a little beyond the threshold of the wrong answer."""
    thresholds, beyond = card.thresholds, -BEYOND if label else BEYOND
    border = thresholds.real_below if label else thresholds.ai_above
    log_odds = float(np.log(border / (1 - border))) + beyond
    return (log_odds - card.calibration.offset) / card.calibration.scale


def logits_of_deliveries(network: nn.Module, card: Card, moved: Tensor) -> Tensor:
    """Return the logit of the file and of each re-delivery, as `Detector` makes them, [1 + deliveries].

    Backwards, a re-delivery is its crop and its resize alone.
    """
    spec = card.views.model_copy(update={"tiles": 0})
    pixels = whole_levels(moved.detach())
    views = [moved]
    for name in card.stability.deliveries:
        there = torch.from_numpy(make_views(DELIVERIES[name](pixels), spec).batch.astype(np.float32))
        smooth = through(moved, KEPT[name])
        views.append(smooth + (there - smooth).detach())
    whole = network(torch.cat(views)).flatten()
    if not card.views.tiles:
        return whole
    # A square of one view's size has one tile, the file itself, and that is scored once.
    share = card.views.whole_weight
    return share * whole + (1 - share) * whole[0]


def through(moved: Tensor, kept: float) -> Tensor:
    """Return the middle of a square, float [1, side, side, 3], at its own size again: what of a delivery is smooth."""
    side = moved.shape[1]
    margin = round(side * (1 - kept) / 2)
    inner = moved[:, margin : side - margin, margin : side - margin].permute(0, 3, 1, 2)
    sized = torch.nn.functional.interpolate(inner, (side, side), mode="bilinear", align_corners=False)
    return sized.permute(0, 2, 3, 1)


def within(moved: Tensor, start: Tensor, level: int) -> Tensor:
    return torch.minimum(torch.maximum(moved, start - level), start + level).clamp(0, 255)


def whole_levels(moved: Tensor) -> np.ndarray:
    return moved[0].round().to(torch.uint8).numpy()


def png(pixels: np.ndarray) -> bytes:
    return encode(np.ascontiguousarray(pixels), format="PNG")


def row(detector: Detector, file: bytes, label: int, way: str, level: int) -> dict[str, Any]:
    """Return what is said of one file, with the stability check and without."""
    verdict = detector.predict(file)
    _, alone = judge(verdict.logit, detector.bundle.card.calibration, verdict.thresholds)
    return {
        "model": detector.bundle.title,
        "label": label,
        "way": way,
        "level": level,
        "alone": alone,
        "checked": verdict.verdict,
    }


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return for each model, class, way and strength the shares of each word."""
    groups: dict[tuple[str, int, str, int], list[dict[str, Any]]] = {}
    for one in rows:
        groups.setdefault((one["model"], one["label"], one["way"], one["level"]), []).append(one)
    return [
        {"model": model, "label": "ai" if label else "real", "way": way, "level": level, "n": len(members)}
        | {
            judged: {
                word: share(sum(one[judged] == word for one in members), len(members))
                for word in ("ai", "real", "uncertain")
            }
            for judged in ("alone", "checked")
        }
        for (model, label, way, level), members in groups.items()
    ]


def share(hits: int, of: int) -> dict[str, float]:
    low, high = wilson(hits / of, of)
    return {"value": round(hits / of, 5), "low": round(low, 5), "high": round(high, 5)}


if __name__ == "__main__":
    run(main)
