"""The family is asked whether somebody may visit it at home: only its yes makes a visit, and a no stops every plan."""

from datetime import datetime

from sqlalchemy.engine import Connection

from bot.content import dates
from bot.flows.effects import SetNote
from bot.runtime import Services
from bot.store.cases import deliveries
from bot.store.families import contacts
from bot.store.families.contacts import Contact
from bot.store.schools import home_visits
from bot.store.schools.home_visits import HomeVisit

FLOW = "visit_question"
ANSWER, WISH, NOT_NOW = "visit_answer", "home_visit", "not_now"
"""The notes that the flows set: the answer to one question, and that nobody should come at all."""


def still_asked(services: Services, contact: Contact, at: datetime) -> bool:
    """Whether the question still makes sense: a plan waits for it, its day is to come, nobody has said no since."""
    with services.database.read() as db:
        visit = home_visits.find_unanswered(db, services.database.vault, contact.id)
        refused = refuses(db, contact.id)
    return visit is not None and not refused and visit.day > services.library.district.to_local_time(at).date()


def words_of(services: Services, db: Connection, contact: Contact, at: datetime) -> dict[str, str]:
    """Who would come and when, for the question; nothing where no plan waits for an answer."""
    visit = home_visits.find_unanswered(db, services.database.vault, contact.id)
    if visit is None:
        return {}
    language = contact.language or "en"
    return {"visitors": f"{visit.visitor}, {visit.leader}", "visit_day": dates.format_day(visit.day, language)}


def refuses(db: Connection, contact_id: int) -> bool:
    """Whether the family asks, from whichever of its addresses, that nobody visits it at home."""
    return any(contacts.get_attributes(db, one).get(WISH) == NOT_NOW for one in addresses_of(db, contact_id))


def addresses_of(db: Connection, contact_id: int) -> tuple[int, ...]:
    """All contacts of the family that has this one."""
    family = contacts.find_family_id(db, contact_id)
    return tuple(contacts.list_family_contact_ids(db, family)) if family is not None else (contact_id,)


def noted(services: Services, db: Connection, contact_id: int, note: SetNote, at: datetime) -> None:
    """A flow wrote something down: an answer settles the plan that waits for it, a wish for no visits stops all."""
    if note.name == ANSWER and note.value in home_visits.VISIT_ANSWER_STATES:
        visit = home_visits.find_unanswered(db, services.database.vault, contact_id)
        if visit is not None and home_visits.record_answer(db, visit, note.value, at):
            _tell(services, db, visit, note.value, at)
    if note.name == WISH and note.value == NOT_NOW:
        home_visits.stop_all(db, addresses_of(db, contact_id), at)


def _tell(services: Services, db: Connection, visit: HomeVisit, said: str, at: datetime) -> None:
    """Who asked hears the answer, at work; the words of the plan stay in the console."""
    district = services.library.district
    if visit.asked_by not in district.staff:
        return
    meaning = {
        "yes": "yes, the visit is welcome",
        "no": "NO. Nobody goes to the home",
        "elsewhere": "not at home; ask where to meet",
    }[said]
    body = f"{district.name}: case {visit.case_id}, the visit: the family says {meaning}."
    body += f" {services.settings.public_base}/console/cases/{visit.case_id}"
    due = district.find_next_work_time(visit.asked_by, at)
    deliveries.plan_notice(db, services.database.vault, {"staff": visit.asked_by}, body, due)
