"""Inventory of what a disclosure could include today: only counts by kind, never a name, a number, or a text."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, func, select, true

from bot.base.database import Transaction
from bot.store.announcements import recipients
from bot.store.audit_log import audit
from bot.store.cases import cases, deliveries
from bot.store.cases.case_messages import case_messages
from bot.store.cases.voice_notes import voice_notes
from bot.store.community import community_leaders
from bot.store.families import consent_events, contacts, families
from bot.store.meetings import rsvps
from bot.store.schools import absences, home_visits, support_needs


@dataclass(frozen=True)
class DisclosureCount:
    """The count of one kind of data. `has_words` says whether it includes texts or voice notes of families."""

    kind: str
    count: int
    has_words: bool = False


def list_counts(db: Transaction) -> list[DisclosureCount]:
    """Return the counts of all kinds, including those with no rows."""
    return [
        DisclosureCount(kind, _count_rows(db, table, key), has_words) for kind, table, key, has_words in _list_kinds()
    ]


def _list_kinds() -> Iterable[tuple[str, Table, ColumnElement[bool], bool]]:
    case, note, delivery = cases.cases.c, voice_notes.c, deliveries.deliveries.c
    is_open, has_family = case.state.in_(cases.OPEN_STATES), absences.absences.c.contact_id.is_not(None)
    yield "families", families.families, true(), False
    yield "addresses", contacts.contacts, true(), False
    yield "open_cases", cases.cases, is_open, True
    yield "done_cases", cases.cases, ~is_open, True
    yield "messages", case_messages, true(), True
    yield "voices", voice_notes, note.sealed_audio.is_not(None), True
    yield "needs", support_needs.support_needs, support_needs.support_needs.c.sealed_words.is_not(None), True
    yield "visits", home_visits.home_visits, home_visits.home_visits.c.contact_id.is_not(None), True
    yield "unsent", deliveries.deliveries, delivery.sealed_body.is_not(None), True
    yield "sent", deliveries.deliveries, delivery.sealed_body.is_(None), False
    yield "announced", recipients.recipients, recipients.recipients.c.family_id > 0, False
    yield "absences", absences.absences, has_family, False
    yield "meetings", rsvps.rsvps, true(), False
    yield "consents", consent_events.consent_events, true(), False
    yield "leaders", community_leaders.community_leaders, community_leaders.community_leaders.c.left_at.is_(None), False
    yield "audit", audit, true(), False


def _count_rows(db: Transaction, table: Table, key: ColumnElement[bool]) -> int:
    return int(db.execute(select(func.count()).select_from(table).where(key)).scalar_one())
