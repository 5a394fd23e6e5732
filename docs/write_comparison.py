"""Writes docs/comparison.md and its figures from what runs left in docs/results.

aivsreal compare DATA --recipe cifake --entries docs/results/compare/cifake.toml --out runs/compared
python docs/write_comparison.py --comparison runs/compared cifake
python docs/write_comparison.py --study runs/tuned cifake --comparison runs/compared-tuned tuned-cifake
python docs/write_comparison.py --paper report/paper-train report/paper-test report/paper-unseen
python docs/write_comparison.py                # writes; a test checks that nothing has changed since
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from aivsreal.cli.script import parser_of, run
from aivsreal.evaluation.compare.figures import draw_figures
from aivsreal.evaluation.compare.results import as_markdown, shown
from aivsreal.evaluation.metrics import as_json, figures, group_codes
from aivsreal.evaluation.plots import roc_points
from aivsreal.files import atomic_write_bytes, atomic_write_text
from aivsreal.training.drawing import BLUE, VERMILION

HERE = Path(__file__).parent
RESULTS, COMPARED = HERE / "results", HERE / "results" / "compare"
LOOKS_LIKE = COMPARED / "looks-like.json"
MADE_UP = COMPARED / "made-up-fakes.json"
PAGE, FIGURES = HERE / "comparison.md", HERE / "comparison"
PAPER_SPLITS = {"train": "training", "test": "testing", "unseen": "unseen"}
PAPER_FIGURES = {"accuracy": "accuracy", "precision": "precision", "recall": "recall", "roc_auc": "AUC"}
EPOCHS = {
    "train_accuracy": "accuracy",
    "train_auc": "AUC",
    "train_loss": "loss",
    "val_accuracy": "validation accuracy",
    "val_auc": "validation AUC",
    "val_loss": "validation loss",
    "learning_rate": "learning rate",
}


def main(arguments: Sequence[str]) -> None:
    """Keep the results that are named, then write the page and its figures."""
    parser = parser_of(__doc__)
    parser.add_argument("--comparison", nargs=2, action="append", default=[], metavar=("DIR", "NAME"))
    parser.add_argument("--study", nargs=2, action="append", default=[], metavar=("DIR", "NAME"))
    parser.add_argument("--paper", nargs=3, type=Path, metavar=("TRAIN", "TEST", "UNSEEN"))
    asked = parser.parse_args(arguments)
    for folder, name in asked.comparison:
        kept = json.loads((Path(folder) / "comparison.json").read_text("utf-8"))
        atomic_write_text(COMPARED / f"{name}.json", json.dumps(kept, indent=1) + "\n")
    for folder, name in asked.study:
        kept = json.loads((Path(folder) / "study.json").read_text("utf-8"))
        atomic_write_text(COMPARED / f"tune-{name}.json", json.dumps(kept, indent=1) + "\n")
    if asked.paper:
        reports = dict(zip(PAPER_SPLITS, asked.paper, strict=True))
        kept = {split: scores_of(report) for split, report in reports.items()}
        atomic_write_text(COMPARED / "paper-scores.json", json.dumps(kept) + "\n")
    draw_paper(FIGURES / "paper.png")
    for name in comparisons():
        (FIGURES / name).mkdir(parents=True, exist_ok=True)
        draw_figures(comparison(name), FIGURES / name)
    PAGE.write_text(page(), encoding="utf-8")


def scores_of(report: Path) -> dict[str, list[Any]]:
    """Return labels (1 AI), numbers of groups and probabilities, as is, from a report's predictions.csv."""
    with (report / "predictions.csv").open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if not row["error"]]
    codes = group_codes([row["group"] or None for row in rows], len(rows))
    return {
        "labels": [int(row["label"] == "ai") for row in rows],
        "groups": codes.tolist(),
        "probabilities": [round(float(row["probability_ai"]), 5) for row in rows],
    }


def page() -> str:
    """The whole page: its fixed words, the paper, then a part for each comparison."""
    parts = [(HERE / "comparison.head.md").read_text("utf-8"), paper()]
    parts += [compared(name) for name in comparisons()]
    parts += [tuned(path.stem.removeprefix("tune-")) for path in sorted(COMPARED.glob("tune-*.json"))]
    parts += [made_up()] if MADE_UP.is_file() else []
    parts += [looks_like()] if LOOKS_LIKE.is_file() else []
    parts += [over_the_years(path) for path in sorted(RESULTS.glob("years-*.json"))]
    return "\n".join(parts)


