"""Alembic's entry: brings `DATABASE_URL` up to date."""

from alembic import context

from bot import settings
from bot.store import (
    absences,
    announcements,
    approvals,
    audit,
    case_messages,
    cases,
    consents,
    contacts,
    corrections,
    deliveries,
    digests,
    drafts,
    families,
    follow_ups,
    gathering_interpreters,
    gatherings,
    incidents,
    interpreters,
    kits,
    leaders,
    links,
    logins,
    needs,
    partner_checks,
    phrases,
    questions,
    quizzes,
    ready_made,
    recipients,
    referrals,
    reminders,
    reviews,
    roster_imports,
    rsvps,
    statuses,
    suggestions,
    themes,
    told,
    verified_events,
    visits,
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
    digests,
    drafts,
    families,
    follow_ups,
    incidents,
    gathering_interpreters,
    gatherings,
    interpreters,
    kits,
    leaders,
    links,
    logins,
    partner_checks,
    phrases,
    quizzes,
    ready_made,
    questions,
    recipients,
    referrals,
    reminders,
    reviews,
    roster_imports,
    statuses,
    rsvps,
    themes,
    suggestions,
    told,
    wordings,
    absences,
    needs,
    verified_events,
    visits,
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
