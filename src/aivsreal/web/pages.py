"""What people see. Pages begin a browser's session and otherwise use what the API uses.

Every page works without scripts; with them, lists and reports are fetched as pieces of the same templates.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, ParamSpec

from flask import Blueprint, Response, current_app, json, redirect, render_template, request, url_for
from flask.sansio.blueprints import BlueprintSetupState
from jinja2 import StrictUndefined
from werkzeug.wrappers import Response as AnyResponse

from aivsreal.bundle import Card
from aivsreal.data.folders import IMAGE_SUFFIXES
from aivsreal.errors import AivsrealError
from aivsreal.web import access, wording
from aivsreal.web.api import examiner
from aivsreal.web.figures import CONDITIONS, METRICS, histogram, measured_sets
from aivsreal.web.listing import Listing, make_listing
from aivsreal.web.openapi import document
from aivsreal.web.outline import outline
from aivsreal.web.problems import MIMETYPE as PROBLEM
from aivsreal.web.problems import Problem, problem_of
from aivsreal.web.regions import describe
from aivsreal.web.shapes import ExaminationOut, FeedbackIn, taken
from aivsreal.web.uploads import uploads

blueprint = Blueprint("pages", __name__)
# Of so many pictures, how many are AI: the mixes that a page shows before its reader chooses one.
MIXES, MIX_OF = (10, 100, 500), 1000
FIRST_MIX = MIXES[0]

_Arguments = ParamSpec("_Arguments")


def with_session(view: Callable[_Arguments, Any]) -> Callable[_Arguments, Response]:
    """Return the view for a browser that keeps a session from then on; the view takes the owner first."""

    @wraps(view)
    def in_session(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Response:
        owner, secret = access.begin_session()
        response = current_app.make_response(view(owner, *args, **kwargs))  # type: ignore[arg-type]
        return access.keep_session(response, secret)

    return in_session


@blueprint.get("/")
@with_session
def home(owner: str) -> str:
    """Show where pictures are dropped, and what was examined in this browser."""
    suffixes = sorted(IMAGE_SUFFIXES)
    return _render("home.html", listing=_listing(owner), settings=examiner().settings, suffixes=suffixes)


@blueprint.get("/list")
@with_session
def listing(owner: str) -> str:
    """Show the list alone, for the script that filters it."""
    return _render("listing.html", listing=_listing(owner))


@blueprint.post("/examine")
@with_session
def examine(owner: str) -> AnyResponse:
    """Examine what a plain form sends, and lead to the verdict, or to the list where there are several."""
    with uploads(examiner().settings) as found:
        results = examiner().examine(found, owner=owner, heatmap=True)
    failed = [result for result in results if isinstance(result, AivsrealError)]
    if len(failed) == len(results):
        raise problem_of(failed[0])
    first = next(result for result in results if not isinstance(result, AivsrealError))
    if len(results) == 1:
        return redirect(url_for("pages.picture", id=first.id), HTTPStatus.SEE_OTHER)
    return redirect(url_for("pages.home"), HTTPStatus.SEE_OTHER)


@blueprint.get("/images/<id>")
def picture(id: str) -> str:
    """Show everything about one picture, on a page with an address of its own."""
    return _render("picture.html", picture=_found(id))


@blueprint.get("/images/<id>/row")
def row(id: str) -> str:
    """Show one picture as a row of the list, for the script."""
    return _render("row.html", picture=_found(id))


@blueprint.get("/images/<id>/report")
def report(id: str) -> str:
    """Show what an opened row of the list holds, for the script."""
    return _render("more.html", picture=_found(id))


@blueprint.post("/images/<id>/feedback")
def feedback(id: str) -> AnyResponse:
    """Note what a person says of a verdict, from a plain form."""
    said = taken(FeedbackIn, request.form.to_dict())
    if examiner().store.give_feedback(id, access.owner(), said.answer, said.remark) is None:
        raise _not_found()
    return redirect(url_for("pages.picture", id=id, _anchor="feedback"), HTTPStatus.SEE_OTHER)


@blueprint.post("/images/<id>/delete")
def remove(id: str) -> AnyResponse:
    """Delete one picture's record and preview."""
    if not examiner().forget(id, access.owner()):
        raise _not_found()
    return redirect(url_for("pages.home"), HTTPStatus.SEE_OTHER)


