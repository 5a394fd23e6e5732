"""From every entry's scores to figures with intervals, paired tests, and one table."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from aivsreal.data.labelled import Sample
from aivsreal.evaluation.compare.measured import ALL_CHAINS, Measured
from aivsreal.evaluation.intervals import Bools, Floats, Ints
from aivsreal.evaluation.measure import Chain
from aivsreal.evaluation.metrics import as_json, figures, group_codes
from aivsreal.evaluation.paired import area_drop
from aivsreal.evaluation.significance import compare_areas, compare_decisions, holm
from aivsreal.evaluation.years import over_years

KEPT = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "roc_auc", "false_positive_rate")
TESTED: tuple[Chain, ...] = ("as_is", "aligned")
LEAK_FREE = "leak_free"
SHOWN = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "false_positive_rate")


class Pictures:
    """The pictures of one split that are measured: labels, groups, and which of them leaked or are copies, [n].

    learned_up_to: the newest year of a generator that was learned from, where that was asked for
    """

    def __init__(
        self, samples: Sequence[Sample], spoilt: Collection[str] = (), learned_up_to: int | None = None
    ) -> None:
        self.labels: Ints = np.array([sample.label for sample in samples], dtype=np.int64)
        self.spoilt: Bools = np.array([sample.key in spoilt for sample in samples], dtype=bool)
        groups = [sample.columns.get("group") for sample in samples]
        self.groups = [None if group is None else str(group) for group in groups]
        self.codes = group_codes(self.groups, len(samples))
        self.columns = [sample.columns for sample in samples]
        self.learned_up_to = learned_up_to


def figures_of(entry: Measured, split: str, pictures: Pictures) -> dict[str, Any]:
    """Return the entry's figures on a split: of each chain, and the area lost to web and hard.

    "leak_free" are those of the files as they are, without what also stands in train or val and second copies;
    it is there only where the split holds such pictures.
    """
    found: dict[str, Any] = {}
    for chain in ALL_CHAINS:
        p = entry.probabilities[split, chain]
        found[chain] = _figures(p, np.isfinite(p), pictures)
    as_it_is = entry.probabilities[split, "as_is"]
    whole = np.isfinite(as_it_is)
    if pictures.spoilt.any():
        found[LEAK_FREE] = _figures(as_it_is, whole & ~pictures.spoilt, pictures)
    if by_year := _by_year(entry.probabilities[split, "aligned"], pictures):
        found["years"] = by_year
    found["measured"] = int(whole.sum())
    found["drop"] = {chain: _drop(entry, split, chain, pictures) for chain in ("web", "hard")}
    return found


def _figures(probabilities: Floats, chosen: Bools, pictures: Pictures) -> dict[str, Any]:
    words = ["ai" if value > 0.5 else "real" for value in probabilities[chosen]]
    groups = [group for group, there in zip(pictures.groups, chosen, strict=True) if there]
    every = figures(pictures.labels[chosen], probabilities[chosen], words, groups=groups, calibration=False)
    return {name: as_json(every)[name] for name in KEPT}


def _by_year(probabilities: Floats, pictures: Pictures) -> dict[str, Any] | None:
    whole = np.flatnonzero(np.isfinite(probabilities))
    columns = [pictures.columns[i] for i in whole]
    return over_years(pictures.labels[whole], probabilities[whole], columns, pictures.learned_up_to)


def tests_of(
    ours: Measured, others: Sequence[Measured], split: str, pictures: Pictures
) -> dict[str, dict[str, Any]]:
    """Return name -> chain -> how another entry differs from ours; chances are adjusted for all entries at once."""
    found: dict[str, dict[str, Any]] = {other.name: {} for other in others}
    for chain in TESTED:
        pairs = [_pair(ours, other, split, chain, pictures) for other in others]
        for test in ("delong", "mcnemar"):
            for pair, adjusted in zip(pairs, holm([pair[test]["p"] for pair in pairs]), strict=True):
                pair[test]["p_adjusted"] = adjusted
        for other, pair in zip(others, pairs, strict=True):
            found[other.name][chain] = pair
    return found


def as_csv(comparison: Mapping[str, Any]) -> str:
    """Return the comparison as a table: a line an entry, split and chain."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    cost = ("initialised", "parameters", "milliseconds", "seconds", "processor_seconds", "seen", "note")
    parts = ("value", "low", "high")
    writer.writerow(
        ["entry", *cost, "split", "chain", *(f"{name}_{part}" for name in KEPT for part in parts)]
    )
    for name, entry in comparison["entries"].items():
        for split, found in entry.get("splits", {}).items():
            for chain in (chain for chain in (*ALL_CHAINS, LEAK_FREE) if chain in found):
                each = [found[chain][figure] or {} for figure in KEPT]
                numbers = [figure.get(part) for figure in each for part in parts]
                writer.writerow([name, *(entry["cost"].get(key) for key in cost), split, chain, *numbers])
    return text.getvalue()


def as_markdown(comparison: Mapping[str, Any]) -> str:
    """Return the comparison as Markdown: what each entry cost, then a table a split, then who could not."""
    entries = {n: e for n, e in comparison["entries"].items() if "splits" in e}
    lines = [*_heading(comparison), *_cost_table(entries)]
    for split in comparison["counts"]:
        lines += ["", *_split_table(comparison, entries, split)]
    for name, entry in comparison["entries"].items():
        if "failed" in entry:
            lines += ["", f"`{name}` did not take part: {entry['failed']}."]
    return "\n".join([*lines, ""])


