"""Who asks: a browser session, an API key, or nobody in particular; and who must not ask at all.

A browser session is a cookie with a random secret that only its browser knows, HttpOnly and SameSite=Lax;
the store holds the secret's SHA-256 (`owner`), so that whoever reads the database cannot take a session
over. The pages begin one (`begin_session` on the response that they send); the API only reads it.

An API key comes as `Authorization: Bearer aivs_ID_SECRET`. Where a request brings both, the key counts.
"""

from __future__ import annotations

import hashlib
import secrets
from urllib.parse import urlsplit

from flask import Response, current_app, g, request

from aivsreal.web.keys import Key
from aivsreal.web.problems import Problem
from aivsreal.web.settings import Settings
from aivsreal.web.store import Store

COOKIE = "aivsreal_session"
SECRET_BYTES = 32
SESSION_SECONDS = 400 * 24 * 3600
OPEN_BLUEPRINTS = ("health",)  # which open themselves as far as the settings want
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def owner() -> str | None:
    """Return whose what this request makes is: the key's, the session's, or nobody's (None).

    Raises: Problem 401 where a key is brought that is none.
    """
    if (key := api_key()) is not None:
        return f"key:{key.id}"
    secret = request.cookies.get(COOKIE, "")
    return _owner_of(secret) if _is_secret(secret) else None


def api_key() -> Key | None:
    """Return the API key that this request brings; None: it brings none. Raises: Problem 401."""
    if "api_key" not in g:
        g.api_key = _checked_key()
    return g.api_key  # type: ignore[no-any-return]


def begin_session() -> tuple[str, str | None]:
    """Return the owner that this browser is, and the secret to `keep_session` where it has none yet."""
    known = owner()
    if known is not None:
        return known, None
    secret = secrets.token_urlsafe(SECRET_BYTES)
    return _owner_of(secret), secret


def keep_session(response: Response, secret: str | None) -> Response:
    """Return the response with the session's cookie, where the session has just begun."""
    if secret is not None:
        response.set_cookie(
            COOKIE,
            secret,
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="Lax",
            secure=request.is_secure,
        )
    return response


def require_operator() -> None:
    """Let a request with an operator's key pass. Raises: Problem 401, 403."""
    key = api_key()
    if key is None:
        raise Problem(401, "this needs an operator's key", hint="send Authorization: Bearer KEY")
    if not key.operator:
        raise Problem(403, "this key is not an operator's", hint="`aivsreal keys make --operator` makes one")


def guard() -> None:
    """Let a request pass to its view, or not: called before every one. Raises: Problem 400, 401, 403."""
    _refuse_other_sites()
    settings: Settings = current_app.extensions["aivsreal"].settings
    if request.blueprint in OPEN_BLUEPRINTS:
        return
    _refuse_other_names(settings)
    if settings.require_key and not _asks_for_a_key_itself() and api_key() is None:
        raise Problem(401, "this server wants an API key", hint="send Authorization: Bearer KEY")


def _asks_for_a_key_itself() -> bool:
    """Return whether this is what a browser must get before it can bring a key: the operator's pages, and their style."""
    return request.blueprint == "operator" or request.endpoint == "static"


def _refuse_other_names(settings: Settings) -> None:
    """Let no other site name this server its own, which would let its pages in. Raises: Problem 400."""
    names = settings.answers_to
    if names is not None and urlsplit(f"//{request.host}").hostname not in names:
        raise Problem(
            400, "this server does not answer to that name", hint="whoever runs it sets AIVSREAL_HOSTS"
        )


def _refuse_other_sites() -> None:
    """Let no other site's page change anything in its visitor's name. Raises: Problem 403.

    Browsers say where a request comes from; programs need not. Works for forms without scripts.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    foreign = site not in ("same-origin", "none") if site else _is_foreign(origin)
    if foreign:
        raise Problem(
            403, "this request comes from another site's page", hint="send it from this server's own page"
        )


def _is_foreign(origin: str | None) -> bool:
    return origin is not None and urlsplit(origin).netloc.lower() != request.host.lower()


def _checked_key() -> Key | None:
    header = request.headers.get("Authorization", "")
    if not header:
        return None
    store: Store = current_app.extensions["aivsreal"].examiner.store
    scheme, _, text = header.partition(" ")
    key = store.find_key(text.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        raise Problem(401, "this API key is not known, or was revoked", hint="ask whoever runs this server")
    return key


def _is_secret(text: str) -> bool:
    return len(text) >= SECRET_BYTES and text.isascii()


def _owner_of(secret: str) -> str:
    return f"session:{hashlib.sha256(secret.encode()).hexdigest()}"
