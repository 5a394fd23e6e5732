"""A tower: a large frozen network; all that is trained of it is a linear head.

Its graph takes and gives what every graph of a bundle does (uint8 views in; logit, map and embedding out), and
holds its head as two initialisers, `head_weight` [d] and `head_bias` []: logit = embedding . head_weight +
head_bias. Fitting is a logistic regression on the embeddings of augmented views (a linear probe, as in Ojha, Li
and Lee 2023, "Towards Universal Fake Image Detectors that Generalize Across Generative Models").
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from aivsreal.bundle import load_bundle
from aivsreal.data.labelled import Sample
from aivsreal.deliveries import WORN, decoded
from aivsreal.errors import BadRecipe
from aivsreal.files import atomic_write_bytes
from aivsreal.images import open_picture
from aivsreal.threads import available_cores, in_order
from aivsreal.training.augment import augment
from aivsreal.training.loader import source_of
from aivsreal.training.recipe import Recipe
from aivsreal.views import make_views

Floats = NDArray[np.float64]
HEAD_WEIGHT, HEAD_BIAS = "head_weight", "head_bias"
# Where in a run the fitted graph lies, and what heads say of sources that they were fitted without.
TOWER, LEFT_OUT = "tower.onnx", "left_out.npz"
# The graph's own property that says whose work it is.
NOTICE = "notice"
# Pictures whose embeddings are written down together: what a killed run has to compute again at most.
CHUNK = 64
FOLDS = 10


@dataclass(frozen=True)
class Head:
    """A linear judge of embeddings: float64 [d] and a number."""

    weight: Floats
    bias: float


def fit_tower(samples: Sequence[Sample], recipe: Recipe, folder: Path, say: Callable[[str], None]) -> None:
    """Write tower.onnx with a head fitted on the samples into `folder`, and what heads without a sample's source say.

    The latter of the picture as it is and of its usual deliveries: thresholds rest on them, and hard use and
    augmentation are not what a promise is about. Embeddings that lie in the folder are used again.

    Raises: BadRecipe, BadBundle, CannotWrite.
    """
    graph = tower_graph(recipe)
    seen = embeddings_of(graph, samples, recipe, folder / "tower", say)
    x = seen.reshape(-1, seen.shape[-1]).astype(np.float64)
    labels = np.repeat([sample.label for sample in samples], seen.shape[1])
    sources = np.repeat([source_of(sample) or sample.key for sample in samples], seen.shape[1])
    weights = source_weights(labels, sources, recipe.data.source_power)
    logits = _left_out(x, labels, sources, weights, recipe.tower.strength)
    area = float(roc_auc_score(labels, logits))
    say(f"tower: AUC {area:.4f} on the views of training sources that a head was fitted without")
    by_view = logits.reshape(-1, seen.shape[1]).T
    usual = [number for number, name in enumerate(("as it is", *recipe.tower.deliveries)) if name != "hard"]
    save_left_out(folder / LEFT_OUT, by_view[usual], labels[:: seen.shape[1]])
    head = fit_head(x, labels, weights, recipe.tower.strength)
    atomic_write_bytes(folder / TOWER, with_head(graph, head))


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
    """Return the graph that `tower.graph` names: a model's, or a file's. Raises: BadRecipe, BadBundle."""
    origin = str(recipe.tower.graph)
    if Path(origin).suffix == ".onnx":
        try:
            return Path(origin).read_bytes()
        except OSError as error:
            raise BadRecipe(
                f"there is no tower in {origin}: {error.strerror}",
                hint="tower.graph must name a file that exists",
            ) from error
    return load_bundle(origin).onnx_bytes


def source_weights(labels: NDArray[np.int64], sources: NDArray[np.str_], power: float) -> Floats:
    """Return a weight a view, float64 [n] of mean 1: classes alike, a source by its size to `power`."""
    size = Counter(sources.tolist())
    weights = np.array([size[source] ** (power - 1.0) for source in sources.tolist()])
    for label in (0, 1):
        weights[labels == label] /= weights[labels == label].sum()
    return np.asarray(weights * len(labels) / 2)


def fit_head(x: Floats, labels: NDArray[np.int64], weights: Floats, strength: float) -> Head:
    """Return the logistic regression of labels [n] on x: float64 [n, d], standardised inside."""
    from sklearn.linear_model import LogisticRegression

    centre, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    model = LogisticRegression(C=strength, max_iter=2000)
    model.fit((x - centre) / spread, labels, sample_weight=weights)
    weight = model.coef_[0] / spread
    return Head(weight, float(model.intercept_[0] - weight @ centre))


def with_head(graph: bytes, head: Head) -> bytes:
    """Return the graph with this head in place of its own. Raises: BadRecipe where it has none of that size."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(graph)
    parts = {HEAD_WEIGHT: head.weight.astype(np.float32), HEAD_BIAS: np.float32(head.bias)}
    for initialiser in model.graph.initializer:
        if initialiser.name not in parts:
            continue
        part = np.asarray(parts.pop(initialiser.name))
        if tuple(initialiser.dims) != part.shape:
            raise BadRecipe(
                f"the tower's {initialiser.name} has the shape {tuple(initialiser.dims)}, not {part.shape}",
                hint="its head must be as wide as its embedding",
            )
        initialiser.CopyFrom(numpy_helper.from_array(part, initialiser.name))
    if parts:
        raise BadRecipe(
            f"tower.graph names a graph without a {min(parts)}",
            hint="make one with research/cut_tower.py, or name a model that was made from one",
        )
    served: bytes = model.SerializeToString()
    return served


