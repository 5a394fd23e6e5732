"""A comparison from end to end: entries fitted one after another, measured alike, tested against one of them.

Every entry's folder holds what is done of it, so a comparison that was stopped goes on where it was; and how it was
described, so that its figures never stand under another description.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aivsreal import __version__
from aivsreal.data.labelled import LabelledSet, require_both_classes
from aivsreal.data.split import leaked_and_copies, with_validation
from aivsreal.errors import BadData, BadRun, UsageError
from aivsreal.evaluation.compare.catalogue import Catalogue, Described, check_recipes
from aivsreal.evaluation.compare.entry import Budget, Work
from aivsreal.evaluation.compare.figures import draw_figures
from aivsreal.evaluation.compare.measured import Measured, fit_and_measure, is_measured
from aivsreal.evaluation.compare.results import Pictures, as_csv, as_markdown, figures_of, tests_of
from aivsreal.evaluation.years import up_to
from aivsreal.files import atomic_write_json, atomic_write_text, clear_unfinished
from aivsreal.training.loader import limited
from aivsreal.training.recipe import Recipe
from aivsreal.training.run import alone_in

RESULTS, TABLE, LINES, ASKED = "comparison.json", "table.md", "table.csv", "asked.json"
ENTRIES = "entries"


def compare(
    labelled: LabelledSet,
    catalogue: Catalogue,
    names: Sequence[str],
    recipe: Recipe,
    folder: Path,
    *,
    scale: str = "cpu",
    against: str | None = None,
    splits: Sequence[str] | None = None,
    year: int | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Return comparison.json in `folder`, beside table.md, table.csv and figures, written anew after each entry.

    recipe: what entries that are recipes start from; against: the entry that the others are tested against, by
    default the first; splits: what is measured, by default test and, where there is one, unseen
    year: learn from generators up to this year only; later ones are measured by their years
    Raises: UsageError, BadData, BadRecipe, BadRun where the folder holds another comparison, or an entry by another
    description, or another process compares in it; CannotWrite.
    """
    against = against or names[0]
    if against not in names:
        raise UsageError(f"{against!r} takes no part", hint=f"these do: {', '.join(names)}")
    check_recipes(catalogue, names, recipe)
    budget = catalogue.budgets[scale]
    labelled = with_validation(
        labelled, fraction=recipe.data.validation_fraction, drop_copies=recipe.data.drop_copies
    )
    measured_on = _measured_on(labelled, splits, budget)
    learned = labelled.with_samples([s for s in labelled if s.split in ("train", "val")])
    if year is not None:
        learned = up_to(learned, year)
    pictures = _pictures(labelled, learned, measured_on, year)
    about = _about(labelled, learned, measured_on, budget, scale, against) | {"learned_up_to": year}
    asked = _asked(labelled, recipe, budget, measured_on, year)
    _require_same(folder, asked)
    described = {name: _described(catalogue.entries[name]) for name in names}
    for name in names:
        _require_same(folder / ENTRIES / name, described[name])
    atomic_write_json(folder / ASKED, asked)
    samples = {split: chosen.samples for split, chosen in measured_on.items()}
    found: list[Measured] = []
    told: dict[str, dict[str, Any]] = {}
    with alone_in(folder) as alone:
        _begin(folder, alone)
        for number, name in enumerate(names, start=1):
            say(f"{number}/{len(names)} {name}")
            work = _work(learned, recipe, budget, folder / ENTRIES / name, say)
            atomic_write_json(work.folder / ASKED, described[name])
            was_there = is_measured(work.folder)
            found.append(fit_and_measure(name, catalogue.make(name), work, samples))
            if found[-1].failed:
                say(f"  {name} does not take part: {found[-1].failed}")
            told[name] = _told(found[-1], catalogue.entries[name], pictures)
            # What a stopped comparison had done stands there already.
            if number == len(names) or not was_there:
                _write(folder, about, told, found, pictures)
    return folder / RESULTS


def _measured_on(
    labelled: LabelledSet, splits: Sequence[str] | None, budget: Budget
) -> dict[str, LabelledSet]:
    wanted = splits or [split for split in ("test", "unseen") if split in labelled.splits]
    if not wanted:
        raise BadData(f"{labelled.name} has no test split", hint=f"it has: {', '.join(labelled.splits)}")
    chosen = {split: limited(labelled.of_split(split), budget.measured) for split in wanted}
    for part in chosen.values():
        require_both_classes(part)
    return chosen


def _pictures(
    labelled: LabelledSet, learned: LabelledSet, measured_on: Mapping[str, LabelledSet], year: int | None
) -> dict[str, Pictures]:
    """What figures rest on: the measured pictures, and which of them were learned from or stand there twice."""
    found = {}
    for split, part in measured_on.items():
        both = labelled.with_samples([*(s for s in learned if s.split != split), *part])
        leaked, copies = leaked_and_copies(both, split)
        spoilt = {both.samples[place].key for place in (*leaked, *copies)}
        found[split] = Pictures(part.samples, spoilt, year)
    return found


