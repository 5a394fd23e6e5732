"""What people marked on the pages and through the API, as `aivsreal.living` reviews it."""

from __future__ import annotations

import os
from pathlib import Path

from aivsreal.living.feedback import Mark
from aivsreal.web.database import parsed_url
from aivsreal.web.examine import UPLOADS
from aivsreal.web.settings import Settings, load_settings
from aivsreal.web.store import Store, open_store


def all_marks(settings: Settings | None = None) -> list[Mark]:
    """Return every mark, oldest first; none where there was never a server on this data folder.

    settings: default those of the environment. Raises: CannotServe, UsageError.
    """
    chosen = settings or load_settings(None, os.environ)
    url = parsed_url(chosen.database_url)
    if url.drivername == "sqlite" and not Path(url.database or "").exists():
        return []
    store = open_store(chosen.database_url)
    try:
        return marks_in(store, chosen.folder)
    finally:
        store.close()


def marks_in(store: Store, folder: Path, id: str | None = None) -> list[Mark]:
    """Return every mark in the store, or that of one id. folder: where the server's uploads lie, if they are kept."""
    return [
        Mark(
            id=row.id,
            when=row.when,
            said=row.answer,
            remark=row.remark,
            verdict=row.verdict,
            probability_ai=row.probability_ai,
            model=row.model,
            sha256=row.sha256,
            client=row.owner,
            picture=folder / UPLOADS / row.kept if row.kept else None,
        )
        for row in store.marks(id)
    ]