def shown(figure: Mapping[str, float] | None, digits: int = 3) -> str:
    """Return a figure and its interval."""
    if not figure:
        return "-"
    value, low, high = (f"{figure[part]:.{digits}f}" for part in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _heading(comparison: Mapping[str, Any]) -> list[str]:
    budget, counts = comparison["budget"], comparison["counts"]
    limits = {
        "training pictures": budget["pictures"],
        "pictures shown": budget["seen"],
        "minutes": budget["minutes"],
    }
    stated = ", ".join(f"{name} {value:,g}" for name, value in limits.items() if value is not None)
    on = "; ".join(f"*{split}*: {c['real']:,} photographs and {c['ai']:,} AI" for split, c in counts.items())
    trained = comparison["training"]
    return [
        f"Data `{comparison['data']}`, scale `{comparison['scale']}`: for each entry at most {stated or 'all'}. "
        f"Trained on {trained['real']:,} photographs and {trained['ai']:,} AI pictures; measured on {on}.",
        "",
    ]


def _cost_table(entries: Mapping[str, Any]) -> list[str]:
    lines = [
        "| entry | what it is | weights began as | weights | ms a picture | processor minutes | pictures shown |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, entry in entries.items():
        cost, weights = entry["cost"], entry["cost"]["parameters"]
        about = entry["about"].rstrip(".") + (f" ({entry['source']})" if entry["source"] else "")
        about += f"; {cost['note']}" if cost["note"] else ""
        cells = (
            f"`{name}`",
            about,
            cost["initialised"],
            "-" if weights is None else f"{weights:,}",
            f"{cost['milliseconds']:.1f}",
            f"{cost['processor_seconds'] / 60:.1f}",
            f"{cost['seen']:,}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _split_table(comparison: Mapping[str, Any], entries: Mapping[str, Any], split: str) -> list[str]:
    by_area = sorted(entries, key=lambda name: -_area(entries[name], split))
    found = {name: entries[name]["splits"][split] for name in by_area}
    against = comparison["against"]
    lines = [
        f"### {split}",
        "",
        f"| entry | AUC as is | AUC aligned | AUC web | AUC hard | beside `{against}` | p | p of decisions |",
        "|---|" + "---|" * 7,
    ]
    for name in by_area:
        areas = [shown(found[name][chain]["roc_auc"]) for chain in ALL_CHAINS]
        tested = _tested(entries[name].get("against", {}).get(split))
        lines.append("| " + " | ".join([f"`{name}`", *areas, *tested]) + " |")
    leaks = any(LEAK_FREE in figures for figures in found.values())
    lines += [
        "",
        "| entry | accuracy as is | "
        + ("accuracy leak-free | " if leaks else "")
        + "accuracy aligned | balanced "
        "| precision | recall | F1 | photographs called AI |",
        "|---|" + "---|" * (7 + leaks),
    ]
    for name in by_area:
        chains = ["as_is", LEAK_FREE] if leaks else ["as_is"]
        accuracy = [shown(found[name][chain]["accuracy"]) for chain in chains]
        rest = [shown(found[name]["aligned"][figure]) for figure in SHOWN]
        lines.append("| " + " | ".join([f"`{name}`", *accuracy, *rest]) + " |")
    return [*lines, *_years_table(found)]


def _years_table(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """How each entry fares on generators of each year, aligned, where the data knows their years."""
    dated = {name: figures["years"] for name, figures in found.items() if figures.get("years")}
    if not dated:
        return []
    years = next(iter(dated.values()))["years"]
    learned = next(iter(dated.values()))["learned_up_to"]
    counted = " | ".join(f"{year} (n {part['n']})" for year, part in years.items())
    lines = ["", f"| entry | AUC lost a year | {counted} |", "|---|" + "---|" * (len(years) + 1)]
    for name, by_year in dated.items():
        cells = [shown(by_year["lost_a_year"]), *(shown(p["roc_auc"]) for p in by_year["years"].values())]
        lines.append("| " + " | ".join([f"`{name}`", *cells]) + " |")
    since = f"after {learned}, the newest that was learned from" if learned else "of the generators' own"
    return [*lines, "", f"AUC by the generator's year, aligned. What is lost a year counts years {since}."]


def _tested(tested: Mapping[str, Any] | None) -> list[str]:
    if tested is None:
        return ["-", "-", "-"]
    pair = tested["aligned"]
    return [
        shown(pair["delong"]["difference"]),
        f"{pair['delong']['p_adjusted']:.2g}",
        f"{pair['mcnemar']['p_adjusted']:.2g}",
    ]


def _area(entry: Mapping[str, Any], split: str) -> float:
    figure = entry["splits"][split]["aligned"]["roc_auc"]
    return float(figure["value"]) if figure else 0.0


def _pair(
    ours: Measured, other: Measured, split: str, chain: Chain, pictures: Pictures
) -> dict[str, dict[str, Any]]:
    first, second = ours.probabilities[split, chain], other.probabilities[split, chain]
    whole = np.isfinite(first) & np.isfinite(second)
    labels = pictures.labels[whole]
    areas = compare_areas(labels, first[whole], second[whole], pictures.codes[whole])
    decisions = compare_decisions(_right(first[whole], labels), _right(second[whole], labels))
    return {
        "delong": {"difference": areas.difference.as_json(), "p": areas.p},
        "mcnemar": asdict(decisions),
    }


def _right(probabilities: Floats, labels: Ints) -> Bools:
    return np.asarray((probabilities > 0.5) == (labels == 1))


def _drop(entry: Measured, split: str, chain: Chain, pictures: Pictures) -> dict[str, float]:
    before, after = entry.probabilities[split, "as_is"], entry.probabilities[split, chain]
    whole = np.isfinite(before) & np.isfinite(after)
    return area_drop(pictures.labels[whole], before[whole], after[whole], pictures.codes[whole]).as_json()
