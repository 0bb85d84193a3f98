"""Handle a family's answers about home visits.

Staff visit only after the family says yes. If the family wants no visits at all, every planned visit is stopped.
"""

from datetime import datetime

from bot.base.database import Transaction
from bot.content import dates
from bot.flows.effects import SetAttribute
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.families import contacts
from bot.store.families.contacts import Contact
from bot.store.schools import home_visits
from bot.store.schools.home_visits import HomeVisit

VISIT_QUESTION_FLOW = "visit_question"
VISIT_ANSWER_ATTRIBUTE, HOME_VISIT_ATTRIBUTE, NO_VISITS_VALUE = "visit_answer", "home_visit", "not_now"
"""The attributes that the flows set: the answer to one question, and the wish for no visits at all."""


def is_question_pending(runtime: Runtime, contact: Contact, now: datetime) -> bool:
    """Say whether the question still makes sense: the visit is planned, in the future, and not refused."""
    with runtime.database.read() as db:
        visit = home_visits.find_unanswered(db, contact.id)
        has_refused = has_refused_visits(db, contact.id)
    return visit is not None and not has_refused and visit.day > runtime.library.district.to_local_time(now).date()


def build_visit_values(runtime: Runtime, db: Transaction, contact: Contact, now: datetime) -> dict[str, str]:
    """Return the visitors and the day for the question, or nothing if no visit waits for an answer."""
    visit = home_visits.find_unanswered(db, contact.id)
    if visit is None:
        return {}
    language = contact.language or "en"
    return {"visitors": f"{visit.visitor}, {visit.leader}", "visit_day": dates.format_day(visit.day, language)}


def has_refused_visits(db: Transaction, contact_id: int) -> bool:
    """Say whether the family wants no home visits. It may have said so from any of its addresses."""
    return any(
        contacts.get_attributes(db, family_contact_id).get(HOME_VISIT_ATTRIBUTE) == NO_VISITS_VALUE
        for family_contact_id in list_family_contact_ids(db, contact_id)
    )


def list_family_contact_ids(db: Transaction, contact_id: int) -> tuple[int, ...]:
    """Return all contacts of the family of this contact."""
    family_id = contacts.find_family_id(db, contact_id)
    if family_id is None:
        return (contact_id,)
    return tuple(contacts.list_family_contact_ids(db, family_id))


def apply_attribute(runtime: Runtime, db: Transaction, contact_id: int, attribute: SetAttribute, now: datetime) -> None:
    """Apply a saved attribute: an answer settles its planned visit, and a general no stops all visits."""
    if attribute.name == VISIT_ANSWER_ATTRIBUTE and attribute.value in home_visits.VISIT_ANSWER_STATES:
        visit = home_visits.find_unanswered(db, contact_id)
        if visit is not None and home_visits.record_answer(db, visit, attribute.value, now):
            _notify_requester(runtime, db, visit, attribute.value, now)
    if attribute.name == HOME_VISIT_ATTRIBUTE and attribute.value == NO_VISITS_VALUE:
        home_visits.stop_all(db, list_family_contact_ids(db, contact_id), now)


def _notify_requester(runtime: Runtime, db: Transaction, visit: HomeVisit, answer: str, now: datetime) -> None:
    """Text the answer to the staff member who asked, at work. The plan's own words stay in the console."""
    district = runtime.library.district
    if visit.asked_by not in district.staff:
        return
    meaning = {
        "yes": "yes, the visit is welcome",
        "no": "NO. Nobody goes to the home",
        "elsewhere": "not at home. Ask where to meet",
    }[answer]
    body = f"{district.name}: case {visit.case_id}: the family answers about the visit: {meaning}."
    body += f" {runtime.settings.public_base}/console/cases/{visit.case_id}"
    due = district.find_next_work_time(visit.asked_by, now)
    deliveries.plan_notice(db, {"staff": visit.asked_by}, body, due)
