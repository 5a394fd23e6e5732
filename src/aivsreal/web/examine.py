"""From uploaded files to remembered verdicts: here is the one Detector, and the way that all verdicts take.

    examiner = Examiner(detector, store, settings)
    results = examiner.examine([Upload("photo.jpg", stream)], owner=owner, heatmap=True)

Each result is an `Examination`, or an error for people where there is none. `Examiner.detector` is read anew
for every picture: whoever replaces it changes the model for what comes next, and where no model was named it is
the promoted one. `Examiner.remember` is the one function through which every verdict passes; there it is also
recorded for surveillance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import IO

import numpy as np
from numpy.typing import NDArray

from aivsreal.bundle import Bundle
from aivsreal.detector import Detector
from aivsreal.errors import AivsrealError, UnreadableImage, printable
from aivsreal.files import atomic_write_bytes
from aivsreal.heatmap import overlay
from aivsreal.images import encode, open_picture, resize
from aivsreal.living.record import FOLDER as RECORDS
from aivsreal.living.record import Recorder
from aivsreal.living.serving import LiveDetector
from aivsreal.verdict import Verdict
from aivsreal.web.batcher import Batcher, Job, QueueFull, TookTooLong
from aivsreal.web.metrics import Metrics
from aivsreal.web.regions import region_means, strongest_region
from aivsreal.web.settings import Settings
from aivsreal.web.store import Examination, Preview, Store, new_id

PREVIEW_SIDE = 800
# JPEG takes a sixteenth of the time that WebP does, and half as many bytes more.
PREVIEW_QUALITY = 80
LONGEST_NAME = 200
UPLOADS = "uploads"


class Busy(AivsrealError):
    """Too many pictures wait already."""


@dataclass(frozen=True, eq=False)
class Upload:
    """A file as it came: the name that its sender gave it, and its bytes, still where the server put them."""

    name: str
    stream: IO[bytes]


@dataclass(frozen=True, eq=False)
class Examined:
    """A verdict, and the small copies to remember."""

    verdict: Verdict
    preview: Preview
    bundle: Bundle


class Examiner:
    """Examines what is uploaded, a few pictures at a time, and remembers what came out."""

    def __init__(
        self, model: Detector | LiveDetector, store: Store, settings: Settings, metrics: Metrics
    ) -> None:
        """model: one detector, or the one in use, whichever that is."""
        self.model = model
        self.recorder = Recorder(settings.folder / RECORDS) if settings.record else None
        self.store = store
        self.settings = settings
        self.metrics = metrics
        self.batcher: Batcher[tuple[Upload, bool], Examined] = Batcher(
            self._work, cores=self.detector.threads, capacity=settings.queue, watch=metrics.waiting.set
        )

    @property
    def detector(self) -> Detector:
        """The detector for the next picture."""
        return self.model.get() if isinstance(self.model, LiveDetector) else self.model

    def examine(
        self, uploads: Sequence[Upload], *, owner: str | None, heatmap: bool
    ) -> list[Examination | AivsrealError]:
        """Return for each upload what is remembered of it, or why there is no verdict.

        Raises: Busy where there is no room in the queue for all of them.
        """
        try:
            jobs = self.batcher.submit([(upload, heatmap) for upload in uploads])
        except QueueFull:
            raise _busy() from None
        try:
            results = [self._outcome(job, owner) for job in jobs]
        finally:
            self.batcher.cancel(jobs)
        for result in results:
            self.metrics.count(result)
        return results

    def remember(self, upload: Upload, examined: Examined, owner: str | None) -> Examination:
        """Return the verdict as it is remembered from now on. Every verdict passes here."""
        now, verdict = datetime.now(UTC), examined.verdict
        preview_expires = now + timedelta(hours=self.settings.preview_hours)
        examination = Examination(
            id=new_id(),
            owner=owner,
            created=now,
            expires=max(now + timedelta(days=self.settings.record_days), preview_expires),
            name=shown_name(upload.name),
            verdict={
                **verdict.as_json(),
                "path": None,
                "probability_ai": verdict.probability_ai,
                "logit": verdict.logit,
                "regions": None if verdict.heatmap is None else region_means(verdict.heatmap),
                "strongest": None if verdict.heatmap is None else strongest_region(verdict.heatmap),
            },
            kept=self._keep(upload) if self.settings.keep_uploads else None,
            preview_expires=preview_expires,
            has_heatmap=examined.preview.heatmap is not None,
        )
        try:
            self.store.add(examination, examined.preview, preview_expires)
        except Exception:
            self._drop(examination.kept)
            raise
        if self.recorder:
            self.recorder.add(verdict, examined.bundle, when=now)
        return examination

    def forget(self, id: str, owner: str | None) -> bool:
        """Delete an examination with all that was kept of it; return whether there was one."""
        # The file goes first: what is cut off between the two is done again by the next purge.
        found = self.store.get(id, owner)
        if found is None:
            return False
        self._drop(found.kept)
        return self.store.delete(id, owner)

    def forget_all(self, owner: str) -> None:
        """Delete all that an owner has examined, also what is beyond the length of a list."""
        while ids := [one.id for one in self.store.list_of(owner)]:
            if not sum(self.forget(id, owner) for id in ids):
                return

    def purge(self) -> None:
        """Delete what has expired."""
        for name in self.store.expired_files():
            self._drop(name)
        self.store.purge()

    def close(self) -> None:
        """Finish what was accepted, and stop."""
        self.batcher.close()
        self.store.close()

    def _outcome(
        self, job: Job[tuple[Upload, bool], Examined], owner: str | None
    ) -> Examination | AivsrealError:
        try:
            examined = self.batcher.result(
                job, wait=self.settings.queue_seconds, work=self.settings.examine_seconds
            )
        except QueueFull:
            return _busy()
        except TookTooLong:
            return UnreadableImage(
                f"this picture took longer than {self.settings.examine_seconds:g} seconds",
                hint="save it again as an ordinary JPEG, or smaller",
            )
        except AivsrealError as error:
            return error
        return self.remember(job.item[0], examined, owner)

    def _work(self, item: tuple[Upload, bool], cores: int) -> Examined:
        """Return what is seen in one upload; called in a thread of the batcher, which reads the file."""
        upload, heatmap = item
        start, detector = perf_counter(), self.detector
        data = upload.stream.read()
        picture = detector.open(data)
        verdict = detector.predict_picture(picture, heatmap=heatmap, threads=cores)
        verdict = replace(verdict, seconds=perf_counter() - start)
        shown = picture.pixels
        if picture.scale < 1 and max(shown.shape) < PREVIEW_SIDE:
            # This model needs fewer pixels of a JPEG than people do.
            shown = open_picture(data, limits=detector.limits, short_side=PREVIEW_SIDE).pixels
        return Examined(verdict, make_preview(shown, verdict.heatmap), detector.bundle)

    def _keep(self, upload: Upload) -> str:
        name = new_id()
        upload.stream.seek(0)
        atomic_write_bytes(self._kept(name), upload.stream.read())
        return name

    def _drop(self, name: str | None) -> None:
        if name:
            self._kept(name).unlink(missing_ok=True)

    def _kept(self, name: str) -> Path:
        return self.settings.folder / UPLOADS / name


def make_preview(pixels: NDArray[np.uint8], heatmap: NDArray[np.float32] | None) -> Preview:
    """Return JPEG copies at most PREVIEW_SIDE long of uint8 [h, w, 3] and of the heat map laid over it."""
    height, width = pixels.shape[:2]
    share = min(1.0, PREVIEW_SIDE / max(height, width))
    small = resize(pixels, (max(1, round(width * share)), max(1, round(height * share))))
    laid = None if heatmap is None else overlay(small, heatmap)
    return Preview(_jpeg(small), None if laid is None else _jpeg(laid))


def shown_name(name: str) -> str:
    """Return a sender's file name to be shown: its last part, in one printable line, not too long."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return printable(last)[:LONGEST_NAME]


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    return encode(pixels, format="JPEG", quality=PREVIEW_QUALITY)


def _busy() -> Busy:
    return Busy("too many pictures wait already", hint="try again in a few seconds")
