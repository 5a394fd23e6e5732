"""Whether the heat map earns its place: what blanking by it does, what it points at, and what else would draw it.

    python docs/explanations.py DATA TAEF2 --where 'origin_kind!=benchmark' --work runs/explanations [--pictures 40]

Validation pictures, drawn by a seed, as many photographs as AI pictures; on one thread, without
the stability check. Blanking: cells of the picture are blurred or greyed, those first that a map marks most for the answer.
Pointing: at a part of a photograph that went through an auto-encoder (TAEF2 is the folder of its weights), and at the
AI picture among three photographs. Grad-CAM, where the model is a convolutional network; and the map of a model whose
weights were shuffled. What is known of a picture is kept in --work and used again for the same data, so a run that was killed goes on.
Writes docs/results/explanations.json and keeps there what is of other models; draw_explanations.py makes the page of it.
"""

import argparse
import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from kept_work import open_work
from scipy.stats import spearmanr

from aivsreal.cli.script import parser_of, run
from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.data.sources import load_set
from aivsreal.detector import Detector
from aivsreal.errors import BadData
from aivsreal.evaluation.calibration import sigmoid
from aivsreal.evaluation.faithfulness import (
    CELLS,
    area,
    blurred,
    crops,
    curve,
    enlarged,
    greyed,
    in_cells,
    middle_square,
    mosaic,
    most_first,
    occlusion,
    points_at,
    ranks_above,
)
from aivsreal.evaluation.intervals import mean_figure, share
from aivsreal.evaluation.metrics import group_codes
from aivsreal.evaluation.splice import Box, covers, place
from aivsreal.files import atomic_write_text, sha256_of
from aivsreal.images import Picture
from aivsreal.training.autoencoder import DECODER, ENCODER, Autoencoder, load_autoencoder
from aivsreal.training.network import Network
from aivsreal.training.twin import finer_layer, grad_cam, shuffled, twin
from aivsreal.views import assemble_map, make_views

RESULTS = Path(__file__).parent / "results" / "explanations.json"
MODELS = ("photos", "photos-small")
SEED = 0
HEAT_MAP, ANOTHER, RANDOM = "heat map", "another picture's heat map", "random"
OCCLUSION, CROPS = "occlusion", "crops"
# Orders that know nothing of the picture.
UNINFORMED = (RANDOM, ANOTHER)
# How cells are blanked, and the maps by whose order.
FILLINGS = {"blur": (blurred, (HEAT_MAP, ANOTHER, OCCLUSION)), "grey": (greyed, (HEAT_MAP, ANOTHER))}
SHUFFLED = {"the head": 0.0, "the last third": 1 / 3, "the last two thirds": 2 / 3, "all": 1.0}
SPLICED_SHARE = 0.2
MOSAICS = 12
Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Looked:
    """A picture, and the detector that looks at it."""

    detector: Detector
    picture: Picture

    @property
    def pixels(self) -> np.ndarray:
        return self.picture.pixels

    def with_pixels(self, pixels: np.ndarray) -> "Looked":
        return Looked(self.detector, dataclasses.replace(self.picture, pixels=pixels))

    def log_odds(self, pixels: np.ndarray) -> float:
        """Return the calibrated log-odds of AI of other pixels."""
        calibration = self.detector.bundle.card.calibration
        return (
            calibration.scale * self.detector.score(self.with_pixels(pixels).picture).logit
            + calibration.offset
        )

    def heat(self) -> np.ndarray:
        """Return the heat map in cells."""
        found = self.detector.score(self.picture, heatmap=True).heatmap
        assert found is not None
        return in_cells(found)

    def maps(self) -> dict[str, np.ndarray]:
        """Return each way to mark what speaks for AI, in cells."""
        return {
            HEAT_MAP: self.heat(),
            OCCLUSION: occlusion(self.log_odds, self.pixels, blurred(self.pixels)),
            CROPS: crops(self.log_odds, self.pixels),
        }


def main(arguments: Sequence[str]) -> None:
    """Measure the models that are named."""
    asked = _parser().parse_args(arguments)
    measured = json.loads(asked.out.read_text("utf-8")) if asked.out.exists() else {}
    labelled = load_set(asked.data, where=asked.where).of_split("val")
    for name in asked.model or MODELS:
        detector = Detector.load(name, threads=1, fast=True)
        work = asked.work / detector.bundle.title.replace(" ", "-")
        open_work(work, rests_on(detector, labelled, asked))
        measured[detector.bundle.card.name] = measure(detector, labelled, asked.pictures, asked.taef2, work)
        atomic_write_text(asked.out, json.dumps(measured, indent=1) + "\n")
        print(f"{name}: written to {asked.out.name}")


