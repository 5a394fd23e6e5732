"""The models that there are and what became of them, in words: what the command line and the operator's page tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aivsreal.bundle import BundleEntry, list_bundles, load_bundle
from aivsreal.errors import BadBundle, printable


@dataclass(frozen=True)
class Version:
    """A model that can be called by name; error: what is wrong with it, "" where it is whole."""

    name: str
    version: str
    origin: str
    in_use: bool
    folder: Path
    summary: str
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**self.__dict__, "folder": str(self.folder)}


def versions(current: str) -> list[Version]:
    """Return every model that can be called by name, damaged ones too. current: the name of the one in use."""
    return [_version(entry, entry.name == current) for entry in list_bundles()]


def told(line: Mapping[str, Any]) -> str:
    """Return what a line of the history says was done, in one line: `promote b after a by force: it is brighter`."""
    parts = [f"{line.get('what')} {line.get('model')}"]
    if "from" in line:
        refused = line.get("what") == "refuse"
        parts.append(f"(in use: {line['from']})" if refused else f"after {line['from']}")
    if line.get("forced"):
        parts.append("by force")
    return printable(" ".join(parts) + (f": {line['why']}" if line.get("why") else ""))


def _version(entry: BundleEntry, in_use: bool) -> Version:
    try:
        card = load_bundle(entry.folder).card
    except BadBundle as error:
        reason = f"damaged: {error.reason}"
        return Version(entry.name, "?", entry.origin, in_use, entry.folder, "", reason)
    return Version(entry.name, card.version, entry.origin, in_use, entry.folder, card.summary)
