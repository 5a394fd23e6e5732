"""A training recipe: every number that a training depends on, read from TOML and checked before work starts.

`load_recipe` resolves a name or a file, a scale and `section.field=value` overrides into one frozen Recipe.
The resolved recipe is written into the run folder and into the card of the bundle.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aivsreal.bundle import Name
from aivsreal.deliveries import DeliveryName, WornName
from aivsreal.errors import BadRecipe
from aivsreal.training.search import SearchField
from aivsreal.views import ViewSpec

# What `augment.strength` multiplies.
_STRENGTHENED = (
    "rotate",
    "affine",
    "resize",
    "compress",
    "colour",
    "grey",
    "blur",
    "noise",
    "cutout",
)


class Section(BaseModel):
    """A part of a recipe: frozen, and every unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataSection(Section):
    """What is trained on."""

    validation_fraction: float = Field(
        0.1, gt=0, lt=0.5, description="Share cut from train where the data has no validation split."
    )
    drop_copies: bool = Field(True, description="Leave out second copies of the same pixels before the cut.")
    limit: int | None = Field(
        None, gt=1, description="Use at most this many pictures of each split, evenly over both classes."
    )
    balance: Literal["none", "class", "source"] = Field(
        "class",
        description="How an epoch draws its pictures: as they are, both classes alike, or also evening out sources and generators within a class.",
    )
    source_power: float = Field(
        0.5,
        ge=0,
        le=1,
        description="With balance='source': 1 draws sources by their size, 0 draws every source alike.",
    )
    new_share: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Share of an epoch's pictures of a class that are new ones, where `retrain` replays others beside them; none: no difference is made.",
    )


class NetworkSection(Section):
    """The network: a timm trunk, pooling, dropout and one logit."""

    backbone: str = Field(
        "mobilenetv2_100",
        description="Name of a timm model, or of a small one of the literature: cifake_cnn, regularised_cnn, patches_of_nine, vgg16_convolutions.",
    )
    front: Literal["pixels", "median-residual", "upsampling-residual", "diagonal-detail", "spectrum"] = Field(
        "pixels",
        description="What the trunk is shown: pixels; these less the median of their 3 x 3 neighbours, or less the picture halved and doubled; a Haar wavelet's diagonal detail; the log power spectrum.",
    )
    trunk: str = Field(
        "imagenet",
        description="Where its weights come from: 'imagenet' (the trunk that ships with the package), 'scratch', 'hub' (timm's own download), a bundle's name or folder, or a safetensors file.",
    )
    head: Literal["new", "kept"] = Field(
        "new",
        description="Whether what follows the trunk begins anew, or is kept from the bundle that `trunk` names.",
    )
    trunk_options: dict[str, Any] = Field(
        default_factory=dict, description="Further options of timm.create_model, such as pad_type."
    )
    full_resolution_stages: int = Field(
        0,
        ge=0,
        le=5,
        description="How many of the first stride-2 convolutions and poolings run at stride 1 instead: for pictures of 32 px.",
    )
    freeze_stages: int = Field(
        0,
        ge=0,
        description="How many of the trunk's first stages stay as they are (0: none; 1: the stem; 2: the stem and the first stage; ...).",
    )
    mean: float = Field(0.5, description="Pixel / 255 minus this ...")
    std: float = Field(0.5, gt=0, description="... divided by this goes into the trunk.")
    channel_mean: tuple[float, float, float] | None = Field(
        None, description="A mean for each channel instead of `mean`."
    )
    channel_std: tuple[float, float, float] | None = Field(
        None, description="A deviation for each channel instead of `std`."
    )
    hidden: int = Field(
        0,
        ge=0,
        description="Width of a dense layer with ReLU and batch norm between pooling and the logit; 0: none.",
    )
    hidden_l2: float = Field(0.0, ge=0, description="L2 penalty on that layer's weights, added to the loss.")
    dropout: float = Field(0.2, ge=0, lt=1, description="Share of features dropped before the logit.")


