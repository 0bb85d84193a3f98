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
from sqlalchemy.engine import Connection, Row

from bot.base.database import NEVER_AGAIN, Moment, metadata
from bot.base.encryption import Vault
from bot.store import audit_log
from bot.store.families import record_keys
from bot.store.families.record_keys import Reader, Sealer

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
    Column("first_round", Integer, nullable=False, server_default="0"),
    Column("chased_at", Moment),
    Column("page_at", Moment, index=True),
    Column("paged_for", String(80), nullable=False, server_default=""),
    Column("told_at", Moment),
    Column("claimed_by", String(64)),
    Column("claimed_at", Moment),
    Column("resolved_by", String(64)),
    Column("resolved_at", Moment),
    Column("closed_at", Moment),
    Column("flagged", String(32), nullable=False, server_default=""),
    Column("announcement_id", Integer, index=True),
    UniqueConstraint("message_sid", "n"),
    **NEVER_AGAIN,
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
"""How long what a family adds joins the open case without a new page."""
AGENTS, AGENTS_DRILL = "agents_at_school", "agents_drill"
"""Topics of cases that the front office opens, not a family: agents have come, and the exercise of it."""
OF_STAFF = frozenset({AGENTS, AGENTS_DRILL})
RANK = {"info": 0, "follow_up": 1, "escalate_day": 2, "escalate_now": 3}


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
    def round(self) -> int:
        """How many rounds went out since the case was opened, or opened again."""
        return self.rounds - self.first_round

    @property
    def open(self) -> bool:
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
class Opened:
    """The case of an escalation: is it `new`, must staff be paged (for a joined emergency: again), has somebody it?"""

    id: int
    new: bool
    page: bool
    claimed: bool = False


def open_or_join(db: Connection, vault: Vault, message_sid: str, n: int, new: NewCase, at: datetime) -> Opened:
    """The case for effect `n` of this message.  A family has one open case a topic: what it adds joins that.

    A repeat of the message finds the same.  An emergency that joins after ten minutes, or that is graver than what
    was known, pages again and must be taken again.
    """
    key = (cases.c.message_sid == message_sid) & (cases.c.n == n)
    own = db.execute(select(cases.c.id).where(key)).scalars().first()
    if own is not None:
        return Opened(own, new=True, page=True)
    open_one = open_of(db, new.contact_id, new.topic)
    if open_one is not None:
        return _join(db, vault, open_one, f"{message_sid}:{n}", new, at)
    number = _insert(db, vault, message_sid, n, new, at)
    audit_log.record(db, "family", "opened", f"case {number}", at, new.severity)
    return Opened(number, new=True, page=True)


def open_of(db: Connection, contact_id: int, topic: str) -> Row[Any] | None:
    """The open case of a family about a topic, as a row; there is at most one."""
    same = (cases.c.contact_id == contact_id) & (cases.c.topic == topic) & cases.c.state.in_(OPEN_STATES)
    return db.execute(select(cases).where(same)).first()


def _join(db: Connection, vault: Vault, row: Row[Any], cause: str, new: NewCase, at: datetime) -> Opened:
    before = _case(row, record_keys.reader(db, vault))
    kept = {WROTE: before.answers[WROTE]} if WROTE in before.answers else {}
    answers = {**before.answers, **new.answers, **kept, **_more(before.answers, new.answers)}
    own = record_keys.sealer(db, vault, row.contact_id)
    values: dict[str, object] = {"sealed_answers": own.seal(json.dumps(answers), _place(row.message_sid, row.n))}
    values["school"] = before.school or new.school
    again = row.paged_for == cause or _must_page_again(before, new, at)
    if again and row.paged_for != cause:
        graver = max(before.severity, new.severity, key=RANK.__getitem__)
        values |= {"severity": graver, "role": new.role, "about": new.about, **anew(cause, at)}
        audit_log.record(db, "family", "asked again", f"case {row.id}", at, graver)
    db.execute(update(cases).where(cases.c.id == row.id).values(values))
    return Opened(row.id, new=False, page=again, claimed=bool(before.claimed_by))