def rests_on(detector: Detector, labelled: LabelledSet, asked: argparse.Namespace) -> Row:
    """Return what kept rows rest on. More --pictures only add to them: the draw begins alike."""
    weights = {name: sha256_of(asked.taef2 / name) for name in (ENCODER, DECODER)}
    return {
        "DATA": labelled.fingerprint(),
        "--where": asked.where,
        "model": detector.bundle.card.files["model.onnx"],
        "auto-encoder": weights,
    }


def measure(detector: Detector, labelled: LabelledSet, count: int, taef2: Path, work: Path) -> Row:
    """Return everything that is measured of a model."""
    samples = sampled(labelled, count)
    looked = [Looked(detector, detector.open(sample.read())) for sample in samples]
    groups = codes(samples)
    real = [one for one, sample in zip(looked, samples, strict=True) if not sample.label]
    return {
        "model": detector.bundle.title,
        "pictures": len(samples),
        "seed": SEED,
        "shuffled": means(sanity(looked, work / "shuffled.jsonl"), groups),
        "grad_cam": means(beside_grad_cam(looked, work / "grad-cam.jsonl"), groups),
        "pointing": {
            "a part that an auto-encoder made": pointing(
                at_parts(real, taef2, work / "parts.jsonl"), codes([s for s in samples if not s.label])
            ),
            "the AI picture among four": pointing(*at_quarters(detector, labelled, work / "quarters.jsonl")),
        },
        "blanking": compared(blanking(looked, work / "blanking.jsonl"), groups),
    }


def kept(file: Path, count: int, work: Callable[[int], Row]) -> list[Row]:
    """Return work(0) to work(count - 1), those that the file holds from there, the others added to it."""
    lines = file.read_text("utf-8").splitlines(keepends=True) if file.exists() else []
    if not lines or not lines[-1].endswith("\n"):
        # Whoever wrote it was killed half-way through its last line.
        lines = lines[:-1]
        atomic_write_text(file, "".join(lines))
    rows = [json.loads(line) for line in lines[:count]]
    with file.open("a", encoding="utf-8") as stream:
        for index in range(len(rows), count):
            rows.append(work(index))
            stream.write(json.dumps(rows[-1]) + "\n")
            stream.flush()
            print(f"  {file.stem}: {index + 1} of {count}", flush=True)
    return rows