class AugmentSection(Section):
    """What happens to a training picture, whatever its label. Probabilities lie in 0..1."""

    geometry: Literal["native", "whole", "mixed", "squash"] = Field(
        "mixed",
        description="What the network is shown: native-resolution crops, squares of the whole picture, either by chance, or the whole picture squashed to a square.",
    )
    whole_share: float = Field(
        0.4, ge=0, le=1, description="With geometry='mixed': how often it is the whole picture."
    )
    flip: float = Field(0.5, ge=0, le=1, description="Probability of a mirror image.")
    shift: int = Field(0, ge=0, description="Shift by up to this many pixels each way, mirrored at the edge.")
    rotate_degrees: float = Field(0.0, ge=0, le=180, description="Rotate by up to this angle ...")
    rotate: float = Field(0.0, ge=0, le=1, description="... with this probability.")
    affine_shift: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="Shift by up to this share of the side, together with affine_scale and affine_degrees ...",
    )
    affine_scale: float = Field(0.0, ge=0, lt=1, description="... scale by 1 plus or minus up to this ...")
    affine_degrees: float = Field(0.0, ge=0, le=180, description="... rotate by up to this angle ...")
    affine: float = Field(0.0, ge=0, le=1, description="... with this probability.")
    resize: float = Field(
        0.0, ge=0, le=1, description="Probability that the picture is resized before it is compressed."
    )
    resize_low: float = Field(0.6, gt=0, description="Smallest factor of that resize ...")
    resize_high: float = Field(1.25, gt=0, description="... and its largest.")
    compress: float = Field(
        0.0, ge=0, le=1, description="Probability of a first compression; a second follows with half of it."
    )
    compress_webp: float = Field(
        0.2, ge=0, le=1, description="Share of WebP among compressions; the rest is JPEG."
    )
    quality_low: int = Field(50, ge=1, le=100, description="Lowest quality of a compression ...")
    quality_high: int = Field(95, ge=1, le=100, description="... and its highest.")
    brightness: float = Field(0.0, ge=0, lt=1, description="Brightness changes by up to this share ...")
    contrast: float = Field(0.0, ge=0, lt=1, description="... contrast ...")
    saturation: float = Field(0.0, ge=0, le=1, description="... and saturation ...")
    colour: float = Field(0.0, ge=0, le=1, description="... with this probability.")
    grey: float = Field(0.0, ge=0, le=1, description="Probability of a black-and-white picture.")
    blur: float = Field(0.0, ge=0, le=1, description="Probability of a Gaussian blur ...")
    blur_sigma: float = Field(1.0, ge=0, description="... of up to this many pixels.")
    noise: float = Field(0.0, ge=0, le=1, description="Probability of Gaussian noise ...")
    noise_sigma: float = Field(
        6.0, ge=0, description="... of up to this standard deviation, in grey levels of 255."
    )
    cutout: float = Field(0.0, ge=0, le=1, description="Probability that squares are blanked ...")
    cutout_holes: int = Field(1, ge=1, description="... this many ...")
    cutout_size: int = Field(8, ge=1, description="... of this side in pixels.")
    strength: float = Field(
        1.0, ge=0, description="All these probabilities but the mirror image's are multiplied by this."
    )

    def at_strength(self) -> AugmentSection:
        """Return what `strength` makes of this: its probabilities multiplied, none above 1; strength 1."""
        if self.strength == 1.0:
            return self
        changed = {name: min(1.0, getattr(self, name) * self.strength) for name in _STRENGTHENED}
        return self.model_copy(update={**changed, "strength": 1.0})


class OptimiseSection(Section):
    """How the weights move."""

    epochs: int = Field(10, ge=1, description="Passes over the training pictures.")
    batch_size: int = Field(32, ge=2, description="Pictures a step, over all processes together.")
    steps_per_epoch: int | None = Field(
        None, ge=1, description="Steps an epoch instead of one pass over the pictures."
    )
    optimiser: Literal["adamw", "adam"] = Field(
        "adamw", description="AdamW (decoupled weight decay) or Adam."
    )
    learning_rate: float = Field(6e-4, gt=0, description="Peak learning rate.")
    final_learning_rate: float = Field(1e-6, ge=0, description="Learning rate at the end of the cosine.")
    trunk_factor: float = Field(
        1.0, ge=0, description="The trunk learns at this multiple of the head's rate."
    )
    warmup_epochs: float = Field(0.5, ge=0, description="Epochs of linear warm-up.")
    cosine_epochs: float | None = Field(
        None, gt=0, description="Epochs until the cosine ends, if not all; afterwards the final rate holds."
    )
    weight_decay: float = Field(
        0.05, ge=0, description="Decay of convolution and linear weights (not of norms and biases)."
    )
    clip_norm: float | None = Field(1.0, gt=0, description="Largest norm of a step's gradient.")
    label_smoothing: float = Field(0.0, ge=0, lt=0.5, description="Targets are this much short of 0 and 1.")
    class_weights: bool = Field(True, description="Weight the loss so that both classes count alike.")
    ema_decay: float = Field(
        0.999,
        ge=0,
        lt=1,
        description="Decay a step of the averaged copy of the weights, the one that is validated and exported; 0: no averaging.",
    )
    patience: int | None = Field(
        None, ge=1, description="Stop after this many epochs without a better validation AUC."
    )
    select: Literal["best", "last"] = Field(
        "best", description="Which epoch is exported: the one of the best validation AUC, or the last."
    )
    precision: Literal["float32", "bf16"] = Field(
        "bf16", description="Arithmetic of convolutions; bf16 is faster where the processor has it."
    )
    checkpoint_minutes: float = Field(
        2.0, ge=0, description="A checkpoint at least this often, beside the one after each epoch."
    )
    seed: int = Field(1, ge=0, description="Seed of the order, the augmentation and the dropout.")