def comparisons() -> list[str]:
    """The comparisons that are kept, by name: each has its words before and after the tables in NAME.md and NAME.after.md."""
    names = sorted(path.name.removesuffix(".after.md") for path in COMPARED.glob("*.after.md"))
    return [name for name in names if (COMPARED / f"{name}.json").is_file()]


def comparison(name: str) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads((COMPARED / f"{name}.json").read_text("utf-8"))
    return kept


def paper() -> str:
    """The founding paper's two tables and four figures, from our run of its recipe."""
    return "\n".join(
        [
            "# The founding paper's recipe",
            "",
            "`recipes/paper.toml` trained once on our photographs and text-to-image pictures (benchmarks left out), the files",
            "as they are; AI is what is more likely AI than not. What the paper states is of another test set, on which its",
            "epoch was chosen; it gives no interval, and of its training no figure that is to be had here. *Training* is the",
            "kept weights on the training pictures, unaltered; the epochs' training figures are of augmented ones. *Unseen*: generators and collections that",
            "training never met.",
            "",
            *paper_table(),
            "",
            *epochs_table(),
            "",
            "It stopped when eight epochs had brought no better validation AUC; the best one is kept. Validation pictures are",
            "of training's sources, and of no picture that the figures above are of.",
            "",
            "![Accuracy and loss over the epochs, confusion matrix and ROC curve on the test pictures](comparison/paper.png)",
            "",
        ]
    )


def paper_table() -> list[str]:
    """In the shape of the paper's table of figures."""
    with (RESULTS / "published-paper.csv").open(newline="", encoding="utf-8") as stream:
        stated = {row["figure"]: row["value"] for row in csv.DictReader(stream)}
    titles = PAPER_FIGURES.values()
    lines = ["| | pictures | " + " | ".join(titles) + " |", "|---|" + "---|" * (len(titles) + 1)]
    for split, title in PAPER_SPLITS.items():
        labels, probabilities, groups = paper_scores()[split]
        words = ["ai" if p > 0.5 else "real" for p in probabilities]
        found = as_json(figures(labels, probabilities, words, groups=groups, calibration=False))
        cells = [shown(found[name]) for name in PAPER_FIGURES]
        lines.append(f"| ours, {title} | {labels.size:,} | " + " | ".join(cells) + " |")
    cells = [stated.get(name, "-") for name in PAPER_FIGURES]
    return [*lines, "| stated by the paper, testing | 12,000 | " + " | ".join(cells) + " |"]


def paper_scores() -> dict[str, tuple[Any, Any, list[str]]]:
    kept = json.loads((COMPARED / "paper-scores.json").read_text("utf-8"))
    return {
        split: (np.array(part["labels"]), np.array(part["probabilities"]), [str(g) for g in part["groups"]])
        for split, part in kept.items()
    }


def epochs() -> list[dict[str, Any]]:
    lines = (RESULTS / "runs" / "paper.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def epochs_table() -> list[str]:
    """In the shape of the paper's table of epochs."""
    lines = ["| epoch | " + " | ".join(EPOCHS.values()) + " |", "|---|" + "---|" * len(EPOCHS)]
    for line in epochs():
        cells = [f"{line[key]:.2e}" if key == "learning_rate" else f"{line[key]:.4f}" for key in EPOCHS]
        lines.append(f"| {line['epoch']} | " + " | ".join(cells) + " |")
    return lines


def draw_paper(path: Path) -> None:
    """Draw the paper's four figures in one: accuracy, loss, confusion matrix, ROC curve."""
    labels, probabilities, groups = paper_scores()["test"]
    drawing = Figure(figsize=(10, 8), layout="constrained")
    (accuracy, loss), (confusion, roc) = drawing.subplots(2, 2)
    for panel, name in ((accuracy, "accuracy"), (loss, "loss")):
        draw_epochs(panel, name)
    draw_confusion(confusion, labels, probabilities > 0.5)
    words = ["ai" if p > 0.5 else "real" for p in probabilities]
    area = shown(as_json(figures(labels, probabilities, words, groups=groups, calibration=False))["roc_auc"])
    roc.plot([0, 1], [0, 1], color="0.7", linestyle=":", label="chance")
    roc.plot(*roc_points(labels, probabilities), color=BLUE, drawstyle="steps-post", label="test, as it is")
    roc.set(
        title=f"On test the area is {area}",
        xlabel="photographs called AI",
        ylabel="AI pictures called AI",
        aspect="equal",
    )
    roc.legend(loc="lower right")
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="png", dpi=90)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_bytes(path, buffer.getvalue())


