"""Clients that are slow, on purpose or not: a thread waits for their bytes only so long.

gunicorn's threads read from sockets without an end. Here every request gets a time for its head, and, where a
view wants its body, a time for that; then the connection reads as closed, and is.
"""

from __future__ import annotations

import socket
from time import monotonic
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

HEAD_SECONDS = 10.0
SEND_SECONDS = 30.0


class PatientSocket(socket.socket):
    """A socket that is read until a deadline and no longer."""

    deadline = 0.0
    expired = False

    def allow(self, seconds: float) -> None:
        """Let what comes from now on take so long altogether."""
        self.deadline, self.expired = monotonic() + seconds, False

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Return what has come, or nothing, as of a closed connection, when time is up."""
        left = self.deadline - monotonic()
        if left > 0 and not self.expired:
            self.settimeout(left)
            try:
                return super().recv(bufsize, flags)
            except TimeoutError:
                pass
        self.expired = True
        return b""

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send to a reader that may be slow, but not for ever."""
        self.settimeout(SEND_SECONDS)
        super().sendall(data, flags)


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's worker with threads, its connections read by PatientSocket."""

    def handle(self, conn: TConn) -> object:
        """Answer one request; return whether the connection stays open."""
        if not isinstance(conn.sock, PatientSocket):
            conn.sock = PatientSocket(fileno=conn.sock.detach())
        conn.sock.allow(HEAD_SECONDS)
        keep = super().handle(conn)
        # What is left of a body that was cut off must not be taken for the next request.
        return keep and not conn.sock.expired
