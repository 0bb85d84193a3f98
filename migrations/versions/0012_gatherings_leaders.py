"""Add meetings with RSVPs, interpreters, questions, and themes, and community leaders with the requests to reach them.

Revision: 0012, after 0011.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply this migration."""
    _gatherings()
    _listening()
    _leaders()


def _gatherings() -> None:
    op.create_table(
        "gatherings",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("code", sa.String(length=8), nullable=False, unique=True),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("schools", sa.Text(), nullable=False),
        sa.Column("host", sa.String(length=64), nullable=False),
        sa.Column("helpers", sa.Text(), nullable=False),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("link", sa.String(length=300), nullable=False),
        sa.Column("dial_in", sa.String(length=20), nullable=False),
        sa.Column("dial_code", sa.String(length=24), nullable=False),
        sa.Column("place", sa.String(length=160), nullable=False),
        sa.Column("languages", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False, index=True),
        sa.Column("revision", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("announcement_id", sa.Integer(), index=True),
        sa.Column("sheet", sa.Text(), nullable=False, server_default=""),
        sa.Column("sheet_by", sa.String(length=64)),
        sa.Column("sheet_approved_by", sa.String(length=64)),
        sa.Column("written_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_table(
        "rsvps",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("gathering_id", sa.Integer(), sa.ForeignKey("gatherings.id"), nullable=False),
        sa.Column("family_id", sa.Integer(), sa.ForeignKey("families.id", ondelete="CASCADE"), nullable=False),
        sa.Column("contact_id", sa.Integer(), sa.ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("told_day_at", MOMENT),
        sa.Column("told_hour_at", MOMENT),
        sa.Column("asked_at", MOMENT),
        sa.UniqueConstraint("gathering_id", "family_id"),
    )
    op.create_table(
        "gathering_interpreters",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("gathering_id", sa.Integer(), sa.ForeignKey("gatherings.id"), nullable=False, index=True),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("booked_by", sa.String(length=64), nullable=False),
        sa.Column("booked_at", MOMENT, nullable=False),
    )
    op.create_table(
        "gathering_needs",
        sa.Column("gathering_id", sa.Integer(), sa.ForeignKey("gatherings.id"), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.UniqueConstraint("gathering_id", "language"),
    )


def _listening() -> None:
    op.create_table(
        "gathering_questions",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("gathering_id", sa.Integer(), sa.ForeignKey("gatherings.id"), nullable=False, index=True),
        sa.Column("sealed_text", sa.Text(), nullable=False),
        sa.Column("place", sa.String(length=32), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
    )
    op.create_table(
        "gathering_themes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("gathering_id", sa.Integer(), sa.ForeignKey("gatherings.id"), nullable=False, index=True),
        sa.Column("theme", sa.String(length=80), nullable=False),
        sa.Column("case_id", sa.Integer()),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.UniqueConstraint("gathering_id", "theme", "case_id"),
    )


def _leaders() -> None:
    op.create_table(
        "leaders",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("number_index", sa.String(length=64), unique=True),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("place", sa.String(length=32), nullable=False),
        sa.Column("organization", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("languages", sa.Text(), nullable=False),
        sa.Column("channel", sa.String(length=160), nullable=False, server_default=""),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("contacted_on", sa.Date()),
        sa.Column("due_on", sa.Date()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("left_at", MOMENT),
    )
    op.create_table(
        "leader_requests",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("leader_id", sa.Integer(), sa.ForeignKey("leaders.id"), nullable=False, index=True),
        sa.Column("why", sa.String(length=200), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("with_id", sa.Integer()),
        sa.Column("done_by", sa.String(length=64)),
        sa.Column("done_at", MOMENT),
    )
    op.create_table(
        "leader_tasks",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.String(length=16), nullable=False, unique=True),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("invitation", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(length=64)),
    )


def downgrade() -> None:
    """Undo this migration. Meetings and the register of community leaders are lost."""
    for name in (
        "leader_tasks", "leader_requests", "leaders", "gathering_themes", "gathering_questions", "gathering_needs",
        "gathering_interpreters", "rsvps", "gatherings",
    ):  # fmt: skip
        op.drop_table(name)
