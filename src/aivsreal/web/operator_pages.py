"""What the operator sees: the models, what came in, what people said of it. For operators only; see operator_access.

Everything works without scripts. Nothing here decides anything by itself: monitoring and reviews are those of
`aivsreal monitor` and `aivsreal feedback`, and models are promoted on the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from aivsreal.errors import AivsrealError, BadBundle, BadData, CannotWrite, MissingDependency, UsageError
from aivsreal.images import open_picture
from aivsreal.living.feedback import DECISIONS, Mark, picture_of, review, reviewed
from aivsreal.living.state import latest_state
from aivsreal.living.versions import told
from aivsreal.web import operator_access
from aivsreal.web.api import examiner
from aivsreal.web.bench import make_bench
from aivsreal.web.examine import PREVIEW_SIDE, make_preview
from aivsreal.web.marks import marks_in
from aivsreal.web.operator_access import Operator
from aivsreal.web.overview import overview
from aivsreal.web.problems import Problem

if TYPE_CHECKING:
    from aivsreal.web.monitoring import Monitoring

blueprint = Blueprint("operator", __name__, url_prefix=operator_access.PATH)
_Arguments = ParamSpec("_Arguments")


def for_operators(
    view: Callable[Concatenate[Operator, _Arguments], Any],
) -> Callable[_Arguments, AnyResponse]:
    """Return the view for operators, which takes who asks first; a browser without a key is led to the sign-in."""

    @wraps(view)
    def guarded(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> AnyResponse:
        who = operator_access.operator()
        if who is not None:
            return current_app.make_response(view(who, *args, **kwargs))
        if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
            return redirect(url_for("operator.sign_in"), HTTPStatus.SEE_OTHER)
        raise operator_access.nobody()

    return guarded


@blueprint.get("", strict_slashes=False)
@for_operators
def index(who: Operator) -> str:
    """Show which model answers, what needs somebody, and how full queue and disk are."""
    return render_template(
        "operator.html", who=who, seen=overview(examiner()), settings=examiner().settings, told=told
    )


@blueprint.get("/monitor")
@for_operators
def monitor(who: Operator) -> tuple[str, int]:
    """Show whether pictures or verdicts have changed: the words, alarms and timelines of a window of one's choice."""
    seen: Monitoring | None = None
    problem: AivsrealError | None = None
    status = HTTPStatus.OK
    try:
        seen = _monitored(request.args)
    except (UsageError, BadData) as error:
        problem, status = error, HTTPStatus.UNPROCESSABLE_ENTITY
    except (BadBundle, MissingDependency) as error:
        problem = error
    page = render_template(
        "monitor.html",
        who=who,
        seen=seen,
        problem=problem,
        asked=request.args.get,
        state=latest_state(),
        title=examiner().detector.bundle.title,
    )
    return page, status


@blueprint.get("/feedback")
@for_operators
def feedback(who: Operator) -> str:
    """Show what people said of verdicts, to be decided on."""
    found = make_bench(reviewed(_marks()), request.args)
    return render_template("review.html", who=who, bench=found, keeps=examiner().settings.keep_uploads)


@blueprint.get("/feedback/<id>/picture")
@for_operators
def feedback_picture(_: Operator, id: str) -> Response:
    """Show a small copy of the picture that a mark is about, where it was kept."""
    found = next((picture_of(mark) for mark in _marks(id)), None)
    if found is None:
        raise Problem(404, "the picture of this mark was not kept", hint="set keep_uploads for those to come")
    try:
        data = found.read_bytes()
    except OSError as error:
        raise Problem(
            404, "the picture of this mark has expired meanwhile", hint="reload the list"
        ) from error
    picture = open_picture(data, limits=examiner().settings.limits, short_side=PREVIEW_SIDE)
    return Response(make_preview(picture.pixels, None).preview, mimetype="image/jpeg")


@blueprint.post("/feedback/<id>")
@for_operators
def decide(who: Operator, id: str) -> AnyResponse:
    """Note a decision on a mark, and lead back to the list."""
    decision = next((one for one in DECISIONS if one == request.form.get("decision")), None)
    if decision is None:
        raise Problem(422, "this is no decision", hint=f"one of {', '.join(DECISIONS)}")
    try:
        review(_marks(), id, decision, said=request.form.get("said"), by=who.name)
    except (UsageError, BadData) as error:
        raise Problem(422, error.reason, hint=error.hint) from error
    except CannotWrite as error:
        raise Problem(500, error.reason, hint=error.hint) from error
    back = make_bench((), request.form).link(done=decision)
    return redirect(url_for("operator.feedback", **back), HTTPStatus.SEE_OTHER)


@blueprint.get("/sign-in")
def sign_in() -> str | AnyResponse:
    """Show the form that takes a key, to who needs one."""
    if operator_access.operator() is not None:
        return redirect(url_for("operator.index"), HTTPStatus.SEE_OTHER)
    return render_template("sign_in.html", refused=False)


@blueprint.post("/sign-in")
def begin() -> tuple[str, int] | AnyResponse:
    """Take a key, and lead to the pages."""
    secret = operator_access.sign_in(request.form.get("key", ""))
    if secret is None:
        return render_template("sign_in.html", refused=True), HTTPStatus.UNAUTHORIZED
    response = redirect(url_for("operator.index"), HTTPStatus.SEE_OTHER, Response)
    return operator_access.keep(response, secret)  # type: ignore[arg-type]


@blueprint.post("/sign-out")
def end() -> AnyResponse:
    """Forget this browser."""
    operator_access.sign_out()
    response = redirect(url_for("operator.sign_in"), HTTPStatus.SEE_OTHER, Response)
    return operator_access.forget(response)  # type: ignore[arg-type]


def _monitored(query: Mapping[str, str]) -> Monitoring:
    """Return the look that a query asks for, at the verdicts of the model that answers here."""
    try:
        # Statistics are no part of the light installation, which serves everything else.
        from aivsreal.living.window import look
        from aivsreal.web.monitoring import monitored, window_asked
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"looking at verdicts needs {error.name}, which this server has not got", hint="pip install scipy"
        ) from error
    return monitored(look(examiner().detector.bundle, _marks(), window_asked(query)))


def _marks(id: str | None = None) -> list[Mark]:
    return marks_in(examiner().store, examiner().settings.folder, id)
