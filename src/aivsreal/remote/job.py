"""A long run over pictures anywhere, part after part, and on from where it stopped.

What lies in the output folder beside the plan:

    verdicts/part-*.parquet   a row a picture; a part is written whole, and one that is there is done
    _again/part-*             marks a part with pictures that could not be reached: examined anew next time
    _done.json                how it ended, once every part is there

A part's name and rows follow from the list of pictures alone, so that a part which is examined twice, by two
workers or after one was killed, is the same file written twice.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby, tee
from pathlib import Path
from typing import Any, Literal

from aivsreal.bundle import load_bundle
from aivsreal.detector import Detector
from aivsreal.errors import BadBundle, MissingDependency, Unreachable
from aivsreal.images import Limits
from aivsreal.remote.parquet_parts import PictureList, verdicts_file, verdicts_in
from aivsreal.remote.places import WAITS
from aivsreal.remote.plan import PICTURES, Plan, settle_plan, wish_for
from aivsreal.remote.reading import rows_of
from aivsreal.remote.store import Store
from aivsreal.threads import available_cores

Engine = Literal["ray"]

VERDICTS, AGAIN, DONE = "verdicts", "_again", "_done.json"
# Pictures a part. What a killed worker loses is at most a part: 256 take half a minute on one core.
PART_SIZE = 256


@dataclass(frozen=True)
class PartCount:
    """What came out of one part: pictures by verdict, without one, and of these not reached."""

    number: int
    words: dict[str, int]
    failed: int
    unreachable: int

    @property
    def pictures(self) -> int:
        """How many pictures it has."""
        return sum(self.words.values()) + self.failed


@dataclass
class Outcome:
    """How a run stands: pictures by verdict, without one, and parts that were given up."""

    model: str
    pictures: int
    words: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    unreachable: int = 0
    unfinished: list[int] = field(default_factory=list)

    def add(self, part: PartCount) -> None:
        """Count one part."""
        self.words.update(part.words)
        self.failed += part.failed
        self.unreachable += part.unreachable

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**vars(self), "words": dict(self.words)}

    @property
    def seen(self) -> int:
        """How many pictures have a row."""
        return self.words.total() + self.failed


@dataclass(frozen=True)
class Job:
    """All that a worker on any machine must know to examine parts of a run."""

    store: Store
    model: Path
    seal: str
    fast: bool
    limits: Limits
    waits: Sequence[float]

    def detector(self) -> Detector:
        """Return the detector, a thread a picture. Raises: BadBundle where this machine has another model."""
        bundle = load_bundle(self.model)
        if bundle.card.seal != self.seal:
            raise BadBundle(
                f"{bundle.folder} on this machine is not the model that the run began with",
                hint="put the same model in the same place on every machine",
            )
        return Detector(bundle, threads=1, limits=self.limits, fast=self.fast)

    def pictures(self) -> PictureList:
        """Return the list of the run's pictures."""
        return PictureList(self.store.open(PICTURES))

    def keep(self, number: int, rows: list[dict[str, Any]]) -> PartCount:
        """Return what is in a part once it is written. Raises: Unreachable where nothing in it could be had."""
        count = _counted(number, [(row["verdict"], row["unreachable"]) for row in rows])
        if count.unreachable == len(rows):
            raise Unreachable(
                f"none of {len(rows)} pictures in turn can be reached; the first: {rows[0]['error']}",
                hint="check network and login, then repeat the command: it goes on where it stopped",
            )
        mark = f"{AGAIN}/{_stem(number)}"
        if count.unreachable:
            # Before the part: without its mark the part would pass for done if we were killed in between.
            self.store.write(mark, b"\n")
        self.store.write(f"{VERDICTS}/{_stem(number)}.parquet", verdicts_file(rows))
        if not count.unreachable:
            self.store.remove(mark)
        return count


