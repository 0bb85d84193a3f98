"""Add families (one for each number), and announcements with wordings, approvals, and recipients.

Revision: 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op

from bot.base import settings
from bot.base.encryption import DecryptionError, Vault

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply this migration."""
    _families()
    _announcements()
    with op.batch_alter_table("contacts") as table:
        table.add_column(sa.Column("family_id", sa.Integer()))
        table.create_foreign_key("fk_contacts_family_id", "families", ["family_id"], ["id"])
        table.create_index("ix_contacts_family_id", ["family_id"])
    _fill_families()
    with op.batch_alter_table("cases") as table:
        table.add_column(sa.Column("announcement_id", sa.Integer()))
        table.create_index("ix_cases_announcement_id", ["announcement_id"])
    with op.batch_alter_table("consent_events") as table:
        table.alter_column("basis", existing_type=sa.String(length=40), type_=sa.String(length=80))


def _families() -> None:
    op.create_table(
        "families",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("person_index", sa.String(length=64), nullable=False, unique=True),
        sa.Column("role", sa.String(length=8), nullable=False, server_default="family"),
        sa.Column("consent_basis", sa.String(length=80)),
        sa.Column("consent_at", MOMENT),
        sa.Column("bad_number", sa.Integer()),
        sa.Column("bad_number_at", MOMENT),
        sa.Column("no_whatsapp_at", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_table(
        "family_schools",
        sa.Column("family_id", sa.Integer(), sa.ForeignKey("families.id"), nullable=False),
        sa.Column("school", sa.String(length=48), nullable=False, index=True),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("seen", sa.String(length=32), nullable=False, server_default=""),
        sa.UniqueConstraint("family_id", "school", "source"),
    )
    op.create_table(
        "family_tags",
        sa.Column("family_id", sa.Integer(), sa.ForeignKey("families.id"), nullable=False),
        sa.Column("tag", sa.String(length=48), nullable=False, index=True),
        sa.UniqueConstraint("family_id", "tag"),
    )


def _announcements() -> None:
    op.create_table(
        "announcements",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("code", sa.String(length=8), nullable=False, unique=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("sender", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("link", sa.String(length=500), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("channels", sa.String(length=32), nullable=False),
        sa.Column("unapproved", sa.String(length=8), nullable=False),
        sa.Column("send_at", MOMENT),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False, index=True),
        sa.Column("why_paused", sa.String(length=200), nullable=False, server_default=""),
        sa.Column("written_by", sa.String(length=64), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT),
        sa.Column("ended_at", MOMENT),
    )
    op.create_table(
        "announcement_wordings",
        sa.Column("announcement_id", sa.Integer(), sa.ForeignKey("announcements.id"), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("failed", sa.String(length=24), nullable=False, server_default=""),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("reviewed_by", sa.String(length=80)),
        sa.Column("recorded_by", sa.String(length=64)),
        sa.Column("reviewed_at", MOMENT),
        sa.Column("audio", sa.LargeBinary()),
        sa.UniqueConstraint("announcement_id", "language"),
    )
    op.create_table(
        "announcement_approvals",
        sa.Column("announcement_id", sa.Integer(), sa.ForeignKey("announcements.id"), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.UniqueConstraint("announcement_id", "by", "digest"),
    )
    op.create_table(
        "announcement_kits",
        sa.Column("announcement_id", sa.Integer(), sa.ForeignKey("announcements.id"), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("picture", sa.LargeBinary()),
        sa.Column("sound", sa.LargeBinary()),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.UniqueConstraint("announcement_id", "language"),
    )
    op.create_table(
        "recipients",
        sa.Column("id", sa.String(length=32), primary_key=True),
        sa.Column("announcement_id", sa.Integer(), sa.ForeignKey("announcements.id"), nullable=False),
        sa.Column("family_id", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False, index=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("template", sa.String(length=40)),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=False, server_default=""),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("looks", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("claimed_at", MOMENT),
        sa.Column("moved_at", MOMENT, nullable=False),
        sa.Column("sid", sa.String(length=34), index=True),
        sa.Column("error_code", sa.Integer()),
        sa.UniqueConstraint("announcement_id", "family_id", "kind", "round"),
    )
    op.create_index("ix_recipients_open", "recipients", ["announcement_id", "state", "channel", "due_at"])
    op.create_table(
        "roster_imports",
        sa.Column("id", sa.String(length=32), primary_key=True),
        sa.Column("file", sa.String(length=64), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
    )


def _fill_families() -> None:
    """Give each existing contact a family. Two addresses of one number share one family."""
    db = op.get_bind()
    rows = db.execute(sa.text("SELECT id, address_index, sealed_address, channel, created_at FROM contacts")).all()
    vault = Vault(settings.load_settings().data_keys) if any(row.channel == "whatsapp" for row in rows) else None
    for row in rows:
        index = _person(vault, row)
        given = {"index": index, "at": row.created_at, "contact": row.id}
        if not db.execute(sa.text("SELECT 1 FROM families WHERE person_index = :index"), given).first():
            db.execute(sa.text("INSERT INTO families (person_index, created_at) VALUES (:index, :at)"), given)
        own = "(SELECT id FROM families WHERE person_index = :index)"
        db.execute(sa.text(f"UPDATE contacts SET family_id = {own} WHERE id = :contact"), given)  # noqa: S608
        db.execute(
            sa.text(
                "INSERT INTO family_schools (family_id, school, source)"  # noqa: S608
                f" SELECT {own}, value, 'self' FROM contact_notes WHERE contact_id = :contact AND name = 'school'"
                f" AND NOT EXISTS (SELECT 1 FROM family_schools WHERE family_id = {own} AND school = value)"
            ),
            given,
        )


def _person(vault: Vault | None, row: sa.Row[tuple[object, ...]]) -> str:
    """Return the lookup hash of the number. An address that can't be decrypted becomes its own family."""
    if row.channel != "whatsapp" or vault is None:
        return str(row.address_index)
    try:
        address = vault.decrypt(row.sealed_address, f"contact:address:{row.address_index}")
    except DecryptionError:
        return str(row.address_index)
    number = address.removeprefix("whatsapp:")
    return vault.compute_lookup_hash(number if number.startswith("+") else address)


def downgrade() -> None:
    """Undo this migration. Announcements and family data are lost."""
    with op.batch_alter_table("cases") as table:
        table.drop_index("ix_cases_announcement_id")
        table.drop_column("announcement_id")
    with op.batch_alter_table("contacts") as table:
        table.drop_index("ix_contacts_family_id")
        table.drop_constraint("fk_contacts_family_id", type_="foreignkey")
        table.drop_column("family_id")
    for name in (
        "roster_imports", "recipients", "announcement_kits", "announcement_approvals", "announcement_wordings",
        "announcements", "family_tags", "family_schools", "families",
    ):  # fmt: skip
        op.drop_table(name)
