"""A tower: a large frozen network; all that is trained of it is the judge of its features.

Its graph takes and gives what every graph of a bundle does (uint8 views in; logit, map and embedding out), and
holds its head as two initialisers, `head_weight` [d] and `head_bias` []: logit = embedding . head_weight +
head_bias. Without a hidden layer, fitting is a logistic regression on the features of augmented views (a linear
probe, as in Ojha, Li and Lee 2023, "Towards Universal Fake Image Detectors that Generalize Across Generative
Models"); with one, small networks are trained on them, and their hidden units join the embedding.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from aivsreal.bundle import load_bundle
from aivsreal.data.labelled import LabelledSet, Sample, source_of
from aivsreal.data.where import set_apart
from aivsreal.deliveries import WORN, decoded
from aivsreal.errors import BadRecipe
from aivsreal.files import atomic_write_bytes, atomic_write_text, make_folder
from aivsreal.images import inspect, open_picture
from aivsreal.sessions import open_session
from aivsreal.threads import available_cores, in_order
from aivsreal.training.augment import augment
from aivsreal.training.judge import Judge, doubting, fit_head, fit_judge, left_out, source_weights
from aivsreal.training.recipe import Recipe
from aivsreal.training.tower_graph import Head, with_head, with_judge, without_hidden
from aivsreal.views import make_views

Floats = NDArray[np.float64]
# Where in a run the fitted graph lies, and what heads say of sources that they were fitted without.
TOWER, LEFT_OUT = "tower.onnx", "left_out.npz"
# Pictures whose embeddings are written down together: what a killed run has to compute again at most.
CHUNK = 64
# Beside the chunks: the SHA-256 of the graph that they are of.
SEEN_BY = "graph.sha256"
# How far an embedding may be off, of its length, where another processor sums in another order.
_ALIKE = 0.01
# Only pictures with at least this short side are seen in tiles, too: smaller ones hold less than four.
TILED_FROM = 400

ViewsOf = Callable[[int, Sample], list[NDArray[np.uint8]]]


@dataclass(frozen=True)
class LeftOut:
    """What is known of n training pictures from judges that were fitted without their sources.

    logits: float64 [m, n], of each as it is and in its usual deliveries; labels: int64 [n]; looks_drawn: bool [n];
    drawn: the head, over features, that is above 0 where a picture looks drawn, fitted on all; None: none was
    """

    logits: Floats
    labels: NDArray[np.int64]
    looks_drawn: NDArray[np.bool_]
    drawn: Head | None = None


def learned_and_doubted(labelled: LabelledSet, recipe: Recipe) -> tuple[LabelledSet, LabelledSet]:
    """Return what a judge learns from, and the AI pictures that only raise a doubt. Raises: UsageError."""
    if recipe.tower.doubted is None:
        return labelled, labelled.with_samples([])
    return set_apart(labelled, recipe.tower.doubted)


def fit_tower(
    samples: Sequence[Sample],
    recipe: Recipe,
    folder: Path,
    say: Callable[[str], None],
    doubted: Sequence[Sample] = (),
) -> None:
    """Write tower.onnx with a judge fitted on the samples into `folder`, and what others, without a sample's source, say.

    The latter of the picture as it is and of its usual deliveries: thresholds rest on them, and hard use and
    augmentation are not what a promise is about. Embeddings that lie in the folder are used again.

    doubted: AI pictures that only raise a doubt, see `judge.doubting`
    Raises: BadRecipe, BadBundle, CannotWrite.
    """
    graph = tower_graph(recipe)
    whole = partial(fitted_views, recipe)
    seen = embeddings_of(graph, samples, whole, folder / "tower", say)
    tiled = list(filter(_is_tiled, samples)) if recipe.tower.tiles else []
    tiles = embeddings_of(graph, tiled, partial(_tiles, recipe), folder / "tiles", say) if tiled else seen[:0]
    apart = embeddings_of(graph, doubted, whole, folder / "doubted", say) if doubted else seen[:0]
    rows = Rows.of([(samples, seen), (tiled, tiles), (doubted, apart)], recipe)
    logits = left_out(rows.fit, rows.x, rows.labels, rows.sources)
    learned = ~rows.doubted
    area = float(roc_auc_score(rows.labels[learned], logits[learned]))
    say(f"tower: AUC {area:.4f} on the views of training sources that a judge was fitted without")
    by_view = logits[: len(samples) * seen.shape[1]].reshape(-1, seen.shape[1]).T
    usual = [number for number, name in enumerate(("as it is", *recipe.tower.deliveries)) if name != "hard"]
    drawn, looks_drawn = _tells_drawings(seen, samples, recipe, say)
    known = LeftOut(by_view[usual], np.array([sample.label for sample in samples]), looks_drawn, drawn)
    save_left_out(folder / LEFT_OUT, known)
    atomic_write_bytes(folder / TOWER, _with(graph, rows.fit(np.arange(len(rows.labels)))))


@dataclass(frozen=True, eq=False)
class Rows:
    """Views that a judge is fitted on: x: float64 [n, d]; labels, sources and weights [n]; doubted: bool [n], those
    that the second judge alone learns from, by weights of its own."""

    x: Floats
    labels: NDArray[np.int64]
    sources: NDArray[np.str_]
    doubted: NDArray[np.bool_]
    weights: Floats
    second_weights: Floats
    recipe: Recipe

    @classmethod
    def of(cls, parts: Sequence[tuple[Sequence[Sample], NDArray[np.float16]]], recipe: Recipe) -> Rows:
        """Return the views [n, v, d] of the samples of each part; the last part is doubted."""
        shown = [sample for samples, views in parts for sample in samples for _ in views[0]]
        labels = np.array([sample.label for sample in shown])
        sources = np.array([source_of(sample.columns) or sample.key for sample in shown])
        doubted = np.arange(len(shown)) >= len(shown) - parts[-1][1].shape[0] * parts[-1][1].shape[1]
        power = recipe.data.source_power
        weights = np.zeros(len(shown))
        weights[~doubted] = source_weights(labels[~doubted], sources[~doubted], power)
        x = np.concatenate([views.reshape(-1, views.shape[-1]) for _, views in parts]).astype(np.float64)
        return cls(x, labels, sources, doubted, weights, source_weights(labels, sources, power), recipe)

    def fit(self, rows: NDArray[np.int64]) -> Judge:
        """Return the judge fitted on these rows, with its doubt where some of them are doubted."""
        section = self.recipe.tower
        own = rows[~self.doubted[rows]]
        first = fit_judge(self.x[own], self.labels[own], self.weights[own], section)
        if len(own) == len(rows):
            return first
        more = section.model_copy(update={"networks": section.doubting})
        return doubting(first, fit_judge(self.x[rows], self.labels[rows], self.second_weights[rows], more))


def _tells_drawings(
    seen: NDArray[np.float16], samples: Sequence[Sample], recipe: Recipe, say: Callable[[str], None]
) -> tuple[Head | None, NDArray[np.bool_]]:
    """Return the head that tells drawings, and which samples look drawn by one that was fitted without their source.

    It is fitted on how pictures look (the column `style`), AI pictures and people's alike, so that it says
    nothing of who made one; there is none where the drawn ones are all of one class.
    """
    styles = np.array([sample.columns.get("style") in recipe.tower.drawn_styles for sample in samples])
    # Where one class alone is drawn, what looks drawn would be another word for that class.
    if (
        len({sample.label for sample, drawn in zip(samples, styles, strict=True) if drawn}) < 2
        or styles.all()
    ):
        return None, np.zeros(len(samples), bool)
    views = seen.shape[1]
    x = seen.reshape(-1, seen.shape[-1]).astype(np.float64)
    is_drawn = np.repeat(styles, views).astype(np.int64)
    sources = np.repeat([source_of(sample.columns) or sample.key for sample in samples], views)
    weights = source_weights(is_drawn, sources, recipe.data.source_power)

    def fit(rows: NDArray[np.int64]) -> Judge:
        return Judge(fit_head(x[rows], is_drawn[rows], weights[rows], recipe.tower.strength))

    logits = left_out(fit, x, is_drawn, sources)[::views]
    area = float(roc_auc_score(styles, logits))
    say(f"drawings: AUC {area:.4f} on training sources that the head which tells them was fitted without")
    return fit(np.arange(len(x))).head, logits > 0


def save_left_out(file: Path, known: LeftOut) -> None:
    """Write what is known of left-out pictures. Raises: CannotWrite."""
    buffer = io.BytesIO()
    content: dict[str, Any] = {name: getattr(known, name) for name in ("logits", "labels", "looks_drawn")}
    if known.drawn is not None:
        content |= {"drawn_weight": known.drawn.weight, "drawn_bias": known.drawn.bias}
    np.savez(buffer, **content)
    atomic_write_bytes(file, buffer.getvalue())


def load_left_out(folder: Path) -> LeftOut | None:
    """Return what `save_left_out` wrote into a run's folder; None where the run has no tower."""
    if not (folder / LEFT_OUT).exists():
        return None
    content = np.load(folder / LEFT_OUT)
    drawn = None
    if "drawn_weight" in content:
        drawn = Head(content["drawn_weight"], float(content["drawn_bias"]))
    return LeftOut(content["logits"], content["labels"], content["looks_drawn"], drawn)


