"""The application under gunicorn: processes with threads, a port, and a way to stop that loses nothing."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from aivsreal.errors import CannotServe
from aivsreal.threads import available_cores
from aivsreal.web.app import create_app
from aivsreal.web.settings import Settings

# Threads beyond those whose pictures wait: for pages, health checks and quick refusals.
SPARE_THREADS = 16


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
        """Return the application; called once in every worker."""
        return create_app(self.settings)


def bind(settings: Settings) -> socket.socket:
    """Return a socket that listens where the settings say. Raises: CannotServe."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((settings.host, settings.port), family=family, backlog=512)
    except OSError as error:
        raise CannotServe(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}",
            hint="stop what listens there, or choose another with --port (0 takes a free one)",
        ) from error


def address(settings: Settings, listener: socket.socket) -> str:
    """Return the URL to open."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listener.getsockname()[1]}/"


def run(settings: Settings, listener: socket.socket) -> None:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.WARNING, format="aivsreal: %(message)s")
    os.environ.pop("GUNICORN_CMD_ARGS", None)
    Server(settings, listener).run()


def _choices(settings: Settings, listener: socket.socket) -> dict[str, Any]:
    patience = settings.queue_seconds + settings.examine_seconds + settings.body_seconds
    return {
        "bind": f"fd://{listener.detach()}",
        "workers": settings.workers,
        "worker_class": "gthread",
        "threads": settings.queue + available_cores() + SPARE_THREADS,
        "graceful_timeout": int(patience) + 5,
        "timeout": 120,
        "keepalive": 5,
        "loglevel": "warning",
        "control_socket_disable": True,
    }
