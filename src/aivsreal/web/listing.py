"""A browser's list as it is asked for: filtered, ordered, cut into pages. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from aivsreal.verdict import WORDS_FOR_PEOPLE
from aivsreal.web.shapes import ExaminationOut

PAGE = 30
ORDERS = {
    "newest": "newest first",
    "oldest": "oldest first",
    "most-ai": "most likely AI first",
    "most-real": "most likely real first",
    "name": "file name",
}
# Each keeps the order in which the list comes, newest first, among equals.
_KEYS: Mapping[str, tuple[Callable[[ExaminationOut], Any], bool]] = {
    "newest": (lambda one: one.created, True),
    "oldest": (lambda one: one.created, False),
    "most-ai": (lambda one: one.probability_ai, True),
    "most-real": (lambda one: one.probability_ai, False),
    "name": (lambda one: one.name.casefold(), False),
}


@dataclass(frozen=True)
class Listing:
    """The pictures of one page of the list, and what was asked for; `all` counts the whole list."""

    pictures: Sequence[ExaminationOut]
    all: int
    summary: str
    verdict: str = ""
    sort: str = "newest"
    name: str = ""
    page: int = 1
    last_page: int = 1

    @property
    def orders(self) -> Mapping[str, str]:
        """The orders that there are, each with its words."""
        return ORDERS

    def link(self, page: int) -> dict[str, Any]:
        """Return the query that leads to another page of the same list, without what is as by default."""
        asked = {"verdict": self.verdict, "sort": self.sort, "name": self.name, "page": page}
        default = {"verdict": "", "sort": "newest", "name": "", "page": 1}
        return {key: value for key, value in asked.items() if value != default[key]}


def make_listing(pictures: Sequence[ExaminationOut], query: Mapping[str, str]) -> Listing:
    """Return the page that a query's `verdict`, `sort`, `name` and `page` ask for; what they cannot is ignored.

    pictures: all of a browser's, newest first
    """
    verdict = query.get("verdict", "")
    verdict = verdict if verdict in WORDS_FOR_PEOPLE else ""
    sort = query.get("sort", "")
    sort = sort if sort in _KEYS else "newest"
    name = query.get("name", "").strip()
    found = [
        one for one in pictures if verdict in ("", one.verdict) and name.casefold() in one.name.casefold()
    ]
    key, falling = _KEYS[sort]
    found.sort(key=key, reverse=falling)
    last_page = max(1, ceil(len(found) / PAGE))
    asked = query.get("page", "")
    page = min(max(1, int(asked)), last_page) if asked.isdecimal() and len(asked) < 9 else 1
    shown = found[PAGE * (page - 1) : PAGE * page]
    return Listing(shown, len(pictures), _summary(pictures, found), verdict, sort, name, page, last_page)


def _summary(pictures: Sequence[ExaminationOut], found: Sequence[ExaminationOut]) -> str:
    """Return `30 pictures: 3 likely AI-generated, 27 likely real`, and how many are asked for."""
    counts = Counter(one.verdict for one in pictures)
    by_word = ", ".join(f"{counts[word]} {words}" for word, words in WORDS_FOR_PEOPLE.items() if counts[word])
    noun = "picture" if len(pictures) == 1 else "pictures"
    shown = "" if len(found) == len(pictures) else f"; {len(found)} shown here"
    return f"{len(pictures)} {noun}: {by_word}{shown}"
