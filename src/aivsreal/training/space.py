"""Which fields of a recipe are searched: those of its `[search]` table, checked, or a sensible choice of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from aivsreal.data.where import nearest_hint
from aivsreal.errors import BadRecipe
from aivsreal.training.recipe import Recipe, field_types, value_in, with_values
from aivsreal.training.search import SearchField

# Two trials that differ in these were judged on other pictures, or are no trials of one recipe.
NOT_SEARCHED = ("data.validation_fraction", "data.drop_copies", "data.limit", "name", "scales", "search")


def space_of(recipe: Recipe, method: str) -> dict[str, SearchField]:
    """Return what is searched: the recipe's own `[search]`, else a default for the method.

    Raises: BadRecipe for a field that there is not, or that cannot be searched, and for a value that the recipe
    may not have.
    """
    if recipe.tower.graph is not None:
        raise BadRecipe(
            f"recipe {recipe.name} fits the head of a frozen tower: there are no epochs to judge it by",
            hint="tune a recipe that trains a network, such as photos-small",
        )
    if not recipe.search:
        return _default_grid(recipe) if method == "grid" else _default_space(recipe)
    for name, field in recipe.search.items():
        _check(recipe, name, field)
    return dict(recipe.search)


def whole_fields(names: Mapping[str, Any]) -> frozenset[str]:
    """Return which of these fields take whole numbers only."""
    types = field_types()
    return frozenset(name for name in names if int in (types[name], *get_args(types[name])))


def own_values(recipe: Recipe, space: Mapping[str, SearchField]) -> dict[str, Any] | None:
    """Return the recipe's own values of what is searched; None where one lies outside of the space."""
    values = {name: value_in(recipe, name) for name in space}
    return values if all(field.holds(values[name]) for name, field in space.items()) else None


def _check(recipe: Recipe, name: str, field: SearchField) -> None:
    names = sorted(set(field_types()) - set(NOT_SEARCHED))
    if name in NOT_SEARCHED:
        raise BadRecipe(
            f"[search] cannot try values of '{name}'", hint="trials would not be judged on the same pictures"
        )
    if name not in names:
        hint = nearest_hint(name, names).partition("? ")[0]
        raise BadRecipe(
            f"[search]: a recipe has no field '{name}'", hint=f"{hint}; docs/recipes.md lists all"
        )
    for value in field.ends:
        with_values(recipe, {name: value})


def _default_grid(recipe: Recipe) -> dict[str, SearchField]:
    """Learning rate, batch size and epochs: more axes would be more points than anybody waits for."""
    section = recipe.optimise
    half, double = max(2, section.batch_size // 2), section.batch_size * 2
    return {
        "optimise.learning_rate": SearchField(
            low=section.learning_rate / 3, high=section.learning_rate * 3, log=True
        ),
        "optimise.batch_size": SearchField(choices=tuple(sorted({half, section.batch_size, double}))),
        "optimise.epochs": _epochs(section.epochs),
    }


def _default_space(recipe: Recipe) -> dict[str, SearchField]:
    section = recipe.optimise
    space = _default_grid(recipe) | {
        "optimise.learning_rate": SearchField(
            low=section.learning_rate / 10, high=section.learning_rate * 10, log=True
        ),
        "network.dropout": SearchField(low=0.0, high=max(0.6, recipe.network.dropout)),
        "optimise.weight_decay": SearchField(
            low=min(1e-4, section.weight_decay or 1.0), high=max(0.3, section.weight_decay), log=True
        ),
        "augment.strength": SearchField(low=0.0, high=max(1.5, recipe.augment.strength)),
    }
    if recipe.network.trunk != "scratch":  # a frozen stage of random weights would never learn
        space["network.freeze_stages"] = SearchField(low=0, high=max(4, recipe.network.freeze_stages))
    return space


def _epochs(epochs: int) -> SearchField:
    low, high = max(1, epochs // 2), max(2, epochs + epochs // 2)
    return SearchField(low=low, high=high)
