"""Whether the process lives, and whether it can examine pictures: for supervisors and load balancers."""

from __future__ import annotations

from flask import Blueprint, Response, current_app

from aivsreal.web import access, metrics
from aivsreal.web.problems import Problem

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Say that the process answers."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def readyz() -> Response:
    """Say whether pictures can be examined and verdicts remembered."""
    examiner = current_app.extensions["aivsreal"].examiner
    if not examiner.batcher.works:
        raise Problem(503, "every thread is stuck in a picture", hint="restart this process")
    if not examiner.store.answers():
        raise Problem(503, "the database does not answer", hint="check that it runs")
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/metrics")
def get_metrics() -> Response:
    """Answer Prometheus."""
    if current_app.extensions["aivsreal"].settings.hide_metrics:
        access.require_operator()
    return metrics.answer()
