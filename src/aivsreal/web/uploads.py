"""A request's body to the pictures in it: a form's files of the field `image`, or the body itself."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from flask import request

from aivsreal.web.examine import Upload
from aivsreal.web.problems import Problem
from aivsreal.web.settings import Settings

FIELD = "image"
FORM = "multipart/form-data"
RAW_TYPES = ("image/", "application/octet-stream")
# What is larger waits in a temporary file and not in memory; the same size at which Werkzeug spools forms.
_IN_MEMORY = 500 * 1024


@contextmanager
def uploads(settings: Settings) -> Iterator[list[Upload]]:
    """Give the pictures of this request; what they were spooled to is gone afterwards.

    Raises: Problem 400, 413, 415.
    """
    if request.mimetype == FORM:
        files = request.files.getlist(FIELD)
        chosen = [
            Upload(file.filename or "", file.stream) for file in files if file.filename or file.stream.read(1)
        ]
        for upload in chosen:
            upload.stream.seek(0)
        yield _checked(chosen, settings)
    elif request.mimetype.startswith(RAW_TYPES):
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as body:
            shutil.copyfileobj(request.stream, body)
            empty = body.tell() == 0
            body.seek(0)
            yield _checked([] if empty else [Upload("", body)], settings)
    else:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"a body of the type '{request.mimetype or 'none'}' holds no pictures",
            hint=f"send {FORM} with the field `{FIELD}`, or a picture alone with its type, e.g. image/jpeg",
        )


def _checked(found: list[Upload], settings: Settings) -> list[Upload]:
    if not found:
        raise Problem(400, "there is no picture in this request", hint=f"send it in the field `{FIELD}`")
    if len(found) > settings.max_images:
        raise Problem(
            413,
            f"there are {len(found)} pictures in this request; the limit is {settings.max_images}",
            hint="send them in several requests",
        )
    return found
