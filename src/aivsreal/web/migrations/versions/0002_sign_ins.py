"""Make the table of operators who signed in with a browser."""

import sqlalchemy as sa
from alembic import op

from aivsreal.web.tables import Moment

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make sign-ins."""
    op.create_table(
        "sign_ins",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("expires", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["api_keys.id"], name=op.f("fk_sign_ins_key_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sign_ins")),
    )
    op.create_index("ix_sign_ins_expires", "sign_ins", ["expires"])


def downgrade() -> None:
    """Remove sign-ins."""
    op.drop_table("sign_ins")
