"""Give each family its own key, encrypted with DATA_KEY. Values that were encrypted before stay readable.

Revision: 0019, after 0015.
"""

import sqlalchemy as sa
from alembic import op

from bot.base import settings
from bot.base.encryption import Vault

revision = "0019"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this migration."""
    op.create_table(
        "family_keys",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("family_id", sa.Integer(), sa.ForeignKey("families.id"), unique=True),
        sa.Column("contact_id", sa.Integer(), sa.ForeignKey("contacts.id"), unique=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "lasting_secrets",
        sa.Column("name", sa.String(length=16), primary_key=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
    )
    _keep_hashes()


def _keep_hashes() -> None:
    """Keep the index secret, because the hashes of recovery codes and of erased families' opt-outs use it."""
    db = op.get_bind()
    used = "SELECT 1 FROM logins WHERE recovery <> '' UNION ALL SELECT 1 FROM consent_events LIMIT 1"
    if db.execute(sa.text(used)).first() is None:
        return
    wrapped = Vault(settings.load_settings().data_keys).wrap_secret(None, "lasting secret:index")
    db.execute(sa.text("INSERT INTO lasting_secrets VALUES ('index', :wrapped)"), {"wrapped": wrapped})


def downgrade() -> None:
    """Undo this migration. Refuses if family keys exist, because values encrypted with them couldn't be read."""
    if op.get_bind().execute(sa.text("SELECT count(*) FROM family_keys")).scalar_one():
        raise RuntimeError(
            "Families' records are sealed by their own keys: going back would lose them. Restore a backup."
        )
    op.drop_table("lasting_secrets")
    op.drop_table("family_keys")
