"""What people see. Pages begin a browser's session and otherwise use what the API uses."""

from __future__ import annotations

from flask import Blueprint, Response

from aivsreal.web.problems import Problem

blueprint = Blueprint("pages", __name__)


def error_page(problem: Problem) -> Response:
    """Return what a browser is shown in the place of a page."""
    return problem.response()
