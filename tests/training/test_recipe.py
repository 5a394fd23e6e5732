from pathlib import Path

import pytest

from aivsreal.errors import BadRecipe
from aivsreal.training.recipe import load_recipe, shipped_recipes


@pytest.mark.parametrize("name", shipped_recipes())
@pytest.mark.parametrize("scale", ["smoke", "cpu", "full"])
def test_every_shipped_recipe_resolves_at_every_scale(name: str, scale: str) -> None:
    assert load_recipe(name, scale=scale).name == name


def test_an_override_wins_over_the_scale() -> None:
    recipe = load_recipe("photos", scale="smoke", overrides=["optimise.epochs=7", "network.trunk=scratch"])
    assert recipe.optimise.epochs == 7
    assert recipe.network.trunk == "scratch"


def test_a_recipe_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadRecipe, match="cannot be read"):
        load_recipe(tmp_path / "mine.toml")


def test_a_misspelt_field_is_refused_and_the_nearest_named() -> None:
    with pytest.raises(BadRecipe) as caught:
        load_recipe("photos", overrides=["optimise.learning_rte=1e-3"])
    assert "optimise.learning_rate" in caught.value.hint


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("network.dropout=1.5", "network.dropout"),
        ("optimise.epochs=many", "optimise.epochs"),
        ("augment.geometry=sideways", "augment.geometry"),
        ("views.size=0", "views.size"),
        ("name=../photos", "name"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_place(override: str, place: str) -> None:
    with pytest.raises(BadRecipe, match=place):
        load_recipe("photos", overrides=[override])


def test_an_unknown_recipe_names_those_that_ship() -> None:
    with pytest.raises(BadRecipe) as caught:
        load_recipe("fotos")
    assert "photos" in caught.value.hint


def test_a_scale_that_a_recipe_does_not_have_is_refused(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text('name = "mine"\n[views]\nsize = 32\n')
    with pytest.raises(BadRecipe, match="no scale 'cpu'"):
        load_recipe(recipe, scale="cpu")


def test_broken_toml_is_refused(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text("name = \n")
    with pytest.raises(BadRecipe, match="no TOML"):
        load_recipe(recipe)


@pytest.mark.parametrize("override", ["optimise.epochs", "name.first=1"])
def test_an_override_of_the_wrong_form_is_refused(override: str) -> None:
    with pytest.raises(BadRecipe):
        load_recipe("photos", overrides=[override])
