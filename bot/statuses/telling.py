"""Families who reported a rumour are told what was found: once each, in their language; and if it counts no more.

The text, its row and the note in the case are written together.  Nobody who stopped is written to (messaging/consent).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from bot.content import dates
from bot.content.catalog import SOURCE_LANGUAGE
from bot.conversation.effects import Effect, Notice, StateFact
from bot.messaging.compose import Composer
from bot.messaging.drafting import library_for
from bot.services import Services
from bot.store import case_messages, cases, contacts, deliveries, statuses, told
from bot.store.case_messages import New
from bot.store.cases import Case
from bot.store.contacts import Contact
from bot.store.statuses import Status

ANSWERED_WITHIN = timedelta(days=2)
"""A rumour older than this is a person's to answer: what was found today says nothing of that day."""
AT_NIGHT_WITHIN = timedelta(hours=12)
"""Who asked so lately gets the answer at night too; who asked before is not woken by it."""


@dataclass(frozen=True)
class _Telling:
    """One statement that is being told, in one transaction, at one moment."""

    services: Services
    db: Connection
    status: Status
    at: datetime

    def plan(self, contact: Contact, effects: tuple[Effect, ...], due: datetime) -> str:
        """A text in the family's language; the delivery's id."""
        language = contact.language or SOURCE_LANGUAGE
        composer = Composer(library_for(self.services, language), language, due, extra=self._values(language))
        composer.about = {"contact.school": self.status.school}
        composer.statuses = lambda: {self.status.school: self.status}
        body = composer.compose(effects)
        told.record(self.db, contact.id, composer.said, [], due)
        return deliveries.plan_notice(self.db, self.services.database.vault, {"contact_id": contact.id}, body, due)

    def _values(self, language: str) -> dict[str, str]:
        district = self.services.library.district
        school = district.schools.get(self.status.school)
        at = dates.moment(district.local(self.status.checked_at), language)
        return {"school_name": school.name if school else district.name, "time": at}

    def note(self, case_id: int, cause: str, what: str) -> None:
        """What the family hears, in the case: in English, for whoever looks after it."""
        said = Composer(self.services.library, SOURCE_LANGUAGE, self.at).statement(self.status)
        cause = f"{cause}:{self.status.id}:{case_id}"
        note = New(case_id, cause, "note", SOURCE_LANGUAGE, f"{what}: {said}", self.status.by)
        case_messages.add(self.db, self.services.database.vault, note, self.at)

    def due(self, case: Case) -> datetime:
        """At once, or in the morning for who asked long ago."""
        lately = case.opened_at > self.at - AT_NIGHT_WITHIN
        return self.at if lately else self.services.library.district.waking(self.at)


def tell(services: Services, db: Connection, status: Status, at: datetime) -> list[str]:
    """Plan the texts to families with an open rumour about this school; the ids of the deliveries."""
    telling, vault = _Telling(services, db, status, at), services.database.vault
    families: set[int] = set()
    planned = []
    for case_id in statuses.unanswered(db, status.school, at - ANSWERED_WITHIN):
        case = cases.get(db, vault, case_id)
        contact = contacts.get(db, vault, case.contact_id)
        due = telling.due(case)
        if contact.stopped_at or due >= status.expires_at or not statuses.set_answered(db, status.id, case_id, at):
            continue
        if contact.family_id not in families:  # two addresses are one family
            planned.append(telling.plan(contact, (Notice("status_found"), StateFact("school_status")), due))
            statuses.set_delivery(db, status.id, case_id, planned[-1])
        families |= {contact.family_id} if contact.family_id else set()
        telling.note(case_id, "status", "To the family")
    return planned


def take_back(services: Services, db: Connection, status: Status, at: datetime) -> list[str]:
    """Plan the texts to those who were told it; one that has not left is not sent at all."""
    telling, planned = _Telling(services, db, status, at), []
    for one in statuses.take_back(db, status.id, at):
        telling.note(one.case_id, "back", "Taken back, and to the family")
        if not one.delivery_id or deliveries.cancel_waiting(db, one.delivery_id):
            continue
        contact = contacts.get(db, services.database.vault, one.contact_id)
        if not contact.stopped_at:
            planned.append(telling.plan(contact, (Notice("status_taken_back"),), at))
    return planned
