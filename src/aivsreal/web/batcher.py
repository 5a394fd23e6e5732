"""A bounded queue of jobs and the threads that work on them; what does not fit is refused at once.

What arrives together is worked on side by side, one core a job, as `Detector.predict_many` does; a job that
is alone gets every core. A graph of eight bits runs one view at a time, so that a larger batch would gain
nothing. A job that takes too long is given up: its thread cannot be stopped, so another takes its place, as
long as there are not too many of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Event, Thread
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class QueueFull(Exception):
    """There is no room for these jobs now, or they waited too long."""


class TookTooLong(Exception):
    """A job was given up."""


@dataclass(eq=False)
class Job(Generic[_Item, _Result]):
    """An item, what comes of it, and whether a thread has begun."""

    item: _Item
    future: Future[_Result] = field(default_factory=Future)
    begun: Event = field(default_factory=Event)
    given_up: bool = False


class Batcher(Generic[_Item, _Result]):
    """Threads that call work(item, cores), and the queue before them."""

    def __init__(
        self,
        work: Callable[[_Item, int], _Result],
        *,
        cores: int,
        capacity: int,
        watch: Callable[[int], None] = lambda _: None,
    ) -> None:
        """watch: called with the number of jobs that wait whenever it has changed."""
        self._work, self._cores, self._capacity, self._watch = work, cores, capacity, watch
        self._waiting: deque[Job[_Item, _Result]] = deque()
        self._working = 0
        self._stuck = 0
        self._closed = False
        self._changed = Condition()
        for _ in range(cores):
            self._start()

    def submit(self, items: Sequence[_Item]) -> list[Job[_Item, _Result]]:
        """Return a job for each item, all of them taken in or none. Raises: QueueFull."""
        jobs: list[Job[_Item, _Result]] = [Job(item) for item in items]
        with self._changed:
            if self._closed or len(self._waiting) + len(jobs) > self._capacity + self._idle():
                raise QueueFull
            self._waiting.extend(jobs)
            self._watch(len(self._waiting))
            self._changed.notify(len(jobs))
        return jobs

    def result(self, job: Job[_Item, _Result], *, wait: float, work: float) -> _Result:
        """Return what came of a job, or raise what it raised.

        wait, work: most seconds in the queue and under work. Raises: QueueFull, TookTooLong.
        """
        if not job.begun.wait(wait) and job.future.cancel():
            self._forget(job)
            raise QueueFull
        try:
            return job.future.result(work)
        except TimeoutError:
            if job.future.done():  # the work itself raised one
                raise
            self._give_up(job)
            raise TookTooLong from None

    def cancel(self, jobs: Sequence[Job[_Item, _Result]]) -> None:
        """Take out of the queue whichever of these jobs still wait."""
        for job in jobs:
            if job.future.cancel():
                self._forget(job)

    @property
    def waiting(self) -> int:
        """Jobs that no thread has begun."""
        return len(self._waiting)

    @property
    def works(self) -> bool:
        """Whether a thread is left that is not stuck in a job that was given up."""
        return self._stuck < 2 * self._cores

    def close(self) -> None:
        """Finish what was taken in, and stop; what was given up is not waited for."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting and not self._working)

    def _idle(self) -> int:
        return max(0, self._cores - self._working)

    def _start(self) -> None:
        # A daemon: the process must be able to end although a decoder is stuck.
        Thread(target=self._run, name="aivsreal-examine", daemon=True).start()

    def _run(self) -> None:
        while (taken := self._next()) is not None:
            job, cores = taken
            try:
                result = self._work(job.item, cores)
            except BaseException as error:
                job.future.set_exception(error)
            else:
                job.future.set_result(result)
            if self._finished(job):
                return

    def _next(self) -> tuple[Job[_Item, _Result], int] | None:
        """Return the next job and the cores it may use; None when the threads shall stop."""
        with self._changed:
            while True:
                while self._waiting:
                    job = self._waiting.popleft()
                    self._watch(len(self._waiting))
                    if job.future.set_running_or_notify_cancel():
                        self._working += 1
                        alone = self._working == 1 and not self._waiting
                        job.begun.set()
                        return job, self._cores if alone else 1
                if self._closed:
                    return None
                self._changed.wait()

    def _finished(self, job: Job[_Item, _Result]) -> bool:
        """Count a job as done; return whether another thread has taken this one's place."""
        with self._changed:
            if job.given_up:
                self._stuck -= 1
                return True
            self._working -= 1
            self._changed.notify_all()
            return False

    def _give_up(self, job: Job[_Item, _Result]) -> None:
        with self._changed:
            if job.future.done() or job.given_up:
                return
            job.given_up = True
            self._stuck += 1
            self._working -= 1
            self._changed.notify_all()
            if self.works:
                self._start()

    def _forget(self, job: Job[_Item, _Result]) -> None:
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)
                self._watch(len(self._waiting))
