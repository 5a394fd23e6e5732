"""What the last look and the last unattended round came to, for those who only show it and need no statistics."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from aivsreal.bundle import data_folder

STATE = "monitor.json"
ROUNDS, LAST = "keep-up", "last.json"


def latest_state() -> dict[str, Any] | None:
    """Return the last report as plain values; None where there is none that can be read."""
    return _read(data_folder() / STATE)


def latest_round() -> dict[str, Any] | None:
    """Return the report of the last `aivsreal keep-up` as plain values; None where there is none that can be read."""
    return _read(data_folder() / ROUNDS / LAST)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
        datetime.fromisoformat(content["when"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return content if isinstance(content, dict) else None
