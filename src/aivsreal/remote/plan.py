"""What a long run does, settled once when it begins: which pictures, by which model, in how many parts.

It lies in the output folder: `_run.json`, and `_pictures.parquet` with the pictures as they were found. A run
that goes on must be the same run.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aivsreal.bundle import Bundle
from aivsreal.errors import CannotWrite, UsageError
from aivsreal.images import Limits
from aivsreal.remote.locations import pictures_at
from aivsreal.remote.parquet_parts import write_list
from aivsreal.remote.store import Store

RUN, PICTURES = "_run.json", "_pictures.parquet"
# Of many locations, as standard input may bring, only the first are spelt out.
SPELT_OUT = 20


@dataclass(frozen=True)
class Wish:
    """What the caller of a run decides, and what must not change when it goes on."""

    locations: list[str]
    locations_sha256: str
    recursive: bool
    model: str
    seal: str
    fast: bool
    limits: dict[str, int]


@dataclass(frozen=True)
class Plan:
    """A run: the wish, and what was found when it began."""

    wish: Wish
    part_size: int
    pictures: int
    began: str

    @property
    def parts(self) -> int:
        """How many parts there are; all but the last are of `part_size`."""
        return -(-self.pictures // self.part_size)


def wish_for(
    locations: Sequence[str], bundle: Bundle, *, recursive: bool, fast: bool, limits: Limits
) -> Wish:
    """Return what is wanted, as it is compared when a run goes on."""
    whole = "\n".join(locations).encode("utf-8", "surrogateescape")
    return Wish(
        locations=[_text(location) for location in locations[:SPELT_OUT]],
        locations_sha256=hashlib.sha256(whole).hexdigest(),
        recursive=recursive,
        model=bundle.title,
        seal=bundle.card.seal,
        fast=fast,
        limits=asdict(limits),
    )


def settle_plan(store: Store, wish: Wish, locations: Sequence[str], part_size: int) -> Plan:
    """Return the plan that lies in the folder, or a new one, its pictures listed and written there.

    Raises: UsageError where another run lies there, or there is no picture; CannotWrite where other files do;
    BadData, Unreachable.
    """
    if (known := store.read(RUN)) is not None:
        return _same(store, known, wish)
    if others := store.names() - {PICTURES}:
        raise CannotWrite(
            f"{store.location} holds other files, {sorted(others)[0]} for one",
            hint="name a new or empty folder",
        )
    pictures = _list_pictures(store, locations, wish.recursive, part_size)
    plan = Plan(wish, part_size, pictures, datetime.now(UTC).isoformat(timespec="seconds"))
    # Last: from here on the run has begun.
    store.write(RUN, (json.dumps(asdict(plan), indent=2) + "\n").encode())
    return plan


def _list_pictures(store: Store, locations: Sequence[str], recursive: bool, part_size: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / PICTURES
        count = write_list(listed, pictures_at(locations, recursive=recursive), part_size)
        if count == 0:
            raise UsageError(
                f"there is no picture in {', '.join(locations[:3])}",
                hint="within folders files are known by their suffix; name a file itself to have it tried",
            )
        store.upload(PICTURES, listed)
    return count


def _same(store: Store, known: bytes, wish: Wish) -> Plan:
    """Return the plan that was found, if it is what is wanted now."""
    try:
        values: dict[str, Any] = json.loads(known)
        plan = Plan(**{**values, "wish": Wish(**values["wish"])})
    except (ValueError, TypeError, KeyError) as error:
        raise CannotWrite(
            f"{store.place_of(RUN)} is not of this program or version", hint="name a new or empty folder"
        ) from error
    before, now = asdict(plan.wish), asdict(wish)
    if changed := [key.removesuffix("_sha256") for key in before if before[key] != now[key]]:
        key = changed[0]
        raise UsageError(
            f"the run in {store.location} began with {_shown(key, before)}, now it is {_shown(key, now)}",
            hint="repeat the command that it began with, or name a new folder",
        )
    return plan


def _shown(key: str, wish: dict[str, Any]) -> str:
    value = wish[key]
    return f"{key} {', '.join(value[:3]) if isinstance(value, list) else value}"


def _text(location: str) -> str:
    return location.encode("utf-8", "backslashreplace").decode()
