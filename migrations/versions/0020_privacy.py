"""Add erasures, retention runs, and the list of items to delete at Twilio.

Revision: 0020, after 0019.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply this migration."""
    op.create_table(
        "erasures",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("cause", sa.String(length=64), nullable=False, unique=True),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
    op.create_table(
        "retention_runs",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("counts", sa.Text(), nullable=False, server_default="{}"),
    )
    op.create_table(
        "retention_counts",
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("what", sa.String(length=24), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("many", sa.Integer(), nullable=False),
        sa.UniqueConstraint("month", "what", "kind", "state"),
    )
    op.create_table(
        "audit_cuts",
        sa.Column("last_id", sa.Integer(), primary_key=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
    )
    op.create_table(
        "redactions",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("done_until", MOMENT, nullable=False),
        sa.Column("looked_at", MOMENT),
        sa.Column("failing", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("reason", sa.String(length=24), nullable=False, server_default=""),
        sa.Column("redacted", sa.Integer(), nullable=False, server_default="0"),
    )


def downgrade() -> None:
    """Undo this migration."""
    for name in ("redactions", "audit_cuts", "retention_counts", "retention_runs"):
        op.drop_table(name)
    op.drop_table("erasures")
