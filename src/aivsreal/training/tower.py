"""A tower: a large frozen network; all that is trained of it is the judge of its features.

Its graph takes and gives what every graph of a bundle does (uint8 views in; logit, map and embedding out), and
holds its head as two initialisers, `head_weight` [d] and `head_bias` []: logit = embedding . head_weight +
head_bias. Without a hidden layer, fitting is a logistic regression on the features of augmented views (a linear
probe, as in Ojha, Li and Lee 2023, "Towards Universal Fake Image Detectors that Generalize Across Generative
Models"); with one, small networks are trained on them, and their hidden units join the embedding.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from aivsreal.bundle import load_bundle
from aivsreal.data.labelled import Sample
from aivsreal.deliveries import WORN, decoded
from aivsreal.errors import BadRecipe
from aivsreal.files import atomic_write_bytes, make_folder
from aivsreal.images import inspect, open_picture
from aivsreal.threads import available_cores, in_order
from aivsreal.training.augment import augment
from aivsreal.training.loader import source_of
from aivsreal.training.recipe import Recipe, TowerSection
from aivsreal.training.tower_graph import Head, Hidden, with_head, with_judge, without_hidden
from aivsreal.views import make_views

Floats = NDArray[np.float64]
# Where in a run the fitted graph lies, and what heads say of sources that they were fitted without.
TOWER, LEFT_OUT = "tower.onnx", "left_out.npz"
# Pictures whose embeddings are written down together: what a killed run has to compute again at most.
CHUNK = 64
FOLDS = 10
# How networks are trained on features, chosen by what they say of sources left out: few epochs, much dropout.
# Small sets are gone through more often, until this many steps are done.
EPOCHS, LEAST_STEPS = 10, 400
BATCH, RATE, DECAY = 512, 1e-3, 0.1
DROPPED_FEATURES, DROPPED_UNITS = 0.5, 0.5
# Only pictures with at least this short side are seen in tiles, too: smaller ones hold less than four.
TILED_FROM = 400

ViewsOf = Callable[[int, Sample], list[NDArray[np.uint8]]]


@dataclass(frozen=True)
class Judge:
    """What is fitted on a tower: a head on its features, or on them and a hidden layer's activations."""

    head: Head
    hidden: Hidden | None = None

    def __call__(self, features: Floats) -> Floats:
        """Return logits, float64 [n], of features [n, 2 c]."""
        embedding = features
        if self.hidden is not None:
            embedding = np.concatenate([features, self.hidden(features)], axis=1)
        return np.asarray(embedding @ self.head.weight + self.head.bias)


def fit_tower(samples: Sequence[Sample], recipe: Recipe, folder: Path, say: Callable[[str], None]) -> None:
    """Write tower.onnx with a judge fitted on the samples into `folder`, and what others, without a sample's source, say.

    The latter of the picture as it is and of its usual deliveries: thresholds rest on them, and hard use and
    augmentation are not what a promise is about. Embeddings that lie in the folder are used again.

    Raises: BadRecipe, BadBundle, CannotWrite.
    """
    graph = tower_graph(recipe)
    seen = embeddings_of(graph, samples, partial(fitted_views, recipe), folder / "tower", say)
    tiled = list(filter(_is_tiled, samples)) if recipe.tower.tiles else []
    tiles = embeddings_of(graph, tiled, partial(_tiles, recipe), folder / "tiles", say) if tiled else seen[:0]
    x = np.concatenate([each.reshape(-1, seen.shape[-1]) for each in (seen, tiles)]).astype(np.float64)
    shown = [sample for part, rows in ((samples, seen), (tiled, tiles)) for sample in part for _ in rows[0]]
    labels = np.array([sample.label for sample in shown])
    sources = np.array([source_of(sample) or sample.key for sample in shown])
    weights = source_weights(labels, sources, recipe.data.source_power)
    logits = _left_out(x, labels, sources, weights, recipe.tower)
    area = float(roc_auc_score(labels, logits))
    say(f"tower: AUC {area:.4f} on the views of training sources that a judge was fitted without")
    by_view = logits[: len(samples) * seen.shape[1]].reshape(-1, seen.shape[1]).T
    usual = [number for number, name in enumerate(("as it is", *recipe.tower.deliveries)) if name != "hard"]
    save_left_out(folder / LEFT_OUT, by_view[usual], np.array([sample.label for sample in samples]))
    judge = fit_judge(x, labels, weights, recipe.tower)
    atomic_write_bytes(folder / TOWER, _with(graph, judge))


def save_left_out(file: Path, logits: Floats, labels: NDArray[np.int64]) -> None:
    """Write logits float64 [m, n] of n samples shown in m ways, and labels int64 [n]. Raises: CannotWrite."""
    buffer = io.BytesIO()
    np.savez(buffer, logits=logits, labels=labels)
    atomic_write_bytes(file, buffer.getvalue())


def load_left_out(folder: Path) -> tuple[Floats, NDArray[np.int64]] | None:
    """Return what `save_left_out` wrote into a run's folder; None where the run has no tower."""
    if not (folder / LEFT_OUT).exists():
        return None
    content = np.load(folder / LEFT_OUT)
    return content["logits"], content["labels"]


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


