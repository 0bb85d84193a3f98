"""Short texts about how a case stands: to the family (taken, nobody yet), and to the other staff (taken, no word yet).

To a family only where it does no harm: never about violence at home, where somebody else may read the phone.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.base.database import Transaction
from bot.cases.alert_text import add_drill_label, describe_case
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
"""Topics about which no family is written to: a partner may read it (TOPICS.md); or it was staff who opened it."""


def plan_family_notice(
    runtime: Runtime, db: Transaction, contact: Contact, text_id: TextId, at: datetime, values: Mapping[str, str]
) -> str:
    """Plan one of the program's own texts in the family's language; the delivery's id."""
    language = contact.language or "en"
    composer = ReplyComposer(get_localized_library(runtime, language), language, at, extra_values=values)
    body = composer.compose([Notice(text_id)])
    sent_texts.record(db, contact.id, composer.sent_text_keys, [], at)
    return deliveries.plan_notice(db, {"contact_id": contact.id}, body, at)


def plan_assignment_notices(
    runtime: Runtime, db: Transaction, case: Case, contact: Contact, assignee: str, at: datetime
) -> list[str]:
    """After an emergency was taken: the family hears who reads its words, the others paged hear that they need not."""
    member = runtime.library.district.staff.get(assignee)
    name = member.name if member else runtime.library.district.name
    planned = []
    if case.severity == "escalate_now" and case.topic not in TOPICS_WITHOUT_FAMILY_NOTICES:
        planned.append(plan_family_notice(runtime, db, contact, "taken", at, {"staff_name": name}))
    paged: set[str | None] = (
        {runtime.library.district.find_staff_by_address(contact.address)} if case.topic in STAFF_TOPICS else set()
    )
    paged |= {one.staff for one in deliveries.list_for_case(db, case.id) if one.kind == "alert"}
    body = add_drill_label(case, f"{runtime.library.district.name}: case {case.id} was taken by {name}.")
    for person in sorted(one for one in paged if one and one != assignee) if case.severity == "escalate_now" else ():
        planned.append(plan_staff_notice(runtime, db, person, body, at))
    return planned


def plan_staff_notice(runtime: Runtime, db: Transaction, staff: str, body: str, at: datetime) -> str:
    """Plan a text to one member of staff; the delivery's id."""
    return deliveries.plan_notice(db, {"staff": staff}, body, at)


def plan_delay_notice(runtime: Runtime, db: Transaction, case: Case, contact: Contact, at: datetime) -> None:
    """The family is told honestly, once, and given the numbers that answer; so is a front office."""
    if case.topic == AGENTS_TOPIC and case_transitions.mark_delay_notified(db, case.id, at):
        _plan_front_office_notice(runtime, db, case, contact, at)
    if case.topic in TOPICS_WITHOUT_FAMILY_NOTICES or not case_transitions.mark_delay_notified(db, case.id, at):
        return
    due = at if case.severity == "escalate_now" else runtime.library.district.find_next_waking_time(at)
    plan_family_notice(runtime, db, contact, "nobody_yet", due, {})


def _plan_front_office_notice(runtime: Runtime, db: Transaction, case: Case, contact: Contact, at: datetime) -> None:
    """Whoever stands at the desk hears whom to call, by name and work number."""
    district = runtime.library.district
    starter = district.find_staff_by_address(contact.address)
    if starter:
        people = district.list_alert_recipients(case.role, at, case.school).values()
        numbers = ", ".join(f"{one.name} {one.phone}" for one in people)
        body = f"{district.name}: nobody has taken case {case.id} yet. We go on calling. Please call too: {numbers}."
        plan_staff_notice(runtime, db, starter, body, at)


def remind_assignee(runtime: Runtime, db: Transaction, case: Case, at: datetime) -> None:
    """Who took it has given no sign: that person hears so, of an emergency the whole chain, until there is one.

    From now on somebody else may take it over.
    """
    district = runtime.library.district
    urgent = case.severity == "escalate_now"
    pause = timedelta(minutes=district.paging.chase_minutes) if urgent else timedelta(days=1)
    later = district.office_hours.find_next_moment(district.to_local_time(at + pause)).astimezone(at.tzinfo)
    if not case_transitions.mark_assignee_reminded(db, case, at + pause if urgent else later, at):
        return
    member = district.staff.get(case.claimed_by or "")
    body = add_drill_label(
        case,
        f"{district.name}: case {case.id}, taken by {member.name if member else case.claimed_by}, has had no answer"
        f" yet. {describe_case(runtime.library, case)} To take it over, reply TAKE {case.id}."
        f" {runtime.settings.public_base}/console/cases/{case.id}",
    )
    chain = list(district.list_alert_recipients(case.role, at, case.school)) if urgent or not member else []
    for person in dict.fromkeys([*([case.claimed_by] if member else []), *chain]):
        plan_staff_notice(runtime, db, person or "", body, at)
