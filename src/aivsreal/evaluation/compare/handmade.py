"""Hand-crafted features of a picture, and the classifiers that the early literature put on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from aivsreal.deliveries import middle
from aivsreal.errors import MissingDependency
from aivsreal.evaluation.compare.entry import Fitted, Work
from aivsreal.evaluation.intervals import Floats
from aivsreal.images import Picture, open_picture
from aivsreal.threads import available_cores, in_order

Describe = Callable[[Any], Floats]
# Longest side of the middle that is described: the features are shares and means, which need no more.
SIDE = 256
_GREY_LEVELS = 32
_RINGS = 48


class OnFeatures:
    """A classifier of scikit-learn on what `describe` says of a picture's pixels."""

    def __init__(self, describe: Describe, classifier: Any) -> None:
        self.describe = describe
        self.classifier = classifier

    def fit(self, work: Work) -> Fitted:
        """Describe each training picture once, and fit."""

        def described(sample: Any) -> Floats:
            return self.describe(open_picture(sample.read()).pixels)

        rows = np.stack(list(in_order(described, work.training, threads=available_cores(), ahead=4)))
        self.classifier.fit(rows, [sample.label for sample in work.training])
        return Fitted(len(work.training), None, "nothing", f"{rows.shape[1]} features")

    def predict_probability(self, pictures: Sequence[Picture]) -> Floats:
        """Return the classifier's probability, or its margin squeezed into 0..1."""
        rows = np.stack([self.describe(picture.pixels) for picture in pictures])
        if hasattr(self.classifier, "predict_proba"):
            return np.asarray(self.classifier.predict_proba(rows)[:, 1], dtype=np.float64)
        return np.asarray(1 / (1 + np.exp(-self.classifier.decision_function(rows))))


def svm() -> Any:
    """Return a support vector machine with Gaussian kernel on standardised features."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    return make_pipeline(StandardScaler(), SVC(C=3.0, gamma="scale", class_weight="balanced"))


def tree() -> Any:
    """Return one decision tree."""
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_depth=8, min_samples_leaf=5, class_weight="balanced", random_state=0)


def boosting() -> Any:
    """Return gradient boosting over trees."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=200, learning_rate=0.06, class_weight="balanced", random_state=0
    )


def texture_and_colour(pixels: Any) -> Floats:
    """Return local binary patterns, co-occurrence texture, colour and noise statistics of uint8 [h, w, 3]."""
    part = np.ascontiguousarray(_middle(pixels))
    grey = np.rint(part @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    return np.concatenate([_binary_patterns(grey), _co_occurrence(grey), _colour(part), _noise(part)])


def azimuthal_spectrum(pixels: Any) -> Floats:
    """Return the log power spectrum averaged over all directions, float64 [48], from low to high frequencies.

    Durall, Keuper and Keuper 2020, "Watch your up-convolution: CNN based generative deep neural networks are
    failing to reproduce spectral distributions". The middle square, under a Hann window; less its mean, so that
    brightness and contrast say nothing.
    """
    part = _middle(pixels)
    side = min(part.shape[:2])
    grey = middle_square(part, side) @ np.array([0.299, 0.587, 0.114])
    window = np.hanning(side + 2)[1:-1]
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window[:, None] * window[None, :])) ** 2
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :])
    ring = np.minimum((frequency / np.sqrt(0.5) * _RINGS).astype(int), _RINGS - 1).ravel()
    counts = np.bincount(ring, minlength=_RINGS)
    sums = np.bincount(ring, weights=np.log(power.ravel() + 1e-3), minlength=_RINGS)
    filled = np.flatnonzero(counts)  # small pictures have rings without a frequency
    means = np.interp(np.arange(_RINGS), filled, sums[filled] / counts[filled])
    return np.asarray(means - means.mean())


def middle_square(pixels: Any, side: int) -> Any:
    """Return the middle `side` x `side` of the pixels."""
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    return pixels[top : top + side, left : left + side]


def _middle(pixels: Any) -> Any:
    share = min(1.0, SIDE / max(pixels.shape[:2]))
    return middle(pixels, share) if share < 1 else pixels


def _skimage(name: str) -> Any:
    try:
        import skimage.feature
    except ImportError as error:
        raise MissingDependency(
            "hand-crafted features need scikit-image, which is not installed",
            hint="pip install 'aivsreal[compare]'",
        ) from error
    return getattr(skimage.feature, name)


def _binary_patterns(grey: Any) -> Floats:
    """Shares of the uniform local binary patterns at two radii (Ojala, Pietikainen and Maenpaa 2002)."""
    local_binary_pattern = _skimage("local_binary_pattern")
    shares = []
    for points, radius in ((8, 1), (16, 2)):
        codes = local_binary_pattern(grey, points, radius, method="uniform").astype(int)
        shares.append(np.bincount(codes.ravel(), minlength=points + 2) / codes.size)
    return np.concatenate(shares)


def _co_occurrence(grey: Any) -> Floats:
    """Texture properties of grey-level co-occurrence, mean and spread over four directions (Haralick 1973)."""
    matrix, props = _skimage("graycomatrix"), _skimage("graycoprops")
    levels = (grey // (256 // _GREY_LEVELS)).astype(np.uint8)
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    found = matrix(levels, [1, 2, 4], angles, levels=_GREY_LEVELS, symmetric=True, normed=True)
    names = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation")
    each = [props(found, name) for name in names]
    return np.concatenate([np.concatenate([p.mean(axis=1), p.std(axis=1)]) for p in each])


def _colour(part: Any) -> Floats:
    """Mean, spread and skew of each colour and of the two differences between colours, and correlations."""
    red, green, blue = (part[..., i].astype(np.float64).ravel() / 255 for i in range(3))
    bands = [red, green, blue, red - green, (red + green) / 2 - blue]
    moments = [value for band in bands for value in _moments(band)[:3]]
    return np.array([*moments, *_correlations(np.stack([red, green, blue]))])


def _noise(part: Any) -> Floats:
    """Spread, skew and peakedness of what a 3 x 3 median takes away, and its correlation between colours."""
    from scipy.ndimage import median_filter

    residual = part.astype(np.float64) - median_filter(part, size=(3, 3, 1), mode="nearest")
    bands = residual.reshape(-1, 3).T
    moments = [value for band in bands for value in _moments(band)[1:]]
    return np.array(
        [*moments, *_correlations(bands), *_correlations(np.stack([bands[1][:-1], bands[1][1:]]))]
    )


def _moments(values: Floats) -> tuple[float, float, float, float]:
    centre, spread = float(values.mean()), float(values.std())
    unit = (values - centre) / max(spread, 1e-6)
    return centre, spread, float((unit**3).mean()), float((unit**4).mean())


def _correlations(bands: Floats) -> list[float]:
    unit = bands - bands.mean(axis=1, keepdims=True)
    unit = unit / np.maximum(unit.std(axis=1, keepdims=True), 1e-6)
    return [float((unit[i] * unit[j]).mean()) for i in range(len(bands)) for j in range(i + 1, len(bands))]
