"""How large a file and a picture may be; checked before the memory for it is spent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from aivsreal.errors import UnreadableImage, UsageError


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest file (bytes) and picture (pixels, and pixels along one side) that is opened."""

    max_bytes: int = 100 * 2**20
    max_pixels: int = 120_000_000
    max_side: int = 30_000

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Limits:
        """Return the limits that AIVSREAL_MAX_BYTES, _MAX_PIXELS and _MAX_SIDE set; defaults for the rest.

        Raises: UsageError.
        """
        names = {field.name: f"AIVSREAL_{field.name.upper()}" for field in fields(cls)}
        return cls(
            **{key: _whole(name, environment[name]) for key, name in names.items() if name in environment}
        )

    def check_bytes(self, n_bytes: int) -> None:
        """Pass a file of this size. Raises: UnreadableImage."""
        if n_bytes > self.max_bytes:
            raise UnreadableImage(
                f"this file has {n_bytes:,} bytes; the limit is {self.max_bytes:,}",
                hint="save it smaller, or raise the limit with AIVSREAL_MAX_BYTES",
            )

    def check_size(self, width: int, height: int) -> None:
        """Pass a picture that its header says is this large. Raises: UnreadableImage."""
        if max(width, height) > self.max_side:
            raise UnreadableImage(
                f"this picture is {width:,} x {height:,} pixels; the limit for a side is {self.max_side:,}",
                hint="save it smaller, or raise the limit with AIVSREAL_MAX_SIDE",
            )
        if width * height > self.max_pixels:
            raise UnreadableImage(
                f"this picture has {width * height:,} pixels ({width:,} x {height:,}); "
                f"the limit is {self.max_pixels:,}",
                hint="save it smaller, or raise the limit with AIVSREAL_MAX_PIXELS",
            )


DEFAULT_LIMITS = Limits()


def _whole(name: str, text: str) -> int:
    if not (text.strip().isdecimal() and int(text) > 0):
        raise UsageError(
            f"{name} is {text!r}, which is not a whole number above 0", hint=f"for example {name}=1000000"
        )
    return int(text)
