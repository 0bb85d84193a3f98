"""Alembic's entry: brings `DATABASE_URL` up to date."""

from alembic import context

from bot import settings
from bot.store import (
    announcements,
    approvals,
    audit,
    case_messages,
    cases,
    consents,
    contacts,
    corrections,
    deliveries,
    drafts,
    families,
    follow_ups,
    interpreters,
    kits,
    links,
    logins,
    partner_checks,
    phrases,
    recipients,
    referrals,
    reminders,
    roster_imports,
    suggestions,
    told,
    wordings,
)
from bot.store.db import metadata, open_engine

TABLES = (
    announcements,
    approvals,
    audit,
    case_messages,
    cases,
    consents,
    contacts,
    corrections,
    deliveries,
    drafts,
    families,
    follow_ups,
    interpreters,
    kits,
    links,
    logins,
    partner_checks,
    phrases,
    recipients,
    referrals,
    reminders,
    roster_imports,
    suggestions,
    told,
    wordings,
)  # imported, so that `metadata` knows them


def migrate() -> None:
    """Run the migrations, all in one transaction where the database can."""
    url = context.config.attributes.get("url") or settings.load().database_url
    engine = open_engine(url)
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":  # it alters a table by making it anew; says nothing inside BEGIN
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
        context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


migrate()
