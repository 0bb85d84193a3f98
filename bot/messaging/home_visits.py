"""The family is asked whether somebody may visit it at home: only its yes makes a visit, and a no stops every plan."""

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
"""The notes that the flows set: the answer to one question, and that nobody should come at all."""


def is_question_pending(runtime: Runtime, contact: Contact, now: datetime) -> bool:
    """Whether the question still makes sense: a plan waits for it, its day is to come, nobody has said no since."""
    with runtime.database.read() as db:
        visit = home_visits.find_unanswered(db, contact.id)
        has_refused = has_refused_visits(db, contact.id)
    return visit is not None and not has_refused and visit.day > runtime.library.district.to_local_time(now).date()


def build_visit_values(runtime: Runtime, db: Transaction, contact: Contact, now: datetime) -> dict[str, str]:
    """Who would come and when, for the question; nothing where no plan waits for an answer."""
    visit = home_visits.find_unanswered(db, contact.id)
    if visit is None:
        return {}
    language = contact.language or "en"
    return {"visitors": f"{visit.visitor}, {visit.leader}", "visit_day": dates.format_day(visit.day, language)}


def has_refused_visits(db: Transaction, contact_id: int) -> bool:
    """Whether the family asks, from whichever of its addresses, that nobody visits it at home."""
    return any(
        contacts.get_attributes(db, family_contact_id).get(HOME_VISIT_ATTRIBUTE) == NO_VISITS_VALUE
        for family_contact_id in list_family_contact_ids(db, contact_id)
    )


def list_family_contact_ids(db: Transaction, contact_id: int) -> tuple[int, ...]:
    """All contacts of the family that has this one."""
    family_id = contacts.find_family_id(db, contact_id)
    return tuple(contacts.list_family_contact_ids(db, family_id)) if family_id is not None else (contact_id,)


def apply_attribute(runtime: Runtime, db: Transaction, contact_id: int, attribute: SetAttribute, now: datetime) -> None:
    """A flow wrote something down: an answer settles the plan that waits for it, a wish for no visits stops all."""
    if attribute.name == VISIT_ANSWER_ATTRIBUTE and attribute.value in home_visits.VISIT_ANSWER_STATES:
        visit = home_visits.find_unanswered(db, contact_id)
        if visit is not None and home_visits.record_answer(db, visit, attribute.value, now):
            _notify_requester(runtime, db, visit, attribute.value, now)
    if attribute.name == HOME_VISIT_ATTRIBUTE and attribute.value == NO_VISITS_VALUE:
        home_visits.stop_all(db, list_family_contact_ids(db, contact_id), now)


def _notify_requester(runtime: Runtime, db: Transaction, visit: HomeVisit, answer: str, now: datetime) -> None:
    """Who asked hears the answer, at work; the words of the plan stay in the console."""
    district = runtime.library.district
    if visit.asked_by not in district.staff:
        return
    meaning = {
        "yes": "yes, the visit is welcome",
        "no": "NO. Nobody goes to the home",
        "elsewhere": "not at home; ask where to meet",
    }[answer]
    body = f"{district.name}: case {visit.case_id}, the visit: the family says {meaning}."
    body += f" {runtime.settings.public_base}/console/cases/{visit.case_id}"
    due = district.find_next_work_time(visit.asked_by, now)
    deliveries.plan_notice(db, {"staff": visit.asked_by}, body, due)
