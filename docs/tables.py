"""What the scripts share that write tables: where measurements lie, and how a figure is shown."""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def read(name: str) -> Any:
    """Return a measurement of docs/results by its name."""
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def shown(figure: dict[str, float] | None) -> str:
    if not figure or figure.get("value") is None:
        return "-"
    if figure.get("low") is None:
        return f"{figure['value']:.4f}"
    return f"{figure['value']:.4f} ({figure['low']:.4f} to {figure['high']:.4f})"
