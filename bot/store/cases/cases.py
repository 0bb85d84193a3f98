"""Cases: requests from families that a person must handle.

A case opens in the transaction of the message that caused it. `case_transitions` changes its state.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self

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

CaseState = Literal["new", "alerted", "claimed", "waiting", "resolved", "closed"]
"""The usual order: new, alerted, claimed, waiting (for the family), resolved, closed.

A reply of the family returns a waiting case to claimed. If no one helped, the case becomes new again.
"""

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
    Column("delay_notice_at", UtcDateTime),
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
OPEN_STATES: tuple[CaseState, ...] = ("new", "alerted", "claimed", "waiting")
Index(
    "uq_cases_open",
    cases.c.contact_id,
    cases.c.topic,
    unique=True,
    sqlite_where=cases.c.state.in_(OPEN_STATES),
    postgresql_where=cases.c.state.in_(OPEN_STATES),
)

OPENING_MESSAGE_KEY = "wrote"
"""The key in `answers` of the message that opened the case. Later messages do not replace it."""

ADDED_MESSAGES_KEY = "more"
"""The key in `answers` of what the family added after an emergency's questions, one message per line."""

REPAGE_DELAYS = {"escalate_now": timedelta(minutes=10), "other": timedelta(days=7)}
"""How long messages can join an open case without paging staff again, by severity."""
AGENTS_TOPIC, AGENTS_DRILL_TOPIC = "agents_at_school", "agents_drill"
"""Topics of cases that the front office opens: agents at a school, and the drill of it."""
STAFF_TOPICS = frozenset({AGENTS_TOPIC, AGENTS_DRILL_TOPIC})
SEVERITY_RANKS = {"info": 0, "follow_up": 1, "escalate_day": 2, "escalate_now": 3}