def anew(cause: str, at: datetime) -> dict[str, object]:
    """What a case is set to when staff must be paged from the first round on; `cause` makes it count once."""
    free: dict[str, object] = {"claimed_by": None, "claimed_at": None, "chased_at": None, "page_at": None}
    free |= {"told_at": None, "resolved_by": None, "resolved_at": None, "closed_at": None}
    return {**free, "state": "new", "opened_at": at, "paged_for": cause, "first_round": cases.c.rounds}


def _must_page_again(before: Case, new: NewCase, at: datetime) -> bool:
    span = JOINED_FOR["escalate_now" if new.severity == "escalate_now" else "other"]
    graver = RANK[new.severity] > RANK[before.severity]
    if MORE in new.answers and before.claimed_by:
        return False  # who has the case is told; nobody is called out again for "thank you"
    urgent_or_left = new.severity == "escalate_now" or before.claimed_by is None
    return graver or (urgent_or_left and before.opened_at <= at - span)


def _more(before: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """What is added to an emergency stands in lines, each once: a repeat of the message adds nothing."""
    if MORE not in new:
        return {}
    lines = before[MORE].split("\n") if MORE in before else []
    return {MORE: "\n".join(lines if new[MORE] in lines else [*lines, new[MORE]])}


def _insert(db: Connection, vault: Vault, message_sid: str, n: int, new: NewCase, at: datetime) -> int:
    own = record_keys.sealer(db, vault, new.contact_id)
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
        "sealed_answers": own.seal(json.dumps(new.answers), _place(message_sid, n)),
        "state": "new",
        "opened_at": at,
    }
    return int(db.execute(insert(cases).values(row).returning(cases.c.id)).scalar_one())


def get(db: Connection, vault: Vault, case_id: int) -> Case:
    """The case with this number; raises `sqlalchemy.exc.NoResultFound`."""
    return _case(db.execute(select(cases).where(cases.c.id == case_id)).one(), record_keys.reader(db, vault))


def find(db: Connection, vault: Vault, case_id: int) -> Case | None:
    """The case with this number, if there is one."""
    row = db.execute(select(cases).where(cases.c.id == case_id)).one_or_none()
    return _case(row, record_keys.reader(db, vault)) if row else None


def of_contact(db: Connection, vault: Vault, contact_id: int) -> list[Case]:
    """All cases of one family, newest first."""
    query = select(cases).where(cases.c.contact_id == contact_id).order_by(cases.c.id.desc())
    return [_case(row, record_keys.reader(db, vault)) for row in db.execute(query)]


def sealer(db: Connection, vault: Vault, case_id: int | None) -> Sealer:
    """What seals words about this case: the key of its family."""
    query = select(cases.c.contact_id).where(cases.c.id == case_id)
    return record_keys.sealer(db, vault, db.execute(query).scalar_one_or_none() if case_id else None)


def answers_announcement(db: Connection, case_id: int, announcement_id: int) -> None:
    """The family wrote this after that announcement; the first that is noted stays."""
    key = (cases.c.id == case_id) & cases.c.announcement_id.is_(None)
    db.execute(update(cases).where(key).values(announcement_id=announcement_id))


def answering(db: Connection, announcement_id: int) -> Sequence[int]:
    """The numbers of the cases that answer this announcement, newest first."""
    query = select(cases.c.id).where(cases.c.announcement_id == announcement_id).order_by(cases.c.id.desc())
    return db.execute(query).scalars().all()


def to_page(db: Connection, opened_before: datetime, at: datetime) -> Sequence[int]:
    """Cases opened before this moment without an alert so far, and those whose next page is due."""
    late = (cases.c.state == "new") & (cases.c.opened_at < opened_before)
    due = cases.c.state.in_(OPEN_STATES) & (cases.c.page_at <= at)
    return db.execute(select(cases.c.id).where(late | due).order_by(cases.c.id)).scalars().all()


def _case(row: Row[Any], opens: Reader) -> Case:
    answers = json.loads(opens.open(row.sealed_answers, _place(row.message_sid, row.n)))
    names = Case.__dataclass_fields__.keys() - {"answers"}
    return Case(answers=answers, **{name: getattr(row, name) for name in names})


def _place(message_sid: str, n: int) -> str:
    return f"case:answers:{message_sid}:{n}"
