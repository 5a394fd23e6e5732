"""MODEL.md: a bundle's card in words and tables, for people and model hubs, from card.json only."""

from __future__ import annotations

import json
from typing import Any

TEMPLATE = "model_card.md.j2"
CONDITIONS = ("as_is", "leak_free", "aligned", "web", "hard")
# What a table of figures shows first; anything else that was measured follows in its own order.
FIRST_METRICS = (
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "average_precision",
    "tpr_at_1_fpr",
    "tpr_at_5_fpr",
    "false_positive_rate",
    "uncertain_share",
    "answered_share",
    "answered_accuracy",
    "answered_balanced_accuracy",
    "calibration_error",
)


def render(card: dict[str, Any]) -> str:
    """Return the model card in Markdown, with front matter that model hubs read."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("aivsreal", "."),
        autoescape=False,  # this is Markdown; the filter `cell` escapes what could break it
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(quoted=_quoted, cell=_cell, figure=_figure)
    sets = [_measured_set(name, figures) for name, figures in card["figures"].items()]
    return environment.get_template(TEMPLATE).render(card=card, sets=sets)


def _measured_set(name: str, figures: dict[str, Any]) -> dict[str, Any]:
    """Return what the template prints of one measured set: its conditions, metric rows and slices."""
    figures = {**figures, **(figures.get("tiers") or {})}
    conditions = [condition for condition in CONDITIONS if isinstance(figures.get(condition), dict)]
    measured = {metric for condition in conditions for metric in figures[condition]}
    first = [metric for metric in FIRST_METRICS if metric in measured]
    metrics = first + sorted(measured.difference(first))
    slices = figures.get("slices") or {}
    generators = {key: found for key, found in slices.items() if key.startswith("generator=")}
    others = {key: found for key, found in slices.items() if key not in generators}
    return {
        "name": name,
        "conditions": conditions,
        "rows": [(metric, [figures[each].get(metric) for each in conditions]) for metric in metrics],
        "generators": [_slice_row(key.partition("=")[2], found) for key, found in generators.items()],
        "others": [_slice_row(key, found) for key, found in others.items()],
        "counts": figures.get("counts") or {},
        "drop": figures.get("drop") or {},
        "stability": figures.get("stability") or {},
    }


def _slice_row(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Return name, n and the slice's telling figure: recall for AI pictures, else the false positive rate."""
    row: dict[str, Any] = {"name": name, "n": found.get("n", ""), "what": "recall"}
    for condition in ("as_is", "aligned"):
        figures = found.get(condition) or {}
        if figures.get("recall") is None and figures.get("false_positive_rate") is not None:
            row["what"] = "false_positive_rate"
        row[condition] = figures.get(row["what"])
    return row


def _quoted(text: str) -> str:
    """Return a YAML scalar: JSON strings are YAML."""
    return json.dumps(text, ensure_ascii=False)


def _cell(text: object) -> str:
    """Return text that cannot break out of a table's cell or start markup."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


def _figure(found: object) -> str:
    """Return `0.912 (0.901 to 0.923)`, or the bare value, or a dash where nothing was measured."""
    if isinstance(found, dict) and found.get("value") is not None:
        value, low, high = found["value"], found.get("low"), found.get("high")
        bounds = f" ({low:.3f} to {high:.3f})" if low is not None and high is not None else ""
        return f"{value:.3f}{bounds}"
    return f"{found:.3f}" if isinstance(found, float) else "-"