def sampled(labelled: LabelledSet, count: int) -> list[Sample]:
    """Return `count` samples, photographs and AI pictures in turn, drawn by the seed. Raises: BadData."""
    rng = np.random.default_rng(SEED)
    real, ai = (np.flatnonzero(labelled.labels() == label) for label in (0, 1))
    if min(len(real), len(ai)) < count // 2:
        raise BadData(
            f"{labelled.name} has {len(real)} photographs and {len(ai)} AI pictures for validation, "
            f"of which {count // 2} each are needed",
            hint="give more of them, or fewer --pictures",
        )
    drawn = [rng.permutation(places)[: count // 2] for places in (real, ai)]
    return [labelled.samples[index] for index in np.stack(drawn, axis=1).ravel()]


def blanking(looked: Sequence[Looked], file: Path) -> list[Row]:
    """Return for each picture the curves by each filling and each map's order."""

    def row(index: int) -> Row:
        one = looked[index]
        whole = one.log_odds(one.pixels)
        maps = {
            HEAT_MAP: one.heat(),
            # The other of a pair: a picture of the other class.
            ANOTHER: looked[index ^ 1].heat(),
            OCCLUSION: occlusion(one.log_odds, one.pixels, blurred(one.pixels)),
        }
        return {
            name: by_order(
                one, whole, {chosen: maps[chosen] for chosen in chosen_maps}, fill(one.pixels), index
            )
            for name, (fill, chosen_maps) in FILLINGS.items()
        }

    return kept(file, len(looked), row)


def by_order(one: Looked, whole: float, maps: dict[str, np.ndarray], filling: np.ndarray, index: int) -> Row:
    """Return for each map how probable the answer stays while cells are deleted, and inserted, in its order.

    whole: the log-odds of AI of the whole picture, whose sign is its answer
    """
    side, ends = np.sign(whole), (whole, one.log_odds(filling))

    def blanked_by(marked: np.ndarray) -> np.ndarray:
        log_odds = curve(one.log_odds, one.pixels, filling, most_first(marked), ends=ends)
        return sigmoid(side * log_odds)

    rng = np.random.default_rng((SEED, index))
    by_chance = np.mean([blanked_by(rng.random((CELLS, CELLS))) for _ in range(2)], axis=0)
    found = {
        name: {"deletion": blanked_by(side * marked), "insertion": blanked_by(-side * marked)[::-1]}
        for name, marked in maps.items()
    }
    found[RANDOM] = {"deletion": by_chance, "insertion": by_chance[::-1]}
    return {
        name: {way: values.round(5).tolist() for way, values in ways.items()} for name, ways in found.items()
    }


def compared(rows: Sequence[Row], groups: np.ndarray) -> Row:
    """Return of each filling and map the mean curves, their areas, and how far these lie from uninformed orders'."""
    return {
        filling: {
            name: {
                way: beside_uninformed([row[filling] for row in rows], name, way, groups)
                for way in ("deletion", "insertion")
            }
            for name in rows[0][filling]
        }
        for filling in rows[0]
    }


def beside_uninformed(rows: Sequence[Row], name: str, way: str, groups: np.ndarray) -> Row:
    areas = {
        which: np.array([area(np.array(row[which][way])) for row in rows]) for which in (name, *UNINFORMED)
    }
    return {
        "curve": np.mean([row[name][way] for row in rows], axis=0).round(4).tolist(),
        "area": figure(areas[name], groups),
        "from": {other: figure(areas[name] - areas[other], groups) for other in UNINFORMED if other != name},
    }


def at_parts(photographs: Sequence[Looked], taef2: Path, file: Path) -> list[Row]:
    """Return how each map points at a part of a photograph that an auto-encoder made anew."""
    autoencoder = load_autoencoder(taef2)

    def row(index: int) -> Row:
        one = photographs[index]
        shape = one.pixels.shape[:2]
        box = place(shape, SPLICED_SHARE, np.random.default_rng((SEED, index)))
        made = one.with_pixels(remade(autoencoder, one.pixels, box))
        inside = covers(box, shape, shape) > 0.5
        maps, untouched = made.maps(), one.heat()
        maps |= {"heat map's rise over the untouched photograph": maps[HEAT_MAP] - untouched}
        rise = made.log_odds(made.pixels) - one.log_odds(one.pixels)
        return {"rise": rise, "share": float(inside.mean()), "maps": pointed(maps, inside)}

    return kept(file, len(photographs), row)


def remade(autoencoder: Autoencoder, pixels: np.ndarray, box: Box) -> np.ndarray:
    """Return the picture with the box, and no more, passed through the auto-encoder."""
    top, left, bottom, right = box
    other = pixels.copy()
    other[top:bottom, left:right] = autoencoder.reconstruct(pixels[top:bottom, left:right])
    return other


def at_quarters(detector: Detector, labelled: LabelledSet, file: Path) -> tuple[list[Row], np.ndarray]:
    """Return how each map points at the AI picture among three photographs, and the groups of the AI pictures.

    All are squares of the middle that are judged rightly when alone.
    """
    side = detector.bundle.card.views.size
    real, ai = (judged_rightly(detector, labelled, label) for label in (0, 1))
    if len(real) < 4 or not ai:
        raise BadData(
            f"of {labelled.name}, {len(real)} photographs and {len(ai)} AI pictures get the right answer alone",
            hint="four photographs and an AI picture are needed: give more validation pictures",
        )

    def row(index: int) -> Row:
        rng = np.random.default_rng((SEED, index))
        _, one = ai[index]
        others = [real[number][1] for number in rng.choice(len(real), 4, replace=False)]
        quarter = int(rng.integers(4))
        alone = one.with_pixels(mosaic([other.pixels for other in others], side))
        others[quarter] = one
        made = one.with_pixels(mosaic([other.pixels for other in others], side))
        top, left = side * (quarter // 2), side * (quarter % 2)
        shape = made.pixels.shape[:2]
        inside = covers((top, left, top + side, left + side), shape, shape) > 0.5
        rise = made.log_odds(made.pixels) - alone.log_odds(alone.pixels)
        return {"rise": rise, "share": float(inside.mean()), "maps": pointed(made.maps(), inside)}

    return kept(file, len(ai), row), codes([sample for sample, _ in ai])


def judged_rightly(detector: Detector, labelled: LabelledSet, label: int) -> list[tuple[Sample, Looked]]:
    """Return up to MOSAICS samples of a class, drawn by the seed, with their squares that get the right side."""
    found: list[tuple[Sample, Looked]] = []
    for index in np.random.default_rng(SEED).permutation(np.flatnonzero(labelled.labels() == label)):
        sample = labelled.samples[index]
        whole = Looked(detector, detector.open(sample.read()))
        square = whole.with_pixels(middle_square(whole.pixels, detector.bundle.card.views.size))
        if (square.log_odds(square.pixels) > 0) == bool(label):
            found.append((sample, square))
        if len(found) == MOSAICS:
            break
    return found


def pointed(maps: dict[str, np.ndarray], inside: np.ndarray) -> Row:
    """Return of each map whether its highest place lies inside, and how it ranks the inside."""
    grown = {name: enlarged(cells, inside.shape) for name, cells in maps.items()}
    return {
        name: {"hit": float(points_at(marked, inside)), "rank": ranks_above(marked, inside)}
        for name, marked in grown.items()
    }


def pointing(rows: Sequence[Row], groups: np.ndarray) -> Row:
    """Return the shares of hits and the mean ranks over pictures, and the chance of a hit."""

    def of_map(name: str) -> Row:
        hits = np.array([row["maps"][name]["hit"] for row in rows], bool)
        found = share(hits, groups)
        assert found is not None
        rank = figure(np.array([row["maps"][name]["rank"] for row in rows]), groups)
        return {
            "hit": found.as_json(),
            "rank": rank and {part: min(1.0, value) for part, value in rank.items()},
        }

    return {
        "pictures": len(rows),
        "chance": round(float(np.mean([row["share"] for row in rows])), 4),
        "rise_in_log_odds": figure(np.array([row["rise"] for row in rows]), groups),
        "maps": {name: of_map(name) for name in rows[0]["maps"]},
    }


def sanity(looked: Sequence[Looked], file: Path) -> list[Row]:
    """Return how like each heat map is to that of shuffled weights, and to that of the picture before it."""
    detector = looked[0].detector
    broken = {
        name: Detector(
            dataclasses.replace(
                detector.bundle,
                onnx_bytes=shuffled(detector.bundle.onnx_bytes, part, np.random.default_rng(SEED)),
            ),
            threads=1,
            fast=True,
        )
        for name, part in SHUFFLED.items()
    }

    def row(index: int) -> Row:
        true, picture = looked[index].heat(), looked[index].picture
        others = {name: Looked(one, picture).heat() for name, one in broken.items()}
        others[ANOTHER] = looked[index ^ 1].heat()
        return {name: alike(true, cells) for name, cells in others.items()}

    return kept(file, len(looked), row)


def beside_grad_cam(looked: Sequence[Looked], file: Path) -> list[Row]:
    """Return the rank correlation of the heat map with Grad-CAM at two depths; nothing of a tower."""
    bundle = looked[0].detector.bundle
    network = twin(bundle)
    if not isinstance(network, Network):
        return []
    layers = {"the features that are pooled": "", "maps twice as fine": finer_layer(network)}

    def row(index: int) -> Row:
        one, spec = looked[index], bundle.card.views
        views = make_views(one.pixels, spec)
        maps = {
            name: assemble_map(grad_cam(network, views.batch, layer), views, spec, shape=one.pixels.shape[:2])
            for name, layer in layers.items()
        }
        return {name: alike(one.heat(), in_cells(whole)) for name, whole in maps.items()}

    return kept(file, len(looked), row)


def alike(first: np.ndarray, second: np.ndarray) -> float:
    """Return the rank correlation, -1 to 1; 0 where one of the two is the same everywhere."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(spearmanr(first.ravel(), second.ravel()).statistic)


def codes(samples: Sequence[Sample]) -> np.ndarray:
    return group_codes([sample.columns.get("group") for sample in samples], len(samples))


def means(rows: Sequence[Row], groups: np.ndarray) -> Row:
    """Return the mean of each number over the rows, with its interval."""
    return {name: figure(np.array([row[name] for row in rows]), groups) for name in (rows[0] if rows else ())}


def figure(values: np.ndarray, groups: np.ndarray) -> Row | None:
    found = mean_figure(values, groups)
    return None if found is None else found.as_json()


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument("data")
    parser.add_argument("taef2", type=Path, help="the folder that holds the auto-encoder's weights")
    parser.add_argument("--where", action="append", default=[], help="COLUMN=VALUE or !=; repeatable")
    parser.add_argument("--work", type=Path, required=True, help="where rows are kept, a file a part")
    parser.add_argument("--model", action="append", help=f"repeatable; default: {' and '.join(MODELS)}")
    parser.add_argument("--pictures", type=int, default=40, help="half of them AI")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    run(main)
