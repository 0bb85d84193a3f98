"""Store when a question times out.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this migration."""
    op.add_column("follow_ups", sa.Column("step", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """Undo this migration."""
    with op.batch_alter_table("follow_ups") as table:
        table.drop_column("step")
