"""Never reuse the IDs of erased rows (SQLite). Record how to recognize an erased family's row in a backup.

Revision: 0024, after 0023.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

TABLES = ("families", "contacts", "cases", "case_messages", "follow_ups", "voice_notes")


def upgrade() -> None:
    """Apply this migration."""
    op.add_column("erasures", sa.Column("token", sa.String(length=64)))
    _make_anew(never_again=True)


def downgrade() -> None:
    """Undo this migration."""
    _make_anew(never_again=False)
    op.drop_column("erasures", "token")


def _make_anew(never_again: bool) -> None:
    """Rebuild each table, because SQLite accepts AUTOINCREMENT only in a new table. PostgreSQL never reuses IDs."""
    if op.get_bind().dialect.name != "sqlite":
        return
    for name in TABLES:
        with op.batch_alter_table(name, recreate="always", table_kwargs={"sqlite_autoincrement": never_again}):
            pass
