"""Web servers that do not answer: how long their pictures are tried again, so that a run ends and does not hang.

A server that restarts is waited for, a picture at a time. One that is down for longer is asked now and then only:
its other pictures are not reached at once, and the next run tries them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from urllib.parse import urlsplit

from aivsreal.remote.places import WEB, is_passing

# Seconds of silence after which the pictures of a server are no longer all tried; then it is asked this often.
PATIENCE, AGAIN = 120.0, 10.0


@dataclass
class _Outage:
    since: float
    asked: float


class Outages:
    """What is known of the web servers of a run. Many threads may use it at once."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.now = clock
        self._outages: dict[str, _Outage] = {}

    def waits(self, place: str, usual: Sequence[float]) -> Sequence[float] | None:
        """Return the seconds before each further try of a place; None where it need not be asked now."""
        outage, now = self._outages.get(_server(place)), self.now()
        if outage is None or now - outage.since < PATIENCE:
            return usual
        if now - outage.asked < AGAIN:
            return None
        outage.asked = now
        return ()

    def failed(self, place: str, error: Exception, since: float) -> None:
        """Note that a place was not reached, tried since then; an answer of its server that says so is an answer."""
        # Other storage has errors of its own, and a bucket that asks for patience is no server that is down.
        if place.startswith(WEB) and isinstance(error, OSError) and is_passing(error):
            self._outages.setdefault(_server(place), _Outage(since, self.now()))

    def answered(self, place: str) -> None:
        """Note that the server of a place answered."""
        self._outages.pop(_server(place), None)


def _server(place: str) -> str:
    return urlsplit(place).netloc
