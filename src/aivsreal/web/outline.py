"""An OpenAPI document as what a page shows: each operation with all that it takes and answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
SCHEMAS = "#/components/schemas/"


@dataclass(frozen=True)
class Field:
    """A parameter, or a field of an object; `schema` names the kind of object that it holds, or is empty."""

    name: str
    kind: str
    required: bool
    about: str
    place: str = ""


@dataclass(frozen=True)
class Answer:
    """What an operation answers with: a status, in words, and the kind of object."""

    status: str
    about: str
    schema: str


@dataclass(frozen=True)
class Operation:
    """One address and method."""

    method: str
    path: str
    summary: str
    about: str
    parameters: Sequence[Field]
    bodies: Sequence[tuple[str, str]]
    answers: Sequence[Answer]

    @property
    def results(self) -> list[Answer]:
        """The answers when all is well."""
        return [answer for answer in self.answers if answer.status < "4"]

    @property
    def problems(self) -> list[Answer]:
        """The answers when something is not."""
        return [answer for answer in self.answers if answer.status >= "4"]

    @property
    def anchor(self) -> str:
        """Its id within the page."""
        return f"{self.method}-{self.path}".lower().translate(str.maketrans("/{}", "---")).strip("-")


@dataclass(frozen=True)
class Outline:
    """A whole document: title, version, operations in its order, and each schema's fields."""

    title: str
    version: str
    about: str
    operations: Sequence[Operation]
    schemas: Mapping[str, Sequence[Field]]
    schema_notes: Mapping[str, str]


def outline(document: Mapping[str, Any]) -> Outline:
    """Return what an OpenAPI 3 document says."""
    schemas = (document.get("components") or {}).get("schemas") or {}
    return Outline(
        title=document["info"]["title"],
        version=document["info"]["version"],
        about=document["info"].get("description", ""),
        operations=[
            _operation(path, method, item[method], item.get("parameters") or [])
            for path, item in document["paths"].items()
            for method in METHODS
            if method in item
        ],
        schemas={name: _fields(schema) for name, schema in schemas.items()},
        schema_notes={name: schema.get("description", "") for name, schema in schemas.items()},
    )


def _operation(path: str, method: str, found: Mapping[str, Any], shared: Sequence[Any]) -> Operation:
    content = (found.get("requestBody") or {}).get("content") or {}
    return Operation(
        method=method.upper(),
        path=path,
        summary=found.get("summary", ""),
        about=found.get("description", ""),
        parameters=[
            Field(
                each["name"],
                kind_of(each.get("schema") or {}),
                bool(each.get("required")),
                each.get("description") or (each.get("schema") or {}).get("description", ""),
                each["in"],
            )
            for each in (*shared, *(found.get("parameters") or []))
        ],
        bodies=[(media, kind_of(entry.get("schema") or {})) for media, entry in content.items()],
        answers=[_answer(status, entry) for status, entry in (found.get("responses") or {}).items()],
    )


def _answer(status: str, entry: Mapping[str, Any]) -> Answer:
    content = entry.get("content") or {}
    kinds = [kind_of(each.get("schema") or {}) for each in content.values()]
    phrase = HTTPStatus(int(status)).phrase if status.isdecimal() else ""
    return Answer(status, entry.get("description") or phrase, ", ".join(kinds) or ", ".join(content))


def _fields(schema: Mapping[str, Any]) -> list[Field]:
    required = schema.get("required") or ()
    return [
        Field(name, kind_of(each), name in required, each.get("description", ""))
        for name, each in (schema.get("properties") or {}).items()
    ]


def kind_of(schema: Mapping[str, Any]) -> str:
    """Return a schema's kind in words: `Problem`, `list of string`, `number or null`."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(SCHEMAS).rpartition("/")[2]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(kind_of(each) for each in schema[key]))
    if "enum" in schema:
        return " | ".join(str(each) for each in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {kind_of(schema.get('items') or {})}"
    if isinstance(kind, list):
        return " or ".join(kind)
    form = schema.get("format")
    return f"{kind} ({form})" if form else str(kind)
