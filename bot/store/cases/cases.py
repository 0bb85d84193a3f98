"""Cases: what a family needs a person for.  Opened in the transaction of the message that caused it.

States: new → alerted → claimed ⇄ waiting (for the family) → resolved → closed; a "no, nobody helped" opens it again.
How a case moves on stands in `case_steps`; here it is opened, joined and read.
"""

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
from sqlalchemy.engine import Row

from bot.base.database import NO_ID_REUSE, Transaction, UtcDateTime, metadata
from bot.store import audit_log
from bot.store.families import record_keys
from bot.store.families.record_keys import Decryptor, Encryptor

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
    Column("opened_at", UtcDateTime, nullable=False),
    Column("alerted_at", UtcDateTime),
    Column("rounds", Integer, nullable=False, server_default="0"),
    Column("first_round", Integer, nullable=False, server_default="0"),
    Column("chased_at", UtcDateTime),
    Column("page_at", UtcDateTime, index=True),
    Column("paged_for", String(80), nullable=False, server_default=""),
    Column("told_at", UtcDateTime),
    Column("claimed_by", String(64)),
    Column("claimed_at", UtcDateTime),
    Column("resolved_by", String(64)),
    Column("resolved_at", UtcDateTime),
    Column("closed_at", UtcDateTime),
    Column("flagged", String(32), nullable=False, server_default=""),
    Column("announcement_id", Integer, index=True),
    UniqueConstraint("message_sid", "n"),
    **NO_ID_REUSE,
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

OPENING_MESSAGE_KEY = "wrote"
"""The answer that holds what the family wrote when the case was opened; what it adds does not replace it."""

ADDED_MESSAGES_KEY = "more"
"""The answer that holds what the family wrote after an emergency's questions, a line each."""

REPAGE_DELAYS = {"escalate_now": timedelta(minutes=10), "other": timedelta(days=7)}
"""How long what a family adds joins the open case without a new page."""
AGENTS_TOPIC, AGENTS_DRILL_TOPIC = "agents_at_school", "agents_drill"
"""Topics of cases that the front office opens, not a family: agents have come, and the exercise of it."""
STAFF_TOPICS = frozenset({AGENTS_TOPIC, AGENTS_DRILL_TOPIC})
SEVERITY_RANKS = {"info": 0, "follow_up": 1, "escalate_day": 2, "escalate_now": 3}


