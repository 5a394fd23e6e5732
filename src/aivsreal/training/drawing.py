"""How figures are coloured and written, from a run's curves to a report's plots."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from aivsreal.files import atomic_write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's, apart for every eye and in grey.
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
_DPI = 120


def write_figure(path: Path, figure: Figure) -> bytes:
    """Return the PNG of a figure after it stands at `path`. Raises: CannotWrite."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, facecolor="white")
    atomic_write_bytes(path, buffer.getvalue())
    return buffer.getvalue()
