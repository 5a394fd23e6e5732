"""The two figures of a comparison: who is how good, and at what cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aivsreal.training.drawing import BLUE, VERMILION, write_figure

_CHEAPEST = 0.1  # milliseconds; on the logarithmic axis, what costs nothing would push all others aside


def draw_figures(comparison: Mapping[str, Any], folder: Path) -> None:
    """Draw areas-SPLIT.png and cost-SPLIT.png for every measured split. Raises: CannotWrite."""
    entries = {n: e for n, e in comparison["entries"].items() if "splits" in e}
    for split in comparison["counts"] if entries else ():
        _draw_areas(entries, split, comparison["against"], folder / f"areas-{split}.png")
        _draw_cost(entries, split, comparison["against"], folder / f"cost-{split}.png")


def _draw_areas(entries: Mapping[str, Any], split: str, ours: str, path: Path) -> None:
    ordered = sorted(entries, key=lambda name: _figure(entries[name], split)["value"])
    drawing, panel = _panel(8, 1.2 + 0.3 * len(ordered))
    for place, name in enumerate(ordered):
        figure = _figure(entries[name], split)
        colour = VERMILION if name == ours else BLUE
        panel.plot([figure["low"], figure["high"]], [place, place], color=colour, linewidth=1.5)
        panel.plot(figure["value"], place, marker="D" if name == ours else "o", color=colour)
    panel.axvline(0.5, color="0.6", linestyle=":")
    panel.set_yticks(range(len(ordered)), [_named(name, entries[name]) for name in ordered])
    best = ordered[-1]
    value = _figure(entries[best], split)["value"]
    panel.set(
        title=f"On {split}, {best} is first with an AUC of {value:.3f}",
        xlabel="AUC, aligned, with its 95 % interval; dotted: chance",
    )
    write_figure(path, drawing)


def _named(name: str, entry: Mapping[str, Any]) -> str:
    """The entry, and where its weights began, without which networks are not compared fairly."""
    began = entry["cost"]["initialised"]
    return name if began == "nothing" else f"{name} ({began})"


def _draw_cost(entries: Mapping[str, Any], split: str, ours: str, path: Path) -> None:
    drawing, panel = _panel(8, 5)
    for name, entry in entries.items():
        across, up = max(entry["cost"]["milliseconds"], _CHEAPEST), _figure(entry, split)["value"]
        panel.plot(across, up, marker="D" if name == ours else "o", color=VERMILION if name == ours else BLUE)
        panel.annotate(name, (across, up), xytext=(4, 3), textcoords="offset points", fontsize=7)
    panel.set(
        title=f"What a picture costs, and what it buys, on {split}",
        xscale="log",
        xlabel="milliseconds a picture, one thread",
        ylabel="AUC, aligned",
    )
    panel.margins(x=0.15)  # room for the names on the right
    write_figure(path, drawing)


def _figure(entry: Mapping[str, Any], split: str) -> Mapping[str, float]:
    found: Mapping[str, float] = entry["splits"][split]["aligned"]["roc_auc"]
    return found


def _panel(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(width, height), layout="constrained")
    return drawing, drawing.subplots()