def tower_graph(recipe: Recipe) -> bytes:
    """Return the graph that `tower.graph` names, a model's or a file's, without a hidden layer.

    Raises: BadRecipe, BadBundle.
    """
    origin = str(recipe.tower.graph)
    if Path(origin).suffix == ".onnx":
        try:
            return without_hidden(Path(origin).read_bytes())
        except OSError as error:
            raise BadRecipe(
                f"there is no tower in {origin}: {error.strerror}",
                hint="tower.graph must name a file that exists",
            ) from error
    return without_hidden(load_bundle(origin).onnx_bytes)


def _with(graph: bytes, judge: Judge) -> bytes:
    if judge.hidden is None:
        return with_head(graph, judge.head)
    return with_judge(graph, judge.head, judge.hidden, judge.doubt)


def embeddings_of(
    graph: bytes, samples: Sequence[Sample], views_of: ViewsOf, folder: Path, say: Callable[[str], None]
) -> NDArray[np.float16]:
    """Return the embeddings of each sample's views, float16 [n, views, d], chunk by chunk through files in `folder`.

    Files of this graph that lie there are used again, those of another one are made anew.
    """
    session = open_session(graph)

    def embed(numbered: tuple[int, Sample]) -> NDArray[np.float16]:
        views = views_of(*numbered)
        return np.stack([session.run(["embedding"], {"views": view[None]})[0][0] for view in views]).astype(
            np.float16
        )

    make_folder(folder)
    numbered = list(enumerate(samples))
    _drop_what_another_saw(hashlib.sha256(graph).hexdigest(), numbered, embed, folder)
    chunks = []
    for start in range(0, len(samples), CHUNK):
        file = _chunk(folder, start)
        if not file.exists():
            part = numbered[start : start + CHUNK]
            buffer = io.BytesIO()
            np.save(buffer, np.stack(list(in_order(embed, part, threads=available_cores(), ahead=2))))
            atomic_write_bytes(file, buffer.getvalue())
            say(f"  {folder.name}: {min(start + CHUNK, len(samples))} of {len(samples)} pictures seen")
        chunks.append(np.load(file))
    return np.concatenate(chunks)