@dataclass(frozen=True)
class Case:
    """A case. `answers` holds the masked answers of the family by step.

    `rounds` counts all escalation rounds; `first_round` counts those before the case was last opened. `page_at` is the
    time of the next page. `chased_at` is the time of an unanswered reminder to the assignee. `delay_notice_at` is the
    time of the delay notice. `flagged` says why a person must read the conversation, such as "not translated".
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
    state: CaseState
    opened_at: datetime
    alerted_at: datetime | None
    rounds: int
    first_round: int
    chased_at: datetime | None
    page_at: datetime | None
    delay_notice_at: datetime | None
    claimed_by: str | None
    claimed_at: datetime | None
    resolved_by: str | None
    resolved_at: datetime | None
    flagged: str
    announcement_id: int | None = None
    """The announcement that the family answered."""

    @property
    def rounds_since_opened(self) -> int:
        """Return the number of escalation rounds since the case was last opened."""
        return self.rounds - self.first_round

    @property
    def is_open(self) -> bool:
        """Return whether a person still has to handle the case."""
        return self.state in OPEN_STATES

    @classmethod
    def from_row(cls, row: Row[Any], decryptor: Decryptor) -> Self:
        """Build the case from its row."""
        answers = json.loads(decryptor.decrypt(row.sealed_answers, build_context(row.message_sid, row.n)))
        names = cls.__dataclass_fields__.keys() - {"answers"}
        return cls(answers=answers, **{name: getattr(row, name) for name in names})


@dataclass(frozen=True)
class NewCase:
    """The details of a new case."""

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
    """The result of opening or joining a case.

    `should_page` is True if staff must be paged.
    """

    id: int
    is_new: bool
    should_page: bool
    is_claimed: bool = False


def open_or_join(db: Transaction, message_sid: str, effect_number: int, new: NewCase, now: datetime) -> OpenedCase:
    """Open a case for effect `effect_number` of this message, or join the family's open case about the topic.

    A repeat of the message returns the same case. If the message is more severe, or an emergency joins after the delay
    in `REPAGE_DELAYS`, staff are paged again and the case loses its assignee.
    """
    key = (cases.c.message_sid == message_sid) & (cases.c.n == effect_number)
    case_id = db.execute(select(cases.c.id).where(key)).scalars().first()
    if case_id is not None:
        return OpenedCase(case_id, is_new=True, should_page=True)
    open_case = find_open(db, new.contact_id, new.topic)
    if open_case is not None:
        return _join_open_case(db, open_case, f"{message_sid}:{effect_number}", new, now)
    new_case_id = _insert_case(db, message_sid, effect_number, new, now)
    audit_log.record(db, "family", "opened", f"case {new_case_id}", now, new.severity)
    return OpenedCase(new_case_id, is_new=True, should_page=True)


def find_open(db: Transaction, contact_id: int, topic: str) -> Row[Any] | None:
    """Return the row of the family's open case about a topic.

    A unique index allows only one.
    """
    same = (cases.c.contact_id == contact_id) & (cases.c.topic == topic) & cases.c.state.in_(OPEN_STATES)
    return db.execute(select(cases).where(same)).first()


def _join_open_case(db: Transaction, row: Row[Any], cause: str, new: NewCase, now: datetime) -> OpenedCase:
    case = Case.from_row(row, record_keys.get_decryptor(db))
    answers = {**case.answers, **new.answers}
    if OPENING_MESSAGE_KEY in case.answers:
        answers[OPENING_MESSAGE_KEY] = case.answers[OPENING_MESSAGE_KEY]
    answers |= _merge_added_messages(case.answers, new.answers)
    encryptor = record_keys.get_encryptor(db, row.contact_id)
    sealed_answers = encryptor.encrypt(json.dumps(answers), build_context(row.message_sid, row.n))
    values: dict[str, object] = {"sealed_answers": sealed_answers, "school": case.school or new.school}
    should_page = row.paged_for == cause or _should_page_again(case, new, now)
    if should_page and row.paged_for != cause:
        severity = max(case.severity, new.severity, key=SEVERITY_RANKS.__getitem__)
        values |= {"severity": severity, "role": new.role, "about": new.about, **reset_paging_fields(cause, now)}
        audit_log.record(db, "family", "asked again", f"case {row.id}", now, severity)
    db.execute(update(cases).where(cases.c.id == row.id).values(values))
    return OpenedCase(row.id, is_new=False, should_page=should_page, is_claimed=bool(case.claimed_by))


def reset_paging_fields(cause: str, now: datetime) -> dict[str, object]:
    """Return the columns that restart paging from the first round.

    The caller uses `cause` to restart paging only once.
    """
    cleared: dict[str, object] = {"claimed_by": None, "claimed_at": None, "chased_at": None, "page_at": None}
    cleared |= {"delay_notice_at": None, "resolved_by": None, "resolved_at": None, "closed_at": None}
    return {**cleared, "state": "new", "opened_at": now, "paged_for": cause, "first_round": cases.c.rounds}


def _should_page_again(case: Case, new: NewCase, now: datetime) -> bool:
    delay = REPAGE_DELAYS.get(new.severity, REPAGE_DELAYS["other"])
    is_more_severe = SEVERITY_RANKS[new.severity] > SEVERITY_RANKS[case.severity]
    if ADDED_MESSAGES_KEY in new.answers and case.claimed_by:
        return False  # the assignee is notified; a "thank you" must not page anyone
    is_urgent_or_unassigned = new.severity == "escalate_now" or case.claimed_by is None
    return is_more_severe or (is_urgent_or_unassigned and case.opened_at <= now - delay)


def _merge_added_messages(old_answers: dict[str, str], new_answers: dict[str, str]) -> dict[str, str]:
    """Append the added message as a line, unless it repeats an earlier line."""
    if ADDED_MESSAGES_KEY not in new_answers:
        return {}
    lines = []
    if ADDED_MESSAGES_KEY in old_answers:
        lines = old_answers[ADDED_MESSAGES_KEY].split("\n")
    if new_answers[ADDED_MESSAGES_KEY] not in lines:
        lines.append(new_answers[ADDED_MESSAGES_KEY])
    return {ADDED_MESSAGES_KEY: "\n".join(lines)}


def _insert_case(db: Transaction, message_sid: str, effect_number: int, new: NewCase, now: datetime) -> int:
    encryptor = record_keys.get_encryptor(db, new.contact_id)
    row = {
        "message_sid": message_sid,
        "n": effect_number,
        "contact_id": new.contact_id,
        "topic": new.topic,
        "severity": new.severity,
        "role": new.role,
        "about": new.about,
        "language": new.language,
        "school": new.school,
        "sealed_answers": encryptor.encrypt(json.dumps(new.answers), build_context(message_sid, effect_number)),
        "state": "new",
        "opened_at": now,
    }
    return int(db.execute(insert(cases).values(row).returning(cases.c.id)).scalar_one())


def get(db: Transaction, case_id: int) -> Case:
    """Return the case with this ID.

    Raises `sqlalchemy.exc.NoResultFound`.
    """
    return Case.from_row(db.execute(select(cases).where(cases.c.id == case_id)).one(), record_keys.get_decryptor(db))


def find(db: Transaction, case_id: int) -> Case | None:
    """Return the case with this ID, or None."""
    row = db.execute(select(cases).where(cases.c.id == case_id)).one_or_none()
    return Case.from_row(row, record_keys.get_decryptor(db)) if row else None


def list_for_contact(db: Transaction, contact_id: int) -> list[Case]:
    """Return all cases of one contact, newest first."""
    query = select(cases).where(cases.c.contact_id == contact_id).order_by(cases.c.id.desc())
    return [Case.from_row(row, record_keys.get_decryptor(db)) for row in db.execute(query)]


def get_encryptor(db: Transaction, case_id: int | None) -> Encryptor:
    """Return the encryptor for texts of this case: the key of its family."""
    contact_id = None
    if case_id:
        contact_id = db.execute(select(cases.c.contact_id).where(cases.c.id == case_id)).scalar_one_or_none()
    return record_keys.get_encryptor(db, contact_id)


def link_announcement(db: Transaction, case_id: int, announcement_id: int) -> None:
    """Link the case to the announcement that the family answered, unless it has a link."""
    key = (cases.c.id == case_id) & cases.c.announcement_id.is_(None)
    db.execute(update(cases).where(key).values(announcement_id=announcement_id))


def list_ids_for_announcement(db: Transaction, announcement_id: int) -> Sequence[int]:
    """Return the IDs of the cases that answer this announcement, newest first."""
    query = select(cases.c.id).where(cases.c.announcement_id == announcement_id).order_by(cases.c.id.desc())
    return db.execute(query).scalars().all()


def list_due_for_paging(db: Transaction, opened_before: datetime, now: datetime) -> Sequence[int]:
    """Return the IDs of cases that need a page.

    These are new cases opened before `opened_before`, and open cases whose next page is due.
    """
    is_late = (cases.c.state == "new") & (cases.c.opened_at < opened_before)
    is_due = cases.c.state.in_(OPEN_STATES) & (cases.c.page_at <= now)
    return db.execute(select(cases.c.id).where(is_late | is_due).order_by(cases.c.id)).scalars().all()


def build_context(message_sid: str, effect_number: int) -> str:
    return f"case:answers:{message_sid}:{effect_number}"
