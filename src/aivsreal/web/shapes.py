"""What the API takes and gives, as pydantic models: the OpenAPI document is made of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from flask import url_for
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from aivsreal.images import Origin
from aivsreal.verdict import WORDS_FOR_PEOPLE, Thresholds, Word
from aivsreal.web.problems import Problem
from aivsreal.web.store import Answer, Examination

LONGEST_REMARK = 2000

_Taken = TypeVar("_Taken", bound=BaseModel)


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _storable(text: str) -> str:
    """Pass what a database takes as a text: no zero, no half of a surrogate pair."""
    if "\0" in text or (not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)):
        raise ValueError("it holds characters that are no text")
    return text


class FeedbackIn(_Shape):
    """What a person says of a verdict."""

    answer: Answer = Field(description="what the picture really is")
    remark: Annotated[str, AfterValidator(_storable)] = Field(default="", max_length=LONGEST_REMARK)


class FeedbackOut(FeedbackIn):
    """What a person said of a verdict, and when."""

    created: datetime


class ExaminationOut(_Shape):
    """One examined picture: the verdict, facts of the file, and where the rest lies until when."""

    id: str
    url: str = Field(description="of this object in the API")
    page_url: str = Field(description="of the page that shows it")
    created: datetime
    expires: datetime = Field(description="when this record is deleted")
    name: str = Field(description="the last part of the file name that the sender gave")
    verdict: Word
    words: str = Field(description="the verdict in words for people")
    probability_ai: float = Field(ge=0, le=1, description="calibrated, not rounded")
    logit: float
    model: str = Field(description="name and version")
    real_below: float = Field(description="threshold: below it this picture is called real")
    ai_above: float = Field(
        description="threshold: above it this picture is called AI; higher where it looks drawn, not photographed"
    )
    promise: str = Field(description="what the model promises about this verdict, or why none is given")
    reason: str | None = Field(
        description="why no answer is given, where there is more to say than that the probability lies between the "
        "thresholds: it changes when the picture is delivered again, the picture looks drawn, not photographed, or there is "
        "too little in it to judge by"
    )
    regions: list[float] | None = Field(
        default=None,
        description="mean probability of AI of nine parts of the heat map, by rows; null without a heat map",
    )
    strongest: str | None = Field(
        default=None,
        description="which of the nine parts, e.g. `upper left`, stands out in the heat map; null where none does",
    )
    spread: float | None = Field(
        description="how far the probability moves when the picture is delivered again"
    )
    logit_spread: float | None
    declared: Origin | None = Field(
        default=None,
        description="how the picture was made by the file's own metadata: `ai`, `ai-edited` or `camera`; null where they "
        "say nothing. Anybody can write or remove them, no signature is checked, and no verdict rests on them",
    )
    declared_in: str | None = Field(default=None, description="in which metadata, e.g. `C2PA, IPTC`")
    format: str
    width: int
    height: int
    bytes: int
    sha256: str
    seconds: float = Field(description="time for decoding and examining")
    preview_url: str | None = Field(description="a small re-encoded copy (JPEG); null once it has expired")
    heatmap_url: str | None = Field(
        description="the copy with the heat map laid over it (JPEG), tinted the fuller the more a place says beside the "
        "rest of the same picture; null where none was asked for"
    )
    preview_expires: datetime | None = Field(description="when the two are deleted")
    feedback: FeedbackOut | None

    @classmethod
    def of(cls, one: Examination) -> ExaminationOut:
        """Return the shape of a remembered examination; needs an application context for its addresses."""
        shown = one.preview_expires is not None
        verdict = {key: value for key, value in one.verdict.items() if key != "path"}
        return cls(
            id=one.id,
            url=url_for("api.get_image", id=one.id),
            page_url=url_for("pages.picture", id=one.id),
            created=one.created,
            expires=one.expires,
            name=one.name,
            words=WORDS_FOR_PEOPLE[verdict["verdict"]],
            preview_url=url_for("api.get_preview", id=one.id) if shown else None,
            heatmap_url=url_for("api.get_heatmap", id=one.id) if shown and one.has_heatmap else None,
            preview_expires=one.preview_expires,
            feedback=None
            if one.feedback is None
            else FeedbackOut(
                answer=one.feedback.answer, remark=one.feedback.remark, created=one.feedback.created
            ),
            **verdict,
        )


class ProblemOut(BaseModel):
    """RFC 9457 problem details, with what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    hint: str


class FailedImage(_Shape):
    """A picture of several that got no verdict, and why."""

    name: str
    error: ProblemOut


class ImagesOut(_Shape):
    """What came of the pictures of one request, in their order."""

    images: list[ExaminationOut | FailedImage]


class ListOut(_Shape):
    """What a session or a key has examined, newest first, at most 1,000."""

    images: list[ExaminationOut]


class ModelOut(_Shape):
    """The model that gives the verdicts; `card` is its card.json."""

    name: str
    version: str
    summary: str
    licence: str
    thresholds: Thresholds = Field(
        description="of photographs; `card.drawn` says what more is asked where a picture looks drawn"
    )
    limits: list[str]
    checks_stability: bool = Field(description="whether each verdict is tried on re-deliveries")
    card: dict[str, Any]


class UploadQuery(BaseModel):
    """Options of an upload."""

    heatmap: bool = Field(default=False, description="make the heat map, too, and link to it")


class ExportQuery(BaseModel):
    """Options of an export."""

    format: Literal["json", "csv"] = Field(default="json", description="JSON, or CSV for spreadsheets")


class OpenAPIOut(BaseModel):
    """An OpenAPI document."""

    openapi: str


def taken(shape: type[_Taken], value: object) -> _Taken:
    """Return what a sender wrote as the shape it should have. Raises: Problem 422."""
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the body"
        raise Problem(
            422, f"{where}: {first['msg'].lower()}", hint="/api/v1/openapi.json says what is taken"
        ) from error
