"""Text families who reported a rumor what was found, once each, and again if the status no longer counts.

The text, its row, and the note in the case are saved together. Families who opted out get no text
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
"""A person answers an older rumor, because today's finding says nothing about that day."""
NIGHT_REPLY_PERIOD = timedelta(hours=12)
"""Families who asked this recently get the answer at night too. Others get it in the morning."""


@dataclass(frozen=True)
class _StatusReply:
    """One school status that is being sent, in one transaction."""

    runtime: Runtime
    db: Transaction
    status: SchoolStatus
    at: datetime

    def list_unanswered_cases(self, school: str | None, since: datetime) -> list[Case]:
        """Return the open rumors about a school, or about no named school for None."""
        case_ids = school_statuses.list_unanswered_case_ids(self.db, school, since)
        return [cases.get(self.db, case_id) for case_id in case_ids]

    def reply_to_case(
        self, case: Case, found_statuses: tuple[SchoolStatus, ...], notified_family_ids: set[int]
    ) -> list[str]:
        """Plan the answer to one case, if it has none yet and the statuses are still valid when it is sent.

        `notified_family_ids` are families that already have the answer, because a family may have two addresses.
        """
        contact, due_at = contacts.get(self.db, case.contact_id), self.find_due_time(case)
        if contact.opted_out_at or due_at >= min(status.expires_at for status in found_statuses):
            return []
        if not all(school_statuses.record_answer(self.db, status.id, case.id, self.at) for status in found_statuses):
            return []
        planned = []
        if contact.family_id not in notified_family_ids:
            planned.append(self.plan_text(contact, _build_effects(found_statuses), due_at, found_statuses))
            for status in found_statuses:
                school_statuses.set_answer_delivery(self.db, status.id, case.id, planned[0])
        if contact.family_id:
            notified_family_ids.add(contact.family_id)
        prefix = "To the family" if len(found_statuses) == 1 else "To the family, about every school"
        self.add_case_note(case.id, "status", prefix)
        return planned

    def plan_text(
        self,
        contact: Contact,
        effects: tuple[Effect, ...],
        due_at: datetime,
        found_statuses: tuple[SchoolStatus, ...] = (),
    ) -> str:
        """Plan a text in the family's language, and return the delivery ID."""
        language = contact.language or SOURCE_LANGUAGE
        composer = ReplyComposer(
            get_localized_library(self.runtime, language),
            language,
            due_at,
            extra_values=self._build_values(language, found_statuses),
        )
        composer.condition_values = {"contact.school": self.status.school}
        composer.load_statuses = lambda: {self.status.school: self.status}
        body = composer.compose(effects)
        sent_texts.record(self.db, contact.id, composer.sent_text_keys, [], due_at)
        return deliveries.plan_notice(self.db, {"contact_id": contact.id}, body, due_at)

    def _build_values(self, language: str, found_statuses: tuple[SchoolStatus, ...]) -> dict[str, str]:
        """Build the values of the text. For several schools, use the earliest check and the earliest end."""
        district, statuses = self.runtime.library.district, found_statuses or (self.status,)
        checked_at = district.to_local_time(min(status.checked_at for status in statuses))
        expires_at = district.to_local_time(min(status.expires_at for status in statuses))
        return {
            "school_name": district.get_place_name(self.status.school),
            "time": dates.format_moment(checked_at, language),
            "until": dates.format_moment(expires_at, language),
        }

    def add_case_note(self, case_id: int, cause: str, prefix: str) -> None:
        """Add what the family reads to the case, in English."""
        text = ReplyComposer(self.runtime.library, SOURCE_LANGUAGE, self.at).render_status(self.status)
        cause = f"{cause}:{self.status.id}:{case_id}"
        note = NewCaseMessage(case_id, cause, "note", SOURCE_LANGUAGE, f"{prefix}: {text}", self.status.by)
        case_messages.add(self.db, note, self.at)

    def find_due_time(self, case: Case) -> datetime:
        """Return the current time for recent cases, and the next waking time for older ones."""
        if case.opened_at > self.at - NIGHT_REPLY_PERIOD:
            return self.at
        return self.runtime.library.district.find_next_waking_time(self.at)


def _build_effects(found_statuses: tuple[SchoolStatus, ...]) -> tuple[Effect, ...]:
    if len(found_statuses) == 1:
        return Notice("status_found"), StateFact("school_status")
    return Notice("status_found"), Notice("status_all_schools"), Notice("status_until")


def plan_replies(runtime: Runtime, db: Transaction, status: SchoolStatus, current_time: datetime) -> list[str]:
    """Plan the texts to families with an open rumor about this school, and return the delivery IDs.

    A family that named no school gets the status of its only known school. If none is known, it gets a text after
    every school was checked.
    """
    status_reply, since = _StatusReply(runtime, db, status, current_time), current_time - MAX_RUMOR_AGE
    named_cases = status_reply.list_unanswered_cases(status.school, since)
    unnamed_cases = status_reply.list_unanswered_cases(None, since)
    known_schools = {case.id: _find_known_school(db, case.contact_id) for case in unnamed_cases}
    notified_family_ids: set[int] = set()
    planned = []
    for case in [*named_cases, *(case for case in unnamed_cases if known_schools[case.id] == status.school)]:
        planned += status_reply.reply_to_case(case, (status,), notified_family_ids)
    all_clear = find_all_clear(runtime, db, current_time)
    if all_clear:
        for case in unnamed_cases:
            if known_schools[case.id] is None:
                planned += status_reply.reply_to_case(case, all_clear, notified_family_ids)
    return planned


def _find_known_school(db: Transaction, contact_id: int) -> str | None:
    """Return the school that a family named, or its only school in the roster."""
    if school := contacts.get_attributes(db, contact_id).get("school"):
        return school
    family_id = contacts.find_family_id(db, contact_id)
    if family_id is None:
        return None
    schools = families.list_schools(db, family_id)
    if len(schools) != 1:
        return None
    return schools[0]


def find_all_clear(runtime: Runtime, db: Transaction, current_time: datetime) -> tuple[SchoolStatus, ...]:
    """Return the statuses of all schools if no agents were found at any of them. If not, return nothing."""
    current = school_statuses.find_current_by_school(db, current_time)
    statuses = tuple(current[school] for school in runtime.library.district.schools if school in current)
    if len(statuses) < len(runtime.library.district.schools):
        return ()
    if any(status.kind != NO_AGENTS for status in statuses):
        return ()
    return statuses


def plan_withdrawal_texts(runtime: Runtime, db: Transaction, status: SchoolStatus, current_time: datetime) -> list[str]:
    """Plan texts to families who read a withdrawn status. A text that was not sent yet is canceled instead."""
    status_reply, planned = _StatusReply(runtime, db, status, current_time), []
    for answer in school_statuses.withdraw_answers(db, status.id, current_time):
        status_reply.add_case_note(answer.case_id, "back", "Withdrawn, also for the family")
        if not answer.delivery_id:
            continue
        if deliveries.cancel_waiting(db, answer.delivery_id):
            school_statuses.withdraw_unsent_answers(db, answer.delivery_id, current_time)
            continue
        contact = contacts.get(db, answer.contact_id)
        if not contact.opted_out_at:
            planned.append(status_reply.plan_text(contact, (Notice("status_taken_back"),), current_time))
    return planned
