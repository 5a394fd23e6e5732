"""One picture from wherever it lies to a row: fetched with patience, examined, and told of whatever came of it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aivsreal.detector import Detector
from aivsreal.errors import AivsrealError, Unreachable, UnreadableImage, printable
from aivsreal.images import Limits
from aivsreal.remote.outages import Outages
from aivsreal.remote.places import WAITS, WEB, is_local, is_passing, opened, patiently, why
from aivsreal.threads import in_order

# Fetches at a time for each picture that is examined: a GET takes some 50 ms, a picture 15 to 200.
READERS = 4
AHEAD = 3


@dataclass(frozen=True)
class Fetched:
    """A picture on its way: what the detector takes (a path, or bytes), or why it could not be had."""

    place: str
    source: str | bytes | None
    error: AivsrealError | None = None


def rows_of(
    detector: Detector, places: Iterable[str], *, workers: int, waits: Sequence[float] = WAITS
) -> Generator[dict[str, Any], None, None]:
    """Yield a row for each place, in their order: `Verdict.as_json` or `Failure.as_json`, and `unreachable`.

    workers: pictures examined at a time, each by one thread; more are fetched meanwhile
    unreachable: whether the picture could not be had, which another time may bring
    """
    outages = Outages()
    fetched = in_order(
        lambda place: fetch(place, detector.limits, waits=waits, outages=outages),
        places,
        threads=READERS * workers,
        ahead=AHEAD,
        name="aivsreal-fetch",
    )
    try:
        yield from in_order(
            lambda got: _row(detector, got), fetched, threads=workers, ahead=AHEAD, name="aivsreal-predict"
        )
    finally:
        fetched.close()


def fetch(
    place: str, limits: Limits, *, waits: Sequence[float] = WAITS, outages: Outages | None = None
) -> Fetched:
    """Return a picture's bytes (of a local one its path), tried again after each of `waits` seconds.

    outages: what is known of web servers from the pictures before
    """
    if is_local(place):
        return Fetched(place, place.removeprefix("file://"))
    outages = outages or Outages()
    began, patience = outages.now(), outages.waits(place, waits)
    if patience is None:
        return Fetched(place, None, _not_had(place, TimeoutError("its server has not answered for a while")))
    try:
        data = patiently(lambda: _bytes_at(place, limits), waits=patience)
    except AivsrealError as error:
        return Fetched(place, None, error)
    # Storage packages' exceptions share no base but Exception.
    except Exception as error:
        outages.failed(place, error, began)
        return Fetched(place, None, _not_had(place, error))
    outages.answered(place)
    return Fetched(place, data)


def _not_had(place: str, error: Exception) -> AivsrealError:
    if is_passing(error):
        return Unreachable(f"{place} cannot be reached: {why(error)}", hint="repeat the command to try again")
    return UnreadableImage(f"{place} cannot be read: {why(error)}", hint="check the address")


def _bytes_at(place: str, limits: Limits) -> bytes:
    """Return all bytes at a URL, of which at most one more than the limit is fetched."""
    filesystem, path = opened(place)
    most = limits.max_bytes + 1
    if place.startswith(WEB):
        data = _streamed(filesystem, path, most)
    else:
        data = filesystem.cat_file(path, start=0, end=most)
    limits.check_bytes(len(data))
    return bytes(data)


def _streamed(filesystem: Any, url: str, most: int) -> bytes:
    """Return what a web server sends, which need not heed a range; naming a size spares asking for it first."""
    parts, left = [], most
    with filesystem.open(url, block_size=0, size=1) as stream:
        while left > 0 and (part := stream.read(min(left, 2**20))):
            parts.append(part)
            left -= len(part)
    return b"".join(parts)


def _row(detector: Detector, got: Fetched) -> dict[str, Any]:
    """Return what is to be kept of one picture: whatever happens to it, the others go on."""
    if got.source is None:
        assert got.error is not None
        return _failure(detector, got.place, got.error)
    try:
        verdict = detector.predict(got.source)
    except AivsrealError as error:
        return _failure(detector, got.place, error)
    except Exception as error:
        fault = AivsrealError(
            f"unexpected {type(error).__name__}: {str(error)[:300]}", hint="a fault of the program: report it"
        )
        return _failure(detector, got.place, fault)
    return {**verdict.as_json(), "path": printable(got.place), "unreachable": False}


def _failure(detector: Detector, place: str, error: AivsrealError) -> dict[str, Any]:
    return {
        "path": printable(place),
        "verdict": None,
        "model": detector.bundle.title,
        "error": error.reason,
        "hint": error.hint,
        "unreachable": isinstance(error, Unreachable),
    }