def _drop_what_another_saw(
    seen_by: str,
    numbered: Sequence[tuple[int, Sample]],
    embed: Callable[[tuple[int, Sample]], NDArray[np.float16]],
    folder: Path,
) -> None:
    """Remove the chunks that another graph made, and note whose the folder's are.

    `tower.graph` may name a file or a model that was replaced since a run was stopped. Where the note names another
    graph, or there is none, as in runs of before, the first picture of every chunk is looked at again: graphs that
    differ in their heads alone see the same.
    """
    note = folder / SEEN_BY
    if note.exists() and note.read_text("utf-8") == seen_by:
        return
    for start in range(0, len(numbered), CHUNK):
        file = _chunk(folder, start)
        if file.exists() and not _alike(np.load(file)[0], embed(numbered[start])):
            file.unlink()
    atomic_write_text(note, seen_by)


def _alike(kept: NDArray[np.float16], now: NDArray[np.float16]) -> bool:
    if kept.shape != now.shape:
        return False
    length = np.linalg.norm(now.astype(np.float64))
    return bool(np.linalg.norm(kept.astype(np.float64) - now) <= _ALIKE * length)


def _chunk(folder: Path, start: int) -> Path:
    return folder / f"{start:07}.npy"


def fitted_views(recipe: Recipe, index: int, sample: Sample) -> list[NDArray[np.uint8]]:
    """Return what a judge is fitted on: the picture as a verdict sees it, then worn and augmented ones."""
    pixels = open_picture(sample.read()).pixels
    spec = recipe.views.model_copy(update={"tiles": 0, "flip": False})
    worn = [decoded(WORN[name](pixels)) for name in recipe.tower.deliveries]
    whole = [make_views(each, spec).batch for each in (pixels, *worn)]
    rng = np.random.default_rng((recipe.optimise.seed, index, 0x70E2))
    section = recipe.tower.augment.at_strength()
    drawn = [augment(pixels, section, spec.size, rng) for _ in range(recipe.tower.views - 1)]
    return [*(squares[len(squares) // 2] for squares in whole), *drawn]


def _is_tiled(sample: Sample) -> bool:
    facts = inspect(sample.read())
    return min(facts.width, facts.height) >= TILED_FROM


def _tiles(recipe: Recipe, _: int, sample: Sample) -> list[NDArray[np.uint8]]:
    """What else the judge is fitted on: four tiles of the picture, and the middle one after a way over the web."""
    pixels = open_picture(sample.read()).pixels
    spec = recipe.views.model_copy(update={"whole": "none", "tiles": 4, "tile_scale": None, "flip": False})
    once = spec.model_copy(update={"tiles": 1})
    return [*make_views(pixels, spec).batch, *make_views(decoded(WORN["web"](pixels)), once).batch]
