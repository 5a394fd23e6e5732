"""A model on disk: a folder with model.onnx, weights.safetensors, card.json, MODEL.md and what else its card lists.

The card states the SHA-256 of the graph and the weights and is itself sealed; a folder whose bytes do not
match is refused, and the bytes that were verified are the bytes that run (design decision 4).
MODEL.md only repeats the card for people. It carries its own check, so that card.json stays the one file
whose replacement changes a bundle.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import platformdirs
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from aivsreal.errors import BadBundle
from aivsreal.files import atomic_folder, atomic_write_bytes, atomic_write_json
from aivsreal.verdict import Calibration, Drawn, Stability, Thresholds, Word, judge
from aivsreal.views import ViewSpec

DEFAULT_MODEL = "photos"
SCHEMA_VERSION = 1
GRAPH, WEIGHTS, CARD, MODEL_CARD = "model.onnx", "weights.safetensors", "card.json", "MODEL.md"
SHIPPED = Path(__file__).parent / "bundles"
POINTER = "current.json"
FETCH_AGAIN = "get the bundle again from where it came; a card is changed only through aivsreal's commands"

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_VERSION = r"^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$"
Version = Annotated[str, StringConstraints(pattern=_VERSION)]


class _Part(BaseModel):
    # NaN stays NaN when a card is written, so that it is refused and not turned into null in silence.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class NetworkFacts(_Part):
    """What the graph is, and the recipe that it was trained by."""

    backbone: str
    input_size: int = Field(gt=0)
    parameters: int = Field(ge=0)
    initialised_from: str
    recipe: dict[str, Any] = Field(default_factory=dict)


class TrainingFacts(_Part):
    """What the model has seen, so that nobody measures it on that unknowingly."""

    data_name: str
    data_fingerprint: str
    counts: dict[str, Any] = Field(default_factory=dict)
    generators: list[str] = Field(default_factory=list)
    seed: int = 0
    versions: dict[str, Any] = Field(default_factory=dict)
    git: str | None = None
    epochs: int = Field(default=0, ge=0)
    where: list[str] = Field(default_factory=list, description="conditions that every picture met")
    excluded: list[str] = Field(default_factory=list, description="conditions that no picture met")
    feedback: list[str] = Field(
        default_factory=list, description="ids of reviewed feedback that it was taught, held out or not"
    )


class Card(_Part):
    """Everything that must be known about a model: card.json. Saving fills in `files` and `seal`."""

    schema_version: Literal[1] = 1
    name: Name
    version: Version
    created: date
    reviewed_until: date | None = Field(
        default=None, description="when it is to be looked at again: newer generators wear it off"
    )
    summary: str
    licence: str
    notice: str = ""
    files: dict[Name, Sha256] = Field(default_factory=dict)
    network: NetworkFacts
    views: ViewSpec
    calibration: Calibration = Calibration()
    thresholds: Thresholds = Thresholds()
    stability: Stability = Stability()
    drawn: Drawn | None = Field(
        default=None, description="how drawings are told; None: it does not tell them"
    )
    training: TrainingFacts
    figures: dict[str, Any] = Field(default_factory=dict, description="a measured set's name -> its figures")
    reference: dict[str, Any] = Field(default_factory=dict, description="distributions that drift is told by")
    limits: list[str] = Field(default_factory=list, description="known weaknesses, in plain sentences")
    seal: str = Field(default="", description="SHA-256 of everything else in the card")

    def looks_drawn(self, embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which pictures of these embeddings [n, d] look drawn, bool [n]: none where the model does not tell."""
        if self.drawn is None:
            return np.zeros(len(embeddings), bool)
        return self.drawn.looks_drawn(embeddings)

    def thresholds_of(self, *, drawn: bool) -> Thresholds:
        """Return what pictures are judged by that look drawn, or that do not."""
        if drawn and self.drawn is not None:
            return self.drawn.stricter_than(self.thresholds)
        return self.thresholds

    def words(self, logits: NDArray[np.floating[Any]], embeddings: NDArray[np.float32]) -> tuple[Word, ...]:
        """Return what pictures of these logits [n] and embeddings [n, d] are called, each by its file alone."""
        thresholds = {drawn: self.thresholds_of(drawn=drawn) for drawn in (False, True)}
        seen = zip(logits.tolist(), self.looks_drawn(embeddings).tolist(), strict=True)
        return tuple(judge(logit, self.calibration, thresholds[drawn])[1] for logit, drawn in seen)


