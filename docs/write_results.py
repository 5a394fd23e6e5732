"""Writes docs/how-good-is-it.md from the measurements in docs/results, so that no figure is typed by hand.

aivsreal evaluate photos DATA --split unseen --out report/photos-unseen
python docs/write_results.py --add report/photos-unseen/metrics.json photos-unseen
python docs/write_results.py
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hard_cases import attacks, degraded, full_files, partly_ai
from tables import RESULTS, shown

from aivsreal.cli.script import parser_of, run
from aivsreal.evaluation.record import summary

HERE = Path(__file__).parent
PAGE = HERE / "how-good-is-it.md"
FIGURES = {
    "roc_auc": "ROC AUC",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision",
    "recall": "recall: AI called AI",
    "false_positive_rate": "photographs called AI",
    "f1": "F1",
    "average_precision": "average precision",
    "tpr_at_5_fpr": "recall at 5 % false alarms",
    "tpr_at_1_fpr": "recall at 1 % false alarms",
    "uncertain_share": "no answer",
    "answered_share": "answered",
    "answered_balanced_accuracy": "balanced accuracy where answered",
    "calibration_error": "calibration error",
}
STABILITY = {
    "jumps": "verdict jumps between real and AI",
    "ever_uncertain": "no answer in some delivery",
    "spread_mean": "spread of the probability, mean",
    "spread_p95": "spread of the probability, 95th percentile",
}
IN_SHORT = "<!-- in short -->"
# Fewer pictures than this say little of a rate of a few in a hundred.
ENOUGH = 30
CHAINS = {"as_is": "as is", "aligned": "aligned", "leak_free": "leak-free", "web": "web", "hard": "hard"}


def add(metrics: Path, name: str) -> None:
    """Keep what a page needs of a metrics.json."""
    whole = json.loads(metrics.read_text("utf-8"))
    kept = {**summary(whole), "model": whole["model"], "thresholds": whole["thresholds"]}
    for slice_name, part in kept["slices"].items():
        part["n_ai"] = whole["slices"][slice_name]["n_ai"]
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def page() -> str:
    """The whole page: its fixed words, and a part for each file in docs/results."""
    parts = [(HERE / "how-good-is-it.head.md").read_text("utf-8").replace(IN_SHORT, in_short())]
    for path in sorted(RESULTS.glob("*.json")):
        if path.name.startswith("photos"):
            parts.append(measured(path, by_generator=path.stem.endswith(("unseen", "test"))))
    parts += [left_out(path) for path in sorted(RESULTS.glob("left-out-*.json"))]
    parts += [full_files(), degraded(), partly_ai(), attacks()]
    parts.append("# CIFAKE\n")
    parts += [measured(path, by_generator=False) for path in sorted(RESULTS.glob("cifake*.json"))]
    return "\n".join(parts)


def in_short() -> str:
    """The shipped default in plain words, on generators, cameras and collections that it has never met."""
    aligned = json.loads((RESULTS / "photos-unseen.json").read_text("utf-8"))["aligned"]
    accused, found, silent = (
        in_100(aligned[name]) for name in ("false_positive_rate", "recall", "uncertain_share")
    )
    return (
        f"In short, for the default model, on generators, cameras and collections that it has never met: of 100\n"
        f"photographs about {accused} are called AI; of 100 AI pictures about {found} are called AI; "
        f"of 100 pictures {silent} get no answer.\nWhere it answers, {in_100(aligned['answered_balanced_accuracy'])} of 100 "
        "answers are right (both classes counted alike)."
    )


def in_100(figure: dict[str, float]) -> str:
    """A share with its interval, as numbers out of 100."""
    value, low, high = (100 * figure[key] for key in ("value", "low", "high"))
    return f"{value:.2g} ({low:.2g} to {high:.2g})"


def measured(path: Path, *, by_generator: bool) -> str:
    """A measurement as tables."""
    found = json.loads(path.read_text("utf-8"))
    tiers = found.get("tiers", {})
    found |= {tier: tiers[tier] for tier in ("web", "hard") if tier in tiers}
    chains = {key: title for key, title in CHAINS.items() if found.get(key)}
    lines = [
        f"## {path.stem}",
        "",
        f"{found['model']['name']} {found['model']['version']}; {counted(found)}.",
        "",
    ]
    lines += ["| figure | " + " | ".join(chains.values()) + " |", "|---|" + "---|" * len(chains)]
    for name, title in FIGURES.items():
        if not any(name in found[chain] for chain in chains):
            continue  # measured before there was such a figure
        lines.append(f"| {title} | " + " | ".join(shown(found[chain].get(name)) for chain in chains) + " |")
    if tiers:
        lost = (f"{shown(tiers['drop'][tier])} to *{tier}*" for tier in ("web", "hard"))
        lines += ["", f"ROC AUC lost from the files as they are: {', '.join(lost)}."]
    if "stability" in found:
        lines += ["", *stability(found["stability"])]
    if by_generator:
        lines += ["", *generators(found["slices"]), "", *photographs(found["slices"])]
    return "\n".join([*lines, ""])


def counted(found: dict[str, Any]) -> str:
    counts = found["counts"]
    return f"{counts['real']:,} photographs, {counts['ai']:,} AI pictures"


def stability(found: dict[str, Any]) -> list[str]:
    """The same picture under harmless changes, photographs and AI pictures apart."""
    lines = [
        f"| {len(found['deliveries'])} deliveries of each picture | photographs | AI pictures | all |",
        "|---|---|---|---|",
    ]
    for name, title in STABILITY.items():
        cells = (shown(found[kind][name]) for kind in ("real", "ai", "all"))
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def generators(slices: dict[str, Any]) -> list[str]:
    chosen = {
        name: part for name, part in slices.items() if name.startswith(("generator=", "style=", "kind="))
    }
    # Of a style or a kind there are photographs, too, and `n` counts them.
    lines = [
        "| slice of AI pictures | n | AUC, aligned | called AI, as is | called AI, aligned |",
        "|---|---|---|---|---|",
    ]
    for name, part in sorted(chosen.items(), key=lambda item: -item[1]["n_ai"]):
        aligned, as_is = part["aligned"], part["as_is"]
        cells = (shown(aligned.get("roc_auc")), shown(as_is.get("recall")), shown(aligned.get("recall")))
        lines.append(f"| {name} | {part['n_ai']} | " + " | ".join(cells) + " |")
    return lines


def photographs(slices: dict[str, Any]) -> list[str]:
    """Where photographs are accused: slices of real pictures with enough of them to say so."""
    chosen = {
        name: part
        for name, part in slices.items()
        if name.startswith(("tag=", "origin_kind="))
        and "recall" not in part["aligned"]
        and part["n"] >= ENOUGH
    }
    lines = [
        f"| slice of photographs (with {ENOUGH} or more) | n | called AI, as is | called AI, aligned |",
        "|---|---|---|---|",
    ]
    for name, part in sorted(chosen.items(), key=lambda item: -item[1]["n"]):
        cells = (shown(part[chain].get("false_positive_rate")) for chain in ("as_is", "aligned"))
        lines.append(f"| {name} | {part['n']} | " + " | ".join(cells) + " |")
    return lines


def left_out(path: Path) -> str:
    """Generators and collections of train, each judged by a head that was fitted without it."""
    found = json.loads(path.read_text("utf-8"))
    lines = [
        f"## Sources left out of the fit: {path.stem.removeprefix('left-out-')}",
        "",
        f"{found['model']}. Training pictures, aligned, each judged by one of ten heads that had not met its",
        "generator or collection (`docs/left_out_sources.py`). AUC of AI pictures against photographs, which are all",
        "real pictures but drawings and those of benchmarks.",
        "",
        "| slice | n | AUC | AI called AI | real called AI |",
        "|---|---|---|---|---|",
    ]
    whole = {"all, as is": {"n": "", **found["as_is"]}, "all, aligned": {"n": "", **found["aligned"]}}
    for name, part in {**whole, **found["slices"]}.items():
        cells = (shown(part.get(figure)) for figure in ("roc_auc", "recall", "false_positive_rate"))
        lines.append(f"| {name} | {part['n']} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def main(arguments: Sequence[str]) -> None:
    """Add the measurements that are named, then write the page."""
    parser = parser_of(__doc__)
    parser.add_argument("--add", nargs=2, action="append", default=[], metavar=("METRICS_JSON", "NAME"))
    for metrics, name in parser.parse_args(arguments).add:
        add(Path(metrics), name)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    run(main)
