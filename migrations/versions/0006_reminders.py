"""Which owners were told of a text that is past its time

Revision: 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "reminders",
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("since", sa.String(length=10), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("subject", "since"),
    )


def downgrade() -> None:
    """Back."""
    op.drop_table("reminders")
