"""Add recordings of texts that staff say for callers, one for each text and language.

Revision: 0015, after 0013.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply this migration."""
    op.create_table(
        "recordings",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("language", sa.String(length=8), nullable=False, index=True),
        sa.Column("key", sa.String(length=32), nullable=False, index=True),
        sa.Column("place", sa.String(length=160), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("mp3", sa.LargeBinary(), nullable=False),
        sa.Column("ogg", sa.LargeBinary(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("reviewed_by", sa.String(length=64)),
        sa.Column("reviewed_at", MOMENT),
        sa.Column("taken_back_at", MOMENT),
    )


def downgrade() -> None:
    """Undo this migration. Recordings are lost."""
    op.drop_table("recordings")
