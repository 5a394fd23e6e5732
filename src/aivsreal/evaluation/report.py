"""report.html: a measurement for people, in sentences, tables and plots, in one self-contained file."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aivsreal.evaluation.measure import CHAINS
from aivsreal.evaluation.plots import Plot
from aivsreal.files import atomic_write_text
from aivsreal.templates import html_environment

TEMPLATE = "report.html.j2"
_BARE = {"roc_auc", "average_precision", "log_loss"}

# name -> what it is called, what it means. The order is that of the table.
MEANINGS = {
    "false_positive_rate": ("Photographs called AI", "Of the photographs, how many are wrongly called AI."),
    "recall": ("AI pictures called AI (recall)", "Of the AI pictures, how many are found."),
    "uncertain_share": ("No answer", "Of all pictures, for how many the model says that it cannot tell."),
    "answered_share": ("An answer", "Of all pictures, for how many the model says real or AI."),
    "answered_balanced_accuracy": (
        "Right, where it answered (balanced)",
        "The mean of both classes' shares of right answers, pictures without an answer left out.",
    ),
    "answered_accuracy": (
        "Right, where it answered",
        "Of the answers, how many are right. Depends on the set's mix.",
    ),
    "balanced_accuracy": (
        "Right (balanced accuracy)",
        "The mean of the shares of AI pictures called AI and of photographs not called AI; half is guessing.",
    ),
    "accuracy": (
        "Right (accuracy)",
        "Of all pictures, how many are AI and called so, or neither. Depends on the set's mix.",
    ),
    "precision": (
        "Called AI and truly AI (precision)",
        "Of the pictures called AI, how many are. Depends on how many of the pictures are AI.",
    ),
    "f1": ("F1", "One number for recall and precision: their harmonic mean. Depends on the set's mix."),
    "roc_auc": (
        "Area under the ROC curve",
        "How often an AI picture scores higher than a photograph: 1 is always, 0.5 is guessing.",
    ),
    "average_precision": (
        "Average precision",
        "The area under the precision-recall curve; 1 is perfect. Depends on the set's mix.",
    ),
    "tpr_at_5_fpr": (
        "Found at 5 false alarms in 100",
        "Of the AI pictures, how many would be found if 5 in 100 photographs might be called AI.",
    ),
    "tpr_at_1_fpr": ("Found at 1 false alarm in 100", "The same at 1 in 100 photographs."),
    "calibration_error": (
        "Calibration error",
        "How far the model's probability is from the share that is really AI, as a root mean square. "
        "Probabilities are made for equally many of both classes.",
    ),
    "log_loss": ("Log loss", "The mean surprise at the truth, in nats: 0 is perfect, 0.693 is guessing."),
}
GLOSSARY = {
    "photograph, real": "A picture taken by a camera. Calling it AI is the error to bound.",
    "AI picture": "A picture made by a generator, such as a text-to-image model.",
    "as they are": "The files as they lie in the set.",
    "aligned": "Every picture, real or AI, first brought to a short side of 256 (never enlarged) and saved "
    "as JPEG of quality 80. In most sets size, format and quality differ between the classes and give the "
    "answer away; aligned they cannot. It is the more honest figure.",
    "95 %": "If sets like this one were drawn again and again, 95 of 100 such ranges would hold the true "
    "value. Pictures of one group (one burst, one prompt) count together, as they are not independent.",
    "threshold": "The probability above which the model says AI, or below which it says real. Both come from "
    "the model, chosen on its validation set, never from the set measured here.",
    "leak-free": "Without pictures that also stand in the training data, and without second copies.",
}
# How each column's table is introduced.
COLUMNS = {
    "generator": "Generator",
    "family": "Family of generators",
    "year": "Year of the generator",
    "weights": "Weights of the generator",
    "style": "Style",
    "origin_kind": "Kind of origin",
    "source": "Source",
    "camera": "Camera",
    "kind": "Kind of file",
    "format": "Format",
    "size": "Short side in pixels",
    "tag": "Tag (a picture may have several)",
}
TIERS = {
    "clean": "as they are",
    "web": "on the web: 0.75 of the size, JPEG 70",
    "hard": "after hard use: the middle 80 %, half the size, JPEG 50, then JPEG 75",
}
TIER_FIGURES = (
    "roc_auc",
    "false_positive_rate",
    "recall",
    "answered_share",
    "answered_balanced_accuracy",
    "balanced_accuracy",
    "calibration_error",
)
DEGRADATION_FIGURES = ("roc_auc", "false_positive_rate", "recall", "uncertain_share")
STABILITY = {
    "jumps": (
        "The verdict jumps",
        "Called real in one delivery and AI in another: such a verdict is worth nothing.",
    ),
    "ever_uncertain": (
        "No answer in some delivery",
        "At least one delivery gets the answer that it cannot tell.",
    ),
    "spread_mean": (
        "Spread of the probability, mean",
        "The highest minus the lowest of a picture's probabilities.",
    ),
    "spread_p95": ("Spread, 95th percentile", "One picture in twenty is spread wider than this."),
}
SLICE_FIGURES = ("recall", "false_positive_rate", "roc_auc")


def write_report(path: Path, metrics: Mapping[str, Any], plots: Sequence[Plot]) -> Path:
    """Return `path` after it holds the report on a measurement. Raises: CannotWrite."""
    environment = html_environment("aivsreal.evaluation")
    environment.filters.update(figure=as_text)
    html = environment.get_template(TEMPLATE).render(
        m=metrics,
        title=_title(metrics),
        sentences=list(sentences(metrics)),
        chains=[chain for chain in ("as_is", "aligned", "leak_free") if chain in metrics],
        chain_names={"as_is": "as they are", "aligned": "aligned", "leak_free": "leak-free, as they are"},
        meanings=MEANINGS,
        tiers=TIERS,
        tier_figures=TIER_FIGURES,
        degradation_figures=DEGRADATION_FIGURES,
        stability_figures=STABILITY,
        tables=_tables(metrics["slices"]),
        glossary=GLOSSARY,
        plots={plot.name: plot for plot in plots},
        images={plot.name: base64.b64encode(plot.data).decode("ascii") for plot in plots},
        command=_command(metrics),
    )
    return atomic_write_text(path, html)


def sentences(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the figures say, in plain sentences, the most important first."""
    as_is, aligned, counts = metrics["as_is"], metrics["aligned"], metrics["counts"]
    yield f"Of 100 photographs in this set, {_of_100(as_is['false_positive_rate'])} were called AI."
    yield f"Of 100 AI pictures, {_of_100(as_is['recall'])} were called AI."
    yield f"For {_of_100(as_is['uncertain_share'])} of 100 pictures the model said that it cannot tell."
    if as_is["answered_accuracy"]:
        yield f"Where it gave an answer, {_of_100(as_is['answered_accuracy'])} of 100 answers were right."
    yield (
        "With every picture first made small and saved alike (aligned), "
        f"{_of_100(aligned['false_positive_rate'])} of 100 photographs and "
        f"{_of_100(aligned['recall'])} of 100 AI pictures were called AI."
    )
    yield from _extremes(metrics["slices"])
    yield from _robust(metrics)
    if "leak_free" in metrics:
        yield (
            f"{counts['leaked']:,} of the pictures also stand in the training data and {counts['copies']:,} "
            f"are second copies; without them {_of_100(metrics['leak_free']['accuracy'])} of 100 answers "
            f"are right, with them {_of_100(as_is['accuracy'])}."
        )
    if counts["failed"] == 1:
        yield "One picture could not be read; it counts in no figure."
    elif counts["failed"]:
        yield f"{counts['failed']:,} pictures could not be read; they count in no figure."


