"""Leave one family, generator or source out of training, and measure on what was left out, one after another.

python docs/leave_one_out.py DATA --by family --recipe photos --scale smoke --out runs/without-a-family
python docs/leave_one_out.py DATA --by generator --only midjourney --only flux --scale cpu --out runs/two

Whatever OUT already holds is kept: a study that was stopped goes on where it was. Each value gets a folder with
its run, its bundle and its report; table.md and table.csv stand beside them, written anew after each value.

The left-out pictures of train and val are measured against the validation pictures of the other class. The
thresholds of each model come from that same validation, so its rate of errors on them is a little too good;
the areas and the figures on what was left out are not touched by that.
"""

import argparse
import csv
import dataclasses
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aivsreal.cli.script import parser_of, run
from aivsreal.data.labelled import LabelledSet
from aivsreal.data.sources import load_sets
from aivsreal.data.split import with_validation
from aivsreal.data.where import value_of, without
from aivsreal.evaluation import evaluate
from aivsreal.evaluation.finish import finish
from aivsreal.files import atomic_write_text
from aivsreal.training.loop import train
from aivsreal.training.recipe import Recipe, load_recipe

LEFT_OUT = "left-out"
FIGURES = {
    "roc_auc": "ROC AUC",
    "recall": "AI called AI",
    "false_positive_rate": "photographs called AI",
    "answered_share": "answered",
}


def main(arguments: Sequence[str]) -> None:
    """Run or go on with the study."""
    asked = _parser().parse_args(arguments)
    recipe = load_recipe(asked.recipe, scale=asked.scale, overrides=asked.set)
    labelled = load_sets(asked.data, where=asked.where)
    labelled = with_validation(
        labelled, fraction=recipe.data.validation_fraction, drop_copies=recipe.data.drop_copies
    )
    values = asked.only or common_values(labelled, asked.by, asked.fewest)
    for value in values:
        study(labelled, recipe, f"{asked.by}={value}", asked.out / folder_name(value), asked.where)
        write_table(asked.out, asked.by)
    print((asked.out / "table.md").read_text("utf-8"))


def study(labelled: LabelledSet, recipe: Recipe, condition: str, folder: Path, where: Sequence[str]) -> None:
    """Train without what meets the condition and measure on it, unless that was done before."""
    if (folder / "report" / "metrics.json").is_file():
        print(f"{condition}: done before")
        return
    print(f"{condition}: training without it")
    kept = without(labelled, [condition])
    run = train(kept, recipe, folder / "run", where=where, excluded=[condition], resume=True)
    finish(run.folder, kept, folder / "bundle")
    evaluate(folder / "bundle", left_out(labelled, condition), LEFT_OUT, folder / "report")


def left_out(labelled: LabelledSet, condition: str) -> LabelledSet:
    """Return as split "left-out" the train and val pictures that meet the condition, and the others' val."""
    kept = {sample.key for sample in without(labelled, [condition])}
    gone = [s for s in labelled if s.key not in kept and s.split in ("train", "val")]
    missing = {0, 1} - {sample.label for sample in gone}
    against = [s for s in labelled if s.key in kept and s.split == "val" and s.label in missing]
    return labelled.with_samples([dataclasses.replace(s, split=LEFT_OUT) for s in (*gone, *against)])


def common_values(labelled: LabelledSet, column: str, fewest: int) -> list[str]:
    """Return the column's values that train and val hold at least this many pictures of, most first."""
    seen = (value_of(s, column) for s in labelled if s.split in ("train", "val"))
    counts = Counter(str(value) for value in seen if value is not None)
    return [value for value, count in counts.most_common() if count >= fewest]


def write_table(out: Path, column: str) -> None:
    """Write table.md and table.csv from every finished report below `out`, the worst area first."""
    reports = sorted(out.glob("*/report/metrics.json"))
    rows = [_row(path) for path in reports]
    rows.sort(key=lambda row: row["figures"]["roc_auc"]["value"])
    lines = [
        f"| {column} left out | photographs | AI pictures | " + " | ".join(FIGURES.values()) + " |",
        "|---|" + "---|" * (len(FIGURES) + 2),
    ]
    for row in rows:
        cells = (row["value"], row["real"], row["ai"], *(shown(row["figures"][name]) for name in FIGURES))
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    lines += ["", "Aligned, with 95 % intervals; each line is another model, which never saw what it names."]
    atomic_write_text(out / "table.md", "\n".join([*lines, ""]))
    atomic_write_text(out / "table.csv", _csv(rows, column))


def shown(figure: dict[str, float] | None) -> str:
    """A figure and its interval."""
    return "-" if figure is None else f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def folder_name(value: str) -> str:
    """A value as the name of a folder."""
    return "".join(letter if letter.isalnum() or letter in "-._" else "_" for letter in value)


def _row(path: Path) -> dict[str, Any]:
    metrics = json.loads(path.read_text("utf-8"))
    bundle = json.loads((path.parents[1] / "bundle" / "card.json").read_text("utf-8"))
    value = bundle["training"]["excluded"][0].partition("=")[2]
    counts = metrics["counts"]
    return {"value": value, "real": counts["real"], "ai": counts["ai"], "figures": metrics["aligned"]}


def _csv(rows: Sequence[dict[str, Any]], column: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    parts = ("value", "low", "high")
    writer.writerow([column, "real", "ai", *(f"{name}_{part}" for name in FIGURES for part in parts)])
    for row in rows:
        figures = [row["figures"][name] or {} for name in FIGURES]
        numbers = [figure.get(part) for figure in figures for part in parts]
        writer.writerow([row["value"], row["real"], row["ai"], *numbers])
    return text.getvalue()


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument(
        "data", nargs="+", help="a folder, a parquet file or folder, or a table; several are joined"
    )
    parser.add_argument("--by", required=True, help="the column: family, generator, source, year, ...")
    parser.add_argument("--out", required=True, type=Path, help="the study's folder")
    parser.add_argument("--only", action="append", default=[], help="only this value; repeatable")
    parser.add_argument("--fewest", type=int, default=30, help="values with fewer pictures are passed over")
    parser.add_argument("--recipe", default="photos")
    parser.add_argument("--scale", choices=["smoke", "cpu", "full"], default="smoke")
    parser.add_argument("--set", action="append", default=[], help="section.field=value; repeatable")
    parser.add_argument("--where", action="append", default=[], help="COLUMN=VALUE or !=; repeatable")
    return parser


if __name__ == "__main__":
    run(main)
