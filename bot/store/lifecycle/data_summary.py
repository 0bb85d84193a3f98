"""Counts of the data about one family, for the family that asks and for the records officer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, func, select
from sqlalchemy.sql.elements import ColumnElement

from bot.base.database import Transaction
from bot.store.cases import case_messages, cases, voice_notes
from bot.store.community import partner_suggestions
from bot.store.families import consent_events, contacts
from bot.store.meetings import rsvps
from bot.store.schools import absences, home_visits, support_needs


@dataclass(frozen=True)
class DataSummary:
    """Counts by kind. `oldest_resolved_at` is when the oldest done case was resolved; retention deletes it next."""

    cases: int = 0
    messages: int = 0
    voice_notes: int = 0
    absences: int = 0
    support_requests: int = 0
    suggestions: int = 0
    meetings: int = 0
    consents: int = 0
    oldest_resolved_at: datetime | None = None


def summary_for_contact(db: Transaction, contact_id: int) -> DataSummary:
    """Count the data about the family of this contact, over all its addresses."""
    family_id = contacts.find_family_id(db, contact_id)
    ids = [contact_id] if family_id is None else contacts.list_family_contact_ids(db, family_id)
    case, message, suggestion = cases.cases.c, case_messages.case_messages.c, partner_suggestions.partner_suggestions.c
    note, need, visit = voice_notes.voice_notes.c, support_needs.support_needs.c, home_visits.home_visits.c
    absence, rsvp, consent = absences.absences.c, rsvps.rsvps.c, consent_events.consent_events.c
    case_ids = select(case.id).where(case.contact_id.in_(ids))
    hashes = select(contacts.contacts.c.address_index).where(contacts.contacts.c.id.in_(ids))
    need_count = _count_rows(db, need.id, need.contact_id.in_(ids))
    visit_count = _count_rows(db, visit.id, visit.contact_id.in_(ids))
    return DataSummary(
        cases=_count_rows(db, case.id, case.contact_id.in_(ids)),
        messages=_count_rows(db, message.id, message.case_id.in_(case_ids)),
        voice_notes=_count_rows(db, note.id, note.contact_id.in_(ids) & (note.state != "gone")),
        absences=_count_rows(db, absence.id, absence.contact_id.in_(ids)),
        support_requests=need_count + visit_count,
        suggestions=_count_rows(db, suggestion.id, suggestion.contact_id.in_(ids)),
        meetings=_count_rows(db, rsvp.id, rsvp.contact_id.in_(ids)),
        consents=_count_rows(db, consent.id, consent.address_index.in_(hashes)),
        oldest_resolved_at=_find_oldest_resolved_at(db, ids),
    )


def _count_rows(db: Transaction, column: Column[int], key: ColumnElement[bool]) -> int:
    return int(db.execute(select(func.count(column)).where(key)).scalar_one())


def _find_oldest_resolved_at(db: Transaction, contact_ids: Sequence[int]) -> datetime | None:
    case = cases.cases.c
    key = case.contact_id.in_(contact_ids) & case.state.not_in(cases.OPEN_STATES)
    resolved_at: datetime | None = db.execute(select(func.min(case.resolved_at)).where(key)).scalar_one()
    return resolved_at