def as_text(figure: Mapping[str, float] | None, name: str) -> str:
    """Return `92.3 % (91.0 to 93.5)`, three decimals for areas, or a dash for what is not defined."""
    if figure is None:
        return "-"
    value, low, high = figure["value"], figure["low"], figure["high"]
    if name in _BARE:
        return f"{value:.3f} ({low:.3f} to {high:.3f})"
    return f"{100 * value:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _of_100(figure: Mapping[str, float]) -> str:
    """Return `about 3 (95 %: 2 to 5)`; tenths where whole numbers would say none or all."""
    digits = 0 if 1 <= 100 * figure["value"] <= 99 else 1
    value, low, high = (
        f"{100 * figure[key]:.{digits}f}".removesuffix(".0") for key in ("value", "low", "high")
    )
    return f"about {value} (95 %: {low} to {high})"


def _extremes(slices: Mapping[str, Any]) -> Iterator[str]:
    """Yield the generators found least and most, among those with at least ten pictures."""
    known = {
        name.partition("=")[2]: found["as_is"]["recall"]
        for name, found in slices.items()
        if name.startswith("generator=") and found["n"] >= 10 and "recall" in found["as_is"]
    }
    if len(known) < 2:
        return
    least, *_, most = sorted(known, key=lambda name: known[name]["value"])
    if known[least]["value"] == known[most]["value"]:
        yield f"Each generator with at least ten pictures is found as often: {_of_100(known[least])} of 100."
        return
    yield (
        f"Of the generators with at least ten pictures it finds {least} least "
        f"({_of_100(known[least])} of 100) and {most} most ({_of_100(known[most])})."
    )


