"""What Prometheus asks for at /metrics: requests, latency, verdicts by class, pictures that wait.

With several processes each writes into files of a folder (PROMETHEUS_MULTIPROC_DIR, which `server.py` sets),
and whichever is asked adds all of them up.
"""

from __future__ import annotations

import os
from datetime import datetime
from time import perf_counter

from flask import Flask, Response, current_app, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from aivsreal.errors import AivsrealError
from aivsreal.living.state import latest_state
from aivsreal.web.store import Examination

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH")
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "aivsreal_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "aivsreal_request_seconds",
            "Time to answer a request, the wait in the queue included.",
            ("route",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.verdicts = Counter(
            "aivsreal_verdicts", "Verdicts given.", ("verdict", "model"), registry=self.registry
        )
        self.failures = Counter(
            "aivsreal_failed_pictures", "Pictures without a verdict.", ("kind",), registry=self.registry
        )
        self.waiting = Gauge(
            "aivsreal_queue_length",
            "Pictures that wait for a thread.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )

    def count(self, result: Examination | AivsrealError) -> None:
        """Count what came of one picture."""
        if isinstance(result, AivsrealError):
            self.failures.labels(type(result).__name__).inc()
        else:
            self.verdicts.labels(result.verdict["verdict"], result.verdict["model"]).inc()

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it, of every process where there are several."""
        if not os.environ.get(FOLDER):
            return generate_latest(self.registry)
        everywhere = CollectorRegistry()
        multiprocess.MultiProcessCollector(everywhere)  # type: ignore[no-untyped-call]
        return generate_latest(everywhere)


def register(app: Flask, metrics: Metrics) -> None:
    """Count every request of the application."""

    @app.before_request
    def _begin() -> None:
        g.began = perf_counter()

    @app.after_request
    def _end(response: Response) -> Response:
        # The rule, not the path: ids would make a time series each.
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in _METHODS else "other"
        metrics.requests.labels(method, route, response.status_code).inc()
        if "began" in g:
            metrics.seconds.labels(route).observe(perf_counter() - g.began)
        return response


def answer() -> Response:
    """Return the response to a scrape."""
    metrics: Metrics = current_app.extensions["aivsreal"].metrics
    return Response(metrics.text() + surveillance(), content_type=CONTENT_TYPE_LATEST)


def surveillance() -> bytes:
    """Return what `aivsreal monitor` found last, as Prometheus reads it; nothing where it never looked."""
    state = latest_state()
    if state is None:
        return b""
    registry = CollectorRegistry()
    alarm = Gauge("aivsreal_monitor_alarm", "1 where an alarm stands.", registry=registry)
    alarm.set(bool(state.get("alarm")))
    looked = Gauge(
        "aivsreal_monitor_time_seconds", "When was looked last at enough verdicts to tell.", registry=registry
    )
    looked.set(datetime.fromisoformat(str(state["when"])).timestamp())
    shares = Gauge(
        "aivsreal_monitor_share", "Share of each verdict in the window.", ("verdict",), registry=registry
    )
    for word, share in (state.get("shares") or {}).items():
        shares.labels(word).set(share)
    changes = Gauge(
        "aivsreal_monitor_change", "How far it is from the reference.", ("what",), registry=registry
    )
    chances = Gauge(
        "aivsreal_monitor_p", "Chance of such a change where nothing changed.", ("what",), registry=registry
    )
    for finding in state.get("findings") or ():
        changes.labels(finding["name"]).set(finding["size"])
        if finding.get("p") is not None:
            chances.labels(finding["name"]).set(finding["p"])
    if right := state.get("right_on_feedback"):
        accuracy = Gauge(
            "aivsreal_monitor_right_on_feedback", "Share of answers right, by feedback.", registry=registry
        )
        accuracy.set(right["value"])
    return generate_latest(registry)