class TeacherSection(Section):
    """What else is learned beside the label: the features of a large frozen network."""

    features: str | None = Field(
        None, description="File of the teacher's features of the training pictures; none: no teacher."
    )
    weight: float = Field(
        2.0, ge=0, description="Weight of the features' mean squared error beside the label's loss."
    )
    opinion: float = Field(
        0.5, ge=0, le=1, description="Share of the teacher's opinion in the label; the rest is the true one."
    )


class TowerSection(Section):
    """A large frozen network, of which only the judge is fitted; with it no other network is trained."""

    graph: str | None = Field(
        None, description="Where it comes from: a model's name or folder, or an ONNX file; none: no tower."
    )
    views: int = Field(
        4,
        ge=1,
        description="Views of each training picture that the head is fitted on: as it is, then augmented ones.",
    )
    deliveries: tuple[WornName, ...] = Field(
        (),
        description="Further views: the whole picture after these, as measurements report it ('aligned', 'web', 'hard').",
    )
    tiles: bool = Field(
        False, description="Whether larger pictures are also seen in tiles, at the resolution that they have."
    )
    strength: float = Field(
        3e-3, gt=0, description="Inverse strength of the head's L2 penalty, as scikit-learn's C."
    )
    hidden: int = Field(
        0, ge=0, le=4096, description="Units of a hidden layer between features and head; 0: a linear head."
    )
    networks: int = Field(
        1, ge=1, le=16, description="With hidden units: how many such networks are trained and averaged."
    )
    doubted: str | None = Field(
        None,
        description="AI pictures that the judge does not learn from, as a condition of --exclude: networks that do learn from them, too, may lift a score to even odds, never above; none: no such.",
    )
    doubting: int = Field(2, ge=1, le=16, description="How many such networks are trained and averaged.")
    drawn_styles: tuple[str, ...] = Field(
        (),
        description="Values of the column 'style' that are no photographs: more is asked of what looks like them before it is called AI; none: of nothing.",
    )
    augment: AugmentSection = Field(
        AugmentSection(geometry="whole"), description="What happens to those views."
    )


class PromiseSection(Section):
    """What the exported thresholds are chosen for, on the validation split."""

    false_positive_rate: float = Field(
        0.02, gt=0, lt=0.5, description="At most this share of real photographs is called AI."
    )
    false_negative_rate: float = Field(
        0.1, gt=0, lt=0.5, description="At most this share of AI pictures is called real."
    )
    accused_drawings: float = Field(
        0.01, gt=0, lt=0.5, description="At most this share of real pictures that look drawn is called AI."
    )
    hard_factor: float = Field(
        2.5,
        ge=1,
        description="After hard use (the tier 'hard') at most this many times these shares; 1: the same promise there, at the price of more pictures without an answer.",
    )


class StabilitySection(Section):
    """How a verdict is tried before it is given."""

    deliveries: tuple[DeliveryName, ...] = Field(
        (),
        description="What is scored beside the file: the same picture saved, resized, cropped, or all of it.",
    )
    answers_lost: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="Share of validation's answers that may be lost to the limit on how far they disagree.",
    )


class Recipe(Section):
    """A whole recipe."""

    name: Name = Field(description="Name of the recipe and of the bundle that it makes.")
    summary: str = Field("", description="One sentence for the model card.")
    licence: str = Field("MIT", description="Licence of the weights that it makes.")
    data: DataSection = DataSection()
    network: NetworkSection = NetworkSection()
    augment: AugmentSection = AugmentSection()
    optimise: OptimiseSection = OptimiseSection()
    views: ViewSpec
    teacher: TeacherSection = TeacherSection()
    tower: TowerSection = TowerSection()
    promise: PromiseSection = PromiseSection()
    stability: StabilitySection = StabilitySection()
    limits: tuple[str, ...] = Field((), description="Known weaknesses, plain sentences for the model card.")
    scales: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Named scales: overrides such as 'optimise.epochs' = 1."
    )
    search: dict[str, SearchField] = Field(
        default_factory=dict,
        description="What `tune` searches: 'optimise.learning_rate' = { low = 1e-4, high = 1e-2, log = true }.",
    )