@dataclass(frozen=True)
class Case:
    """One thing that a person must see to.  `answers` is what the family told the flow, masked, step by step.

    `rounds` counts the pages that went out, those before `first_round` for an earlier time that the case was open;
    `page_at` is when the next is due, `chased_at` when who took it was reminded without a sign since; `told_at` when
    nobody has taken it; `flagged` why a person must look at the talk ("not translated").
    """

    id: int
    contact_id: int
    topic: str
    severity: str
    role: str
    about: str
    language: str
    school: str | None
    answers: dict[str, str]
    state: str
    opened_at: datetime
    alerted_at: datetime | None
    rounds: int
    first_round: int
    chased_at: datetime | None
    page_at: datetime | None
    told_at: datetime | None
    claimed_by: str | None
    claimed_at: datetime | None
    resolved_by: str | None
    resolved_at: datetime | None
    flagged: str
    announcement_id: int | None = None
    """The announcement that the family answers with it."""

    @property
    def rounds_since_opened(self) -> int:
        """How many rounds went out since the case was opened, or opened again."""
        return self.rounds - self.first_round

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to see to it."""
        return self.state in OPEN_STATES


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
    school: str | None = None


@dataclass(frozen=True)
class OpenedCase:
    """The case of an escalation: is it `new`, must staff be paged (for a joined emergency: again), has somebody it?"""

    id: int
    is_new: bool
    should_page: bool
    is_claimed: bool = False


def open_or_join(db: Transaction, message_sid: str, n: int, new: NewCase, at: datetime) -> OpenedCase:
    """The case for effect `n` of this message.  A family has one open case a topic: what it adds joins that.

    A repeat of the message finds the same.  An emergency that joins after ten minutes, or that is graver than what
    was known, pages again and must be taken again.
    """
    key = (cases.c.message_sid == message_sid) & (cases.c.n == n)
    own = db.execute(select(cases.c.id).where(key)).scalars().first()
    if own is not None:
        return OpenedCase(own, is_new=True, should_page=True)
    open_one = find_open(db, new.contact_id, new.topic)
    if open_one is not None:
        return _join_open_case(db, open_one, f"{message_sid}:{n}", new, at)
    number = _insert_case(db, message_sid, n, new, at)
    audit_log.record(db, "family", "opened", f"case {number}", at, new.severity)
    return OpenedCase(number, is_new=True, should_page=True)


def find_open(db: Transaction, contact_id: int, topic: str) -> Row[Any] | None:
    """The open case of a family about a topic, as a row; there is at most one."""
    same = (cases.c.contact_id == contact_id) & (cases.c.topic == topic) & cases.c.state.in_(OPEN_STATES)
    return db.execute(select(cases).where(same)).first()


def _join_open_case(db: Transaction, row: Row[Any], cause: str, new: NewCase, at: datetime) -> OpenedCase:
    before = _build_case(row, record_keys.get_decryptor(db))
    kept = {OPENING_MESSAGE_KEY: before.answers[OPENING_MESSAGE_KEY]} if OPENING_MESSAGE_KEY in before.answers else {}
    answers = {**before.answers, **new.answers, **kept, **_merge_added_messages(before.answers, new.answers)}
    own = record_keys.get_encryptor(db, row.contact_id)
    values: dict[str, object] = {
        "sealed_answers": own.encrypt(json.dumps(answers), build_context(row.message_sid, row.n))
    }
    values["school"] = before.school or new.school
    again = row.paged_for == cause or _should_page_again(before, new, at)
    if again and row.paged_for != cause:
        graver = max(before.severity, new.severity, key=SEVERITY_RANKS.__getitem__)
        values |= {"severity": graver, "role": new.role, "about": new.about, **reset_paging_fields(cause, at)}
        audit_log.record(db, "family", "asked again", f"case {row.id}", at, graver)
    db.execute(update(cases).where(cases.c.id == row.id).values(values))
    return OpenedCase(row.id, is_new=False, should_page=again, is_claimed=bool(before.claimed_by))


def reset_paging_fields(cause: str, at: datetime) -> dict[str, object]:
    """What a case is set to when staff must be paged from the first round on; `cause` makes it count once."""
    free: dict[str, object] = {"claimed_by": None, "claimed_at": None, "chased_at": None, "page_at": None}
    free |= {"told_at": None, "resolved_by": None, "resolved_at": None, "closed_at": None}
    return {**free, "state": "new", "opened_at": at, "paged_for": cause, "first_round": cases.c.rounds}


def _should_page_again(before: Case, new: NewCase, at: datetime) -> bool:
    span = REPAGE_DELAYS["escalate_now" if new.severity == "escalate_now" else "other"]
    graver = SEVERITY_RANKS[new.severity] > SEVERITY_RANKS[before.severity]
    if ADDED_MESSAGES_KEY in new.answers and before.claimed_by:
        return False  # who has the case is told; nobody is called out again for "thank you"
    urgent_or_left = new.severity == "escalate_now" or before.claimed_by is None
    return graver or (urgent_or_left and before.opened_at <= at - span)


def _merge_added_messages(before: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """What is added to an emergency stands in lines, each once: a repeat of the message adds nothing."""
    if ADDED_MESSAGES_KEY not in new:
        return {}
    lines = before[ADDED_MESSAGES_KEY].split("\n") if ADDED_MESSAGES_KEY in before else []
    return {
        ADDED_MESSAGES_KEY: "\n".join(lines if new[ADDED_MESSAGES_KEY] in lines else [*lines, new[ADDED_MESSAGES_KEY]])
    }


def _insert_case(db: Transaction, message_sid: str, n: int, new: NewCase, at: datetime) -> int:
    own = record_keys.get_encryptor(db, new.contact_id)
    row = {
        "message_sid": message_sid,
        "n": n,
        "contact_id": new.contact_id,
        "topic": new.topic,
        "severity": new.severity,
        "role": new.role,
        "about": new.about,
        "language": new.language,
        "school": new.school,
        "sealed_answers": own.encrypt(json.dumps(new.answers), build_context(message_sid, n)),
        "state": "new",
        "opened_at": at,
    }
    return int(db.execute(insert(cases).values(row).returning(cases.c.id)).scalar_one())


def get(db: Transaction, case_id: int) -> Case:
    """The case with this number; raises `sqlalchemy.exc.NoResultFound`."""
    return _build_case(db.execute(select(cases).where(cases.c.id == case_id)).one(), record_keys.get_decryptor(db))


def find(db: Transaction, case_id: int) -> Case | None:
    """The case with this number, if there is one."""
    row = db.execute(select(cases).where(cases.c.id == case_id)).one_or_none()
    return _build_case(row, record_keys.get_decryptor(db)) if row else None


def list_for_contact(db: Transaction, contact_id: int) -> list[Case]:
    """All cases of one family, newest first."""
    query = select(cases).where(cases.c.contact_id == contact_id).order_by(cases.c.id.desc())
    return [_build_case(row, record_keys.get_decryptor(db)) for row in db.execute(query)]


def get_encryptor(db: Transaction, case_id: int | None) -> Encryptor:
    """What seals words about this case: the key of its family."""
    query = select(cases.c.contact_id).where(cases.c.id == case_id)
    return record_keys.get_encryptor(db, db.execute(query).scalar_one_or_none() if case_id else None)


def link_announcement(db: Transaction, case_id: int, announcement_id: int) -> None:
    """The family wrote this after that announcement; the first that is noted stays."""
    key = (cases.c.id == case_id) & cases.c.announcement_id.is_(None)
    db.execute(update(cases).where(key).values(announcement_id=announcement_id))


def list_ids_for_announcement(db: Transaction, announcement_id: int) -> Sequence[int]:
    """The numbers of the cases that answer this announcement, newest first."""
    query = select(cases.c.id).where(cases.c.announcement_id == announcement_id).order_by(cases.c.id.desc())
    return db.execute(query).scalars().all()


def list_due_for_paging(db: Transaction, opened_before: datetime, at: datetime) -> Sequence[int]:
    """Cases opened before this moment without an alert so far, and those whose next page is due."""
    late = (cases.c.state == "new") & (cases.c.opened_at < opened_before)
    due = cases.c.state.in_(OPEN_STATES) & (cases.c.page_at <= at)
    return db.execute(select(cases.c.id).where(late | due).order_by(cases.c.id)).scalars().all()


def _build_case(row: Row[Any], decryptor: Decryptor) -> Case:
    answers = json.loads(decryptor.decrypt(row.sealed_answers, build_context(row.message_sid, row.n)))
    names = Case.__dataclass_fields__.keys() - {"answers"}
    return Case(answers=answers, **{name: getattr(row, name) for name in names})


def build_context(message_sid: str, n: int) -> str:
    return f"case:answers:{message_sid}:{n}"
