"""The bench on which feedback is reviewed: what is asked for, cut into pages. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from aivsreal.living.feedback import DECISIONS, SAID_WORDS, Reviewed, Said

PAGE = 20
KINDS = {"waiting": "Waiting", "apart": "Set apart", "reviewed": "Reviewed"}
DONE = {"accept": "Accepted.", "reject": "Rejected.", "unsure": "Noted: it cannot be told."}


@dataclass(frozen=True)
class Bench:
    """The marks of one page, of `count` of this kind; counts: of every kind; done: what was decided just before."""

    marks: Sequence[Reviewed]
    kind: str
    counts: Mapping[str, int]
    page: int
    last_page: int
    done: str

    @property
    def kinds(self) -> Mapping[str, str]:
        """The kinds that there are, each with its words."""
        return KINDS

    @property
    def said(self) -> Mapping[Said, str]:
        """What people can say, in words."""
        return SAID_WORDS

    def link(self, *, kind: str = "", page: int | None = None, done: str = "") -> dict[str, Any]:
        """Return the query that leads to a page of a kind; default: this one."""
        number = self.page if page is None else page
        asked = {"show": kind or self.kind, "page": str(number), "done": done}
        default = {"show": "waiting", "page": "1", "done": ""}
        return {key: value for key, value in asked.items() if value != default[key]}


def make_bench(found: Sequence[Reviewed], query: Mapping[str, str]) -> Bench:
    """Return the page that a query's `show`, `page` and `done` ask for; what they cannot is ignored.

    found: as `reviewed` returns them. Those set apart stand together by reason and picture, and what was reviewed
    last comes first.
    """
    waiting = [one for one in found if one.decision is None and not one.apart]
    apart = [one for one in found if one.decision is None and one.apart]
    decided = [one for one in found if one.decision is not None]
    kinds: Mapping[str, list[Reviewed]] = {
        "waiting": waiting,
        "apart": sorted(apart, key=lambda one: (one.apart, one.mark.sha256, one.mark.when)),
        "reviewed": sorted(decided, key=lambda one: one.decided, reverse=True),
    }
    kind = query.get("show", "")
    kind = kind if kind in kinds else "waiting"
    asked = query.get("page", "")
    number = max(1, int(asked)) if asked.isdecimal() and len(asked) < 9 else 1
    last_page = max(1, ceil(len(kinds[kind]) / PAGE))
    page = min(number, last_page) if found else number
    done = query.get("done", "")
    return Bench(
        marks=kinds[kind][PAGE * (page - 1) : PAGE * page],
        kind=kind,
        counts={name: len(marks) for name, marks in kinds.items()},
        page=page,
        last_page=last_page,
        done=DONE[done] if done in DECISIONS else "",
    )
