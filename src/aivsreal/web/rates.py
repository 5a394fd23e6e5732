"""How many pictures a client may send in a time: counted before its pictures are examined."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from time import time

from flask import request
from limits import RateLimitItem, parse_many
from limits.strategies import MovingWindowRateLimiter

from aivsreal.web import access
from aivsreal.web.counts import open_counts
from aivsreal.web.problems import Problem


class Rates:
    """The limits of an application; without any, everything passes."""

    def __init__(self, limits: str, storage: str) -> None:
        self._limits: Sequence[RateLimitItem] = parse_many(limits) if limits else ()
        self._counts = MovingWindowRateLimiter(open_counts(storage))

    def check(self) -> None:
        """Let a client pass that may send a picture more. Raises: Problem 429."""
        for limit in self._limits:
            if not self._counts.test(limit, "pictures", client()):
                raise self._over(limit)

    def count(self, pictures: int) -> None:
        """Count pictures that a client has sent. Raises: Problem 429 where they are too many."""
        for limit in self._limits:
            if not self._counts.hit(limit, "pictures", client(), cost=pictures):
                raise self._over(limit)

    def _over(self, limit: RateLimitItem) -> Problem:
        window = self._counts.get_window_stats(limit, "pictures", client())
        seconds = max(1, ceil(window.reset_time - time()))
        return Problem(
            429,
            f"a client may send {limit.amount} pictures per {limit.get_expiry()} seconds",
            hint=f"try again in {seconds} seconds",
            retry_after=seconds,
        )


def client() -> str:
    """Return whom pictures are counted for: the API key's holder, or the address that asks."""
    key = access.api_key()
    return f"key:{key.id}" if key else f"address:{request.remote_addr}"
