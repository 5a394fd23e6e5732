"""The tables that `aivsreal evaluate` shows on a terminal; the report has more and says what each means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = {
    "false_positive_rate": "photographs called AI",
    "recall": "AI called AI (recall)",
    "uncertain_share": "no answer (cannot tell)",
    "answered_share": "answered",
    "answered_accuracy": "right, where answered",
    "answered_balanced_accuracy": "right, where answered (balanced)",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "tpr_at_5_fpr": "found at 5 % false alarms",
    "tpr_at_1_fpr": "found at 1 % false alarms",
    "calibration_error": "calibration error",
}
CHAINS = {"as_is": "as they are", "aligned": "aligned", "leak_free": "leak-free"}
TIERS = ("clean", "web", "hard")
DEGRADED = {
    "roc_auc": "ROC AUC",
    "drop": "AUC lost",
    "false_positive_rate": "photographs called AI",
    "recall": "AI called AI",
}
CLASSES = {"real": "photographs", "ai": "AI pictures", "all": "all"}
STABLE = {
    "jumps": "verdict jumps between real and AI",
    "ever_uncertain": "no answer in some delivery",
    "spread_mean": "spread of the probability, mean",
    "spread_p95": "spread of the probability, 95th percentile",
}


def tables(metrics: Mapping[str, Any]) -> Iterator[Table]:
    """Yield the tables of what was measured: the figures, then tags, years, tiers, degradations and stability."""
    yield _figures(metrics)
    if tagged := {name: found for name, found in metrics["slices"].items() if name.startswith("tag=")}:
        yield _tags(tagged)
    if "years" in metrics:
        yield _years(metrics["years"])
    if "tiers" in metrics:
        yield _tiers(metrics["tiers"])
    if "degradations" in metrics:
        yield _degradations(metrics["degradations"])
    if "stability" in metrics:
        yield _stability(metrics["stability"])


def _figures(metrics: Mapping[str, Any]) -> Table:
    counts, data, model = metrics["counts"], metrics["data"], metrics["model"]
    chains = [chain for chain in CHAINS if chain in metrics]
    table = _table(
        f"{model['name']} {model['version']} on {data['name']} {data['split']}".rstrip(),
        f"{counts['real']:,} photographs, {counts['ai']:,} AI pictures; in brackets 95 % intervals",
        ["figure", *(CHAINS[chain] for chain in chains)],
    )
    for name, called in SHOWN.items():
        table.add_row(called, *(_text(metrics[chain][name]) for chain in chains))
    return table


def _tags(tagged: Mapping[str, Any]) -> Table:
    chains = ("as_is", "aligned")
    columns = ["tag", "photographs", *(CHAINS[chain] for chain in chains)]
    table = _table("photographs called AI, by tag", None, columns)
    for name, found in tagged.items():
        shares = (_text(found[chain].get("false_positive_rate")) for chain in chains)
        table.add_row(name.removeprefix("tag="), f"{found['n_real']:,}", *shares)
    return table


def _years(found: Mapping[str, Any]) -> Table:
    lost = found["lost_a_year"]
    caption = None if lost is None else f"AUC lost from one year's generators to the next's: {_text(lost)}"
    table = _table("AI pictures by their generator's year, aligned", caption, ["year", "pictures", "ROC AUC"])
    for year, part in found["years"].items():
        table.add_row(year, f"{part['n']:,}", _text(part["roc_auc"]))
    return table


def _tiers(tiers: Mapping[str, Any]) -> Table:
    table = _table(
        "tiers",
        "clean: as they are; web: 0.75 of the size, JPEG 70; hard: the middle, half the size, JPEG 50, JPEG 75",
        ["figure", *TIERS],
    )
    for name, called in SHOWN.items():
        table.add_row(called, *(_text(tiers[tier][name]) for tier in TIERS))
    table.add_row("AUC lost", "-", *(_text(tiers["drop"][tier]) for tier in TIERS[1:]))
    return table


def _degradations(found: Mapping[str, Any]) -> Table:
    table = _table("degradations, one by one", None, ["delivered", *DEGRADED.values()])
    for name, figures in found.items():
        table.add_row(CHAINS.get(name, name), *(_text(figures.get(figure)) for figure in DEGRADED))
    return table


def _stability(found: Mapping[str, Any]) -> Table:
    table = _table(
        "the same picture again",
        f"{len(found['deliveries'])} deliveries of each picture: the file, and changes that nobody sees",
        ["figure", *CLASSES.values()],
    )
    for name, called in STABLE.items():
        table.add_row(called, *(_text(found[kind][name]) for kind in CLASSES))
    return table


def _table(title: str, caption: str | None, columns: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table(title=title, caption=caption)
    table.add_column(columns[0], no_wrap=True)
    for column in columns[1:]:
        table.add_column(column, justify="right", overflow="fold")
    return table


def _text(figure: Mapping[str, float] | None) -> str:
    if figure is None:
        return "-"
    return f"{figure['value']:.3f} ({figure['low']:.3f}-{figure['high']:.3f})"
