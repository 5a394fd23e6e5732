"""A run's parts spread over a Ray cluster: the one that RAY_ADDRESS names, else one on this machine.

Ray Data hands out the numbers of parts; each worker holds the model, fetches, examines and writes its parts. A
worker that dies is replaced and its part examined anew. The pictures never pass through Ray.
"""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
import ray.data

from aivsreal.errors import AivsrealError, UsageError
from aivsreal.remote.job import Job, PartCount
from aivsreal.remote.reading import rows_of
from aivsreal.threads import available_cores

# How often a part may take its worker with it before it is given up: a file may crash a decoder.
MAX_DEATHS = 3
# Only numbers pass through Ray, and its default is a third of the memory.
OBJECT_STORE_BYTES = 100 * 2**20


class Examiner:
    """A worker: one model, one core, part after part."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.detector = job.detector()
        self.pictures = job.pictures()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        """Return what came out of the one part of a batch, or the error that ends the run; pickled, for Arrow."""
        number = int(batch["part"][0])
        try:
            rows = rows_of(self.detector, self.pictures.part(number), workers=1, waits=self.job.waits)
            return {"result": [pickle.dumps(self.job.keep(number, list(rows)))]}
        except AivsrealError as error:
            # Handed back, for what is raised Ray takes for a fault of one part, and goes on to the next.
            return {"result": [pickle.dumps(error)]}


def examine_with_ray(
    job: Job, pending: Sequence[int], workers: int | None
) -> Generator[PartCount, None, None]:
    """Yield what came out of each part as it is done, in any order; parts that were given up are left out.

    workers: default: one a core of the cluster
    Raises: what a worker cannot go on with; UsageError where the cluster has no core.
    """
    with _cluster(workers) as cores:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.max_errored_blocks = -1
        parts = [{"part": number} for number in pending]
        examined = ray.data.from_items(parts, override_num_blocks=len(parts)).map_batches(
            Examiner,
            fn_constructor_args=(job,),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(workers or cores, len(parts))),
            num_cpus=1,
            max_task_retries=MAX_DEATHS,
        )
        for row in examined.iter_rows():
            result: PartCount | AivsrealError = pickle.loads(row["result"])
            if isinstance(result, AivsrealError):
                raise result
            yield result


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
        ray.init(logging_level=logging.ERROR, log_to_driver=False, **own)
    try:
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        cores = int(resources.get("CPU", 0))
        if cores == 0:
            raise UsageError("the Ray cluster has no core", hint="add a node to it, or unset RAY_ADDRESS")
        yield cores
    finally:
        if begins:
            ray.shutdown()


def _own_cluster(workers: int | None) -> dict[str, Any]:
    return {
        "num_cpus": workers or available_cores(),
        "object_store_memory": OBJECT_STORE_BYTES,
        "include_dashboard": False,
    }
