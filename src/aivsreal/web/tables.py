"""The tables of the store. A change here needs a migration beside it; a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)


class Moment(TypeDecorator[datetime]):
    """A time in UTC, also in databases that know no zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the time without its zone, which is UTC."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the time with its zone."""
        return None if value is None else value.replace(tzinfo=UTC)


examinations = Table(
    "examinations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(80), nullable=True),
    Column("created", Moment, nullable=False),
    Column("expires", Moment, nullable=False),
    Column("name", String(200), nullable=False),
    Column("verdict", String(12), nullable=False),
    Column("probability_ai", Float(53), nullable=False),
    Column("model", String(300), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("content", JSON, nullable=False),
    Column("kept", String(64), nullable=True),
    Index("ix_examinations_owner_created", "owner", "created"),
    Index("ix_examinations_expires", "expires"),
)

# Pictures lie in a table of their own, so that lists are read without them and they can go earlier.
previews = Table(
    "previews",
    metadata,
    Column(
        "examination_id",
        String(64),
        ForeignKey("examinations.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("expires", Moment, nullable=False),
    Column("preview", LargeBinary, nullable=False),
    Column("heatmap", LargeBinary, nullable=True),
    Index("ix_previews_expires", "expires"),
)

# Feedback outlives the record that it is about, for later use; only its author's delete takes it along.
feedbacks = Table(
    "feedbacks",
    metadata,
    Column("examination_id", String(64), primary_key=True),
    Column("created", Moment, nullable=False),
    Column("answer", String(12), nullable=False),
    Column("remark", Text, nullable=False),
    Column("verdict", String(12), nullable=False),
    Column("probability_ai", Float(53), nullable=False),
    Column("model", String(300), nullable=False),
    Column("sha256", String(64), nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("operator", Boolean, nullable=False),
    Column("created", Moment, nullable=False),
    Column("revoked", Moment, nullable=True),
)

# Operators who opened their pages with a browser: what its cookie holds is here only as a hash.
sign_ins = Table(
    "sign_ins",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("key_id", String(32), ForeignKey("api_keys.id", ondelete="CASCADE"), nullable=False),
    Column("expires", Moment, nullable=False),
    Index("ix_sign_ins_expires", "expires"),
)
