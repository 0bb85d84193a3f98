"""Cases: what a family needs a person for.  Opened in the transaction of the message that caused it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Connection, Row

from bot.store.crypto import Vault
from bot.store.db import Moment, metadata

cases = Table(
    "cases",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("message_sid", String(64), nullable=False),
    Column("n", Integer, nullable=False),
    Column("contact_id", ForeignKey("contacts.id"), nullable=False),
    Column("topic", String(64), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("role", String(64), nullable=False),
    Column("about", String(200), nullable=False),
    Column("language", String(8), nullable=False),
    Column("sealed_answers", Text, nullable=False),
    Column("school", String(48)),
    Column("state", String(16), nullable=False, index=True),
    Column("opened_at", Moment, nullable=False),
    Column("alerted_at", Moment),
    Column("rounds", Integer, nullable=False, server_default="0"),
    Column("page_at", Moment, index=True),
    Column("paged_for", String(80), nullable=False, server_default=""),
    Column("told_at", Moment),
    Column("claimed_by", String(64)),
    Column("claimed_at", Moment),
    Column("resolved_by", String(64)),
    Column("resolved_at", Moment),
    Column("closed_at", Moment),
    Column("flagged", String(32), nullable=False, server_default=""),
    UniqueConstraint("message_sid", "n"),
)
OPEN_STATES = ("new", "alerted", "claimed", "waiting")
Index(
    "uq_cases_open",
    cases.c.contact_id,
    cases.c.topic,
    unique=True,
    sqlite_where=cases.c.state.in_(OPEN_STATES),
    postgresql_where=cases.c.state.in_(OPEN_STATES),
)

WROTE = "wrote"
"""The answer that holds what the family wrote when the case was opened; what it adds does not replace it."""

MORE = "more"
"""The answer that holds what the family wrote after an emergency's questions, a line each."""

JOINED_FOR = {"escalate_now": timedelta(minutes=10), "other": timedelta(days=7)}
"""How long what a family adds joins the case that is open."""


@dataclass(frozen=True)
class Case:
    """One thing that a person must see to.  `answers` is what the family told the flow, masked, step by step."""

    id: int
    contact_id: int
    topic: str
    severity: str
    role: str
    about: str
    language: str
    answers: dict[str, str]
    state: str
    opened_at: datetime
    handled_at: datetime | None
    handled_by: str | None


@dataclass(frozen=True)
class NewCase:
    """What an escalation says of the case that it opens."""

    contact_id: int
    topic: str
    severity: str
    role: str
    about: str
    language: str
    answers: dict[str, str]


def open_or_join(
    db: Connection, vault: Vault, message_sid: str, n: int, new: NewCase, at: datetime
) -> tuple[int, bool]:
    """The number of the case for effect `n` of this message, and whether it is new (somebody must be alerted).

    A repeat of the message finds its own case.  What a family adds to something that nobody has handled yet joins
    that case; an emergency joins only for ten minutes, after which staff are paged again.
    """
    key = (cases.c.message_sid == message_sid) & (cases.c.n == n)
    own = db.execute(select(cases.c.id).where(key)).scalars().first()
    if own is not None:
        return own, True
    open_one = _joinable(db, new, at)
    if open_one is not None:
        before = get(db, vault, open_one.id).answers
        kept = {WROTE: before[WROTE]} if WROTE in before else {}
        answers = {**before, **new.answers, **kept, **_more(before, new.answers)}
        _set_answers(db, vault, open_one, answers)
        return open_one.id, False
    return _insert(db, vault, message_sid, n, new, at), True


def _more(before: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """What is added to an emergency stands in lines, each once: a repeat of the message adds nothing."""
    if MORE not in new:
        return {}
    lines = before.get(MORE, "").split("\n") if MORE in before else []
    return {MORE: "\n".join(lines if new[MORE] in lines else [*lines, new[MORE]])}


def _joinable(db: Connection, new: NewCase, at: datetime) -> Row[Any, Any, Any] | None:
    span = JOINED_FOR["escalate_now" if new.severity == "escalate_now" else "other"]
    same = (
        (cases.c.contact_id == new.contact_id)
        & (cases.c.topic == new.topic)
        & (cases.c.severity == new.severity)
        & cases.c.handled_at.is_(None)
        & (cases.c.opened_at > at - span)
    )
    query = select(cases.c.id, cases.c.message_sid, cases.c.n).where(same).order_by(cases.c.id.desc())
    return db.execute(query).first()


def _set_answers(db: Connection, vault: Vault, case: Row[Any, Any, Any], answers: dict[str, str]) -> None:
    sealed = vault.seal(json.dumps(answers), _place(case.message_sid, case.n))
    db.execute(update(cases).where(cases.c.id == case.id).values(sealed_answers=sealed))


def _insert(db: Connection, vault: Vault, message_sid: str, n: int, new: NewCase, at: datetime) -> int:
    row = {
        "message_sid": message_sid,
        "n": n,
        "contact_id": new.contact_id,
        "topic": new.topic,
        "severity": new.severity,
        "role": new.role,
        "about": new.about,
        "language": new.language,
        "sealed_answers": vault.seal(json.dumps(new.answers), _place(message_sid, n)),
        "state": "new",
        "opened_at": at,
    }
    return int(db.execute(insert(cases).values(row).returning(cases.c.id)).scalar_one())


def get(db: Connection, vault: Vault, case_id: int) -> Case:
    """The case with this number; raises `sqlalchemy.exc.NoResultFound`."""
    return _case(db.execute(select(cases).where(cases.c.id == case_id)).one(), vault)


def newest(db: Connection, vault: Vault, limit: int) -> list[Case]:
    """The cases that nobody has handled, then the handled ones; newest first."""
    order = (cases.c.handled_at.is_not(None), cases.c.id.desc())
    return [_case(row, vault) for row in db.execute(select(cases).order_by(*order).limit(limit))]


def not_alerted(db: Connection, before: datetime) -> Sequence[int]:
    """Cases opened before this moment for which no alert has been written yet."""
    late = (cases.c.state == "new") & (cases.c.opened_at < before)
    return db.execute(select(cases.c.id).where(late).order_by(cases.c.id)).scalars().all()


def set_alerted(db: Connection, case_id: int, at: datetime) -> None:
    """The alerts of this case stand as rows; from here on their deliveries are what is followed."""
    key = (cases.c.id == case_id) & (cases.c.state == "new")
    db.execute(update(cases).where(key).values(state="alerted", alerted_at=at))


def set_handled(db: Connection, case_id: int, by: str, at: datetime) -> None:
    """A member of staff has seen to it."""
    key = (cases.c.id == case_id) & cases.c.handled_at.is_(None)
    db.execute(update(cases).where(key).values(state="handled", handled_at=at, handled_by=by))


def _case(row: Row[tuple[object, ...]], vault: Vault) -> Case:
    answers = json.loads(vault.open(row.sealed_answers, _place(row.message_sid, row.n)))
    return Case(
        id=row.id,
        contact_id=row.contact_id,
        topic=row.topic,
        severity=row.severity,
        role=row.role,
        about=row.about,
        language=row.language,
        answers=answers,
        state=row.state,
        opened_at=row.opened_at,
        handled_at=row.handled_at,
        handled_by=row.handled_by,
    )


def _place(message_sid: str, n: int) -> str:
    return f"case:answers:{message_sid}:{n}"
