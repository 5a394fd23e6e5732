"""The application under gunicorn: processes with threads, a port, and a way to stop that loses nothing.

gunicorn because it supervises several processes, replaces one that dies, and lets requests finish when it is
told to stop; threads because ONNX Runtime and the decoders let others run while they compute.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.errors import AppImportError
from gunicorn.workers.base import Worker

from aivsreal.bundle import load_bundle
from aivsreal.errors import AivsrealError, BadBundle, CannotServe
from aivsreal.threads import available_cores
from aivsreal.web.clients import PatientWorker
from aivsreal.web.counts import open_counts
from aivsreal.web.database import open_engine
from aivsreal.web.purge import Purger
from aivsreal.web.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

# Threads beyond those whose pictures wait: for pages, health checks and quick refusals.
SPARE_THREADS = 16
# Exit codes by which gunicorn says that a worker could not start.
_BOOT_FAILED = (3, 4)


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured by our settings over a socket that is already bound."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self.settings, self.listener = settings, listener
        super().__init__()

    def load_config(self) -> None:
        """Hand our choices to gunicorn."""
        for name, value in _choices(self.settings, self.listener).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the application; called once in every worker, which alone imports what it is made of."""
        from aivsreal.web.app import create_app

        try:
            app = create_app(self.settings)
        except AivsrealError as error:
            raise AppImportError(f"aivsreal: {error.reason}\nhint: {error.hint}") from error
        app.extensions["aivsreal.purger"] = Purger(app.extensions["aivsreal"].examiner.purge)
        return app


def check(settings: Settings) -> None:
    """Say now what would stop every worker: a model that is not whole, a database that cannot be used.

    Raises: BadBundle, CannotServe, CannotWrite, MissingDependency, UsageError.
    """
    load_bundle(settings.model)
    open_counts(settings.rate_storage)
    open_engine(settings.database_url).dispose()


def bind(settings: Settings) -> socket.socket:
    """Return a socket that listens where the settings say. Raises: CannotServe."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((settings.host, settings.port), family=family, backlog=512)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise CannotServe(
            f"cannot listen on {settings.host} port {settings.port}: {why}",
            hint=_how_to_listen(error),
        ) from error


def _how_to_listen(error: OSError) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return "give an address of this machine with --host: 127.0.0.1, or 0.0.0.0 for all that it has"
    if isinstance(error, PermissionError):
        return "choose a port of 1024 or above with --port"
    return "stop what listens there, or choose another with --port (0 takes a free one)"


def address(settings: Settings, listener: socket.socket) -> str:
    """Return the URL to open."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listener.getsockname()[1]}/"


def run(settings: Settings, listener: socket.socket) -> None:
    """Serve until told to stop; then finish what was accepted."""
    logging.basicConfig(level=logging.WARNING, format="aivsreal: %(message)s")
    with tempfile.TemporaryDirectory(prefix="aivsreal-metrics-") as counts:
        if settings.workers > 1:
            # Read by prometheus_client when it is imported, which only workers do.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = counts
        try:
            Server(settings, listener).run()
        except SystemExit as stop:
            if stop.code in _BOOT_FAILED:
                sys.exit(BadBundle.exit_code)
            raise


def _choices(settings: Settings, listener: socket.socket) -> dict[str, Any]:
    patience = settings.body_seconds + settings.queue_seconds + settings.examine_seconds
    return {
        "bind": f"fd://{listener.detach()}",
        "workers": settings.workers,
        "worker_class": f"{PatientWorker.__module__}.{PatientWorker.__name__}",
        "threads": settings.queue + available_cores() + SPARE_THREADS,
        "worker_connections": 2000,
        "graceful_timeout": int(patience) + 5,
        "timeout": 120,
        "keepalive": 5,
        "loglevel": "warning",
        "control_socket_disable": True,
        "worker_exit": _finish,
        "child_exit": _forget,
    }


def _finish(_: Any, worker: Worker) -> None:
    """Let threads end before their process does. A worker that never started has none."""
    app = getattr(worker, "wsgi", None)
    if app is not None:
        app.extensions["aivsreal.purger"].close()
        app.extensions["aivsreal"].examiner.close()


def _forget(_: Any, worker: Worker) -> None:
    """Take what a dead worker counted as present out of the sums; its counters stay."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