def examine(
    locations: Iterable[str],
    out: str,
    *,
    model: str | Path | None = None,
    fast: bool = False,
    engine: Engine | None = None,
    workers: int | None = None,
    recursive: bool = True,
    part_size: int = PART_SIZE,
    limits: Limits | None = None,
    waits: Sequence[float] = WAITS,
    begun: Callable[[Plan, Outcome], object] = lambda _plan, _outcome: None,
    advance: Callable[[PartCount], object] = lambda _part: None,
) -> Outcome:
    """Return how it stands after every picture at `locations` has a row in parquet files below `out`.

    A run that stopped goes on with the pictures that were found when it began; those that could not be reached
    are tried again.
    engine: "ray" for a Ray cluster; else this process
    workers: pictures at a time (default: one a core that there is)
    waits: seconds before each further try to fetch a picture
    begun, advance: told how the run stands when it begins or goes on, then of each part done
    Raises: UsageError, BadData, BadBundle, MissingDependency, Unreachable, CannotWrite.
    """
    store, limits, named = Store(out), limits or Limits.from_environment(), list(locations)
    bundle = load_bundle(model)
    wish = wish_for(named, bundle, recursive=recursive, fast=fast, limits=limits)
    plan = settle_plan(store, wish, named, part_size)
    done = _parts_there(store) - _marked(store)
    outcome = Outcome(plan.wish.model, plan.pictures)
    for number in sorted(done):
        outcome.add(_counted(number, verdicts_in(store.open(f"{VERDICTS}/{_stem(number)}.parquet"))))
    begun(plan, outcome)
    job = Job(store, bundle.folder.absolute(), bundle.card.seal, fast, limits, tuple(waits))
    pending = [number for number in range(plan.parts) if number not in done]
    with closing(_examined(job, pending, engine, workers)) as parts:
        for part in parts:
            outcome.add(part)
            advance(part)
    outcome.unfinished = sorted(set(pending) - _parts_there(store))
    if not outcome.unfinished:
        store.write(DONE, (json.dumps(outcome.as_json(), indent=2) + "\n").encode())
    return outcome


def _examined(
    job: Job, pending: Sequence[int], engine: Engine | None, workers: int | None
) -> Generator[PartCount, None, None]:
    if not pending:
        return
    if engine == "ray":
        try:
            from aivsreal.remote.engine_ray import examine_with_ray
        except ModuleNotFoundError as error:
            raise MissingDependency(
                f"this engine needs {error.name}, which is not installed", hint="pip install 'aivsreal[ray]'"
            ) from error
        yield from examine_with_ray(job, pending, workers)
    else:
        yield from examine_here(job, pending, workers or available_cores())


def examine_here(job: Job, pending: Iterable[int], workers: int) -> Generator[PartCount, None, None]:
    """Yield what came out of each part, in their order; the pictures flow on from one part into the next."""
    pictures = job.pictures()
    numbered, named = tee((number, place) for number in pending for place in pictures.part(number))
    rows = rows_of(job.detector(), (place for _, place in numbered), workers=workers, waits=job.waits)
    with closing(rows):
        for number, part in groupby(zip(named, rows, strict=True), key=lambda pair: pair[0][0]):
            yield job.keep(number, [row for _, row in part])


def _counted(number: int, rows: Iterable[tuple[str | None, bool]]) -> PartCount:
    """Return what is in a part, given of each row its verdict and whether its picture was not reached."""
    words: Counter[str | None] = Counter()
    unreachable = 0
    for verdict, missed in rows:
        words[verdict] += 1
        unreachable += missed
    failed = words.pop(None, 0)
    return PartCount(number, {str(word): count for word, count in words.items()}, failed, unreachable)


def _parts_there(store: Store) -> set[int]:
    return {_number(name) for name in store.names(VERDICTS)}


def _marked(store: Store) -> set[int]:
    return {_number(name) for name in store.names(AGAIN)}


def _stem(number: int) -> str:
    return f"part-{number:07}"


def _number(name: str) -> int:
    return int(name.removeprefix("part-").removesuffix(".parquet"))
