"""Send short texts about the progress of a case, to the family and to other staff.

A family gets none about violence at home, because somebody else may read the phone.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.base.database import Transaction
from bot.cases.alert_text import add_drill_label, describe_case
from bot.content.district import District
from bot.content.texts import TextId
from bot.flows.effects import Notice
from bot.messaging.catalog_drafts import get_localized_library
from bot.messaging.reply_composer import ReplyComposer
from bot.runtime import Runtime
from bot.store.cases import case_transitions, deliveries
from bot.store.cases.cases import AGENTS_TOPIC, STAFF_TOPICS, Case
from bot.store.families import sent_texts
from bot.store.families.contacts import Contact

TOPICS_WITHOUT_FAMILY_NOTICES = frozenset({"abuse_violence_home"}) | STAFF_TOPICS
"""Topics without family notices: a partner may read the phone (TOPICS.md), or staff opened the case."""


def plan_family_notice(
    runtime: Runtime, db: Transaction, contact: Contact, text_id: TextId, due_at: datetime, values: Mapping[str, str]
) -> str:
    """Plan one of Puente's own texts in the family's language, and return the delivery id."""
    language = contact.language or "en"
    composer = ReplyComposer(get_localized_library(runtime, language), language, due_at, extra_values=values)
    body = composer.compose([Notice(text_id)])
    sent_texts.record(db, contact.id, composer.sent_text_keys, [], due_at)
    return deliveries.plan_notice(db, {"contact_id": contact.id}, body, due_at)


def plan_assignment_notices(
    runtime: Runtime, db: Transaction, case: Case, contact: Contact, assignee: str, now: datetime
) -> list[str]:
    """Tell the family who took its emergency, and tell the other alerted staff that it was taken."""
    if case.severity != "escalate_now":
        return []
    district, delivery_ids = runtime.library.district, []
    name = district.name
    if assignee in district.staff:
        name = district.staff[assignee].name
    if case.topic not in TOPICS_WITHOUT_FAMILY_NOTICES:
        delivery_ids.append(plan_family_notice(runtime, db, contact, "taken", now, {"staff_name": name}))
    people = {delivery.staff for delivery in deliveries.list_for_case(db, case.id) if delivery.kind == "alert"}
    if case.topic in STAFF_TOPICS:
        people.add(district.find_staff_by_address(contact.address))
    body = add_drill_label(case, f"{district.name}: case {case.id} was taken by {name}.")
    for person in sorted(person for person in people if person and person != assignee):
        delivery_ids.append(plan_staff_notice(runtime, db, person, body, now))
    return delivery_ids


def plan_staff_notice(runtime: Runtime, db: Transaction, staff: str, body: str, due_at: datetime) -> str:
    """Plan a text to one staff member, and return the delivery id."""
    return deliveries.plan_notice(db, {"staff": staff}, body, due_at)


def plan_delay_notice(runtime: Runtime, db: Transaction, case: Case, contact: Contact, now: datetime) -> None:
    """Tell the family once that nobody has taken its case yet, with numbers to call. Tell a front office too."""
    if case.topic == AGENTS_TOPIC and case_transitions.mark_delay_notified(db, case.id, now):
        _plan_front_office_notice(runtime, db, case, contact, now)
    if case.topic in TOPICS_WITHOUT_FAMILY_NOTICES or not case_transitions.mark_delay_notified(db, case.id, now):
        return
    due = now
    if case.severity != "escalate_now":
        due = runtime.library.district.find_next_waking_time(now)
    plan_family_notice(runtime, db, contact, "nobody_yet", due, {})


def _plan_front_office_notice(runtime: Runtime, db: Transaction, case: Case, contact: Contact, now: datetime) -> None:
    """Text the front office the names and work numbers of the people to call."""
    district = runtime.library.district
    staff = district.find_staff_by_address(contact.address)
    if staff:
        people = district.list_alert_recipients(case.role, now, case.school).values()
        numbers = ", ".join(f"{person.name} {person.phone}" for person in people)
        body = (
            f"{district.name}: nobody has taken case {case.id} yet. We keep calling. Please call them too: {numbers}."
        )
        plan_staff_notice(runtime, db, staff, body, now)


def remind_assignee(runtime: Runtime, db: Transaction, case: Case, now: datetime) -> None:
    """Remind an assignee who hasn't answered the family. In an emergency, remind the whole chain too.

    After the reminder, somebody else may take the case over.
    """
    district = runtime.library.district
    is_urgent = case.severity == "escalate_now"
    if not case_transitions.mark_assignee_reminded(db, case, _find_next_reminder(district, now, is_urgent), now):
        return
    assignee = district.staff.get(case.claimed_by or "")
    name = assignee.name if assignee else case.claimed_by
    body = add_drill_label(
        case,
        f"{district.name}: case {case.id}, taken by {name}, has had no answer yet."
        f" {describe_case(runtime.library, case)} To take it over, reply TAKE {case.id}."
        f" {runtime.settings.public_base}/console/cases/{case.id}",
    )
    people = [case.claimed_by or ""] if assignee else []
    if is_urgent or not assignee:
        people += district.list_alert_recipients(case.role, now, case.school)
    for person in dict.fromkeys(people):
        plan_staff_notice(runtime, db, person, body, now)


def _find_next_reminder(district: District, now: datetime, is_urgent: bool) -> datetime:
    if is_urgent:
        return now + timedelta(minutes=district.paging.chase_minutes)
    tomorrow = district.to_local_time(now + timedelta(days=1))
    return district.office_hours.find_next_moment(tomorrow).astimezone(now.tzinfo)
