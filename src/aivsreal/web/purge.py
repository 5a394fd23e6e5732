"""A thread that deletes what has expired, now and then, whether or not anybody uploads."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread

EVERY_SECONDS = 300.0
_log = logging.getLogger("aivsreal.web")


class Purger:
    """Calls `purge` at once and again every few minutes, until closed."""

    def __init__(self, purge: Callable[[], None], every: float = EVERY_SECONDS) -> None:
        self._purge, self._every = purge, every
        self._closing = Event()
        self._thread = Thread(target=self._run, name="aivsreal-purge", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, after the purge under way."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self._purge()
            except Exception:  # the database may be back the next time
                _log.exception("what has expired could not be deleted")
            if self._closing.wait(self._every):
                return