def source_weights(labels: NDArray[np.int64], sources: NDArray[np.str_], power: float) -> Floats:
    """Return a weight a view, float64 [n] of mean 1: classes alike, a source by its size to `power`."""
    size = Counter(sources.tolist())
    weights = np.array([size[source] ** (power - 1.0) for source in sources.tolist()])
    for label in (0, 1):
        weights[labels == label] /= weights[labels == label].sum()
    return np.asarray(weights * len(labels) / 2)


def fit_judge(x: Floats, labels: NDArray[np.int64], weights: Floats, section: TowerSection) -> Judge:
    """Return what judges features x: float64 [n, d], fitted to labels [n]: a head, or networks of hidden units."""
    if not section.hidden:
        return Judge(fit_head(x, labels, weights, section.strength))
    return fit_hidden(x, labels, weights, units=section.hidden, networks=section.networks)


def fit_hidden(x: Floats, labels: NDArray[np.int64], weights: Floats, *, units: int, networks: int) -> Judge:
    """Return the mean of rectified networks of one hidden layer, as one judge with all of their units.

    The same arguments give the same judge.
    """
    import torch

    centre, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    features = torch.from_numpy(((x - centre) / spread).astype(np.float32))
    targets, counts = (torch.from_numpy(np.asarray(each, np.float32)) for each in (labels, weights))
    hidden, heads, bias = [], [], 0.0
    for seed in range(networks):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            first, last = _trained(features, targets, counts, units)
        weight = first.weight.detach().numpy().astype(np.float64).T / spread[:, None]
        hidden.append(Hidden(weight, first.bias.detach().numpy() - centre @ weight))
        heads.append(last.weight.detach().numpy()[0].astype(np.float64) / networks)
        bias += float(last.bias.detach()) / networks
    together = Hidden(
        np.concatenate([part.weight for part in hidden], axis=1),
        np.concatenate([part.bias for part in hidden]),
    )
    return Judge(Head(np.concatenate([np.zeros(x.shape[1]), *heads]), bias), together)


def _trained(features: Any, targets: Any, counts: Any, units: int) -> tuple[Any, Any]:
    """Return the two layers of a network trained on features [n, d] by weighted cross-entropy."""
    import torch
    from torch.nn import Dropout, Linear, ReLU, Sequential
    from torch.nn.functional import binary_cross_entropy_with_logits

    first, last = Linear(features.shape[1], units), Linear(units, 1)
    network = Sequential(Dropout(DROPPED_FEATURES), first, ReLU(), Dropout(DROPPED_UNITS), last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    batch = min(BATCH, len(targets))
    steps = len(targets) // batch
    epochs = max(EPOCHS, ceil(LEAST_STEPS / steps))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * steps)
    for _ in range(epochs):
        for chosen in torch.randperm(len(targets))[: steps * batch].reshape(steps, batch):
            losses = binary_cross_entropy_with_logits(
                network(features[chosen])[:, 0], targets[chosen], reduction="none"
            )
            optimiser.zero_grad()
            (losses * counts[chosen]).mean().backward()
            optimiser.step()
            schedule.step()
    return first, last


def fit_head(x: Floats, labels: NDArray[np.int64], weights: Floats, strength: float) -> Head:
    """Return the logistic regression of labels [n] on x: float64 [n, d], standardised inside."""
    from sklearn.linear_model import LogisticRegression

    centre, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    model = LogisticRegression(C=strength, max_iter=2000)
    model.fit((x - centre) / spread, labels, sample_weight=weights)
    weight = model.coef_[0] / spread
    return Head(weight, float(model.intercept_[0] - weight @ centre))


def _with(graph: bytes, judge: Judge) -> bytes:
    if judge.hidden is None:
        return with_head(graph, judge.head)
    return with_judge(graph, judge.head, judge.hidden)


def embeddings_of(
    graph: bytes, samples: Sequence[Sample], views_of: ViewsOf, folder: Path, say: Callable[[str], None]
) -> NDArray[np.float16]:
    """Return the embeddings of each sample's views, float16 [n, views, d], chunk by chunk through files in `folder`."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = 1
    session = InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def embed(numbered: tuple[int, Sample]) -> NDArray[np.float16]:
        views = views_of(*numbered)
        return np.stack([session.run(["embedding"], {"views": view[None]})[0][0] for view in views]).astype(
            np.float16
        )

    make_folder(folder)
    chunks = []
    for start in range(0, len(samples), CHUNK):
        file = folder / f"{start:07}.npy"
        if not file.exists():
            numbered = list(enumerate(samples))[start : start + CHUNK]
            buffer = io.BytesIO()
            np.save(buffer, np.stack(list(in_order(embed, numbered, threads=available_cores(), ahead=2))))
            atomic_write_bytes(file, buffer.getvalue())
            say(f"  {folder.name}: {min(start + CHUNK, len(samples))} of {len(samples)} pictures seen")
        chunks.append(np.load(file))
    return np.concatenate(chunks)


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


def _left_out(
    x: Floats, labels: NDArray[np.int64], sources: NDArray[np.str_], weights: Floats, section: TowerSection
) -> Floats:
    """The logit of each view, float64 [n], by a judge that was fitted without its source."""
    from sklearn.model_selection import GroupKFold

    folds = GroupKFold(min(FOLDS, len(set(sources.tolist()))))
    logits = np.zeros(len(labels))
    for rest, out in folds.split(x, labels, sources):
        if len(set(labels[rest].tolist())) == 2:
            logits[out] = fit_judge(x[rest], labels[rest], weights[rest], section)(x[out])
    return logits
