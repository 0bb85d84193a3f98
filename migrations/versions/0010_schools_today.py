"""Add school statuses and their recipients, announcement templates, content reviews, and the weekly digest.

Revision: 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply this migration."""
    _statuses()
    op.create_table(
        "ready_made",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("announcement_id", sa.Integer(), sa.ForeignKey("announcements.id"), nullable=False, unique=True),
        sa.Column("school", sa.String(length=48), nullable=False),
        sa.Column("what", sa.String(length=12), nullable=False),
        sa.Column("proposed_by", sa.String(length=64)),
        sa.Column("proposed_at", MOMENT),
        sa.Column("released_by", sa.String(length=64)),
        sa.Column("released_at", MOMENT),
        sa.Column("released_id", sa.Integer()),
        sa.UniqueConstraint("school", "what"),
    )
    op.create_table(
        "content_reviews",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("subject", sa.String(length=64), nullable=False, index=True),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("still_right", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False, server_default=""),
    )
    op.create_table(
        "digests",
        sa.Column("week", sa.String(length=10), primary_key=True),
        sa.Column("lines", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
    op.create_table(
        "digest_reads",
        sa.Column("week", sa.String(length=10), sa.ForeignKey("digests.week"), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.UniqueConstraint("week", "by"),
    )


def _statuses() -> None:
    op.create_table(
        "school_statuses",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("cause", sa.String(length=64), nullable=False, unique=True),
        sa.Column("school", sa.String(length=48), nullable=False, index=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("checked_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False, index=True),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("withdrawn_by", sa.String(length=64)),
        sa.Column("withdrawn_at", MOMENT),
        sa.Column("told_chain", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "school_status_answers",
        sa.Column("status_id", sa.Integer(), sa.ForeignKey("school_statuses.id"), nullable=False, index=True),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.String(length=32), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("taken_back_at", MOMENT),
        sa.UniqueConstraint("case_id", "round"),
    )


def downgrade() -> None:
    """Undo this migration. School statuses, reviews, and digests are lost. Templates become plain drafts."""
    for name in (
        "digest_reads",
        "digests",
        "content_reviews",
        "ready_made",
        "school_status_answers",
        "school_statuses",
    ):
        op.drop_table(name)
