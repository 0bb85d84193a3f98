"""Store machine drafts for languages without a catalog.

Revision: 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this migration."""
    op.create_table(
        "drafted_languages",
        sa.Column("language", sa.String(length=8), primary_key=True),
        sa.Column("ready_for", sa.String(length=12), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "drafts",
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("text", sa.String(length=12), nullable=False),
        sa.Column("wording", sa.Text(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("language", "text"),
    )


def downgrade() -> None:
    """Undo this migration."""
    op.drop_table("drafts")
    op.drop_table("drafted_languages")
