"""Add alarms to the technical contact, and the trace that finds a delivery in the log.

Revision: 0023, after 0020.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0020"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply this migration."""
    op.add_column("deliveries", sa.Column("trace", sa.String(length=12)))
    op.create_index("ix_deliveries_created_at", "deliveries", ["created_at"])
    op.create_index("ix_consent_events_at", "consent_events", ["at"])
    op.create_table(
        "alarms",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("told_at", MOMENT),
        sa.Column("ended_at", MOMENT, index=True),
    )
    open_one = sa.text("ended_at IS NULL")
    op.create_index("uq_alarms_open", "alarms", ["name"], unique=True, sqlite_where=open_one, postgresql_where=open_one)


def downgrade() -> None:
    """Undo this migration."""
    op.drop_table("alarms")
    op.drop_index("ix_consent_events_at", "consent_events")
    op.drop_index("ix_deliveries_created_at", "deliveries")
    op.drop_column("deliveries", "trace")
