"""Texts that a machine drafted for a language without a catalog: our own texts only, never a family's.

A language stands here from the moment somebody chose it.  `ready_for` is the version of the texts that it was drafted
for last, empty until all were drafted once; `due_at` when the drafting goes on, which is a lease while a job works.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Column, Integer, String, Table, Text, UniqueConstraint, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.families.sent_texts import compute_text_id

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
    "drafts",
    metadata,
    Column("language", String(8), nullable=False),
    Column("text", String(12), nullable=False),
    Column("wording", Text, nullable=False),
    Column("provider", String(32), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("language", "text"),
)


def request_language(db: Transaction, language: str, at: datetime) -> None:
    """A family chose this language: from now on it is drafted.  The first one who asks counts."""
    if db.execute(select(drafted_languages.c.language).where(drafted_languages.c.language == language)).first():
        return
    row = {"language": language, "ready_for": "", "due_at": at, "failures": 0, "asked_at": at}
    try:
        with db.begin_nested():
            db.execute(insert(drafted_languages).values(row))
    except IntegrityError:
        pass  # asked for by another process just now


def list_due_languages(db: Transaction, version: str, at: datetime) -> Sequence[str]:
    """The languages that are to be drafted now, because some text of this version is missing."""
    query = select(drafted_languages.c.language).where(
        (drafted_languages.c.ready_for != version) & (drafted_languages.c.due_at <= at)
    )
    return db.execute(query).scalars().all()


def claim_language(db: Transaction, language: str, at: datetime, until: datetime) -> bool:
    """Take a language for one batch; False while another process has it, or it has to wait."""
    key = (drafted_languages.c.language == language) & (drafted_languages.c.due_at <= at)
    return db.execute(update(drafted_languages).where(key).values(due_at=until)).rowcount == 1


def reschedule(db: Transaction, language: str, due_at: datetime, failures: int) -> None:
    """When to go on, after so many batches in a row that brought nothing."""
    db.execute(
        update(drafted_languages)
        .where(drafted_languages.c.language == language)
        .values(due_at=due_at, failures=failures)
    )


def mark_ready(db: Transaction, language: str, version: str, at: datetime) -> None:
    """Every text of this version is drafted."""
    ready = {"ready_for": version, "failures": 0, "due_at": at}
    db.execute(update(drafted_languages).where(drafted_languages.c.language == language).values(ready))


def get_ready_version(db: Transaction, language: str) -> str:
    """The version it was last drafted for; empty while it is not to be used yet."""
    query = select(drafted_languages.c.ready_for).where(drafted_languages.c.language == language)
    return db.execute(query).scalars().first() or ""


def count_failures(db: Transaction, language: str) -> int:
    """How many batches in a row brought nothing."""
    return (
        db.execute(select(drafted_languages.c.failures).where(drafted_languages.c.language == language))
        .scalars()
        .first()
        or 0
    )


def save(db: Transaction, language: str, translations: Mapping[str, str], provider: str, at: datetime) -> None:
    """Keep these drafts (English → wording); a text that was drafted before is replaced."""
    rows = [
        {"language": language, "text": compute_text_id(english), "wording": wording, "provider": provider, "at": at}
        for english, wording in translations.items()
    ]
    if rows:
        texts = [row["text"] for row in rows]
        db.execute(
            delete(catalog_drafts).where((catalog_drafts.c.language == language) & catalog_drafts.c.text.in_(texts))
        )
        db.execute(insert(catalog_drafts), rows)


def get_translations(db: Transaction, language: str) -> dict[str, str]:
    """Text id → wording, all that is drafted."""
    query = select(catalog_drafts.c.text, catalog_drafts.c.wording).where(catalog_drafts.c.language == language)
    return {row.text: row.wording for row in db.execute(query)}


def list_progress(db: Transaction) -> list[tuple[str, int, int]]:
    """(language, drafted texts, failures in a row) of every language that was asked for."""
    rows = db.execute(
        select(drafted_languages.c.language, drafted_languages.c.failures).order_by(drafted_languages.c.language)
    )
    return [(row.language, len(get_translations(db, row.language)), row.failures) for row in list(rows)]
