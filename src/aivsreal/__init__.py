"""Tell photographs from AI-generated images, say how sure, and say so when it cannot be told.

    from aivsreal import Detector
    verdict = Detector.load().predict("photo.jpg")

Names are imported on first use, so that `import aivsreal` itself costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aivsreal.detector import Detector, Failure
    from aivsreal.errors import AivsrealError
    from aivsreal.verdict import Verdict

__version__ = "0.1.0"
__all__ = ["AivsrealError", "Detector", "Failure", "Verdict", "__version__"]

_HOMES = {
    "AivsrealError": "aivsreal.errors",
    "Detector": "aivsreal.detector",
    "Failure": "aivsreal.detector",
    "Verdict": "aivsreal.verdict",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'aivsreal' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
