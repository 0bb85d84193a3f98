"""Add partner checks by staff, suggested partners, and referrals with their results.

Revision: 0013, after 0012.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply this migration."""
    op.create_table(
        "partner_checks",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("partner", sa.String(length=64), nullable=False, index=True),
        sa.Column("phone", sa.String(length=24), nullable=False),
        sa.Column("right", sa.Boolean(), nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
    op.create_table(
        "suggestions",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("cause", sa.String(length=80), nullable=False, unique=True),
        sa.Column("contact_id", sa.Integer(), sa.ForeignKey("contacts.id"), index=True),
        sa.Column("from_whom", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("sealed_text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False, index=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("reviewed_by", sa.String(length=64)),
        sa.Column("reviewed_at", MOMENT),
    )
    op.create_table(
        "referrals",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("cause", sa.String(length=80), nullable=False, unique=True),
        sa.Column("case_id", sa.Integer(), sa.ForeignKey("cases.id"), nullable=False, index=True),
        sa.Column("partner", sa.String(length=64), nullable=False, index=True),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("outcome", sa.String(length=16)),
        sa.Column("answered_at", MOMENT),
    )


def downgrade() -> None:
    """Undo this migration. Partner checks, suggestions, and referrals are lost."""
    for table in ("referrals", "suggestions", "partner_checks"):
        op.drop_table(table)
