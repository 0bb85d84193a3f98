"""Add assignment and messages to cases, escalation rounds, logins with roles and a second factor, and the audit log.

Revision: 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OPEN = "state IN ('new', 'alerted', 'claimed', 'waiting')"
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply this migration."""
    _cases()
    with op.batch_alter_table("deliveries") as table:
        table.add_column(sa.Column("round", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("means", sa.String(length=8), nullable=False, server_default="text"))
        table.add_column(sa.Column("template", sa.String(length=40)))
        table.drop_constraint("uq_deliveries_case_id_staff", type_="unique")
        name = "uq_deliveries_case_id_staff_kind_round_means"
        table.create_unique_constraint(name, ["case_id", "staff", "kind", "round", "means"])
    with op.batch_alter_table("contacts") as table:
        table.add_column(sa.Column("talking_case", sa.Integer()))
        table.add_column(sa.Column("unanswered", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("follow_ups", sa.Column("case_id", sa.Integer()))
    _logins()
    _new_tables()


def _cases() -> None:
    with op.batch_alter_table("cases") as table:
        table.alter_column("handled_at", new_column_name="resolved_at")
        table.alter_column("handled_by", new_column_name="resolved_by")
        table.add_column(sa.Column("school", sa.String(length=48)))
        table.add_column(sa.Column("rounds", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("first_round", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("chased_at", MOMENT))
        table.add_column(sa.Column("page_at", MOMENT))
        table.add_column(sa.Column("paged_for", sa.String(length=80), nullable=False, server_default=""))
        table.add_column(sa.Column("told_at", MOMENT))
        table.add_column(sa.Column("claimed_by", sa.String(length=64)))
        table.add_column(sa.Column("claimed_at", MOMENT))
        table.add_column(sa.Column("closed_at", MOMENT))
        table.add_column(sa.Column("flagged", sa.String(length=32), nullable=False, server_default=""))
        table.create_index("ix_cases_page_at", ["page_at"])
    op.execute("UPDATE cases SET state = 'resolved' WHERE state = 'handled'")
    # Allow one open case for each family and topic. Of several open cases, the newest stays open.
    op.execute(
        f"UPDATE cases SET state = 'closed', closed_at = opened_at WHERE {OPEN} AND id NOT IN"  # noqa: S608
        f" (SELECT MAX(id) FROM cases WHERE {OPEN} GROUP BY contact_id, topic)"
    )
    # Existing alerts count as round 0. If no one took the case, paging continues from here.
    op.execute("UPDATE cases SET rounds = 1 WHERE id IN (SELECT case_id FROM deliveries WHERE case_id IS NOT NULL)")
    op.execute("UPDATE cases SET page_at = CURRENT_TIMESTAMP WHERE state = 'alerted'")
    where = sa.text(OPEN)
    columns = ["contact_id", "topic"]
    op.create_index("uq_cases_open", "cases", columns, unique=True, sqlite_where=where, postgresql_where=where)


def _logins() -> None:
    with op.batch_alter_table("logins") as table:
        table.add_column(sa.Column("role", sa.String(length=16), nullable=False, server_default="administrator"))
        table.add_column(sa.Column("staff", sa.String(length=64)))
        table.add_column(sa.Column("language", sa.String(length=8), nullable=False, server_default="en"))
        table.add_column(sa.Column("sealed_secret", sa.Text()))
        table.add_column(sa.Column("secret_since", MOMENT))
        table.add_column(sa.Column("last_step", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("recovery", sa.Text(), nullable=False, server_default=""))
        table.add_column(sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("locked_until", MOMENT))
        table.add_column(sa.Column("epoch", sa.Integer(), nullable=False, server_default="0"))


def _new_tables() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=48), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False, index=True),
        sa.Column("why", sa.String(length=120), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
    )
    op.create_table(
        "case_messages",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("case_id", sa.Integer(), sa.ForeignKey("cases.id"), nullable=False, index=True),
        sa.Column("cause", sa.String(length=80), nullable=False, unique=True),
        sa.Column("author", sa.String(length=8), nullable=False),
        sa.Column("staff", sa.String(length=64)),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("to_language", sa.String(length=8)),
        sa.Column("sealed_original", sa.Text(), nullable=False),
        sa.Column("sealed_translation", sa.Text()),
        sa.Column("sealed_back", sa.Text()),
        sa.Column("warnings", sa.String(length=120), nullable=False),
        sa.Column("machine", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False, index=True),
        sa.Column("delivery_id", sa.String(length=32), sa.ForeignKey("deliveries.id")),
        sa.Column("at", MOMENT, nullable=False),
    )
    op.create_table(
        "case_links",
        sa.Column("digest", sa.String(length=64), primary_key=True),
        sa.Column("case_id", sa.Integer(), sa.ForeignKey("cases.id"), nullable=False),
        sa.Column("staff", sa.String(length=64), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
    )
    op.create_table(
        "interpreters",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("case_id", sa.Integer(), sa.ForeignKey("cases.id"), nullable=False, index=True),
        sa.Column("cause", sa.String(length=80), nullable=False, unique=True),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("sealed_when", sa.Text(), nullable=False),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("booked_by", sa.String(length=64)),
        sa.Column("booked_at", MOMENT),
    )
    op.create_table(
        "phrases",
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("target", sa.String(length=8), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("original", sa.Text(), nullable=False),
        sa.Column("wording", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.String(length=64), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.UniqueConstraint("source", "target", "key"),
    )


def downgrade() -> None:
    """Undo this migration. Data that only the newer tables hold is lost."""
    for table in ("phrases", "interpreters", "case_links", "case_messages", "audit"):
        op.drop_table(table)
    more = ("role", "staff", "language", "sealed_secret", "secret_since", "last_step", "recovery", "failures")
    with op.batch_alter_table("logins") as table:
        for name in (*more, "locked_until", "epoch"):
            table.drop_column(name)
    with op.batch_alter_table("follow_ups") as table:
        table.drop_column("case_id")
    with op.batch_alter_table("contacts") as table:
        table.drop_column("talking_case")
        table.drop_column("unanswered")
    # The older table holds one alert for each case and person.
    op.execute("DELETE FROM deliveries WHERE kind <> 'alert' AND case_id IS NOT NULL OR round > 0 OR means <> 'text'")
    with op.batch_alter_table("deliveries") as table:
        table.drop_constraint("uq_deliveries_case_id_staff_kind_round_means", type_="unique")
        table.create_unique_constraint("uq_deliveries_case_id_staff", ["case_id", "staff"])
        for name in ("round", "means", "template"):
            table.drop_column(name)
    op.drop_index("uq_cases_open", table_name="cases")
    with op.batch_alter_table("cases") as table:
        table.drop_index("ix_cases_page_at")
        table.alter_column("resolved_at", new_column_name="handled_at")
        table.alter_column("resolved_by", new_column_name="handled_by")
        for name in (
            "school",
            "rounds",
            "first_round",
            "chased_at",
            "page_at",
            "paged_for",
            "told_at",
            "claimed_by",
            "claimed_at",
        ):
            table.drop_column(name)
        table.drop_column("closed_at")
        table.drop_column("flagged")
    op.execute("UPDATE cases SET state = 'handled' WHERE state IN ('resolved', 'closed')")
