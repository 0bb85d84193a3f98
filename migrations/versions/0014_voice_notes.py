"""Add voice notes with their encrypted sound, their location at Twilio, and their transcript.

Revision: 0014, after 0013.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply this migration."""
    op.create_table(
        "voice_notes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("cause", sa.String(length=80), nullable=False, unique=True),
        sa.Column("contact_id", sa.Integer(), sa.ForeignKey("contacts.id"), index=True),
        sa.Column("case_id", sa.Integer(), sa.ForeignKey("cases.id"), index=True),
        sa.Column("urgent_case_id", sa.Integer(), sa.ForeignKey("cases.id"), index=True),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("sealed_url", sa.Text(), nullable=False),
        sa.Column("content_type", sa.String(length=80), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("sealed_audio", sa.LargeBinary()),
        sa.Column("sealed_transcript", sa.Text()),
        sa.Column("transcript", sa.String(length=8), nullable=False, server_default=""),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False, server_default=""),
        sa.Column("at_twilio", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("due_at", MOMENT, index=True),
        sa.Column("heard_by", sa.String(length=64)),
        sa.Column("heard_at", MOMENT),
        sa.Column("at", MOMENT, nullable=False),
    )


def downgrade() -> None:
    """Undo this migration. Voice notes are lost."""
    op.drop_table("voice_notes")
