"""The shortcut probe: how well the class can be told without looking at the picture.

Trees guess the label from size, aspect, format and compression alone, cross-validated over folds that share
no source. What they find, a network finds first, and a figure measured on such data says little about others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel

from aivsreal.data.labelled import Sample
from aivsreal.data.scan import Scan
from aivsreal.errors import MissingDependency

Floats = np.ndarray[Any, np.dtype[np.float64]]
Origin = Literal["file", "original"]
Strength = Literal["none", "unclear", "some", "strong"]
SAMPLE_SIZE = 20_000
FOLDS = 5
_RESAMPLES = 300
_SOME, _STRONG = 0.6, 0.7
_FEWEST_GROUPS = 10
_FOLD_COLUMNS = ("repo", "source", "group")
_ORIGINALS = "original_"

ADVICE = {
    "file size": "train and measure both classes after one chain of resize and re-compression",
    "bytes a pixel": "pass both classes through one random chain of re-compression in training, and read "
    "aligned figures",
    "size": "resize or crop both classes to one size by one rule, and read aligned figures",
    "aspect ratio": "crop squares instead of squashing: a squashed picture shows its aspect ratio",
    "format": "decode everything and re-compress both classes alike in training; never compare JPEG with PNG",
    "quality": "re-compress both classes alike in training (random quality and chroma subsampling), and read "
    "aligned figures",
    "metadata": "nothing to do here: the network sees pixels only; do not use metadata as evidence in tests",
    "all": "train with the compression chain for both classes, crop squares, and trust aligned figures only",
}


class Probe(BaseModel, frozen=True):
    """How well one property tells the classes apart: AUC with its 95 % interval; .5 is chance."""

    feature: str
    of: Origin
    auc: float
    low: float
    high: float
    strength: Strength
    advice: str


class ProbeRun(BaseModel, frozen=True):
    """What was probed (how many records of which part, which folds), and each property's figure."""

    part: str
    records: int
    folds: str
    probes: list[Probe]


@dataclass(frozen=True)
class Features:
    """Numbers a picture has without being looked at: name -> float [n, columns]; NaN where it has none."""

    of_file: Mapping[str, Floats]
    of_original: Mapping[str, Floats]


def probe(samples: Sequence[Sample], found: Sequence[Scan], *, part: str, seed: int = 0) -> ProbeRun | None:
    """Return how well each property guesses the label; None where a class has fewer than 20 pictures.

    At most 20,000 records, drawn by the seed. Raises: MissingDependency.
    """
    pairs = [(s, scan) for s, scan in zip(samples, found, strict=True) if scan.facts is not None]
    if len(pairs) > SAMPLE_SIZE:
        chosen = np.random.default_rng(seed).choice(len(pairs), SAMPLE_SIZE, replace=False)
        pairs = [pairs[i] for i in np.sort(chosen)]
    labels = np.array([s.label for s, _ in pairs], dtype=np.int64)
    if min(int((labels == 0).sum()), int((labels == 1).sum())) < 20:
        return None
    groups, folds = _fold_groups(pairs)
    features = _features(pairs)
    by_origin: tuple[tuple[Origin, Mapping[str, Floats]], ...] = (
        ("file", features.of_file),
        ("original", features.of_original),
    )
    probes = [
        _measured(name, of, columns, labels, groups, seed)
        for of, named in by_origin
        for name, columns in _with_all(named).items()
    ]
    return ProbeRun(part=part, records=len(pairs), folds=folds, probes=probes)