def _work(
    learned: LabelledSet, recipe: Recipe, budget: Budget, folder: Path, say: Callable[[str], None]
) -> Work:
    training = limited(learned.of_split("train"), budget.pictures)
    validation = limited(learned.of_split("val"), budget.pictures)
    for part in (training, validation):
        require_both_classes(part)
    return Work(learned, training.samples, validation.samples, recipe, budget, folder, say)


def _about(
    labelled: LabelledSet,
    learned: LabelledSet,
    measured_on: Mapping[str, LabelledSet],
    budget: Budget,
    scale: str,
    against: str,
) -> dict[str, Any]:
    return {
        "data": labelled.name,
        "scale": scale,
        "budget": asdict(budget),
        "against": against,
        "training": _counts(limited(learned.of_split("train"), budget.pictures)),
        "counts": {split: _counts(part) for split, part in measured_on.items()},
        "made": {"on": datetime.now(UTC).date().isoformat(), "aivsreal": __version__},
    }


def _asked(
    labelled: LabelledSet,
    recipe: Recipe,
    budget: Budget,
    measured_on: Mapping[str, LabelledSet],
    year: int | None,
) -> dict[str, Any]:
    """What must be the same for entries to stand in one table."""
    return {
        "data": labelled.fingerprint(),
        "recipe": recipe.model_dump(mode="json", exclude={"search"}, exclude_defaults=True),
        "budget": asdict(budget),
        "splits": list(measured_on),
        **({} if year is None else {"year": year}),
    }


def _described(entry: Described) -> dict[str, Any]:
    """What an entry's figures rest on: all but the words that a table says of it."""
    return entry.model_dump(mode="json", exclude={"about", "source"}, exclude_defaults=True)


def _require_same(folder: Path, asked: Mapping[str, Any]) -> None:
    """Pass where the folder, a comparison's or an entry's, keeps what is asked, or nothing yet. Raises: BadRun."""
    path = folder / ASKED
    try:
        before = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise BadRun(f"{path} cannot be read: {error}", hint="choose another --out") from error
    different = [key for key in (*asked, *before) if before.get(key) != asked.get(key)]
    if different:
        raise BadRun(
            f"{folder} holds what was made by another {different[0]}",
            hint=f"choose another --out, or remove {folder} to begin it anew",
        )


def _begin(folder: Path, alone: bool) -> None:
    """Clear away what a killed comparison left half written. Raises: BadRun where another process holds the folder."""
    if not alone:
        raise BadRun(f"another process compares in {folder}", hint="wait for it, or choose another --out")
    for place in (folder, *folder.glob(f"{ENTRIES}/*")):
        clear_unfinished(place)


def _write(
    folder: Path,
    about: Mapping[str, Any],
    told: Mapping[str, Mapping[str, Any]],
    found: Sequence[Measured],
    pictures: Mapping[str, Pictures],
) -> None:
    comparison = {**about, "entries": _tested(about["against"], told, found, pictures)}
    atomic_write_json(folder / RESULTS, comparison)
    atomic_write_text(folder / TABLE, as_markdown(comparison))
    atomic_write_text(folder / LINES, as_csv(comparison))
    draw_figures(comparison, folder)


def _told(entry: Measured, described: Described, pictures: Mapping[str, Pictures]) -> dict[str, Any]:
    """What is told of an entry by itself: what it is, what it cost, its figures on every split."""
    about = {"about": described.about, "source": described.source}
    if entry.failed:
        return {**about, "failed": entry.failed}
    splits = {split: figures_of(entry, split, part) for split, part in pictures.items()}
    return {**about, "cost": dict(entry.facts), "splits": splits}


def _tested(
    against: str,
    told: Mapping[str, Mapping[str, Any]],
    found: Sequence[Measured],
    pictures: Mapping[str, Pictures],
) -> dict[str, dict[str, Any]]:
    """What is told of every entry, with how it differs from the one that all are tested against."""
    entries = {name: dict(entry) for name, entry in told.items()}
    there = [entry for entry in found if not entry.failed]
    ours = next((entry for entry in there if entry.name == against), None)
    others = [entry for entry in there if entry.name != against]
    if ours is not None and others:
        for split, part in pictures.items():
            for name, tests in tests_of(ours, others, split, part).items():
                entries[name].setdefault("against", {})[split] = tests
    return entries


def _counts(labelled: LabelledSet) -> dict[str, int]:
    ai = int(labelled.labels().sum())
    return {"real": len(labelled) - ai, "ai": ai}
