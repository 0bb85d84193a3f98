"""Families who reported a rumour are told what was found: once each, in their language; and if it counts no more.

The text, its row and the note in the case are written together.  Nobody who stopped is written to
(messaging/contact_policy).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from bot.content import dates
from bot.content.catalog import SOURCE_LANGUAGE
from bot.flows.effects import Effect, Notice, StateFact
from bot.messaging.catalog_drafts import library_for
from bot.messaging.reply_composer import Composer
from bot.runtime import Services
from bot.store.cases import case_messages, cases, deliveries
from bot.store.cases.case_messages import New
from bot.store.cases.cases import Case
from bot.store.families import contacts, families, sent_texts
from bot.store.families.contacts import Contact
from bot.store.schools import school_statuses
from bot.store.schools.school_statuses import NO_AGENTS, Status

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

    def unanswered(self, school: str | None, since: datetime) -> list[Case]:
        """The open rumours about a school (None: about none that was named)."""
        vault = self.services.database.vault
        return [cases.get(self.db, vault, one) for one in school_statuses.unanswered(self.db, school, since)]

    def answer(self, case: Case, found: tuple[Status, ...], heard: set[int]) -> list[str]:
        """Tell one case of these statements; nothing if it was told, or they no longer hold when it may be woken.

        `heard`: the families that were told already: two addresses are one family.
        """
        contact, due = contacts.get(self.db, self.services.database.vault, case.contact_id), self.due(case)
        if contact.stopped_at or due >= min(one.expires_at for one in found):
            return []
        if not all(school_statuses.set_answered(self.db, one.id, case.id, self.at) for one in found):
            return []
        planned = []
        if contact.family_id not in heard:
            planned.append(self.plan(contact, _finding(found), due, found))
            for one in found:
                school_statuses.set_delivery(self.db, one.id, case.id, planned[0])
        heard |= {contact.family_id} if contact.family_id else set()
        self.note(case.id, "status", "To the family" if len(found) == 1 else "To the family, of every school")
        return planned

    def plan(self, contact: Contact, effects: tuple[Effect, ...], due: datetime, found: tuple[Status, ...] = ()) -> str:
        """A text in the family's language; the delivery's id."""
        language = contact.language or SOURCE_LANGUAGE
        composer = Composer(library_for(self.services, language), language, due, extra=self._values(language, found))
        composer.about = {"contact.school": self.status.school}
        composer.statuses = lambda: {self.status.school: self.status}
        body = composer.compose(effects)
        sent_texts.record(self.db, contact.id, composer.said, [], due)
        return deliveries.plan_notice(self.db, self.services.database.vault, {"contact_id": contact.id}, body, due)

    def _values(self, language: str, found: tuple[Status, ...]) -> dict[str, str]:
        """Of several schools the first moment at which one was checked, and the first at which one counts no more."""
        district, told = self.services.library.district, found or (self.status,)
        school = district.schools.get(self.status.school)
        at = dates.moment(district.local(min(one.checked_at for one in told)), language)
        until = dates.moment(district.local(min(one.expires_at for one in told)), language)
        return {"school_name": school.name if school else district.name, "time": at, "until": until}

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


def _finding(found: tuple[Status, ...]) -> tuple[Effect, ...]:
    if len(found) == 1:
        return Notice("status_found"), StateFact("school_status")
    return Notice("status_found"), Notice("status_all_schools"), Notice("status_until")


def tell(services: Services, db: Connection, status: Status, at: datetime) -> list[str]:
    """Plan the texts to families with an open rumour about this school; the ids of the deliveries.

    Who named no school is told of its own one, where only one is known; else once every school was checked.
    """
    telling, since = _Telling(services, db, status, at), at - ANSWERED_WITHIN
    named, nowhere = telling.unanswered(status.school, since), telling.unanswered(None, since)
    own = {case.id: _own_school(db, case.contact_id) for case in nowhere}
    heard: set[int] = set()
    planned = []
    for case in [*named, *(one for one in nowhere if own[one.id] == status.school)]:
        planned += telling.answer(case, (status,), heard)
    every = checked_everywhere(services, db, at)
    for case in (one for one in nowhere if own[one.id] is None and every):
        planned += telling.answer(case, every, heard)
    return planned


def _own_school(db: Connection, contact_id: int) -> str | None:
    """The school that a family told us, or the only one that the roster knows."""
    if school := contacts.notes_of(db, contact_id).get("school"):
        return school
    family = contacts.family_of(db, contact_id)
    known = families.schools_of(db, family) if family is not None else []
    return known[0] if len(known) == 1 else None


def checked_everywhere(services: Services, db: Connection, at: datetime) -> tuple[Status, ...]:
    """What holds of every school of the district, if no agents were found at any of them; else nothing."""
    current = school_statuses.current(db, at)
    found = tuple(one for school in services.library.district.schools if (one := current.get(school)))
    whole = len(found) == len(services.library.district.schools)
    return found if whole and all(one.kind == NO_AGENTS for one in found) else ()


def take_back(services: Services, db: Connection, status: Status, at: datetime) -> list[str]:
    """Plan the texts to those who were told it; one that has not left is not sent at all."""
    telling, planned = _Telling(services, db, status, at), []
    for one in school_statuses.take_back(db, status.id, at):
        telling.note(one.case_id, "back", "Taken back, and to the family")
        if not one.delivery_id:
            continue
        if deliveries.cancel_waiting(db, one.delivery_id):
            school_statuses.not_sent(db, one.delivery_id, at)
            continue
        contact = contacts.get(db, services.database.vault, one.contact_id)
        if not contact.stopped_at:
            planned.append(telling.plan(contact, (Notice("status_taken_back"),), at))
    return planned
