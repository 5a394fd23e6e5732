"""API keys: `aivs_ID_SECRET`. The secret is random, so that its SHA-256 is all that has to be stored."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

MARK = "aivs"
_ID_BYTES, _SECRET_BYTES = 6, 32


@dataclass(frozen=True)
class Key:
    """A key as the store knows it; its secret is not there."""

    id: str
    name: str
    operator: bool
    created: datetime
    revoked: datetime | None = None


def new_key() -> tuple[str, str, str]:
    """Return a new key's id, the whole key to hand over once, and the hash to store."""
    id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    return id, f"{MARK}_{id}_{secret}", hash_of(secret)


def parts_of(text: str) -> tuple[str, str] | None:
    """Return id and secret of a key as it was handed over; None where it is none."""
    mark, _, rest = text.partition("_")
    id, _, secret = rest.partition("_")
    return (id, secret) if mark == MARK and id and secret and text.isascii() else None


def hash_of(secret: str) -> str:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
