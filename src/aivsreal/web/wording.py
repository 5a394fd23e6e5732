"""Numbers and verdicts in words for people: what a page says, computed from a record and a model's card.

Pure: nothing here knows of requests or of the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aivsreal.bundle import Card
from aivsreal.images import Declared
from aivsreal.verdict import Word
from aivsreal.web.figures import about_set
from aivsreal.web.shapes import ExaminationOut

NARROW = "\N{NO-BREAK SPACE}"
# What went wrong, as the title of a page; other statuses keep the name that HTTP has for them.
TITLES = {
    400: "That did not arrive as it should",
    401: "A key is needed",
    403: "This came from another page",
    404: "Not here",
    413: "Too large",
    422: "This cannot be examined",
    429: "Too many in a short time",
    500: "Something broke on this server",
    503: "Busy just now",
}
# What an answer of each kind does not say; what it does say is the promise in the model's card.
NOT_MEANT: dict[Word, str] = {
    "ai": "It is no proof. Retouched, smoothed, drawn and strongly compressed photographs are flagged at times. "
    "Look for the original, search for earlier copies, and ask who made it.",
    "real": "It does not say that the picture shows what is claimed of it. Pictures of new generators are often "
    "missed, and a real photograph may be staged, cropped or old.",
    "uncertain": "It is no half-hearted yes. The model declines to answer, and the picture may be either. "
    "A larger or an earlier copy of it may get an answer.",
}


@dataclass(frozen=True)
class Rates:
    """What a model's card says of it: share of AI pictures found, share of photographs falsely flagged."""

    found: float
    flagged: float
    measured_on: str
    about: str


@dataclass(frozen=True)
class Mix:
    """Pictures of which some are AI, as the model would flag them; whole pictures."""

    pictures: int
    ai: int
    right: int
    wrong: int

    @property
    def flagged(self) -> int:
        """All that are called AI."""
        return self.right + self.wrong


def percent(share: float) -> str:
    """Return 0.0351 as `3.5 %`; what rounds to nothing or to all is said to be under or over."""
    if 0 < share < 0.001:
        return f"under{NARROW}0.1{NARROW}%"
    if 0.999 < share < 1:
        return f"over{NARROW}99.9{NARROW}%"
    return f"{100 * share:.1f}".removesuffix(".0") + f"{NARROW}%"


def points(spread: float) -> str:
    """Return a difference of probabilities as `33 points`."""
    whole = round(100 * spread)
    return f"{whole}{NARROW}point{'' if whole == 1 else 's'}" if whole else f"under{NARROW}1{NARROW}point"


def size(n_bytes: int) -> str:
    """Return 81920 as `80 KB`."""
    if n_bytes < 1024:
        return f"{n_bytes}{NARROW}bytes"
    if n_bytes < 1024**2:
        return f"{n_bytes / 1024:.0f}{NARROW}KB"
    if n_bytes < 1024**3:
        return f"{n_bytes / 1024**2:.1f}".removesuffix(".0") + f"{NARROW}MB"
    return f"{n_bytes / 1024**3:.1f}".removesuffix(".0") + f"{NARROW}GB"


def moment(when: datetime | str) -> str:
    """Return a time, also one in ISO form, as `24 Nov 2026, 14:02 UTC`."""
    when = datetime.fromisoformat(when) if isinstance(when, str) else when
    return f"{when.day}{NARROW}{when:%b}{NARROW}{when:%Y}, {when:%H:%M}{NARROW}UTC"


def span(hours: float) -> str:
    """Return hours as `a day`, `3 days`, `6 hours` or `30 minutes`."""
    for unit, length in (("day", 24.0), ("hour", 1.0)):
        count = hours / length
        if count >= 1 and round(count, 6) == round(count):
            article = "an" if unit == "hour" else "a"
            return f"{article} {unit}" if round(count) == 1 else f"{round(count)} {unit}s"
    return f"{hours:g} hours" if hours > 1 else f"{round(hours * 60)} minutes"


def sentence(text: str) -> str:
    """Return the text with a capital letter, the rest as it is."""
    return text[:1].upper() + text[1:]


def not_meant(word: Word) -> str:
    """Return what a verdict of this word does not mean."""
    return NOT_MEANT[word]


def why_uncertain(picture: ExaminationOut) -> str | None:
    """Return why no answer is given; None where one is."""
    if picture.verdict != "uncertain":
        return None
    if picture.reason:
        return picture.reason
    low, high = percent(picture.real_below), percent(picture.ai_above)
    return f"The probability lies between the two thresholds, {low} and {high}."


def declares(picture: ExaminationOut) -> str | None:
    """Return how the picture was made by its own metadata, `made by AI (C2PA)`; None where they say nothing."""
    if picture.declared is None or picture.declared_in is None:
        return None
    return Declared(picture.declared, picture.declared_in).words


def citation(picture: ExaminationOut) -> str:
    """Return what a report may quote, with all that is needed to check it."""
    moves = "" if picture.spread is None else f", moves by {points(picture.spread)} when saved again"
    reason = f"{picture.reason} " if picture.reason else ""
    said = f"Its metadata say: {declares(picture)}. " if picture.declared else ""
    return (
        f"{picture.name}: {picture.words} (probability of AI {percent(picture.probability_ai)}{moves}). {reason}{said}"
        f"aivsreal, model {picture.model}, {moment(picture.created)}. SHA-256 {picture.sha256}."
    ).replace(NARROW, " ")


def rates_of(card: Card) -> Rates | None:
    """Return the rates of the first measured set that states both; None where none does.

    Cards state first what was measured on sources that the model has not met.
    """
    for name, figures in card.figures.items():
        measured = figures.get("as_is") or {}
        found, flagged = (_value(measured.get(key)) for key in ("recall", "false_positive_rate"))
        if found is not None and flagged is not None:
            return Rates(found, flagged, name, about_set(figures))
    return None


def mix_of(rates: Rates, ai: int, pictures: int = 1000) -> Mix:
    """Return how `pictures`, of which `ai` are AI, would be flagged at these rates."""
    return Mix(pictures, ai, round(ai * rates.found), round((pictures - ai) * rates.flagged))


def _value(figure: Any) -> float | None:
    value = figure.get("value") if isinstance(figure, Mapping) else None
    return float(value) if isinstance(value, int | float) else None
