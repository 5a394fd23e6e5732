"""How good a model is: measured through the exported bundle, exactly as a user meets it.

    from aivsreal.evaluation import evaluate
    metrics_json = evaluate("photos", load_set("data/photos"), split="test", out="report")

Names are imported on first use: they need scipy and matplotlib, which a light installation does not have.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aivsreal.errors import MissingDependency

if TYPE_CHECKING:
    from aivsreal.evaluation.calibration import calibrate
    from aivsreal.evaluation.measurement import evaluate
    from aivsreal.evaluation.record import record_figures

__all__ = ["calibrate", "evaluate", "record_figures"]

_HOMES = {
    "calibrate": "aivsreal.evaluation.calibration",
    "evaluate": "aivsreal.evaluation.measurement",
    "record_figures": "aivsreal.evaluation.record",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'aivsreal.evaluation' has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("aivsreal"):
            raise
        package = (error.name or "a package").partition(".")[0]
        raise MissingDependency(
            f"measuring a model needs {package}, which is not installed", hint="pip install 'aivsreal[train]'"
        ) from error
