"""Who may open the operator's pages: who brings an operator's key, or signed in with one.

A browser brings the key once, in a form; from then on it is known by a cookie with a random secret of its own,
HttpOnly and SameSite=Strict, whose hash the store holds. It ends after LASTING, by signing out, and when the key
is revoked. As long as no operator's key was ever made, a server that only its own machine can reach opens the pages
to that machine's users, as it does all others; to revoke the last key opens nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address

from flask import Response, current_app, request

from aivsreal.errors import printable
from aivsreal.living.registry import who
from aivsreal.web import access
from aivsreal.web.keys import Key
from aivsreal.web.problems import Problem
from aivsreal.web.settings import Settings
from aivsreal.web.store import Store

COOKIE = "aivsreal_operator"
PATH = "/operator"
LASTING = timedelta(hours=12)
# A proxy that nobody told us of betrays itself by one of these.
BY_PROXY = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")
_log = logging.getLogger("aivsreal.web")


@dataclass(frozen=True)
class Operator:
    """Who works on the operator's pages, as reviews and histories name them; signed_in: whether they can sign out."""

    name: str
    signed_in: bool = False


def operator() -> Operator | None:
    """Return who asks; None where nobody who may. Raises: Problem 401, 403 where a key is brought that does not do."""
    if access.api_key() is not None:
        access.require_operator()
        return Operator(_named(access.api_key()))
    if secret := request.cookies.get(COOKIE):
        key = _store().signed_in(secret)
        if key is not None and key.operator:
            return Operator(_named(key), signed_in=True)
    return Operator(who()) if _open_here() else None


def sign_in(text: str) -> str | None:
    """Return the secret to `keep` in the browser of who brings this key; None where it is no operator's key."""
    key = _store().find_key(text.strip())
    if key is None or not key.operator:
        _log.warning("an operator's sign-in from %s was refused", printable(str(request.remote_addr)))
        return None
    return _store().sign_in(key, lasting=LASTING)


def sign_out() -> None:
    """End this browser's sign-in."""
    if secret := request.cookies.get(COOKIE):
        _store().sign_out(secret)


def keep(response: Response, secret: str) -> Response:
    """Return the response with the cookie by which the browser is known from now on."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=LASTING,
        path=PATH,
        httponly=True,
        samesite="Strict",
        secure=request.is_secure,
    )
    return response


def forget(response: Response) -> Response:
    """Return the response without it."""
    response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="Strict", secure=request.is_secure)
    return response


def nobody() -> Problem:
    """Return the problem of who brings no key."""
    return Problem(
        401, "this needs an operator's key", hint="sign in at /operator, or send Authorization: Bearer KEY"
    )


def _open_here() -> bool:
    """Return whether these pages are open without a key: on this machine alone, and before an operator's key was made."""
    settings: Settings = current_app.extensions["aivsreal"].settings
    if not settings.for_this_machine or any(name in request.headers for name in BY_PROXY):
        return False
    return _is_loopback(request.remote_addr) and not _store().had_operator()


def _is_loopback(address: str | None) -> bool:
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False


def _named(key: Key | None) -> str:
    return f"{key.name} (key {key.id})" if key else ""


def _store() -> Store:
    store: Store = current_app.extensions["aivsreal"].examiner.store
    return store
