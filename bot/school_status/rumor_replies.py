"""Families who reported a rumour are told what was found: once each, in their language; and if it counts no more.

The text, its row and the note in the case are written together.  Nobody who stopped is written to
(messaging/contact_policy).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.base.database import Transaction
from bot.content import dates
from bot.content.catalog import SOURCE_LANGUAGE
from bot.flows.effects import Effect, Notice, StateFact
from bot.messaging.catalog_drafts import get_localized_library
from bot.messaging.reply_composer import ReplyComposer
from bot.runtime import Runtime
from bot.store.cases import case_messages, cases, deliveries
from bot.store.cases.case_messages import NewCaseMessage
from bot.store.cases.cases import Case
from bot.store.families import contacts, families, sent_texts
from bot.store.families.contacts import Contact
from bot.store.schools import school_statuses
from bot.store.schools.school_statuses import NO_AGENTS, SchoolStatus

MAX_RUMOR_AGE = timedelta(days=2)
"""A rumour older than this is a person's to answer: what was found today says nothing of that day."""
NIGHT_REPLY_PERIOD = timedelta(hours=12)
"""Who asked so lately gets the answer at night too; who asked before is not woken by it."""


@dataclass(frozen=True)
class _StatusReply:
    """One statement that is being told, in one transaction, at one moment."""

    runtime: Runtime
    db: Transaction
    status: SchoolStatus
    at: datetime

    def list_unanswered_cases(self, school: str | None, since: datetime) -> list[Case]:
        """The open rumours about a school (None: about none that was named)."""
        return [cases.get(self.db, one) for one in school_statuses.list_unanswered_case_ids(self.db, school, since)]

    def reply_to_case(
        self, case: Case, found_statuses: tuple[SchoolStatus, ...], notified_family_ids: set[int]
    ) -> list[str]:
        """Tell one case of these statements; nothing if it was told, or they no longer hold when it may be woken.

        `heard`: the families that were told already: two addresses are one family.
        """
        contact, due = contacts.get(self.db, case.contact_id), self.find_due_time(case)
        if contact.stopped_at or due >= min(one.expires_at for one in found_statuses):
            return []
        if not all(school_statuses.record_answer(self.db, one.id, case.id, self.at) for one in found_statuses):
            return []
        planned = []
        if contact.family_id not in notified_family_ids:
            planned.append(self.plan_text(contact, _build_effects(found_statuses), due, found_statuses))
            for one in found_statuses:
                school_statuses.set_answer_delivery(self.db, one.id, case.id, planned[0])
        notified_family_ids |= {contact.family_id} if contact.family_id else set()
        self.add_case_note(
            case.id, "status", "To the family" if len(found_statuses) == 1 else "To the family, of every school"
        )
        return planned

    def plan_text(
        self,
        contact: Contact,
        effects: tuple[Effect, ...],
        due: datetime,
        found_statuses: tuple[SchoolStatus, ...] = (),
    ) -> str:
        """A text in the family's language; the delivery's id."""
        language = contact.language or SOURCE_LANGUAGE
        composer = ReplyComposer(
            get_localized_library(self.runtime, language),
            language,
            due,
            extra_values=self._build_values(language, found_statuses),
        )
        composer.condition_values = {"contact.school": self.status.school}
        composer.load_statuses = lambda: {self.status.school: self.status}
        body = composer.compose(effects)
        sent_texts.record(self.db, contact.id, composer.sent_text_keys, [], due)
        return deliveries.plan_notice(self.db, {"contact_id": contact.id}, body, due)

    def _build_values(self, language: str, found_statuses: tuple[SchoolStatus, ...]) -> dict[str, str]:
        """Of several schools the first moment at which one was checked, and the first at which one counts no more."""
        district, told = self.runtime.library.district, found_statuses or (self.status,)
        school = district.schools.get(self.status.school)
        at = dates.format_moment(district.to_local_time(min(one.checked_at for one in told)), language)
        until = dates.format_moment(district.to_local_time(min(one.expires_at for one in told)), language)
        return {"school_name": school.name if school else district.name, "time": at, "until": until}

    def add_case_note(self, case_id: int, cause: str, prefix: str) -> None:
        """What the family hears, in the case: in English, for whoever looks after it."""
        said = ReplyComposer(self.runtime.library, SOURCE_LANGUAGE, self.at).render_status(self.status)
        cause = f"{cause}:{self.status.id}:{case_id}"
        note = NewCaseMessage(case_id, cause, "note", SOURCE_LANGUAGE, f"{prefix}: {said}", self.status.by)
        case_messages.add(self.db, note, self.at)

    def find_due_time(self, case: Case) -> datetime:
        """At once, or in the morning for who asked long ago."""
        lately = case.opened_at > self.at - NIGHT_REPLY_PERIOD
        return self.at if lately else self.runtime.library.district.find_next_waking_time(self.at)


def _build_effects(found_statuses: tuple[SchoolStatus, ...]) -> tuple[Effect, ...]:
    if len(found_statuses) == 1:
        return Notice("status_found"), StateFact("school_status")
    return Notice("status_found"), Notice("status_all_schools"), Notice("status_until")


def plan_replies(runtime: Runtime, db: Transaction, status: SchoolStatus, at: datetime) -> list[str]:
    """Plan the texts to families with an open rumour about this school; the ids of the deliveries.

    Who named no school is told of its own one, where only one is known; else once every school was checked.
    """
    telling, since = _StatusReply(runtime, db, status, at), at - MAX_RUMOR_AGE
    named, nowhere = telling.list_unanswered_cases(status.school, since), telling.list_unanswered_cases(None, since)
    own = {case.id: _find_known_school(db, case.contact_id) for case in nowhere}
    heard: set[int] = set()
    planned = []
    for case in [*named, *(one for one in nowhere if own[one.id] == status.school)]:
        planned += telling.reply_to_case(case, (status,), heard)
    every = find_all_clear(runtime, db, at)
    for case in (one for one in nowhere if own[one.id] is None and every):
        planned += telling.reply_to_case(case, every, heard)
    return planned


def _find_known_school(db: Transaction, contact_id: int) -> str | None:
    """The school that a family told us, or the only one that the roster knows."""
    if school := contacts.get_attributes(db, contact_id).get("school"):
        return school
    family = contacts.find_family_id(db, contact_id)
    known = families.list_schools(db, family) if family is not None else []
    return known[0] if len(known) == 1 else None


def find_all_clear(runtime: Runtime, db: Transaction, at: datetime) -> tuple[SchoolStatus, ...]:
    """What holds of every school of the district, if no agents were found at any of them; else nothing."""
    current = school_statuses.find_current_by_school(db, at)
    found = tuple(one for school in runtime.library.district.schools if (one := current.get(school)))
    whole = len(found) == len(runtime.library.district.schools)
    return found if whole and all(one.kind == NO_AGENTS for one in found) else ()


def plan_withdrawal_texts(runtime: Runtime, db: Transaction, status: SchoolStatus, at: datetime) -> list[str]:
    """Plan the texts to those who were told it; one that has not left is not sent at all."""
    telling, planned = _StatusReply(runtime, db, status, at), []
    for one in school_statuses.withdraw_answers(db, status.id, at):
        telling.add_case_note(one.case_id, "back", "Taken back, and to the family")
        if not one.delivery_id:
            continue
        if deliveries.cancel_waiting(db, one.delivery_id):
            school_statuses.withdraw_unsent_answers(db, one.delivery_id, at)
            continue
        contact = contacts.get(db, one.contact_id)
        if not contact.stopped_at:
            planned.append(telling.plan_text(contact, (Notice("status_taken_back"),), at))
    return planned
