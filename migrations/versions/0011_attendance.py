"""Add absence reports and their calls, support needs, verified events at schools, and home visits.

Revision: 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
STANDING = "state IN ('asked', 'approved')"


def upgrade() -> None:
    """Apply this migration."""
    _absences()
    _needs()
    op.create_table(
        "verified_events",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("school", sa.String(length=48), nullable=False, index=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("withdrawn_by", sa.String(length=64)),
        sa.Column("withdrawn_at", MOMENT),
    )
    _visits()


def _absences() -> None:
    op.create_table(
        "absences",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("cause", sa.String(length=80), nullable=False, unique=True),
        sa.Column("case_id", sa.Integer(), index=True),
        sa.Column("contact_id", sa.Integer(), index=True),
        sa.Column("school", sa.String(length=48)),
        sa.Column("day", sa.Date(), nullable=False, index=True),
        sa.Column("reason", sa.String(length=12), nullable=False),
        sa.Column("found", sa.String(length=12)),
        sa.Column("found_at", MOMENT),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_table(
        "absence_calls",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("cause", sa.String(length=80), nullable=False, unique=True),
        sa.Column("case_id", sa.Integer(), nullable=False, index=True),
        sa.Column("reason", sa.String(length=12), nullable=False),
        sa.Column("interpreter", sa.String(length=3), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )


def _needs() -> None:
    op.create_table(
        "needs",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("cause", sa.String(length=80), nullable=False, unique=True),
        sa.Column("case_id", sa.Integer(), nullable=False, index=True),
        sa.Column("contact_id", sa.Integer(), index=True),
        sa.Column("school", sa.String(length=48)),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("sealed_words", sa.Text()),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False, index=True),
        sa.Column("day", sa.Date(), nullable=False, index=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("told_at", MOMENT),
        sa.Column("outcome", sa.String(length=16)),
        sa.Column("sealed_done", sa.Text()),
        sa.Column("closed_by", sa.String(length=64)),
        sa.Column("closed_at", MOMENT),
    )


def _visits() -> None:
    op.create_table(
        "home_visits",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("cause", sa.String(length=80), nullable=False, unique=True),
        sa.Column("case_id", sa.Integer(), nullable=False, index=True),
        sa.Column("contact_id", sa.Integer(), index=True),
        sa.Column("school", sa.String(length=48), nullable=False),
        sa.Column("sealed_plan", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT),
    )
    where = {"sqlite_where": sa.text(STANDING), "postgresql_where": sa.text(STANDING)}
    op.create_index("uq_home_visits_standing", "home_visits", ["case_id"], unique=True, **where)


def downgrade() -> None:
    """Undo this migration. Figures, support needs, and visits are lost."""
    for name in ("home_visits", "verified_events", "needs", "absence_calls", "absences"):
        op.drop_table(name)
