"""A request's body to the pictures in it: a form's files of the field `image`, or the body itself."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from threading import BoundedSemaphore

from flask import current_app, request

from aivsreal.web.examine import Upload
from aivsreal.web.problems import Problem
from aivsreal.web.settings import Settings

FIELD = "image"
FORM = "multipart/form-data"
RAW_EXAMPLES = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/avif",
    "image/heic",
    "application/octet-stream",
)
RAW_TYPES = ("image/", "application/octet-stream")
# What is larger waits in a temporary file and not in memory; the same size at which Werkzeug spools forms.
_IN_MEMORY = 500 * 1024


class Door:
    """Lets so many uploads in at a time, that slow ones leave threads for everything else."""

    def __init__(self, places: int) -> None:
        self._places = BoundedSemaphore(places)

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Hold a place. Raises: Problem 503 where none is free."""
        if not self._places.acquire(blocking=False):
            raise Problem(503, "too many uploads are under way already", hint="try again in a few seconds")
        try:
            yield
        finally:
            self._places.release()


@contextmanager
def uploads(settings: Settings) -> Iterator[list[Upload]]:
    """Give the pictures of this request; what they were spooled to is gone afterwards.

    Raises: Problem 400, 408, 413, 415, 429, 503.
    """
    parts = current_app.extensions["aivsreal"]
    parts.rates.check()
    with parts.door.passed(), _body(settings) as found:
        _check(found, settings)
        parts.rates.count(len(found))
        yield found


@contextmanager
def _body(settings: Settings) -> Iterator[list[Upload]]:
    _allow_body(settings.body_seconds)
    if request.mimetype == FORM:
        # A form whose file field was left empty sends a file without a name.
        yield [Upload(file.filename, file.stream) for file in request.files.getlist(FIELD) if file.filename]
    elif request.mimetype.startswith(RAW_TYPES):
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as body:
            shutil.copyfileobj(request.stream, body)
            size = body.tell()
            if size < (request.content_length or 0):
                raise Problem(408, "the picture did not arrive in time", hint="send it again, or smaller")
            body.seek(0)
            yield [Upload("", body)] if size else []
    else:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"a body of the type '{request.mimetype or 'none'}' holds no pictures",
            hint=f"send {FORM} with the field `{FIELD}`, or a picture alone with its type, e.g. image/jpeg",
        )


def _allow_body(seconds: float) -> None:
    """Give the client time to send its body where the server has a say in it; see `clients.py`."""
    allow = getattr(request.environ.get("gunicorn.socket"), "allow", None)
    if allow:
        allow(seconds)


def _check(found: list[Upload], settings: Settings) -> None:
    if not found:
        raise Problem(400, "there is no picture in this request", hint=f"send it in the field `{FIELD}`")
    if len(found) > settings.max_images:
        raise Problem(
            413,
            f"there are {len(found)} pictures in this request; the limit is {settings.max_images}",
            hint="send them in several requests",
        )