def _robust(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Yield what tiers and stability say, where they were measured."""
    if tiers := metrics.get("tiers"):
        yield (
            f"After hard use (cropped, made small, saved twice) {_of_100(tiers['hard']['false_positive_rate'])} "
            f"of 100 photographs and {_of_100(tiers['hard']['recall'])} of 100 AI pictures were called AI."
        )
    if stable := metrics.get("stability"):
        yield (
            f"Of 100 pictures, {_of_100(stable['all']['jumps'])} were called real in one of "
            f"{len(stable['deliveries'])} harmless deliveries and AI in another."
        )


def _tables(slices: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a table a column of the data: its title, the figures that some slice defines, and its slices."""
    tables = []
    for column, title in COLUMNS.items():
        rows = [
            (n.partition("=")[2], _own(found)) for n, found in slices.items() if n.startswith(f"{column}=")
        ]
        names = [name for name in SLICE_FIGURES if any(name in found["as_is"] for _, found in rows)]
        if rows:
            tables.append({"title": title, "rows": rows, "figures": names})
    return tables


def _own(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the slice without the false alarms of photographs that are not its own."""
    if found["compared"] != "all_real":
        return dict(found)
    chains: dict[str, Any] = {
        chain: {k: v for k, v in found[chain].items() if k != "false_positive_rate"} for chain in CHAINS
    }
    return {**found, **chains}


def _title(metrics: Mapping[str, Any]) -> str:
    model, data = metrics["model"], metrics["data"]
    split = f", split {data['split']}" if data["split"] else ""
    where = f", only {' and '.join(data['where'])}" if data["where"] else ""
    return f"How good is {model['name']} {model['version']} on {data['name']}{split}{where}?"


def _command(metrics: Mapping[str, Any]) -> str:
    data = metrics["data"]
    split = f" --split {data['split']}" if data["split"] else ""
    where = "".join(f" --where '{condition}'" for condition in data["where"])
    asked = "".join(f" --{name}" for name in ("tiers", "stability") if name in metrics)
    degraded = "".join(f" --degrade {name}" for name in metrics.get("degradations", {}) if name != "as_is")
    return f"aivsreal evaluate {metrics['model']['name']} {data['name']}{split}{where}{asked}{degraded}"
