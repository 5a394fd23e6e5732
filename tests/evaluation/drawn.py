"""A labelled set whose answers by the tiny bundle can be foretold: dark photographs, bright AI pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.data.draw import write

# Mean grey of each kind; the tiny bundle calls 142 and more AI, 113 and less real.
LEVELS = {"real/home": 70, "fake/bright": 200, "fake/dim": 135}
GENERATORS_CSV = "generator,generator_year,family,note\nbright,2024,diffusion,\ndim,2019,gan,\n"


def draw_set(folder: Path, *, n: int = 24, splits: tuple[str, ...] = ("test",), seed: int = 0) -> Path:
    """Return `folder` after each split holds `n` real pictures, `n // 2` bright and `n // 2` dim AI ones."""
    rng = np.random.default_rng(seed)
    for split in splits:
        for kind, level in LEVELS.items():
            for number in range(n if kind.startswith("real") else n // 2):
                grey = np.clip(level + rng.normal(0, 12), 0, 255)
                pixels = np.clip(rng.normal(grey, 4, (40, 48, 3)), 0, 255).astype(np.uint8)
                write(folder / split / kind / f"{number:03d}.{'png' if number % 2 else 'jpg'}", pixels)
    (folder / "generators.csv").write_text(GENERATORS_CSV)
    return folder
