"""Machine drafts of Puente's own texts for languages without a message catalog.

A language has a row as soon as a family chooses it. `ready_for` is the version of the texts that was drafted last, or
empty until all texts are drafted. Drafting goes on at `due_at`; while a job works, `due_at` is the end of its claim.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Column, Integer, String, Table, Text, UniqueConstraint, delete, insert, select, update

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.families.sent_texts import compute_text_id
from bot.store.unique_rows import insert_if_new

drafted_languages = Table(
    "drafted_languages",
    metadata,
    Column("language", String(8), primary_key=True),
    Column("ready_for", String(12), nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
)

catalog_drafts = Table(
    "catalog_drafts",
    metadata,
    Column("language", String(8), nullable=False),
    Column("text", String(12), nullable=False),
    Column("wording", Text, nullable=False),
    Column("provider", String(32), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("language", "text"),
)


def request_language(db: Transaction, language: str, now: datetime) -> None:
    """Request drafts for a language that a family chose. Only the first request counts."""
    if db.execute(select(drafted_languages.c.language).where(drafted_languages.c.language == language)).first():
        return
    row = {"language": language, "ready_for": "", "due_at": now, "failures": 0, "asked_at": now}
    insert_if_new(db, drafted_languages, row)


def list_due_languages(db: Transaction, version: str, now: datetime) -> Sequence[str]:
    """Return the languages that lack drafts of this version and are due."""
    is_due = (drafted_languages.c.ready_for != version) & (drafted_languages.c.due_at <= now)
    return db.execute(select(drafted_languages.c.language).where(is_due)).scalars().all()


def claim_language(db: Transaction, language: str, now: datetime, until: datetime) -> bool:
    """Claim a language for one batch. Return False if another process has claimed it or it isn't due."""
    key = (drafted_languages.c.language == language) & (drafted_languages.c.due_at <= now)
    return db.execute(update(drafted_languages).where(key).values(due_at=until)).rowcount == 1


def reschedule(db: Transaction, language: str, due_at: datetime, failures: int) -> None:
    """Set when drafting goes on, and how many batches in a row have failed."""
    key = drafted_languages.c.language == language
    db.execute(update(drafted_languages).where(key).values(due_at=due_at, failures=failures))


def mark_ready(db: Transaction, language: str, version: str, now: datetime) -> None:
    """Record that every text of this version is drafted."""
    values = {"ready_for": version, "failures": 0, "due_at": now}
    db.execute(update(drafted_languages).where(drafted_languages.c.language == language).values(values))


def get_ready_version(db: Transaction, language: str) -> str:
    """Return the version of the last complete drafts, or "" if the language can't be used yet."""
    query = select(drafted_languages.c.ready_for).where(drafted_languages.c.language == language)
    return db.execute(query).scalars().first() or ""


def count_failures(db: Transaction, language: str) -> int:
    """Return how many batches in a row have failed."""
    query = select(drafted_languages.c.failures).where(drafted_languages.c.language == language)
    return db.execute(query).scalars().first() or 0


def save(db: Transaction, language: str, translations: Mapping[str, str], provider: str, now: datetime) -> None:
    """Save drafts (a mapping of English to wording) and replace earlier drafts of the same texts."""
    rows = [
        {"language": language, "text": compute_text_id(english), "wording": wording, "provider": provider, "at": now}
        for english, wording in translations.items()
    ]
    if rows:
        text_ids = [row["text"] for row in rows]
        key = (catalog_drafts.c.language == language) & catalog_drafts.c.text.in_(text_ids)
        db.execute(delete(catalog_drafts).where(key))
        db.execute(insert(catalog_drafts), rows)


def get_translations(db: Transaction, language: str) -> dict[str, str]:
    """Return all drafts of a language, as a mapping of text id to wording."""
    query = select(catalog_drafts.c.text, catalog_drafts.c.wording).where(catalog_drafts.c.language == language)
    return {row.text: row.wording for row in db.execute(query)}


def list_progress(db: Transaction) -> list[tuple[str, int, int]]:
    """Return (language, number of drafted texts, failures in a row) of every requested language."""
    query = select(drafted_languages.c.language, drafted_languages.c.failures).order_by(drafted_languages.c.language)
    rows = db.execute(query).all()
    return [(row.language, len(get_translations(db, row.language)), row.failures) for row in rows]
