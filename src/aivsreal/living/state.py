"""What the last look at the verdicts found, for those who only show it and need no statistics for that."""

from __future__ import annotations

import json
from typing import Any

from aivsreal.bundle import data_folder

STATE = "monitor.json"


def latest_state() -> dict[str, Any] | None:
    """Return the last report as plain values; None where there is none that can be read."""
    try:
        state = json.loads((data_folder() / STATE).read_bytes())
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) else None
