"""A measurement's summary put into the model's own card, where predict's users find it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aivsreal.bundle import Bundle, load_bundle, update_card
from aivsreal.errors import BadData

# What a card tells of a slice: enough to know a weak spot, few enough to read.
SLICE_COLUMNS = ("generator", "family", "year", "style", "origin_kind", "kind", "tag")
KEPT = (
    "as_is",
    "aligned",
    "leak_free",
    "tiers",
    "degradations",
    "stability",
    "years",
    "counts",
    "data",
    "made",
)
SLICE_FIGURES = ("recall", "roc_auc", "false_positive_rate")


def record_figures(bundle_folder: str | Path, metrics_json: str | Path, name: str) -> Bundle:
    """Return the bundle after its card holds the summary of a metrics.json under figures[name].

    name: of the measured set, such as "photos/unseen"; an earlier summary of that name is replaced
    Raises: BadData where the file holds no measurement, or one of another model; BadBundle; CannotWrite.
    """
    bundle = load_bundle(bundle_folder)
    metrics = _read(Path(metrics_json))
    measured = metrics["model"]
    if measured["graph_sha256"] != bundle.card.files["model.onnx"]:
        raise BadData(
            f"{metrics_json} was measured on another model, {measured['name']} {measured['version']}",
            hint=f"measure this one: aivsreal evaluate {bundle.folder} DATA",
        )
    if metrics["thresholds"] != bundle.card.thresholds.model_dump(mode="json"):
        raise BadData(
            f"{metrics_json} was measured before {bundle.title} got its present thresholds",
            hint=f"measure it again: aivsreal evaluate {bundle.folder} DATA",
        )
    if metrics.get("made", {}).get("fast"):
        raise BadData(
            f"{metrics_json} was measured with --fast, and verdicts of {bundle.title} are not given so",
            hint=f"measure it without: aivsreal evaluate {bundle.folder} DATA",
        )
    figures = {**bundle.card.figures, name: summary(metrics)}
    return update_card(bundle.folder, bundle.card.model_copy(update={"figures": figures}))


def summary(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return what a card keeps of metrics.json: overall figures, counts, the telling figures of slices."""
    kept: dict[str, Any] = {key: metrics[key] for key in KEPT if key in metrics}
    kept["slices"] = {
        name: {
            "n": found["n"],
            **{chain: _telling(found[chain]) for chain in ("as_is", "aligned")},
        }
        for name, found in metrics["slices"].items()
        if name.partition("=")[0] in SLICE_COLUMNS
    }
    return kept


def _telling(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: figures[name] for name in SLICE_FIGURES if figures.get(name)}


def _read(path: Path) -> dict[str, Any]:
    try:
        metrics = json.loads(path.read_text("utf-8"))
        if not {"as_is", "aligned", "slices", "counts", "model", "thresholds"} <= set(metrics):
            raise ValueError("it has no figures")
    except (OSError, ValueError, TypeError) as error:
        raise BadData(
            f"{path} is no measurement: {error}", hint="give the metrics.json that `aivsreal evaluate` wrote"
        ) from error
    return dict(metrics)
