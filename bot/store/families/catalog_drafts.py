"""Texts that a machine drafted for a language without a catalog: our own texts only, never a family's.

A language stands here from the moment somebody chose it.  `ready_for` is the version of the texts that it was drafted
for last, empty until all were drafted once; `due_at` when the drafting goes on, which is a lease while a job works.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Column, Integer, String, Table, Text, UniqueConstraint, delete, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from bot.base.database import Moment, metadata
from bot.store.families.sent_texts import text_id

languages = Table(
    "drafted_languages",
    metadata,
    Column("language", String(8), primary_key=True),
    Column("ready_for", String(12), nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("asked_at", Moment, nullable=False),
)

drafts = Table(
    "drafts",
    metadata,
    Column("language", String(8), nullable=False),
    Column("text", String(12), nullable=False),
    Column("wording", Text, nullable=False),
    Column("provider", String(32), nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("language", "text"),
)


def ask_for(db: Connection, language: str, at: datetime) -> None:
    """A family chose this language: from now on it is drafted.  The first one who asks counts."""
    if db.execute(select(languages.c.language).where(languages.c.language == language)).first():
        return
    row = {"language": language, "ready_for": "", "due_at": at, "failures": 0, "asked_at": at}
    try:
        with db.begin_nested():
            db.execute(insert(languages).values(row))
    except IntegrityError:
        pass  # asked for by another process just now


def due(db: Connection, version: str, at: datetime) -> Sequence[str]:
    """The languages that are to be drafted now, because some text of this version is missing."""
    query = select(languages.c.language).where((languages.c.ready_for != version) & (languages.c.due_at <= at))
    return db.execute(query).scalars().all()


def claim(db: Connection, language: str, at: datetime, until: datetime) -> bool:
    """Take a language for one batch; False while another process has it, or it has to wait."""
    key = (languages.c.language == language) & (languages.c.due_at <= at)
    return db.execute(update(languages).where(key).values(due_at=until)).rowcount == 1


def settle(db: Connection, language: str, due_at: datetime, failures: int) -> None:
    """When to go on, after so many batches in a row that brought nothing."""
    db.execute(update(languages).where(languages.c.language == language).values(due_at=due_at, failures=failures))


def set_ready(db: Connection, language: str, version: str, at: datetime) -> None:
    """Every text of this version is drafted."""
    ready = {"ready_for": version, "failures": 0, "due_at": at}
    db.execute(update(languages).where(languages.c.language == language).values(ready))


def ready_for(db: Connection, language: str) -> str:
    """The version it was last drafted for; empty while it is not to be used yet."""
    query = select(languages.c.ready_for).where(languages.c.language == language)
    return db.execute(query).scalars().first() or ""


def failures(db: Connection, language: str) -> int:
    """How many batches in a row brought nothing."""
    return db.execute(select(languages.c.failures).where(languages.c.language == language)).scalars().first() or 0


def save(db: Connection, language: str, wordings: Mapping[str, str], provider: str, at: datetime) -> None:
    """Keep these drafts (English → wording); a text that was drafted before is replaced."""
    rows = [
        {"language": language, "text": text_id(english), "wording": wording, "provider": provider, "at": at}
        for english, wording in wordings.items()
    ]
    if rows:
        texts = [row["text"] for row in rows]
        db.execute(delete(drafts).where((drafts.c.language == language) & drafts.c.text.in_(texts)))
        db.execute(insert(drafts), rows)


def wordings(db: Connection, language: str) -> dict[str, str]:
    """Text id → wording, all that is drafted."""
    query = select(drafts.c.text, drafts.c.wording).where(drafts.c.language == language)
    return {row.text: row.wording for row in db.execute(query)}


def progress(db: Connection) -> list[tuple[str, int, int]]:
    """(language, drafted texts, failures in a row) of every language that was asked for."""
    rows = db.execute(select(languages.c.language, languages.c.failures).order_by(languages.c.language))
    return [(row.language, len(wordings(db, row.language)), row.failures) for row in list(rows)]
