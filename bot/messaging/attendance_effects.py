"""What a case says of attendance becomes rows in the same transaction: an absence with its reason, an owned need.

The reason is one of five words, whatever the family wrote; its own words stay with the case, masked and sealed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from bot.content.library import Library
from bot.flows.choice_matching import choose
from bot.flows.effects import Escalation
from bot.flows.model import Choice
from bot.nlu import mask
from bot.runtime import Services
from bot.store.families import contacts, families
from bot.store.schools import absences, support_needs
from bot.store.schools.absences import Absence, AbsenceReason
from bot.store.schools.support_needs import NewSupportNeed, SupportNeedKind

ABSENCE, FEAR, CHECK_IN = "report_absence", "fear_attendance", "absence_check_in"
"""Topics (and flows) of which something is kept here."""
REASON_OF: Mapping[str, AbsenceReason] = {
    "sick": "illness",
    "appointment": "other",
    "travel": "transport",
    "work": "work",
    "afraid": "fear",
    "other": "other",
}
"""The choices of the question for the reason, and as what each counts."""
SAME_ABSENCE = timedelta(days=7)
"""What a family says after an absence (or on the phone) is the reason of its reports of these last days."""
OWNS_NEEDS = "family_liaison"
WORDS = 500


@dataclass(frozen=True)
class Said:
    """Whose case it is, and by which effect of which message."""

    cause: str
    case_id: int
    contact_id: int
    school: str | None
    language: str
    at: datetime


def keep(services: Services, db: Connection, effect: Escalation, said: Said) -> None:
    """Write down the absence, or the need, that this escalation tells of; once for each message."""
    answers = dict(effect.answers)
    if effect.topic in (ABSENCE, FEAR, CHECK_IN):
        said = replace(said, school=said.school or _only_school(db, said.contact_id))
    if effect.topic == ABSENCE:
        _report(services, db, said, reason_of(services.library, answers.get("reason", "")))
    elif effect.topic == CHECK_IN:
        reason = reason_of(services.library, answers.get("words") or answers.get("reason", ""))
        since = said.at - SAME_ABSENCE
        if not absences.set_outcome(db, said.case_id, said.contact_id, since, reason, said.at):
            _report(services, db, said, reason)  # only the school knew of this absence: the answer is the report
    elif effect.topic == FEAR:
        kind, words = need_of(services.library, answers.get("would_help", ""))
        add_need(services, db, said, kind, words)


def _report(services: Services, db: Connection, said: Said, reason: AbsenceReason) -> None:
    day = services.library.district.to_local_time(said.at).date()
    new = Absence(said.cause, said.case_id, said.contact_id, said.school, day, reason, said.language)
    absences.add(db, new, said.at)


def _only_school(db: Connection, contact_id: int) -> str | None:
    """The school that the roster knows, where the family named none and has one only."""
    family = contacts.find_family_id(db, contact_id)
    known = families.list_schools(db, family) if family is not None else []
    return known[0] if len(known) == 1 else None


def add_need(services: Services, db: Connection, said: Said, kind: SupportNeedKind, words: str) -> bool:
    """A need with an owner (whoever hears of it first at that school) and a day; False if it is there already."""
    district = services.library.district
    owner = next(iter(district.list_alert_recipients(OWNS_NEEDS, said.at, said.school)))
    due, day = district.get_answer_due_date(said.at), district.to_local_time(said.at).date()
    words = mask(words)[0].strip()[:WORDS]
    new = NewSupportNeed(
        said.cause, said.case_id, said.contact_id, said.school, kind, words, said.language, owner, due, day
    )
    return support_needs.add(db, services.database.vault, new, said.at)


def reason_of(library: Library, answer: str) -> AbsenceReason:
    """As what an answer counts: the label of a choice, or words; what nobody understands is "other"."""
    chosen = _chosen(library, ABSENCE, "reason", answer) or _chosen(library, CHECK_IN, "reason", answer)
    return REASON_OF.get(chosen or "", "other")


def need_of(library: Library, answer: str) -> tuple[SupportNeedKind, str]:
    """The kind of a need, and the words that say more than the kind."""
    choices = _choices(library, FEAR, "would_help")
    if label := next((name for name, choice in choices.items() if choice.label == answer), None):
        return _kind(label), ""
    return _kind(choose(answer, None, choices, str)), answer


def _kind(name: str | None) -> SupportNeedKind:
    return next((kind for kind in support_needs.SUPPORT_NEED_KINDS if kind == name), "other")


def _chosen(library: Library, flow: str, save: str, answer: str) -> str | None:
    choices = _choices(library, flow, save)
    same = next((name for name, choice in choices.items() if choice.label == answer), None)
    return same or (choose(answer, None, choices, str) if answer else None)


def _choices(library: Library, flow: str, save: str) -> Mapping[str, Choice]:
    """The choices of the question whose answer is saved under this name."""
    steps = library.flows.flows[flow].steps.values() if flow in library.flows.flows else ()
    return next((step.choices for step in steps if step.save == save and step.choices), {})
