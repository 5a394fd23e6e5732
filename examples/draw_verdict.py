"""Draws docs/verdict.png: a public-domain photograph, its heat map, and the words of its verdict.

python examples/draw_verdict.py build/samples/rocket.jpg docs/verdict.png
"""

import io
import sys
from pathlib import Path

from matplotlib.figure import Figure

from aivsreal import Detector
from aivsreal.files import atomic_write_bytes
from aivsreal.heatmap import overlay
from aivsreal.images import open_picture

WORDS = {"ai": "likely AI-generated", "real": "likely real", "uncertain": "cannot tell"}


def main(picture: Path, target: Path) -> None:
    detector = Detector.load()
    verdict = detector.predict(picture, heatmap=True)
    assert verdict.heatmap is not None
    pixels = open_picture(picture).pixels
    figure = Figure(figsize=(9, 4.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.imshow(pixels)
    right.imshow(overlay(pixels, verdict.heatmap))
    for panel, title in ((left, picture.name), (right, "where the evidence lies")):
        panel.set_title(title, fontsize=10, color="0.3")
        panel.axis("off")
    figure.suptitle(
        f"{WORDS[verdict.verdict]}   (probability of AI {verdict.probability_ai:.1%}, model {verdict.model})\n",
        fontsize=14,
    )
    figure.supxlabel(verdict.promise, fontsize=9, color="0.3", wrap=True)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    atomic_write_bytes(target, buffer.getvalue())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
