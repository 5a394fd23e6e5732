"""What the operator sees: the models, what came in, what people said of it. For operators only; see operator_access.

Everything works without scripts. Nothing here decides anything by itself: monitoring and reviews are those of
`aivsreal monitor` and `aivsreal feedback`, and models are promoted on the command line.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from aivsreal.living.versions import told
from aivsreal.web import operator_access
from aivsreal.web.api import examiner
from aivsreal.web.operator_access import Operator
from aivsreal.web.overview import overview

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


@blueprint.get("")
@for_operators
def index(who: Operator) -> str:
    """Show which model answers, what needs somebody, and how full queue and disk are."""
    return render_template(
        "operator.html", who=who, seen=overview(examiner()), settings=examiner().settings, told=told
    )


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
