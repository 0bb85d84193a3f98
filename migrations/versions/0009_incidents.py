"""Add incidents and drills with their people and notes, and quiz results.

Revision: 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply this migration."""
    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("school", sa.String(length=48), index=True),
        sa.Column("drill", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("live", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("started_by", sa.String(length=64), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("touched_at", MOMENT, nullable=False),
        sa.Column("ended_by", sa.String(length=64)),
        sa.Column("ended_at", MOMENT, index=True),
        sa.Column("ending", sa.String(length=16), nullable=False, server_default=""),
        sa.Column("case_id", sa.Integer(), sa.ForeignKey("cases.id"), index=True),
    )
    op.create_table(
        "incident_people",
        sa.Column("incident_id", sa.Integer(), sa.ForeignKey("incidents.id"), nullable=False),
        sa.Column("staff", sa.String(length=64), nullable=False, index=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("reached", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("joined_at", MOMENT, nullable=False),
        sa.Column("done_at", MOMENT),
        sa.UniqueConstraint("incident_id", "staff"),
    )
    op.create_table(
        "incident_entries",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("incident_id", sa.Integer(), sa.ForeignKey("incidents.id"), nullable=False, index=True),
        sa.Column("cause", sa.String(length=80), nullable=False, unique=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("staff", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("sealed_text", sa.Text(), nullable=False),
        sa.Column("sealed_reply", sa.Text(), nullable=False),
    )
    op.create_table(
        "quizzes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("cause", sa.String(length=80), nullable=False, unique=True),
        sa.Column("staff", sa.String(length=64), nullable=False, index=True),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("correct", sa.Integer(), nullable=False),
        sa.Column("questions", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )


def downgrade() -> None:
    """Undo this migration."""
    for table in ("quizzes", "incident_entries", "incident_people", "incidents"):
        op.drop_table(table)
