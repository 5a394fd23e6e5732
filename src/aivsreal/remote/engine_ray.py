"""A run's parts spread over a Ray cluster: the one that RAY_ADDRESS names, else one on this machine.

Ray Data hands out the numbers of parts; each worker holds the model, fetches, examines and writes its parts. A
worker that dies is replaced and its part examined anew. The pictures never pass through Ray.
"""

from __future__ import annotations

import logging
import os
import pickle
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

# A run that ends early leaves threads of Ray Data at work for a moment. Without this, what they still ask for
# once our cluster is gone begins another one, and the command hangs, or leaves it behind.
os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")

import ray
import ray.data

from aivsreal.detector import Detector
from aivsreal.errors import AivsrealError, Unreachable, UsageError
from aivsreal.remote.job import Job, PartCount
from aivsreal.remote.parquet_parts import PictureList
from aivsreal.remote.places import why
from aivsreal.remote.reading import rows_of
from aivsreal.threads import available_cores

# How often a part is begun before it is given up: a file may crash a decoder, and its worker with it.
MAX_TRIES = 4
# Only numbers pass through Ray, and its default is a third of the memory.
OBJECT_STORE_BYTES = 100 * 2**20


class Tries:
    """How often workers began each part. Ray by itself gives a dead worker's part to the next without end."""

    def __init__(self) -> None:
        self._begun: Counter[int] = Counter()

    def begin(self, number: int) -> int:
        """Return how often a part was begun, with this time."""
        self._begun[number] += 1
        return self._begun[number]


def examine_with_ray(
    job: Job, pending: Sequence[int], workers: int | None
) -> Generator[PartCount, None, None]:
    """Yield what came out of each part as it is done, in any order; parts that were given up are left out.

    workers: default: one a core of the cluster
    Raises: what a worker cannot go on with; UsageError where the cluster has no core; Unreachable where there is none.
    """
    with _cluster(workers) as cores:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.max_errored_blocks = -1
        tries = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Tries).remote()
        parts = [{"part": number} for number in pending]
        # Tasks, not actors: with an actor its waiting parts die, too, and Ray warns of each that may restart.
        examined = ray.data.from_items(parts, override_num_blocks=len(parts)).map_batches(
            examine_part,  # type: ignore[arg-type]  # Ray's types know of no fn_args
            fn_args=(pickle.dumps(job), tries),
            batch_size=1,
            compute=ray.data.TaskPoolStrategy(size=min(workers or cores, len(parts))),
            num_cpus=1,
        )
        for row in examined.iter_rows():
            result: PartCount | AivsrealError | None = pickle.loads(row["result"])
            if isinstance(result, AivsrealError):
                raise result
            if result is not None:
                yield result


def examine_part(batch: dict[str, Any], job: bytes, tries: Any) -> dict[str, list[bytes]]:
    """Return what came out of the one part of a batch, pickled for Arrow; runs in a worker.

    None for a part that is given up, and the error that ends the run: what is raised Ray takes for a fault of
    one part, and goes on to the next.
    """
    number = int(batch["part"][0])
    if ray.get(tries.begin.remote(number)) > MAX_TRIES:
        return {"result": [pickle.dumps(None)]}
    try:
        known, detector, pictures = _held(job)
        rows = rows_of(detector, pictures.part(number), workers=1, waits=known.waits)
        return {"result": [pickle.dumps(known.keep(number, list(rows)))]}
    except AivsrealError as error:
        return {"result": [pickle.dumps(error)]}


@lru_cache(maxsize=1)
def _held(job: bytes) -> tuple[Job, Detector, PictureList]:
    """Return what a worker keeps from one part to the next."""
    known: Job = pickle.loads(job)
    return known, known.detector(), known.pictures()


@contextmanager
def _cluster(workers: int | None) -> Generator[int, None, None]:
    """Give the number of cores of a cluster, begun here and ended again unless there is one."""
    # Ray would otherwise report its use to its makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    begins = not ray.is_initialized()
    if begins:
        # Of a cluster that is there, none of these can be chosen.
        own: dict[str, Any] = {} if "RAY_ADDRESS" in os.environ else _own_cluster(workers)
        _begin(own)
    try:
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        cores = int(resources.get("CPU", 0))
        if cores == 0:
            raise UsageError("the Ray cluster has no core", hint="add a node to it, or unset RAY_ADDRESS")
        yield cores
    finally:
        if begins:
            ray.shutdown()


def _begin(own: dict[str, Any]) -> None:
    """Join or begin a cluster. Raises: Unreachable."""
    try:
        ray.init(logging_level=logging.ERROR, log_to_driver=False, **own)
    # What Ray raises here shares no base but Exception.
    except Exception as error:
        raise Unreachable(
            f"there is no Ray cluster at {os.environ.get('RAY_ADDRESS', 'hand')}: {why(error)}",
            hint="check RAY_ADDRESS; unset it for a cluster on this machine",
        ) from error


def _own_cluster(workers: int | None) -> dict[str, Any]:
    # Ray's 15 leaves its workers next to nothing of a busy machine: they took 54 s to start beside six other
    # jobs, and 16 s with 0.
    os.environ.setdefault("RAY_worker_niceness", "0")
    return {
        "num_cpus": workers or available_cores(),
        "object_store_memory": OBJECT_STORE_BYTES,
        "include_dashboard": False,
    }