def _with_all(named: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the features, and all of them together; none where there are none."""
    return {**named, "all": np.concatenate(list(named.values()), axis=1)} if named else {}


def _measured(name: str, of: Origin, columns: Floats, labels: Any, groups: Any, seed: int) -> Probe:
    if all(len(np.unique(column)) == 1 for column in columns.T):
        return Probe(feature=name, of=of, auc=0.5, low=0.5, high=0.5, strength="none", advice="")
    scores = _out_of_fold(columns, labels, groups, seed)
    auc, low, high = auc_with_interval(scores, labels, groups, seed)
    strength = _strength(auc, low)
    advice = ADVICE.get(name, "treat both classes alike") if strength != "none" else ""
    return Probe(feature=name, of=of, auc=auc, low=low, high=high, strength=strength, advice=advice)


def _strength(auc: float, low: float) -> Strength:
    """Unclear: it looks like a shortcut, but rests on so few sources that chance may do as much."""
    if auc < _SOME:
        return "none"
    if low <= 0.5:
        return "unclear"
    return "strong" if auc >= _STRONG else "some"


def auc_with_interval(scores: Floats, labels: Any, groups: Any, seed: int) -> tuple[float, float, float]:
    """Return the area under the ROC curve and its 95 % interval, from resamples of whole groups."""
    ranks = np.unique(scores, return_inverse=True)[1]
    groups = np.unique(groups, return_inverse=True)[1]
    auc = _weighted_auc(ranks, labels, np.ones(len(labels)))
    rng = np.random.default_rng(seed)
    n = int(groups.max()) + 1
    drawn = [
        _weighted_auc(ranks, labels, np.bincount(rng.integers(0, n, n), minlength=n)[groups].astype(float))
        for _ in range(_RESAMPLES)
    ]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return auc, float(low), float(high)


def _weighted_auc(ranks: Any, labels: Any, weights: Floats) -> float:
    ai = np.bincount(ranks, weights * labels)
    real = np.bincount(ranks, weights * (1 - labels))
    pairs = ai.sum() * real.sum()
    return float((ai * (np.cumsum(real) - real / 2)).sum() / pairs) if pairs else float("nan")


def _out_of_fold(columns: Floats, labels: Any, groups: Any, seed: int) -> Floats:
    """Return each record's score by trees that never saw its group."""
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.model_selection import StratifiedGroupKFold
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise MissingDependency(
            "the shortcut probe needs scikit-learn", hint="pip install 'aivsreal[train]'"
        ) from error
    scores = np.zeros(len(labels))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for learn, test in folds.split(columns, labels, groups):
        trees = HistGradientBoostingClassifier(
            max_iter=40,
            max_bins=64,
            max_leaf_nodes=8,
            # The usual 20 would let no tree split a set of forty, however plain its shortcut.
            min_samples_leaf=min(20, max(2, len(learn) // 10)),
            learning_rate=0.15,
            class_weight="balanced",
            random_state=seed,
        )
        with threadpool_limits(1):  # trees this small spend their time waiting for each other's threads
            trees.fit(columns[learn], labels[learn])
        scores[test] = trees.decision_function(columns[test])
    return scores


def _fold_groups(pairs: Sequence[tuple[Sample, Scan]]) -> tuple[np.ndarray[Any, Any], str]:
    """Return each record's group, from the first column that has enough values in both classes."""
    for column in _FOLD_COLUMNS:
        values = [s.columns.get(column) for s, _ in pairs]
        each = [{v for v, (s, _) in zip(values, pairs, strict=True) if v and s.label == y} for y in (0, 1)]
        if min(len(each[0]), len(each[1])) >= _FEWEST_GROUPS:
            names = [str(v) if v else f"\0{i}" for i, v in enumerate(values)]
            return np.array(names, dtype=object), f"{FOLDS} folds that share no {column}"
    pixels = np.array([scan.pixels for _, scan in pairs], dtype=object)
    return pixels, f"{FOLDS} folds that share no picture"


def _features(pairs: Sequence[tuple[Sample, Scan]]) -> Features:
    facts = [scan.facts for _, scan in pairs if scan.facts is not None]
    width, height = (np.array([getattr(f, side) for f in facts], float) for side in ("width", "height"))
    n_bytes = np.array([f.n_bytes for f in facts], float)
    of_file = {
        "file size": n_bytes[:, None],
        "bytes a pixel": (n_bytes / (width * height))[:, None],
        "size": _size(width, height),
        "aspect ratio": _aspect(width, height),
        "format": _codes([f.format for f in facts]),
        "quality": np.concatenate(
            [
                _numbers([f.quality for f in facts]),
                _codes([f.subsampling for f in facts]),
                _numbers([f.progressive for f in facts]),
            ],
            axis=1,
        ),
        "metadata": _numbers([f.has_exif for f in facts] + [f.has_icc for f in facts]).reshape(2, -1).T,
    }
    return Features(of_file, _original_features([s for s, _ in pairs]))


def _original_features(samples: Sequence[Sample]) -> dict[str, Floats]:
    """Return what the data says of the files before they were cut and saved: its `original_*` columns."""
    names = sorted({name for s in samples for name in s.columns if name.startswith(_ORIGINALS)})
    columns = {name.removeprefix(_ORIGINALS): [s.columns.get(name) for s in samples] for name in names}
    features: dict[str, Floats] = {}
    if "width" in columns and "height" in columns:
        width, height = (_numbers(columns.pop(side))[:, 0] for side in ("width", "height"))
        features |= {"size": _size(width, height), "aspect ratio": _aspect(width, height)}
    for name, values in columns.items():
        numeric = all(v is None or isinstance(v, int | float) for v in values)
        features[name] = _numbers(values) if numeric else _codes(values)
    return features


def _size(width: Floats, height: Floats) -> Floats:
    return np.stack([width, height, np.minimum(width, height)], axis=1)


def _aspect(width: Floats, height: Floats) -> Floats:
    long, short = np.maximum(width, height), np.minimum(width, height)
    return np.stack([width / height, long / short, (long == short).astype(float)], axis=1)


def _numbers(values: Sequence[Any]) -> Floats:
    return np.array([[np.nan if v is None else float(v)] for v in values])


def _codes(values: Sequence[Any]) -> Floats:
    """Return a column of 0 and 1 for each of the commonest 12 values."""
    texts = np.array(["" if v is None else str(v) for v in values], dtype=object)
    kinds, counts = np.unique(texts, return_counts=True)
    common = kinds[np.argsort(-counts, kind="stable")][:12]
    return np.asarray(texts[:, None] == common[None, :], dtype=float)