@blueprint.post("/delete-all")
def remove_all() -> AnyResponse:
    """Delete everything that was examined in this browser."""
    owner = access.owner()
    if owner is not None:
        examiner().forget_all(owner)
    return redirect(url_for("pages.home"), HTTPStatus.SEE_OTHER)


@blueprint.get("/about")
def about() -> str:
    """Show what a verdict means, and how often a flag is right in a mix of the reader's choice."""
    rates = wording.rates_of(_card())
    asked = request.args.get("ai", "")
    own = min(int(asked), MIX_OF) if asked.isdecimal() and len(asked) < 9 else None
    mixes = [] if rates is None else [wording.mix_of(rates, ai, MIX_OF) for ai in MIXES]
    own_mix = None if rates is None or own is None else wording.mix_of(rates, own, MIX_OF)
    return _render("about.html", card=_card(), rates=rates, mixes=mixes, own_mix=own_mix)


@blueprint.get("/model")
def model() -> str:
    """Show the model's card: promises, figures with their intervals, plots, weaknesses."""
    card = _card()
    return _render(
        "model.html",
        card=card,
        sets=measured_sets(card),
        bars=histogram(card),
        metrics=METRICS,
        conditions=CONDITIONS,
    )


@blueprint.get("/api")
def api() -> str:
    """Show the API, written from its OpenAPI document."""
    return _render("api.html", api=outline(document(current_app)))


@blueprint.record_once
def _be_strict(state: BlueprintSetupState) -> None:
    """Let a name that a template does not know be an error, and not an empty place on a page."""
    state.app.jinja_options = {
        **state.app.jinja_options,
        "undefined": StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
    }


@blueprint.after_app_request
def show_problems_to_people(response: Response) -> Response:
    """Return a problem as a page where a browser asked for one; programs get it as it is."""
    wanted = request.accept_mimetypes.best_match((PROBLEM, "text/html"), default=PROBLEM)
    if response.mimetype != PROBLEM or wanted == PROBLEM or request.path.startswith("/api/"):
        return response
    problem = json.loads(response.get_data())
    page = _render(
        "error.html",
        status=problem["status"],
        title=wording.TITLES.get(problem["status"], problem["title"]),
        reason=problem["detail"],
        hint=problem.get("hint"),
    )
    response.set_data(page)
    response.mimetype = "text/html"
    return response


def _render(template: str, **values: Any) -> str:
    rates = wording.rates_of(_card())
    mix = None if rates is None else wording.mix_of(rates, FIRST_MIX, MIX_OF)
    return render_template(template, mix=mix, **values)


def _card() -> Card:
    return examiner().detector.bundle.card


def _listing(owner: str) -> Listing:
    pictures = [ExaminationOut.of(one) for one in examiner().store.list_of(owner)]
    return make_listing(pictures, request.args)


def _found(id: str) -> ExaminationOut:
    found = examiner().store.get(id, access.owner())
    if found is None:
        raise _not_found()
    return ExaminationOut.of(found)


def _not_found() -> Problem:
    return Problem(
        404,
        "this picture is not here, or no longer, or it was examined in another browser",
        hint="examine it again",
    )


def _where(picture: ExaminationOut) -> str:
    return describe(picture.regions, picture.strongest) if picture.regions else ""


_FILTERS: dict[str, Callable[..., Any]] = {
    "percent": wording.percent,
    "points": wording.points,
    "size": wording.size,
    "moment": wording.moment,
    "span": wording.span,
    "sentence": wording.sentence,
    "declares": wording.declares,
    "not_meant": wording.not_meant,
    "why": wording.why_uncertain,
    "citation": wording.citation,
    "where": _where,
}
for _name, _filter in _FILTERS.items():
    blueprint.add_app_template_filter(_filter, _name)
