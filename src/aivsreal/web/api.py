"""/api/v1: what programs, and the scripts of our pages, ask for. This docstring is the contract.

    POST   /api/v1/images                  form field `image` (one or many), or a picture as the body;
                                           ?heatmap=1 for the overlay. 201 {"images": [...]} where at least
                                           one picture got a verdict; each is an examination, or
                                           {"name", "error": problem}. 422 where none did.
    GET    /api/v1/images                  the session's or key's examinations, newest first, at most 1,000
    GET    /api/v1/images/{id}             one examination: shapes.ExaminationOut
    GET    /api/v1/images/{id}/preview     JPEG, at most 800 pixels long, until it expires
    GET    /api/v1/images/{id}/heatmap     the same size, heat map laid over the greyed picture
    POST   /api/v1/images/{id}/feedback    {"answer": "real" | "ai" | "not_sure", "remark": ""}
    DELETE /api/v1/images/{id}             204; DELETE /api/v1/images: all of the session's or key's
    GET    /api/v1/export?format=json|csv  the session's or key's list as a file
    GET    /api/v1/model                   the model's card
    GET    /api/v1/openapi.json            all this as an OpenAPI document

What a session or a key made is seen by it alone; to others it does not exist (404). Errors are RFC 9457
problem details with a `hint`; 503 comes with Retry-After. Nothing is ever fetched by URL.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, TypeVar

from flask import Blueprint, Response, current_app, json, request

from aivsreal.errors import AivsrealError
from aivsreal.web import access
from aivsreal.web.examine import Busy, Examiner, shown_name
from aivsreal.web.export import as_csv, as_json
from aivsreal.web.openapi import document, documented
from aivsreal.web.problems import Problem, problem_of
from aivsreal.web.shapes import (
    ExaminationOut,
    ExportQuery,
    FailedImage,
    FeedbackIn,
    ImagesOut,
    ListOut,
    ModelOut,
    OpenAPIOut,
    ProblemOut,
    UploadQuery,
    taken,
)
from aivsreal.web.store import Examination, Preview
from aivsreal.web.uploads import uploads

JPEG = "image/jpeg"
_Thing = TypeVar("_Thing")

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


def examiner() -> Examiner:
    """Return what examines and remembers in the current application."""
    return current_app.extensions["aivsreal"].examiner  # type: ignore[no-any-return]


@blueprint.post("/images")
@documented(201, ImagesOut, errors=(408, 413, 415, 422, 429, 503), query=UploadQuery, pictures=True)
def post_images() -> Response:
    """Examine pictures."""
    heatmap = taken(UploadQuery, request.args.to_dict()).heatmap
    with uploads(examiner().settings) as found:
        results = examiner().examine(found, owner=access.owner(), heatmap=heatmap)
        names = [shown_name(upload.name) for upload in found]
    images = [_outcome(name, result) for name, result in zip(names, results, strict=True)]
    failed = [result for result in results if isinstance(result, AivsrealError)]
    if len(failed) < len(results):
        return _answer(ImagesOut(images=images), HTTPStatus.CREATED)
    first = next((error for error in failed if isinstance(error, Busy)), failed[0])
    problem = problem_of(first)
    problem.extra["images"] = [image.model_dump(mode="json") for image in images]
    raise problem


@blueprint.get("/images")
@documented(200, ListOut)
def list_images() -> Response:
    """List what this session or key has examined."""
    return _answer(ListOut(images=[ExaminationOut.of(one) for one in _mine()]))


@blueprint.delete("/images")
@documented(204)
def delete_images() -> Response:
    """Delete all that this session or key has examined."""
    who = access.owner()
    if who is not None:
        examiner().forget_all(who)
    return Response(status=HTTPStatus.NO_CONTENT)


@blueprint.get("/images/<id>")
@documented(200, ExaminationOut, errors=(404,))
def get_image(id: str) -> Response:
    """Return one examination."""
    return _answer(ExaminationOut.of(_found(examiner().store.get(id, access.owner()))))


@blueprint.delete("/images/<id>")
@documented(204, errors=(404,))
def delete_image(id: str) -> Response:
    """Delete one examination with its preview and feedback."""
    if not examiner().forget(id, access.owner()):
        raise _not_found()
    return Response(status=HTTPStatus.NO_CONTENT)


@blueprint.get("/images/<id>/preview")
@documented(200, errors=(404,), media=(JPEG,))
def get_preview(id: str) -> Response:
    """Return the small copy of the picture."""
    return _picture(_preview(id).preview)


@blueprint.get("/images/<id>/heatmap")
@documented(200, errors=(404,), media=(JPEG,))
def get_heatmap(id: str) -> Response:
    """Return the small copy with the heat map laid over it."""
    return _picture(_preview(id).heatmap)


@blueprint.post("/images/<id>/feedback")
@documented(200, ExaminationOut, errors=(404, 413, 415, 422), takes=FeedbackIn)
def post_feedback(id: str) -> Response:
    """Say whether a verdict was right; said again, it replaces what was said before."""
    said = taken(FeedbackIn, request.get_json())
    found = examiner().store.give_feedback(id, access.owner(), said.answer, said.remark)
    return _answer(ExaminationOut.of(_found(found)))


@blueprint.get("/export")
@documented(200, ListOut, errors=(422,), query=ExportQuery, media=("text/csv",))
def export() -> Response:
    """Return the list of this session or key as a file to keep."""
    form = taken(ExportQuery, request.args.to_dict()).format
    shapes = [ExaminationOut.of(one) for one in _mine()]
    text, mimetype = (as_csv(shapes), "text/csv") if form == "csv" else (as_json(shapes), "application/json")
    answer = Response(text, mimetype=mimetype)
    answer.headers["Content-Disposition"] = f'attachment; filename="aivsreal.{form}"'
    return answer


@blueprint.get("/model")
@documented(200, ModelOut)
def get_model() -> Response:
    """Return what is known of the model that gives the verdicts."""
    detector = examiner().detector
    card = detector.bundle.card
    return _answer(
        ModelOut(
            name=card.name,
            version=card.version,
            summary=card.summary,
            licence=card.licence,
            thresholds=card.thresholds,
            limits=list(card.limits),
            checks_stability=bool(detector.deliveries),
            card=card.model_dump(mode="json"),
        )
    )


@blueprint.get("/openapi.json")
@documented(200, OpenAPIOut)
def get_openapi() -> Response:
    """Return this document."""
    return Response(json.dumps(document(current_app)), mimetype="application/json")


def _outcome(name: str, result: Examination | AivsrealError) -> ExaminationOut | FailedImage:
    if isinstance(result, AivsrealError):
        return FailedImage(name=name, error=ProblemOut(**problem_of(result).as_json()))
    return ExaminationOut.of(result)


def _mine() -> list[Examination]:
    """Return the requester's list; who brought neither session nor key has none."""
    who = access.owner()
    return [] if who is None else examiner().store.list_of(who)


def _preview(id: str) -> Preview:
    return _found(examiner().store.preview(id, access.owner()))


def _picture(data: bytes | None) -> Response:
    answer = Response(_found(data), mimetype=JPEG)
    answer.headers["Cache-Control"] = "private, max-age=3600"
    return answer


def _found(thing: _Thing | None) -> _Thing:
    if thing is None:
        raise _not_found()
    return thing


def _not_found() -> Problem:
    return Problem(404, "there is no such picture, or no longer", hint="records and previews expire")


def _answer(shape: Any, status: int = HTTPStatus.OK) -> Response:
    return Response(json.dumps(shape.model_dump(mode="json")), status, mimetype="application/json")
