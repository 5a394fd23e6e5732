"""The OpenAPI document, collected by SpecTree from the views of the API and what they say they take and give."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Flask
from pydantic import BaseModel
from spectree import Response, SecurityScheme, SpecTree
from spectree.models import SecureType, SecuritySchemeData

from aivsreal import __version__
from aivsreal.web.problems import MIMETYPE
from aivsreal.web.shapes import ProblemOut
from aivsreal.web.uploads import FIELD, FORM, RAW_EXAMPLES

_View = TypeVar("_View", bound=Callable[..., Any])

_DESCRIPTION = """Tells photographs from AI-generated pictures, says how sure it is, and says when it cannot tell.

What a session or a key made is seen by it alone. Errors are RFC 9457 problem details with a `hint`.
"""
# What any request below /api/v1 may get: a bad Host header, a bad key, another site's page, a fault of ours.
_ALWAYS = (400, 401, 403, 500)
_takes_pictures: set[str] = set()
_gives_files: dict[str, tuple[str, ...]] = {}
_BINARY = {"type": "string", "format": "binary"}


def _name(model: type[BaseModel]) -> str:
    return model.__name__.removesuffix("Out")


_tree = SpecTree(
    "flask",
    title="aivsreal",
    description=_DESCRIPTION,
    version=__version__,
    mode="strict",
    annotations=False,
    page_templates={},
    naming_strategy=_name,
    nested_naming_strategy=lambda _, child: child.removesuffix("Out"),
    security_schemes=[
        SecurityScheme(name="key", data=SecuritySchemeData(type=SecureType.HTTP, scheme="bearer")),
    ],
    security=[{"key": []}, {}],
)


def documented(
    status: int,
    gives: type[BaseModel] | None = None,
    *,
    errors: Sequence[int] = (),
    takes: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    pictures: bool = False,
    media: Sequence[str] = (),
) -> Callable[[_View], _View]:
    """Return a decorator that writes a view into the document; what the view does stays as it is.

    status, gives: of the answer when all is well; errors: statuses of problems beside those that any request
    may get; takes, query: what is read of body and address; pictures: the body holds pictures; media: types
    of an answer that is, or may be, a file
    """
    problems: dict[str, Any] = {f"HTTP_{error}": ProblemOut for error in (*_ALWAYS, *errors)}

    def document(view: _View) -> _View:
        if pictures:
            _takes_pictures.add(view.__name__)
        if media:
            _gives_files[view.__name__] = tuple(media)
        answers = {f"HTTP_{status}": gives, **problems} if gives else problems
        written: _View = _tree.validate(
            json=takes,
            query=query,
            resp=Response(*([] if gives else [f"HTTP_{status}"]), **answers),
            validation_error_status=400,
            skip_validation=True,
            operation_id=view.__name__,
        )(view)
        return written

    return document


def document(app: Flask) -> dict[str, Any]:
    """Return the OpenAPI document of an application; needs its context."""
    _tree.app = app
    found: dict[str, Any] = copy.deepcopy(_tree.spec)
    for path in found["paths"].values():
        for operation in path.values():
            _complete(operation)
    return found


def _complete(operation: dict[str, Any]) -> None:
    """Write into one operation what SpecTree has no words for: files both ways, and the type of problems."""
    name = operation["operationId"]
    for status, answer in operation["responses"].items():
        if int(status) >= HTTPStatus.BAD_REQUEST:
            answer["content"] = {MIMETYPE: answer["content"]["application/json"]}
        elif name in _gives_files:
            files = {media: {"schema": _BINARY} for media in _gives_files[name]}
            answer["content"] = {**answer.get("content", {}), **files}
    if name in _takes_pictures:
        several = {"type": "array", "items": _BINARY, "minItems": 1}
        form = {"type": "object", "properties": {FIELD: several}, "required": [FIELD]}
        raw = {media: {"schema": _BINARY} for media in RAW_EXAMPLES}
        operation["requestBody"] = {"required": True, "content": {FORM: {"schema": form}, **raw}}
