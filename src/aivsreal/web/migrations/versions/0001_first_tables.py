"""Make the first tables."""

import sqlalchemy as sa
from alembic import op

from aivsreal.web.tables import Moment

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make examinations, previews, feedbacks and API keys."""
    op.create_table(
        "examinations",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(80), nullable=True),
        sa.Column("created", Moment(), nullable=False),
        sa.Column("expires", Moment(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("verdict", sa.String(12), nullable=False),
        sa.Column("probability_ai", sa.Float(53), nullable=False),
        sa.Column("model", sa.String(300), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("kept", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_examinations")),
    )
    op.create_index("ix_examinations_owner_created", "examinations", ["owner", "created"])
    op.create_index("ix_examinations_expires", "examinations", ["expires"])
    op.create_table(
        "previews",
        sa.Column("examination_id", sa.String(64), nullable=False),
        sa.Column("expires", Moment(), nullable=False),
        sa.Column("preview", sa.LargeBinary(), nullable=False),
        sa.Column("heatmap", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["examination_id"],
            ["examinations.id"],
            name=op.f("fk_previews_examination_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("examination_id", name=op.f("pk_previews")),
    )
    op.create_index("ix_previews_expires", "previews", ["expires"])
    op.create_table(
        "feedbacks",
        sa.Column("examination_id", sa.String(64), nullable=False),
        sa.Column("created", Moment(), nullable=False),
        sa.Column("answer", sa.String(12), nullable=False),
        sa.Column("remark", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(12), nullable=False),
        sa.Column("probability_ai", sa.Float(53), nullable=False),
        sa.Column("model", sa.String(300), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("examination_id", name=op.f("pk_feedbacks")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("operator", sa.Boolean(), nullable=False),
        sa.Column("created", Moment(), nullable=False),
        sa.Column("revoked", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )


def downgrade() -> None:
    """Remove all tables."""
    for table in ("api_keys", "feedbacks", "previews", "examinations"):
        op.drop_table(table)