def draw_epochs(panel: Any, name: str) -> None:
    lines = epochs()
    best = max(lines, key=lambda line: line["val_auc"])
    numbers = [line["epoch"] for line in lines]
    for part, colour, mark, word in (("train", BLUE, "o", "training"), ("val", VERMILION, "s", "validation")):
        panel.plot(numbers, [line[f"{part}_{name}"] for line in lines], color=colour, marker=mark, label=word)
    panel.axvline(best["epoch"], color="0.7", linestyle=":", label="kept")
    panel.set(title=f"{name.capitalize()}: epoch {best['epoch']} is kept", xlabel="epoch", ylabel=name)
    panel.legend()


def draw_confusion(panel: Any, labels: Any, called: Any) -> None:
    counts = np.array([[((labels == truth) & (called == said)).sum() for said in (0, 1)] for truth in (0, 1)])
    shares = counts / counts.sum(axis=1, keepdims=True)
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        text = f"{count}\n{100 * shares[row, column]:.0f} %"
        panel.text(column, row, text, ha="center", va="center", color=colour, fontsize=13)
    panel.set_xticks((0, 1), ("called real", "called AI"))
    panel.set_yticks((0, 1), ("real", "AI"))
    panel.set_title(f"{counts.trace()} of {counts.sum()} test pictures are called what they are")


def compared(name: str) -> str:
    """A comparison: its words, the published figures where there are some, its tables and figures."""
    found = comparison(name)
    parts = [(COMPARED / f"{name}.md").read_text("utf-8")]
    if (RESULTS / f"published-{name}.csv").is_file():
        parts.append(published(name))
    parts += [as_markdown(found), (COMPARED / f"{name}.after.md").read_text("utf-8")]
    parts += [f"![{name} {split}: AUC](comparison/{name}/areas-{split}.png)\n" for split in found["counts"]]
    parts += [f"![{name} {split}: cost](comparison/{name}/cost-{split}.png)\n" for split in found["counts"]]
    return "\n".join(parts)


