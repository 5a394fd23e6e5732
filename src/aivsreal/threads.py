"""Work on many things at once, in order, with only a few in flight: what keeps memory flat on any number."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(
    work: Callable[[_Item], _Result],
    items: Iterable[_Item],
    *,
    threads: int,
    ahead: int,
    name: str = "aivsreal",
) -> Generator[_Result, None, None]:
    """Yield work(item) in the order of the items, `threads` at a time and `ahead` items a thread in flight.

    name: what the threads are called in a debugger
    When the caller stops, or is interrupted, what waits is dropped and what runs is waited for.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    under_way: deque[Future[_Result]] = deque()
    try:
        for item in items:
            under_way.append(pool.submit(work, item))
            if len(under_way) >= ahead * threads:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
