"""What is said of a photograph with a generated part, and does its heat map point there?

python docs/partly_ai.py DATA --autoencoder WEIGHTS [--pictures 50]

Photographs of validation, a seeded sample of them. A box of 5, 20, 50 or 100 % of the area, anywhere in the picture,
shows in turn: the photograph passed through a latent-diffusion auto-encoder, as a tool leaves it that paints a part
anew (same content, no seam but the generator's trace); a part of an AI picture; and, lest the seam be what is found,
the photograph's own part saved as JPEG once more, and a part of another photograph. Each is saved as JPEG 90 and judged
as a user's file is; so is the photograph without any part, 0 %. Writes docs/results/partly-ai.json.

inside          share of the heat map's mass, its probability of AI summed, that lies in the part
inside_before   the same of the same box, in the map of the photograph without a part
hit             how often the strongest point of the map lies in the part (the pointing game of Zhang et al. 2018,
                "Top-down neural attention by excitation backprop"); by chance as often as the part is large
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aivsreal.cli.script import parser_of, run
from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.data.sources import load_set
from aivsreal.data.where import narrowed
from aivsreal.deliveries import Pixels, jpeg, saved
from aivsreal.detector import Detector
from aivsreal.errors import BadData
from aivsreal.evaluation.calibration import sigmoid
from aivsreal.evaluation.intervals import Figure, mean_figure, share
from aivsreal.evaluation.metrics import group_codes
from aivsreal.evaluation.splice import covers, place, spliced
from aivsreal.files import atomic_write_text
from aivsreal.images import open_picture, resize
from aivsreal.training.autoencoder import Autoencoder, load_autoencoder
from aivsreal.verdict import Verdict

RESULTS = Path(__file__).parent / "results" / "partly-ai.json"
SHARES = (0.05, 0.2, 0.5, 1.0)
NO_PART = "none"
QUALITY, RESAVED_QUALITY = 90, 75
WORDS = ("ai", "real", "uncertain")


@dataclass(frozen=True)
class Host:
    """A photograph and what may stand in its place: pictures of its size by what they are."""

    pixels: Pixels
    others: dict[str, Pixels]
    group: str | None


@dataclass(frozen=True)
class Row:
    """What was said of one montage; the last three are None where the part is all or nothing."""

    part: str
    share: float
    group: str | None
    verdict: Verdict
    inside: float | None = None
    inside_before: float | None = None
    hit: bool | None = None


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("data")
    parser.add_argument("--autoencoder", required=True, type=Path, help="the folder of taef2's two files")
    parser.add_argument("--pictures", type=int, default=50)
    parser.add_argument("--model", help="name or folder of a model (default: the shipped one)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    validation = load_set(asked.data).of_split("val")
    detector, autoencoder = Detector.load(asked.model, threads=1), load_autoencoder(asked.autoencoder)
    rng = np.random.default_rng(asked.seed)
    rows = []
    for number, host in enumerate(hosts(validation, asked.pictures, autoencoder, rng)):
        rows += judged(detector, host, rng)
        print(f"{number + 1} of {asked.pictures} photographs", flush=True)
    found = {
        "model": detector.bundle.title,
        "seed": asked.seed,
        "pictures": asked.pictures,
        "parts": summary(rows),
    }
    atomic_write_text(asked.out, json.dumps(found, indent=1) + "\n")


def hosts(
    validation: LabelledSet, most: int, autoencoder: Autoencoder, rng: np.random.Generator
) -> Iterator[Host]:
    """Yield `most` photographs of validation, each with its four substitutes."""
    photographs = drawn(narrowed(validation, ["label=real", "origin_kind!=benchmark"]).samples, 2 * most, rng)
    fakes = drawn(narrowed(validation, ["origin_kind=text-to-image", "style=photo"]).samples, most, rng)
    for host, other, fake in zip(photographs[:most], photographs[most:], fakes, strict=True):
        pixels = open_picture(host.read()).pixels
        others = {
            "reconstruction": autoencoder.reconstruct(pixels),
            "own, re-saved": saved(pixels, RESAVED_QUALITY),
            "AI picture": fitted(open_picture(fake.read()).pixels, pixels.shape[:2]),
            "photograph": fitted(open_picture(other.read()).pixels, pixels.shape[:2]),
        }
        yield Host(pixels, others, host.columns.get("group"))


def drawn(samples: Sequence[Sample], count: int, rng: np.random.Generator) -> list[Sample]:
    if len(samples) < count:
        raise BadData(
            f"there are {len(samples)} pictures of a kind of which {count} are needed", hint="ask for fewer"
        )
    return [samples[index] for index in rng.choice(len(samples), count, replace=False)]


def fitted(pixels: Pixels, shape: tuple[int, int]) -> Pixels:
    """Return the middle of a picture at `shape` = (height, width), its proportions kept."""
    height, width = pixels.shape[:2]
    factor = max(shape[0] / height, shape[1] / width)
    sides = max(shape[1], round(width * factor)), max(shape[0], round(height * factor))
    covering = resize(pixels, sides)
    top, left = (covering.shape[0] - shape[0]) // 2, (covering.shape[1] - shape[1]) // 2
    return covering[top : top + shape[0], left : left + shape[1]]


def judged(detector: Detector, host: Host, rng: np.random.Generator) -> Iterator[Row]:
    """Yield what is said of a photograph as it is, and of it with each kind and size of part in one place."""
    bare = detector.predict(jpeg(host.pixels, QUALITY), heatmap=True)
    yield Row(NO_PART, 0.0, host.group, bare)
    before = chance(bare)
    for portion in SHARES:
        box = place(host.pixels.shape[:2], portion, rng)
        for name, other in host.others.items():
            verdict = detector.predict(jpeg(spliced(host.pixels, other, box), QUALITY), heatmap=True)
            if portion == 1:
                yield Row(name, portion, host.group, verdict)
                continue
            after = chance(verdict)
            part = covers(box, after.shape, host.pixels.shape[:2])
            hit = bool(part.flat[after.argmax()] >= 0.5)
            yield Row(name, portion, host.group, verdict, mass(after, part), mass(before, part), hit)


def chance(verdict: Verdict) -> np.ndarray:
    """Return the heat map as probabilities of AI, float32 [h, w]."""
    return sigmoid(verdict.heatmap)


def mass(heat: np.ndarray, part: np.ndarray) -> float:
    return float((heat * part).sum() / heat.sum())


def summary(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the figures of each kind and size of part, with their intervals."""
    groups: dict[tuple[str, float], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.part, row.share), []).append(row)
    return [
        {"part": part, "share": portion, "n": len(members)} | figures(members)
        for (part, portion), members in groups.items()
    ]


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    codes = group_codes([row.group for row in rows], len(rows))
    found: dict[str, Figure | None] = {
        word: share(np.array([row.verdict.verdict == word for row in rows]), codes) for word in WORDS
    }
    found["probability"] = mean_figure(np.array([row.verdict.probability_ai for row in rows]), codes)
    if all(row.hit is not None for row in rows):
        found["inside"] = mean_figure(np.array([row.inside for row in rows]), codes)
        found["inside_before"] = mean_figure(np.array([row.inside_before for row in rows]), codes)
        found["hit"] = share(np.array([row.hit for row in rows]), codes)
    return {name: figure.as_json() for name, figure in found.items() if figure}


if __name__ == "__main__":
    run(main)
