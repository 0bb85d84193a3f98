"""What is held about one family, as numbers: for the family that asks, and for the records officer."""

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
    """How much there is; `next_done`: when the oldest request that is done was done (deleted so many days later)."""

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
    """What is held about the family of this contact, on all its addresses."""
    family = contacts.find_family_id(db, contact_id)
    ids = contacts.list_family_contact_ids(db, family) if family is not None else [contact_id]
    case, talk = cases.cases.c, case_messages.case_messages.c
    own = select(case.id).where(case.contact_id.in_(ids))
    addresses = select(contacts.contacts.c.address_index).where(contacts.contacts.c.id.in_(ids))
    note, need, visit = voice_notes.voice_notes.c, support_needs.support_needs.c, home_visits.home_visits.c
    return DataSummary(
        cases=_count_rows(db, case.id, case.contact_id.in_(ids)),
        messages=_count_rows(db, talk.id, talk.case_id.in_(own)),
        voice_notes=_count_rows(db, note.id, note.contact_id.in_(ids) & (note.state != "gone")),
        absences=_count_rows(db, absences.absences.c.id, absences.absences.c.contact_id.in_(ids)),
        support_requests=_count_rows(db, need.id, need.contact_id.in_(ids))
        + _count_rows(db, visit.id, visit.contact_id.in_(ids)),
        suggestions=_count_rows(
            db,
            partner_suggestions.partner_suggestions.c.id,
            partner_suggestions.partner_suggestions.c.contact_id.in_(ids),
        ),
        meetings=_count_rows(db, rsvps.rsvps.c.id, rsvps.rsvps.c.contact_id.in_(ids)),
        consents=_count_rows(
            db, consent_events.consent_events.c.id, consent_events.consent_events.c.address_index.in_(addresses)
        ),
        oldest_resolved_at=_find_oldest_resolved_at(db, ids),
    )


def _count_rows(db: Transaction, column: Column[int], key: ColumnElement[bool]) -> int:
    return int(db.execute(select(func.count(column)).where(key)).scalar_one())


def _find_oldest_resolved_at(db: Transaction, contact_ids: Sequence[int]) -> datetime | None:
    case = cases.cases.c
    key = case.contact_id.in_(contact_ids) & case.state.not_in(cases.OPEN_STATES)
    found: datetime | None = db.execute(select(func.min(case.resolved_at)).where(key)).scalar_one()
    return found
