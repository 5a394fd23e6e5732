"""The model that a running server uses: when another is promoted, it is loaded beside and then taken over."""

from __future__ import annotations

import os
from threading import Lock, Thread
from typing import Any

from aivsreal.bundle import POINTER, data_folder
from aivsreal.detector import Detector
from aivsreal.errors import AivsrealError


class LiveDetector:
    """Gives the detector of the model in use to many threads; no call waits while another is loaded.

    Whoever holds the detector before goes on with it to the end. A promoted model that cannot be loaded is
    told in `problem`, and the one before stays.
    """

    def __init__(self, **options: Any) -> None:
        """Load the model in use; options: of `Detector.load`. Raises: BadBundle."""
        self.problem: str | None = None
        self._options = options
        self._seen = _signature()
        self._detector = Detector.load(**options)
        self._lock = Lock()
        self._loader: Thread | None = None

    def get(self) -> Detector:
        """Return the detector to use for the next picture. Costs one look at one file's date."""
        if _signature() != self._seen:
            self._begin_loading()
        return self._detector

    def wait(self) -> None:
        """Return when a loading that is under way has ended."""
        if loader := self._loader:
            loader.join()

    def _begin_loading(self) -> None:
        with self._lock:
            if self._loader is None or not self._loader.is_alive():
                self._loader = Thread(target=self._take_over, name="aivsreal-take-over", daemon=True)
                self._loader.start()

    def _take_over(self) -> None:
        # Read before loading: a change that comes meanwhile is then seen by the next call.
        signature = _signature()
        try:
            self._detector = Detector.load(**self._options)
            self.problem = None
        except AivsrealError as error:
            self.problem = f"the promoted model is not used: {error.reason}"
        self._seen = signature


def _signature() -> tuple[int, int] | None:
    """Return what changes whenever the pointer is replaced; None where nothing was ever promoted."""
    try:
        found = os.stat(data_folder() / POINTER)  # noqa: PTH116 - the result is wanted, not a path's
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
