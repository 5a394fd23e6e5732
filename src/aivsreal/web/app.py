"""The application factory: settings to a Flask application with its store, its examiner and its routes.

app = create_app(Settings())
app.extensions["aivsreal"].examiner.store     # what pages and API read and write
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from aivsreal.detector import Detector
from aivsreal.living.serving import LiveDetector
from aivsreal.threads import available_cores
from aivsreal.web import access, api, health, metrics, operator_pages, pages, problems
from aivsreal.web.examine import Examiner
from aivsreal.web.metrics import Metrics
from aivsreal.web.rates import Rates
from aivsreal.web.settings import Settings
from aivsreal.web.store import open_store
from aivsreal.web.uploads import Door

# Nothing but our own files, no inline code or style, no frames, no forms to elsewhere.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: browsers would then send Origin: null with our own pages' forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}
FORM_BYTES = 100_000


@dataclass(frozen=True)
class Parts:
    """What the application works with, at `app.extensions["aivsreal"]`."""

    settings: Settings
    examiner: Examiner
    metrics: Metrics
    rates: Rates
    door: Door


def create_app(settings: Settings) -> Flask:
    """Return the application, its model loaded and its database up to date.

    Raises: BadBundle, CannotServe, CannotWrite, MissingDependency, UsageError.
    """
    app = Flask("aivsreal.web", static_folder="static", template_folder="templates")
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_request_bytes,
        MAX_FORM_MEMORY_SIZE=FORM_BYTES,
        MAX_FORM_PARTS=settings.max_images + 20,
    )
    app.extensions["aivsreal"] = _parts(settings)
    metrics.register(app, app.extensions["aivsreal"].metrics)
    problems.register(app)
    app.before_request(access.guard)
    app.after_request(_harden)
    for blueprint in (api.blueprint, health.blueprint, pages.blueprint, operator_pages.blueprint):
        app.register_blueprint(blueprint)
    if settings.proxies:
        count = settings.proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=count, x_proto=count, x_host=count, x_prefix=count
        )
    return app


def _parts(settings: Settings) -> Parts:
    # Processes share the cores; with more processes than cores each still has one.
    cores = max(1, available_cores() // settings.workers)
    rates = Rates(settings.rate_limit, settings.rate_storage)
    counts = Metrics()
    options: dict[str, Any] = {"threads": cores, "limits": settings.limits, "fast": settings.fast}
    # A model that was named stays; else a promotion is taken over while the server runs.
    model = Detector.load(settings.model, **options) if settings.model else LiveDetector(**options)
    store = open_store(settings.database_url)
    examiner = Examiner(model, store, settings, counts)
    return Parts(settings, examiner, counts, rates, Door(settings.queue + cores))


def _harden(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