def shipped_recipes() -> list[str]:
    """Return the names of the recipes that ship with the package."""
    folder = files("aivsreal.training") / "recipes"
    return sorted(
        entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")
    )


def load_recipe(name_or_file: str | Path, *, scale: str = "full", overrides: Sequence[str] = ()) -> Recipe:
    """Return the recipe of a shipped name or a TOML file, at a scale, with `section.field=value` applied last.

    Raises: BadRecipe for an unknown name, scale, key or value; it names the nearest key.
    """
    content = _read(name_or_file)
    scales = content.get("scales", {})
    if scale != "full" or "full" in scales:
        if scale not in scales:
            known = ", ".join(["full", *sorted(scales)])
            raise BadRecipe(f"recipe {name_or_file} has no scale '{scale}'", hint=f"it has: {known}")
        for key, value in scales[scale].items():
            _assign(content, key, value)
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals:
            raise BadRecipe(f"'{text}' is no override", hint="write --set section.field=value")
        _assign(content, key.strip(), _parse(value.strip()))
    return recipe_from(content, origin=str(name_or_file))


def recipe_from(content: Mapping[str, Any], *, origin: str) -> Recipe:
    """Return `content` as a checked recipe. Raises: BadRecipe."""
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise _explain(error, origin) from error


def with_values(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Return the recipe with other values of `section.field`s, and without its search. Raises: BadRecipe."""
    content = recipe.model_dump(mode="json", exclude={"search"})
    for name, value in values.items():
        _assign(content, name, value)
    return recipe_from(content, origin=recipe.name)


def value_in(recipe: Recipe, name: str) -> Any:
    """Return what a recipe says in `section.field`."""
    value: Any = recipe
    for part in name.split("."):
        value = getattr(value, part)
    return value


def field_types() -> dict[str, Any]:
    """Return every field that a recipe may have, as `section.field` -> its type."""
    return _field_types(Recipe)


def recipe_text(recipe: Recipe) -> str:
    """Return a recipe as TOML that reads back as the same recipe. Raises: BadRecipe where TOML has no word for it."""
    import tomli_w

    content = recipe.model_dump(mode="json", exclude_defaults=True)
    text = tomli_w.dumps(_without_nothing(content), multiline_strings=False)
    if recipe_from(tomllib.loads(text), origin=recipe.name) != recipe:
        raise BadRecipe(
            f"recipe {recipe.name} sets a field to nothing, which a TOML file cannot say",
            hint="leave out --set ...=null",
        )
    return text


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nothing(inner) for key, inner in value.items() if inner is not None}
    return value


def _read(name_or_file: str | Path) -> dict[str, Any]:
    if str(name_or_file) in shipped_recipes():
        text = (files("aivsreal.training") / "recipes" / f"{name_or_file}.toml").read_text("utf-8")
    else:
        text = _text_of(Path(name_or_file))
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadRecipe(f"recipe {name_or_file} is no TOML: {error}", hint="mend that line") from error


def _text_of(path: Path) -> str:
    if not path.is_file():
        raise BadRecipe(
            f"there is no recipe {path}",
            hint=f"give a TOML file, or one of: {', '.join(shipped_recipes())}",
        )
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRecipe(f"recipe {path} cannot be read: {error}", hint="save it as UTF-8 text") from error


def _parse(text: str) -> Any:
    """A value as JSON has it (numbers, true, null, lists), else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _assign(content: dict[str, Any], dotted: str, value: Any) -> None:
    *sections, field = dotted.split(".")
    for section in sections:
        inner = content.setdefault(section, {})
        if not isinstance(inner, dict):
            raise BadRecipe(f"'{section}' is no section of a recipe", hint="write section.field=value")
        content = inner
    content[field] = value


def _explain(error: ValidationError, origin: str) -> BadRecipe:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return BadRecipe(
            f"recipe {origin}: {place}: {first['msg']}", hint="docs/recipes.md says what each field may be"
        )
    known = list(field_types())
    nearest = difflib.get_close_matches(place, known, n=1, cutoff=0.0)
    return BadRecipe(f"recipe {origin} has no field '{place}'", hint=f"did you mean '{nearest[0]}'?")


def _field_types(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    types: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            types |= _field_types(kind, f"{prefix}{name}.")
        else:
            types[f"{prefix}{name}"] = kind
    return types
