"""Every error of the web application as RFC 9457 problem details: title, status, detail, and our hint.

raise Problem(404, "there is no such examination", hint="it may have expired")
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, json, request
from werkzeug.exceptions import HTTPException

from aivsreal.errors import AivsrealError, UnreadableImage
from aivsreal.web.examine import Busy

MIMETYPE = "application/problem+json"
RETRY_SECONDS = 2
_log = logging.getLogger("aivsreal.web")

_HINTS = {
    404: "check the address",
    405: "docs at /api/v1/openapi.json list what each address takes",
    413: "send fewer or smaller pictures",
    415: "send multipart/form-data with the field `image`, or the bytes of the picture alone",
    429: "wait before the next upload",
}
_OWN_WORDS = {413: "the request is larger than this server takes"}


class Problem(Exception):
    """A request that cannot be followed: HTTP status, one line why, one line what to do."""

    def __init__(self, status: int, detail: str, *, hint: str, **extra: Any) -> None:
        self.status, self.detail, self.hint, self.extra = status, detail, hint, extra
        super().__init__(detail)

    def as_json(self) -> dict[str, Any]:
        """Return the problem as RFC 9457 has it."""
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "hint": self.hint,
            **self.extra,
        }

    def response(self) -> Response:
        """Return the answer to send."""
        answer = Response(json.dumps(self.as_json()), self.status, mimetype=MIMETYPE)
        if self.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
            answer.headers["Retry-After"] = str(self.extra.get("retry_after", RETRY_SECONDS))
        if self.status == HTTPStatus.UNAUTHORIZED:
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer


def problem_of(error: AivsrealError) -> Problem:
    """Return the problem that an error of ours is to the sender of a request."""
    match error:
        case Busy():
            return Problem(503, error.reason, hint=error.hint)
        case UnreadableImage():
            return Problem(422, error.reason, hint=error.hint)
        case _:
            return Problem(500, error.reason, hint="tell whoever runs this server")


def register(app: Flask) -> None:
    """Answer every error by problem details; the pages make one of them for people out of it."""

    @app.errorhandler(Problem)
    def _problem(error: Problem) -> Response:
        return error.response()

    @app.errorhandler(AivsrealError)
    def _ours(error: AivsrealError) -> Response:
        return problem_of(error).response()

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response | HTTPException:
        status = error.code or 500
        if error.response is not None or status < HTTPStatus.BAD_REQUEST:
            return error  # a redirect, or an answer that was made already
        answer = _of_http(status).response()
        for name, value in error.get_headers():
            if name == "Allow":
                answer.headers[name] = value
        return answer

    @app.errorhandler(Exception)
    def _fault(error: Exception) -> Response:
        _log.error("fault while answering %s %s", request.method, request.path, exc_info=error)
        hint = "tell whoever runs this server; its log says more"
        return Problem(500, "this server made a mistake", hint=hint).response()


def _of_http(status: int) -> Problem:
    why = _OWN_WORDS.get(status) or HTTPStatus(status).description or HTTPStatus(status).phrase
    return Problem(status, _sentence(why), hint=_HINTS.get(status, "check the request"))


def _sentence(text: str) -> str:
    return text[:1].lower() + text[1:]