@dataclass(frozen=True, eq=False)
class Bundle:
    """A verified model: where it lies, its card, and the bytes of its graph as they were verified.

    extra: the bytes of whatever else the card lists, by file name
    """

    folder: Path
    card: Card
    onnx_bytes: bytes = field(repr=False)
    extra: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def title(self) -> str:
        """Name and version, as verdicts cite it."""
        return f"{self.card.name} {self.card.version}"


@dataclass(frozen=True)
class BundleEntry:
    """A model that can be called by name."""

    name: str
    folder: Path
    origin: Literal["shipped", "registered"]


def load_bundle(name_or_folder: str | Path | None = None) -> Bundle:
    """Return a verified bundle: the one in use, one by its name (registered before shipped), or a folder.

    Raises: BadBundle where there is none, or where a byte differs from what the card states.
    """
    folder = find_bundle(name_or_folder)
    card = _read_card(folder)
    found = {name: _verified_bytes(folder, name, digest) for name, digest in card.files.items()}
    _check_model_card(folder)
    extra = {name: data for name, data in found.items() if name not in (GRAPH, WEIGHTS)}
    return Bundle(folder, card, found[GRAPH], extra)


def verify_bundle(name_or_folder: str | Path | None = None) -> Bundle:
    """Return the bundle as `load_bundle` does, and also check that its MODEL.md was written from this card.

    Raises: BadBundle.
    """
    bundle = load_bundle(name_or_folder)
    if _check_model_card(bundle.folder) != bundle.card.seal:
        raise BadBundle(
            f"{MODEL_CARD} in {bundle.folder} is older than {CARD}: an update was interrupted",
            hint="repeat the command that changed the card; verdicts are not touched by this",
        )
    return bundle


def save_bundle(
    folder: str | Path,
    *,
    onnx: bytes,
    weights: bytes,
    card: Card,
    extra: Mapping[str, bytes] | None = None,
) -> Bundle:
    """Return the bundle after it stands in `folder`, whole; the card's files and seal are filled in here.

    extra: more files by their names
    Raises: BadBundle where the card holds a value that JSON cannot; CannotWrite, also where `folder` holds
    anything but an earlier bundle.
    """
    folder = Path(folder)
    contents = {GRAPH: onnx, WEIGHTS: weights, **(extra or {})}
    sealed = _sealed(card, {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()})
    model_card = _model_card_bytes(sealed)
    with atomic_folder(folder, replaces=CARD) as new:
        for name, data in contents.items():
            (new / name).write_bytes(data)
        (new / MODEL_CARD).write_bytes(model_card)
        atomic_write_json(new / CARD, sealed.model_dump(mode="json"))
    return Bundle(folder, sealed, onnx, dict(extra or {}))


def update_card(folder: str | Path, card: Card, *, extra: Mapping[str, bytes] | None = None) -> Bundle:
    """Return the bundle in `folder` with its card replaced by `card`; graph and weights stay as they are.

    extra: the files that it has beside those from now on (default: those that it has); a name that is there
    already with other content must not be among them, or a killed update would leave the old card beside it
    The bundle is verified first, so that a damaged one is never sealed anew. Raises: BadBundle, CannotWrite.
    """
    before = load_bundle(Path(folder))
    files = dict(before.card.files)
    if extra is not None:
        files = {name: digest for name, digest in files.items() if name not in before.extra}
        files |= {name: hashlib.sha256(data).hexdigest() for name, data in extra.items()}
        for name, data in extra.items():
            atomic_write_bytes(before.folder / name, data)
    sealed = _sealed(card, files)
    model_card = _model_card_bytes(sealed)
    # The card first: from that rename on the update has happened, whatever becomes of MODEL.md.
    atomic_write_json(before.folder / CARD, sealed.model_dump(mode="json"))
    atomic_write_bytes(before.folder / MODEL_CARD, model_card)
    for name in before.extra.keys() - files.keys():
        (before.folder / name).unlink(missing_ok=True)
    return Bundle(before.folder, sealed, before.onnx_bytes, before.extra if extra is None else dict(extra))


