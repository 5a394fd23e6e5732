"""A heat map in words: which parts of a picture speak for AI, for those who cannot see the colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PLACES = (
    "upper left",
    "upper middle",
    "upper right",
    "middle left",
    "centre",
    "middle right",
    "lower left",
    "lower middle",
    "lower right",
)
# A region counts where its mean lies clearly on one side; in between nothing is claimed of it.
CLEARLY_AI, CLEARLY_REAL = 0.6, 0.4
# A region stands out where it says this many times what the next one says: the eye sees no less in the tint.
STANDS_OUT = 1.15


def region_means(heatmap: NDArray[np.float32]) -> list[float]:
    """Return the mean probability of AI, 0..1, of nine regions in the order of PLACES.

    heatmap: float32 [h, w] of calibrated log-odds. A map narrower than three lends its cells to several regions.
    """
    probability = 1 / (1 + np.exp(-np.clip(heatmap.astype(np.float64), -30, 30)))
    return [
        round(float(probability[rows, columns].mean()), 3)
        for rows in _thirds(heatmap.shape[0])
        for columns in _thirds(heatmap.shape[1])
    ]


def strongest_region(heatmap: NDArray[np.float32]) -> str | None:
    """Return the region that says most, for whichever side; None where none of them stands out.

    By log-odds, as the overlay is tinted: of a sure verdict every probability is as good as 0 or 1.
    """
    says = [
        abs(float(heatmap[rows, columns].mean(dtype=np.float64)))
        for rows in _thirds(heatmap.shape[0])
        for columns in _thirds(heatmap.shape[1])
    ]
    *_, second, first = sorted(says)
    return PLACES[says.index(first)] if first > STANDS_OUT * second else None


def describe(means: Sequence[float], strongest: str | None = None) -> str:
    """Return in sentences which regions speak for AI and which for real, and which of them says most."""
    ai = [place for place, mean in zip(PLACES, means, strict=True) if mean >= CLEARLY_AI]
    real = [place for place, mean in zip(PLACES, means, strict=True) if mean <= CLEARLY_REAL]
    if not ai and not real:
        return "No region speaks clearly for AI or for real."
    most = f"The {strongest} says most." if strongest in ai + real and len(ai + real) > 1 else ""
    return " ".join(filter(None, (_sentence(ai, "for AI"), _sentence(real, "for real"), most)))


def _thirds(length: int) -> list[slice]:
    edges = [round(length * part / 3) for part in range(4)]
    starts = [min(edge, length - 1) for edge in edges[:3]]
    return [slice(start, max(start + 1, end)) for start, end in zip(starts, edges[1:], strict=True)]


def _sentence(places: Sequence[str], side: str) -> str:
    if not places:
        return ""
    if len(places) == len(PLACES):
        return f"Every region speaks {side}."
    noun, verb = ("region", "speaks") if len(places) == 1 else ("regions", "speak")
    listed = places[0] if len(places) == 1 else f"{', '.join(places[:-1])} and {places[-1]}"
    return f"The {listed} {noun} {verb} {side}."
