"""The curves of a run, drawn from its history when it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aivsreal.training.drawing import BLUE, VERMILION, write_figure


def draw_curves(folder: Path) -> Path:
    """Return `curves.png` in the run folder: loss, accuracy, AUC and learning rate over the epochs."""
    from matplotlib.figure import Figure

    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text("utf-8").splitlines()]
    epochs = [line["epoch"] for line in lines]
    best = max(lines, key=lambda line: line["val_auc"])
    figure = Figure(figsize=(10, 7), layout="constrained")
    figure.suptitle(f"Best validation AUC {best['val_auc']:.4f} in epoch {best['epoch']} of {epochs[-1]}")
    panels = figure.subplots(2, 2)
    for panel, name in zip(panels.flat, ("loss", "accuracy", "auc"), strict=False):
        _pair(panel, epochs, lines, name)
        panel.axvline(best["epoch"], color="0.7", linestyle=":", zorder=0)
    rate = panels[1, 1]
    rate.plot(epochs, [line["learning_rate"] for line in lines], color="0.3", marker=".")
    rate.set(title="Learning rate at the end of the epoch", xlabel="epoch", yscale="log")
    path = folder / "curves.png"
    write_figure(path, figure)
    return path


def _pair(panel: Any, epochs: list[int], lines: list[dict[str, float]], name: str) -> None:
    for part, colour, mark in (("train", BLUE, "o"), ("val", VERMILION, "s")):
        panel.plot(epochs, [line[f"{part}_{name}"] for line in lines], color=colour, marker=mark, label=part)
    panel.set(title={"auc": "AUC"}.get(name, name.capitalize()), xlabel="epoch")
    panel.legend()