def head_of(graph: bytes) -> dict[str, NDArray[np.float32]]:
    """Return the head that a graph holds: `head_weight` [d] and `head_bias` []."""
    import onnx
    from onnx import numpy_helper

    initialisers = onnx.load_from_string(graph).graph.initializer
    return {
        part.name: numpy_helper.to_array(part)
        for part in initialisers
        if part.name in (HEAD_WEIGHT, HEAD_BIAS)
    }


def parameters(graph: bytes) -> int:
    """Return how many weights a graph holds."""
    import onnx

    return sum(int(np.prod(part.dims)) for part in onnx.load_from_string(graph).graph.initializer)


def notice(graph: bytes) -> str:
    """Return whose work a tower is, as it says itself; "" where it does not."""
    import onnx

    properties = onnx.load_from_string(graph).metadata_props
    return next((str(entry.value) for entry in properties if entry.key == NOTICE), "")


def embeddings_of(
    graph: bytes, samples: Sequence[Sample], recipe: Recipe, folder: Path, say: Callable[[str], None]
) -> NDArray[np.float16]:
    """Return the embeddings of each sample's views, float16 [n, views, d], chunk by chunk through files in `folder`."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = 1
    session = InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def embed(numbered: tuple[int, Sample]) -> NDArray[np.float16]:
        views = _views(*numbered, recipe)
        return np.stack([session.run(["embedding"], {"views": view[None]})[0][0] for view in views]).astype(
            np.float16
        )

    folder.mkdir(parents=True, exist_ok=True)
    chunks = []
    for start in range(0, len(samples), CHUNK):
        file = folder / f"{start:07}.npy"
        if not file.exists():
            numbered = list(enumerate(samples))[start : start + CHUNK]
            buffer = io.BytesIO()
            np.save(buffer, np.stack(list(in_order(embed, numbered, threads=available_cores(), ahead=2))))
            atomic_write_bytes(file, buffer.getvalue())
            say(f"  tower: {min(start + CHUNK, len(samples))} of {len(samples)} pictures seen")
        chunks.append(np.load(file))
    return np.concatenate(chunks)


def _views(index: int, sample: Sample, recipe: Recipe) -> list[NDArray[np.uint8]]:
    """What the head is fitted on: the picture as a verdict sees it, then worn and augmented ones."""
    pixels = open_picture(sample.read()).pixels
    spec = recipe.views.model_copy(update={"tiles": 0, "flip": False})
    worn = [decoded(WORN[name](pixels)) for name in recipe.tower.deliveries]
    whole = [make_views(each, spec).batch for each in (pixels, *worn)]
    rng = np.random.default_rng((recipe.optimise.seed, index, 0x70E2))
    section = recipe.tower.augment.at_strength()
    drawn = [augment(pixels, section, spec.size, rng) for _ in range(recipe.tower.views - 1)]
    return [*(squares[len(squares) // 2] for squares in whole), *drawn]


def _left_out(
    x: Floats, labels: NDArray[np.int64], sources: NDArray[np.str_], weights: Floats, strength: float
) -> Floats:
    """The logit of each view, float64 [n], by a head that was fitted without its source."""
    from sklearn.model_selection import GroupKFold

    folds = GroupKFold(min(FOLDS, len(set(sources.tolist()))))
    logits = np.zeros(len(labels))
    for rest, out in folds.split(x, labels, sources):
        if len(set(labels[rest].tolist())) == 2:
            head = fit_head(x[rest], labels[rest], weights[rest], strength)
            logits[out] = x[out] @ head.weight + head.bias
    return logits
