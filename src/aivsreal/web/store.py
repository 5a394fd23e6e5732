"""What was examined, by whom, until when; feedback; API keys, and who signed in. SQLite or PostgreSQL.

    store = open_store("sqlite:////home/me/.local/share/aivsreal/web.sqlite")
    store.list_of(owner)                    # newest first
    store.get(id, owner)                    # None where it is not there, or not this owner's
    store.delete(id, owner)
    store.give_feedback(id, owner, answer, remark)

`owner` is what `access.py` makes of a request: a text for a browser session or an API key, None for who
brought neither. What belongs to an owner is seen by that owner only; what belongs to nobody is seen by who
knows its id, which cannot be guessed (192 random bits).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Engine, Row, Select, delete, false, insert, or_, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from aivsreal.web.database import READING, open_engine
from aivsreal.web.keys import Key, hash_of, new_key, parts_of
from aivsreal.web.tables import api_keys, examinations, feedbacks, previews, sign_ins

Answer = Literal["real", "ai", "not_sure"]
LONGEST_LIST = 1000
ID_BYTES = 24
SIGN_IN_BYTES = 32
_ID = re.compile(r"[A-Za-z0-9_-]{32}")


@dataclass(frozen=True)
class Feedback:
    """What a person said of a verdict."""

    answer: Answer
    remark: str
    created: datetime


@dataclass(frozen=True)
class Examination:
    """One examined picture as it is remembered; `verdict` is as `Verdict.as_json`, its numbers not rounded."""

    id: str
    created: datetime
    expires: datetime
    name: str
    verdict: Mapping[str, Any]
    owner: str | None = None
    kept: str | None = None
    preview_expires: datetime | None = None
    has_heatmap: bool = False
    feedback: Feedback | None = None


@dataclass(frozen=True)
class Preview:
    """A small re-encoded copy of a picture and of its heat map, both JPEG."""

    preview: bytes = field(repr=False)
    heatmap: bytes | None = field(default=None, repr=False)


def new_id() -> str:
    """Return an id that nobody guesses."""
    return secrets.token_urlsafe(ID_BYTES)


def open_store(url: str) -> Store:
    """Return the store of a database that is there and up to date. Raises: CannotServe."""
    return Store(open_engine(url))


class Store:
    """Reading and writing, each method one transaction. One may be used by many threads at once."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._reading = engine.execution_options(**READING)

    def add(self, examination: Examination, preview: Preview | None, preview_expires: datetime) -> None:
        """Remember an examination, and its preview until it expires."""
        verdict = examination.verdict
        row = {
            "id": examination.id,
            "owner": examination.owner,
            "created": examination.created,
            "expires": examination.expires,
            "name": examination.name,
            "verdict": verdict["verdict"],
            "probability_ai": verdict["probability_ai"],
            "model": verdict["model"],
            "sha256": verdict["sha256"],
            "content": dict(verdict),
            "kept": examination.kept,
        }
        with self.engine.begin() as connection:
            connection.execute(insert(examinations).values(row))
            if preview is not None:
                connection.execute(
                    insert(previews).values(
                        examination_id=examination.id,
                        expires=preview_expires,
                        preview=preview.preview,
                        heatmap=preview.heatmap,
                    )
                )

    def get(self, id: str, owner: str | None) -> Examination | None:
        """Return one examination; None where there is none, or where it belongs to another."""
        with self._reading.connect() as connection:
            row = connection.execute(_visible(_remembered(), id, owner)).one_or_none()
        return None if row is None else _examination(row)

    def list_of(self, owner: str, *, limit: int = LONGEST_LIST) -> list[Examination]:
        """Return an owner's examinations, newest first, at most `limit`."""
        query = _remembered().where(examinations.c.owner == owner, examinations.c.expires > _now())
        query = query.order_by(examinations.c.created.desc(), examinations.c.id).limit(limit)
        with self._reading.connect() as connection:
            return [_examination(row) for row in connection.execute(query)]

    def preview(self, id: str, owner: str | None) -> Preview | None:
        """Return the pictures of an examination; None where there are none any more, or not for this owner."""
        query = select(previews.c.preview, previews.c.heatmap).join(examinations)
        query = _visible(query, id, owner).where(previews.c.expires > _now())
        with self._reading.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Preview(bytes(row.preview), row.heatmap and bytes(row.heatmap))

    def delete(self, id: str, owner: str | None) -> bool:
        """Delete an examination with its pictures and feedback; return whether there was one."""
        if self.get(id, owner) is None:
            return False
        with self.engine.begin() as connection:
            connection.execute(delete(feedbacks).where(feedbacks.c.examination_id == id))
            connection.execute(delete(previews).where(previews.c.examination_id == id))
            gone = connection.execute(delete(examinations).where(examinations.c.id == id)).rowcount
        self._wipe()
        return gone > 0

    def give_feedback(self, id: str, owner: str | None, answer: Answer, remark: str) -> Examination | None:
        """Return the examination with this feedback in the place of an earlier one; None: there is none."""
        found = self.get(id, owner)
        if found is None:
            return None
        said = {"created": _now(), "answer": answer, "remark": remark}
        about = {key: found.verdict[key] for key in ("verdict", "probability_ai", "model", "sha256")}
        mine = feedbacks.c.examination_id == id
        try:
            with self.engine.begin() as connection:
                if not connection.execute(update(feedbacks).where(mine).values(said)).rowcount:
                    connection.execute(insert(feedbacks).values(examination_id=id, **said, **about))
        except IntegrityError:  # another request gave the first feedback at the same moment
            with self.engine.begin() as connection:
                connection.execute(update(feedbacks).where(mine).values(said))
        return self.get(id, owner)

    def expired_files(self) -> list[str]:
        """Return the names of kept files whose examination has expired."""
        query = select(examinations.c.kept).where(
            examinations.c.expires <= _now(), examinations.c.kept.is_not(None)
        )
        with self._reading.connect() as connection:
            return [name for name in connection.scalars(query) if name]

    def purge(self) -> int:
        """Delete previews and examinations that have expired; return how many rows went."""
        now = _now()
        old = select(examinations.c.id).where(examinations.c.expires <= now)
        faded = or_(previews.c.expires <= now, previews.c.examination_id.in_(old))
        with self.engine.begin() as connection:
            gone = connection.execute(delete(previews).where(faded)).rowcount
            gone += connection.execute(delete(examinations).where(examinations.c.expires <= now)).rowcount
            connection.execute(delete(sign_ins).where(sign_ins.c.expires <= now))
        if gone:
            self._wipe()
        return gone

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    def _wipe(self) -> None:
        """Write deletions through to SQLite's file, whose log would still hold what is gone."""
        if self.engine.dialect.name == "sqlite":
            with closing(self.engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def marks(self, id: str | None = None) -> list[Row[Any]]:
        """Return all feedback, or that of one id, oldest first: id, when, answer, remark, verdict, probability_ai,
        model, sha256, owner and kept, the last two None where the examination is gone.
        """
        query = select(
            feedbacks.c.examination_id.label("id"),
            feedbacks.c.created.label("when"),
            feedbacks.c.answer,
            feedbacks.c.remark,
            feedbacks.c.verdict,
            feedbacks.c.probability_ai,
            feedbacks.c.model,
            feedbacks.c.sha256,
            examinations.c.owner,
            examinations.c.kept,
        ).select_from(feedbacks.outerjoin(examinations, examinations.c.id == feedbacks.c.examination_id))
        if id is not None:
            query = query.where(feedbacks.c.examination_id == id if _ID.fullmatch(id) else false())
        with self._reading.connect() as connection:
            return list(connection.execute(query.order_by(feedbacks.c.created, feedbacks.c.examination_id)))

    def make_key(self, name: str, *, operator: bool) -> tuple[Key, str]:
        """Return a new API key and its whole text, which nobody can read again."""
        id, whole, hashed = new_key()
        key = Key(id, name, operator, _now())
        with self.engine.begin() as connection:
            connection.execute(insert(api_keys).values(hash=hashed, **asdict(key)))
        return key, whole

    def list_keys(self) -> list[Key]:
        """Return every key, the revoked ones too, oldest first."""
        query = select(*_KEY_COLUMNS).order_by(api_keys.c.created)
        with self._reading.connect() as connection:
            return [Key(**row._mapping) for row in connection.execute(query)]

    def revoke_key(self, id: str) -> bool:
        """Return whether there was a valid key of this id, which is none from now on."""
        valid = (api_keys.c.id == id) & api_keys.c.revoked.is_(None)
        with self.engine.begin() as connection:
            return connection.execute(update(api_keys).where(valid).values(revoked=_now())).rowcount > 0

    def find_key(self, whole: str) -> Key | None:
        """Return the valid key of this whole text; None where it is none."""
        parts = parts_of(whole)
        if parts is None:
            return None
        query = select(*_KEY_COLUMNS, api_keys.c.hash)
        query = query.where(api_keys.c.id == parts[0], api_keys.c.revoked.is_(None))
        with self._reading.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None or not secrets.compare_digest(row.hash, hash_of(parts[1])):
            return None
        return Key(row.id, row.name, row.operator, row.created)

    def had_operator(self) -> bool:
        """Return whether an operator's key was ever made, be it revoked since."""
        query = select(api_keys.c.id).where(api_keys.c.operator).limit(1)
        with self._reading.connect() as connection:
            return connection.execute(query).first() is not None

    def sign_in(self, key: Key, *, lasting: timedelta) -> str:
        """Return the secret by which a browser is known as the key's holder for so long."""
        secret = secrets.token_urlsafe(SIGN_IN_BYTES)
        row = {"hash": hash_of(secret), "key_id": key.id, "expires": _now() + lasting}
        with self.engine.begin() as connection:
            connection.execute(insert(sign_ins).values(row))
        return secret

    def signed_in(self, secret: str) -> Key | None:
        """Return the key that a browser signed in with; None where that has ended, or the key was revoked."""
        query = select(*_KEY_COLUMNS).join_from(sign_ins, api_keys)
        query = query.where(
            sign_ins.c.hash == hash_of(secret), sign_ins.c.expires > _now(), api_keys.c.revoked.is_(None)
        )
        with self._reading.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Key(**row._mapping)

    def sign_out(self, secret: str) -> None:
        """End what `sign_in` began."""
        with self.engine.begin() as connection:
            connection.execute(delete(sign_ins).where(sign_ins.c.hash == hash_of(secret)))

    def answers(self) -> bool:
        """Return whether the database can be reached."""
        try:
            with self._reading.connect() as connection:
                connection.execute(select(1))
        except SQLAlchemyError:
            return False
        return True


_KEY_COLUMNS = (api_keys.c.id, api_keys.c.name, api_keys.c.operator, api_keys.c.created, api_keys.c.revoked)
_COLUMNS = (
    examinations.c.id,
    examinations.c.owner,
    examinations.c.created,
    examinations.c.expires,
    examinations.c.name,
    examinations.c.content,
    examinations.c.kept,
    previews.c.expires.label("preview_expires"),
    previews.c.heatmap.is_not(None).label("has_heatmap"),
    feedbacks.c.answer,
    feedbacks.c.remark,
    feedbacks.c.created.label("answered"),
)


def _remembered() -> Select[Any]:
    return select(*_COLUMNS).select_from(
        examinations.outerjoin(previews).outerjoin(feedbacks, feedbacks.c.examination_id == examinations.c.id)
    )


def _visible(query: Select[Any], id: str, owner: str | None) -> Select[Any]:
    """Narrow a query to one examination that this owner may see."""
    if not _ID.fullmatch(id):
        return query.where(false())  # an address holds anything, also what no database takes as a text
    belongs: ColumnElement[bool] = examinations.c.owner.is_(None)
    if owner is not None:
        belongs = or_(belongs, examinations.c.owner == owner)
    return query.where(examinations.c.id == id, belongs, examinations.c.expires > _now())


def _examination(row: Row[Any]) -> Examination:
    shown = row.preview_expires is not None and row.preview_expires > _now()
    said = None if row.answer is None else Feedback(row.answer, row.remark, row.answered)
    return Examination(
        id=row.id,
        owner=row.owner,
        created=row.created,
        expires=row.expires,
        name=row.name,
        verdict=row.content,
        kept=row.kept,
        preview_expires=row.preview_expires if shown else None,
        has_heatmap=shown and bool(row.has_heatmap),
        feedback=said,
    )


def _now() -> datetime:
    return datetime.now(UTC)