def is_version(text: str) -> bool:
    """Return whether a card may state this as its version: three numbers, and what else tells builds apart."""
    return re.fullmatch(_VERSION, text) is not None


def list_bundles() -> list[BundleEntry]:
    """Return every model that can be called by name; one registered hides a shipped one of the same name."""
    entries: dict[str, BundleEntry] = {}
    places: tuple[tuple[Literal["shipped", "registered"], Path], ...] = (
        ("shipped", SHIPPED),
        ("registered", models_folder()),
    )
    for origin, place in places:
        for card in _cards_in(place):
            entries[card.parent.name] = BundleEntry(card.parent.name, card.parent, origin)
    return sorted(entries.values(), key=lambda entry: (entry.name != DEFAULT_MODEL, entry.name))


def _cards_in(place: Path) -> list[Path]:
    """Return the cards of a folder of models; none where it may not be entered: shipped models need none of it."""
    try:
        return sorted(place.glob(f"[!.]*/{CARD}"))
    except PermissionError:
        return []


def models_folder() -> Path:
    """Return where registered models lie, a folder each."""
    return data_folder() / "models"


def current_model() -> str:
    """Return the name of the model in use: the one that was promoted last, or the default.

    Raises: BadBundle where the file that says so cannot be read or understood.
    """
    pointer = data_folder() / POINTER
    try:
        name = json.loads(pointer.read_bytes())["model"]
    except (FileNotFoundError, NotADirectoryError):
        return DEFAULT_MODEL
    except OSError as error:
        raise BadBundle(
            f"{pointer}, which says which model is in use, cannot be read: {error.strerror}",
            hint=f"set AIVSREAL_DATA_DIR to a folder of yours, or name a model, such as {DEFAULT_MODEL}",
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadBundle(
            f"{pointer} does not say which model is in use: {error}",
            hint="aivsreal models promote NAME --force writes it anew; `aivsreal models history` tells what was",
        ) from error
    return str(name)


def data_folder() -> Path:
    """Return where this user's models and records live: AIVSREAL_DATA_DIR, or the platform's place for it."""
    chosen = os.environ.get("AIVSREAL_DATA_DIR")
    return Path(chosen) if chosen else platformdirs.user_data_path("aivsreal", appauthor=False)


def find_bundle(name_or_folder: str | Path | None = None) -> Path:
    """Return the folder of a model given by name or by folder, unread. Raises: BadBundle."""
    wanted = current_model() if name_or_folder is None else name_or_folder
    known = {entry.name: entry.folder for entry in list_bundles()}
    if name_or_folder is None and wanted not in known:
        raise BadBundle(
            f"the model in use, {wanted}, is not there any more",
            hint="aivsreal models rollback goes back to the one before it",
        )
    if isinstance(wanted, str) and wanted in known:
        return known[wanted]
    if wanted == "":  # as a path it would be the current folder
        raise BadBundle("the model's name is empty", hint=_nearest("", list(known)))
    folder = Path(wanted)
    if os.path.isdir(folder):  # noqa: PTH112 - unlike Path's, false for a name that is no path at all
        return folder
    if os.path.exists(folder):  # noqa: PTH110
        raise BadBundle(f"{folder} is a file; a model is a folder", hint=f"name the folder that holds {CARD}")
    raise BadBundle(f"there is no model named or at '{wanted}'", hint=_nearest(str(wanted), list(known)))


def _nearest(wanted: str, known: list[str]) -> str:
    close = get_close_matches(wanted, known, n=1)
    if close:
        return f"did you mean '{close[0]}'? `aivsreal models list` shows all"
    return f"there are: {', '.join(known) or 'none'}; or name a bundle's folder"


def _read_card(folder: Path) -> Card:
    """Return the card after its form, its schema and its seal are checked."""
    try:
        content = json.loads(_read(folder, CARD).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadBundle(f"{folder / CARD} is not readable as JSON: {error}", hint=FETCH_AGAIN) from error
    _check_schema_version(folder, content)
    try:
        card = Card.model_validate(content)
    except ValidationError as error:
        raise BadBundle(f"{folder / CARD}: {_first_problem(error)}", hint=FETCH_AGAIN) from error
    if card.seal != _seal_of(content):
        raise BadBundle(f"{folder / CARD} was changed after it was sealed", hint=FETCH_AGAIN)
    missing = {GRAPH, WEIGHTS} - set(card.files)
    if missing:
        raise BadBundle(f"{folder / CARD} does not state a checksum for {min(missing)}", hint=FETCH_AGAIN)
    return card


def _check_schema_version(folder: Path, content: object) -> None:
    if not isinstance(content, dict):
        raise BadBundle(f"{folder / CARD} holds no card", hint=FETCH_AGAIN)
    version = content.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise BadBundle(
            f"{folder} was made by a newer aivsreal (card schema {version}, this one reads {SCHEMA_VERSION})",
            hint="pip install --upgrade aivsreal",
        )


def _first_problem(error: ValidationError) -> str:
    """Return where the card is wrong and how, in one line."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(step) for step in first["loc"] if step != "[key]") or "card"
    if first["type"] == "extra_forbidden":
        return f"'{where}' is not a key that a card has"
    return f"'{where}': {first['msg'].splitlines()[0].lower()}"


def _verified_bytes(folder: Path, name: str, digest: str) -> bytes:
    data = _read(folder, name)
    if hashlib.sha256(data).hexdigest() != digest:
        raise BadBundle(f"{folder / name} is not the file that the card was written for", hint=FETCH_AGAIN)
    return data


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise BadBundle(f"{folder} is no complete model: {name} is missing", hint=FETCH_AGAIN) from error
    except OSError as error:
        raise BadBundle(
            f"{folder / name} cannot be read: {error.strerror}", hint="check that you may read it"
        ) from error


def _sealed(card: Card, files: dict[str, str]) -> Card:
    """Return the card with its files and the seal over the rest."""
    filled = Card.model_validate({**card.model_dump(mode="json"), "files": files, "seal": ""})
    try:
        seal = _seal_of(filled.model_dump(mode="json"))
    except ValueError as error:
        raise BadBundle(
            f"the card of {card.name} cannot be written: {error}", hint="every figure must be a finite number"
        ) from error
    return filled.model_copy(update={"seal": seal})


def _seal_of(content: dict[str, Any]) -> str:
    rest = {key: value for key, value in content.items() if key != "seal"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _model_card_bytes(card: Card) -> bytes:
    """Return MODEL.md: the rendered text, then a line with the card's seal and a checksum of it all."""
    from aivsreal.model_card import render

    text = render(card.model_dump(mode="json")).rstrip() + "\n\n"
    checked = f"{text}<!-- Written from {CARD}. Seal {card.seal}, text "
    return f"{checked}{_text_sum(checked)} -->\n".encode()


def _check_model_card(folder: Path) -> str:
    """Return the seal of the card that MODEL.md was written from, after checking that it is unchanged."""
    text = _read(folder, MODEL_CARD).decode("utf-8", errors="replace")
    body, comma, rest = text.rpartition(", text ")
    if not comma or rest != f"{_text_sum(body + comma)} -->\n":
        raise BadBundle(f"{folder / MODEL_CARD} was changed after it was written", hint=FETCH_AGAIN)
    return body.rpartition("Seal ")[2]


def _text_sum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="replace")).hexdigest()
