"""A tiny tower as a bundle, and drawn pictures that it can be taught to tell apart.

Its embedding is the mean red, green and blue. What it calls AI from the start is red; blue pictures are a
"new generator" that it must be taught.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import save

from aivsreal.bundle import Bundle, save_bundle
from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.training.tower_graph import head_of
from tests.data.bundles import tiny_card, tiny_tower

RED = (30.0, -15.0, -15.0)


def red_tower(
    folder: Path, *, version: str = "1.0.0", views: dict[str, Any] | None = None, **card: Any
) -> Bundle:
    """Return a bundle that calls red pictures AI."""
    graph = tiny_tower(weight=RED, bias=-3.0)
    facts = views or {"size": 32, "whole": "square", "tiles": 0}
    made = tiny_card("tower", version, facts, **card)
    return save_bundle(folder, onnx=graph, weights=save(head_of(graph)), card=made)


def picture(kind: str, rng: np.random.Generator) -> Image.Image:
    """Return a noisy picture: "grey" ones are real, "red" and "blue" ones AI."""
    pixels = rng.integers(70, 150, (40, 50, 1)).repeat(3, axis=2).astype(float)
    pixels += rng.normal(0, 6, 3)
    if kind != "grey":
        pixels[..., {"red": 0, "blue": 2}[kind]] += rng.uniform(80, 105)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def drawn_set(folder: Path, kinds: dict[str, int], *, split: str = "", seed: int = 0) -> LabelledSet:
    """Return so many pictures of each kind, AI ones with their colour as generator."""
    rng = np.random.default_rng(seed)
    samples = []
    for kind, count in kinds.items():
        label = int(kind != "grey")
        place = folder / ("ai" if label else "real") / kind
        place.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            path = place / f"{split}{seed}-{number}.png"
            picture(kind, rng).save(path)
            columns = {"generator": kind} if label else {}
            samples.append(Sample(str(path.relative_to(folder)), label, split, columns, str(path)))
    return LabelledSet("drawn", folder, tuple(samples))


def training_set(folder: Path, count: int = 30) -> LabelledSet:
    """Return what the red tower was trained on: grey and red pictures in train and val."""
    train = drawn_set(folder / "train", {"grey": count, "red": count}, split="train", seed=1)
    val = drawn_set(folder / "val", {"grey": count, "red": count}, split="val", seed=2)
    return train.with_samples([*train, *val])
