"""Record which owners got a reminder about an expired text.

Revision: 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this migration."""
    op.create_table(
        "reminders",
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("since", sa.String(length=10), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("subject", "since"),
    )


def downgrade() -> None:
    """Undo this migration."""
    op.drop_table("reminders")