def published(name: str) -> str:
    """What others state for the official test, beside our shipped model there, whole and leak-free."""
    lines = ["| system | parameters | accuracy on the official test | source |", "|---|---|---|---|"]
    ours: Mapping[str, Any] = json.loads((RESULTS / f"{name}-test.json").read_text("utf-8"))
    for chain, title in (("as_is", ""), ("leak_free", ", without leaks and copies")):
        accuracy = shown(ours[chain]["accuracy"], 4)
        lines.append(f"| ours as shipped{title} | 2.2 M | {accuracy} | `docs/results/{name}-test.json` |")
    with (RESULTS / f"published-{name}.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            lines.append(f"| {row['system']} | {row['parameters']} | {row['accuracy']} | {row['source']} |")
    return "\n".join([*lines, ""])


def tuned(name: str) -> str:
    """What a study found on validation pictures, and what it is worth on others: its best beside the recipe."""
    study = json.loads((COMPARED / f"tune-{name}.json").read_text("utf-8"))
    best, own, trials = study["best"], study["recipe_as_it_is"], study["trials"]
    entries = json.loads((COMPARED / f"tuned-{name}.json").read_text("utf-8"))
    pair = entries["entries"]["tuned"]["against"]["test"]
    lines = [
        f"# What tuning gained: {name}",
        "",
        "A small study: more trials may find more.",
        f"`tune` on `docs/results/compare/tune-{name}.toml`, {trials['complete']} trials finished and {trials['pruned']} given up; the first is",
        f"the recipe as it is. Its {study['objective']}: {own['value']:.4f}; of the best, trial {best['trial']}: {best['value']:.4f}.",
        "",
        "| field | recipe | best |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{key}` | {own['params'][key]:.4g} | {value:.4g} |" for key, value in best["params"].items()
    ]
    lines += [
        "",
        f"Trained anew as the entries `tuned` and `{entries['against']}` of the comparison, and measured on its test pictures, the AUC of",
        f"`tuned` beside `{entries['against']}` is {shown(pair['as_is']['delong']['difference'])} as is (p {pair['as_is']['delong']['p']:.2g}) and "
        f"{shown(pair['aligned']['delong']['difference'])} aligned (p {pair['aligned']['delong']['p']:.2g}): "
        f"{verdict(pair['as_is']['delong']['difference'])}.",
        "",
    ]
    return "\n".join(lines)


def verdict(difference: Mapping[str, float], gained: str = "tuning gained", lost: str = "tuning lost") -> str:
    """What a difference with its interval allows to say."""
    if difference["low"] > 0:
        return gained
    return lost if difference["high"] < 0 else "no gain that these pictures can show"


def made_up() -> str:
    """What fakes made by an auto-encoder add to the training of a head."""
    found = json.loads(MADE_UP.read_text("utf-8"))
    lines = [
        "# What made-up fakes add",
        "",
        f"Linear heads on the features of `{found['model']}`'s tower, fitted on the {found['training_pictures']:,} training pictures of its run, without and with",
        f"{found['made_up_fakes']} more AI pictures: training photographs that went through an auto-encoder (taef2), after the idea of Chatterjee et al.",
        "Measured on validation pictures, aligned (`docs/made_up_fakes.py`).",
        "",
        "| validation pictures | AUC without | AUC with | difference | p | |",
        "|---|---|---|---|---|---|",
    ]
    for name, part in found["slices"].items():
        areas = [shown(part[which]["roc_auc"]) for which in ("without", "with")]
        lines.append(
            f"| {name}: {part['real']} real, {part['ai']} AI | {' | '.join(areas)} | {shown(part['difference'])} | "
            f"{part['difference']['p']:.2g} | {verdict(part['difference'], 'they help', 'they harm')} |"
        )
    return "\n".join([*lines, ""])


def looks_like() -> str:
    """Whether a verdict may name a generator or a family."""
    found = json.loads(LOOKS_LIKE.read_text("utf-8"))
    rows = {
        "names that it knows": "names",
        "right, of validation pictures whose name it knows": "right",
        "... by always saying the commonest name": "commonest",
        "named, where only a sure name is said": "named",
        "... and right": "right_where_named",
        "never met, and given a sure name all the same": "strangers_named",
        "family right, of generators never met": "family_right_of_generators_never_met",
    }
    parts = [found["generator"], found["family"]]
    lines = [
        "# May a verdict say whom a picture looks like?",
        "",
        f"Linear heads on the features of `{found['model']}`'s tower, fitted on the AI pictures of *train*, aligned, name generator and family",
        "(`docs/looks_like.py`). A sure name is one above the probability at which "
        f"{100 * found['asked_for']:.0f} of 100 names are right on groups of *train* left out. *Never met* are pictures of",
        "a generator, or of a whole family, that the head was fitted without: their name cannot be right.",
        "",
        "| | generator | family |",
        "|---|---|---|",
        *(f"| {title} | {' | '.join(told(part[key]) for part in parts)} |" for title, key in rows.items()),
        "",
        "What the families of validation pictures are taken for:",
        "",
        *confusion_table(found["family"]["confusion"]),
        "",
        "So `predict` names nobody: a name would be said of a good part of the pictures whose generator it never met, and those are the ones",
        "that people ask about.",
        "",
    ]
    return "\n".join(lines)


def told(value: Any) -> str:
    if value is None:
        return "-"
    return shown(value) if isinstance(value, dict) else str(value)


def confusion_table(confusion: Mapping[str, Mapping[str, int]]) -> list[str]:
    names = sorted({name for row in confusion.values() for name in row} | set(confusion))
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    return lines + [
        f"| {truth} | " + " | ".join(str(row.get(name, 0)) for name in names) + " |"
        for truth, row in confusion.items()
    ]


def over_the_years(path: Path) -> str:
    """What a shipped model's head loses a year on newer generators."""
    found = json.loads(path.read_text("utf-8"))
    years = list(dict.fromkeys(year for part in found["up_to"].values() for year in part["years"]))
    name = path.stem.removeprefix("years-")
    lines = [
        f"# What wears off: {name}",
        "",
        f"Heads of `{name}`'s tower, fitted on photographs and the AI pictures of generators up to a year, judge the generators",
        "of each year, aligned. No head has met the sources that it judges, whatever their year, so that a new year is not",
        "mistaken for a new source; the last row has met all years, and says how hard each is by itself. Intervals count a",
        "generator as one. From the training pictures of the run, by `docs/over_the_years.py`; nothing of *test* or *unseen*",
        "was looked at.",
        "",
        "| learned up to | AUC lost a year after | " + " | ".join(years) + " |",
        "|---|---|" + "---|" * len(years),
    ]
    for year, part in found["up_to"].items():
        cells = [with_number(part["years"].get(each)) for each in years]
        lines.append(f"| {year} | {shown(part['lost_a_year'])} | " + " | ".join(cells) + " |")
    lost = found["lost_a_year"]["value"]
    lines += [
        "",
        f"The largest of these losses, {lost:.3f} a year, sets the day by which the model's card asks for a review: when .02 are",
        "expected to be lost, and after a year at the latest.",
        "",
    ]
    return "\n".join(lines)


def with_number(part: dict[str, Any] | None) -> str:
    return "-" if part is None else f"{shown(part['roc_auc'])}, n {part['n']}"


if __name__ == "__main__":
    run(main)
