"""Rename tables and columns to the field's terms. No row changes.

Encryption contexts don't name tables or columns, so stored values stay readable.

Revision: 0026, after 0025.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

TABLES = {
    "announcement_kits": "share_kits",
    "announcement_wordings": "announcement_translations",
    "audit_cuts": "audit_retention_marks",
    "contact_notes": "contact_attributes",
    "corrections": "topic_corrections",
    "digests": "weekly_digests",
    "drafts": "catalog_drafts",
    "gathering_interpreters": "meeting_interpreters",
    "gathering_needs": "meeting_interpreter_requests",
    "gathering_questions": "meeting_questions",
    "gathering_themes": "meeting_themes",
    "gatherings": "meetings",
    "heard_away": "handled_offline",
    "interpreters": "interpreter_requests",
    "lasting_secrets": "permanent_secrets",
    "leaders": "community_leaders",
    "logins": "staff_accounts",
    "needs": "support_needs",
    "phrases": "approved_phrases",
    "quizzes": "quiz_results",
    "ready_made": "announcement_templates",
    "suggestions": "partner_suggestions",
    "told": "sent_texts",
}
COLUMNS = {
    "absences": {"found": "outcome", "found_at": "outcome_at"},
    "alarms": {"told_at": "notified_at"},
    "cases": {"told_at": "delay_notice_at"},
    "contacts": {
        "stopped_at": "opted_out_at",
        "talking_case": "active_case_id",
        "unanswered": "unanswered_prompts",
    },
    "content_reviews": {"still_right": "is_still_correct"},
    "deliveries": {"means": "transport"},
    "meeting_interpreter_requests": {"gathering_id": "meeting_id"},
    "meeting_interpreters": {"gathering_id": "meeting_id"},
    "meeting_questions": {"gathering_id": "meeting_id"},
    "meeting_themes": {"gathering_id": "meeting_id"},
    "partner_checks": {"right": "is_number_correct"},
    "rsvps": {"gathering_id": "meeting_id", "told_day_at": "day_reminder_at", "told_hour_at": "hour_reminder_at"},
    "school_statuses": {"told_chain": "is_staff_notified"},
    "support_needs": {"told_at": "owner_notified_at"},
}
"""By the new name of the table."""


def upgrade() -> None:
    """Apply this migration."""
    for old_table, new_table in TABLES.items():
        op.rename_table(old_table, new_table)
    for table, columns in COLUMNS.items():
        for old_column, new_column in columns.items():
            _rename_column(table, old_column, new_column)
    _rename_indexes_and_constraints(TABLES, COLUMNS)


def downgrade() -> None:
    """Undo this migration."""
    for table, columns in COLUMNS.items():
        for old_column, new_column in columns.items():
            _rename_column(table, new_column, old_column)
    for old_table, new_table in TABLES.items():
        op.rename_table(new_table, old_table)
    backward = {new_table: old_table for old_table, new_table in TABLES.items()}
    columns = {backward.get(table, table): {new: old for old, new in names.items()} for table, names in COLUMNS.items()}
    _rename_indexes_and_constraints(backward, columns)


def _rename_column(table: str, old_column: str, new_column: str) -> None:
    """Rename in place. Batch mode would copy the table."""
    quote = op.get_bind().dialect.identifier_preparer.quote
    op.execute(f"ALTER TABLE {quote(table)} RENAME COLUMN {quote(old_column)} TO {quote(new_column)}")


def _rename_indexes_and_constraints(tables: dict[str, str], columns: dict[str, dict[str, str]]) -> None:
    """Give indexes and unique constraints the names that follow from their table and columns."""
    inspector, old_names = sa.inspect(op.get_bind()), {new: old for old, new in tables.items()}
    for table in sorted({*old_names, *columns}):
        renames = {old_names.get(table, table): table, **columns.get(table, {})}
        constraints = {str(one["name"]): one["column_names"] for one in inspector.get_unique_constraints(table)}
        _rename_constraints(
            table, {name: new for name in constraints if (new := _rename(name, renames)) != name}, constraints
        )
        for index in inspector.get_indexes(table):
            name = str(index["name"])
            new_name = _rename(name, renames)
            if new_name != name and name.startswith("ix_"):
                op.drop_index(name, table)
                op.create_index(new_name, table, [str(column) for column in index["column_names"]])


def _rename(name: str, renames: dict[str, str]) -> str:
    prefix, rest = name[:3], f"_{name[3:]}_"
    for old, new in renames.items():
        rest = rest.replace(f"_{old}_", f"_{new}_", 1)
    return prefix + rest[1:-1]


def _rename_constraints(table: str, renames: dict[str, str], column_names: dict[str, list[str]]) -> None:
    """PostgreSQL renames a constraint in place. SQLite copies the table."""
    if op.get_bind().dialect.name != "sqlite":
        for old, new in renames.items():
            op.execute(f'ALTER TABLE "{table}" RENAME CONSTRAINT "{old}" TO "{new}"')
    elif renames:
        query = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table").bindparams(table=table)
        has_autoincrement = "AUTOINCREMENT" in str(op.get_bind().execute(query).scalar_one())
        with op.batch_alter_table(table, table_kwargs={"sqlite_autoincrement": has_autoincrement}) as batch:
            for old, new in renames.items():
                batch.drop_constraint(old, type_="unique")
                batch.create_unique_constraint(new, column_names[old])
