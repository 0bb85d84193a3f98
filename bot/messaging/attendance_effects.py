"""What a case says of attendance becomes rows in the same transaction: an absence with its reason, an owned need.

The reason is one of five words, whatever the family wrote; its own words stay with the case, masked and sealed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.base.database import Transaction
from bot.base.text_normalization import NormalizedText
from bot.content.library import Library
from bot.flows.choice_matching import match_choice
from bot.flows.effects import Escalation
from bot.flows.model import Choice
from bot.nlu import mask_pii
from bot.runtime import Runtime
from bot.store.families import contacts, families
from bot.store.schools import absences, support_needs
from bot.store.schools.absences import Absence, AbsenceReason
from bot.store.schools.support_needs import NewSupportNeed, SupportNeedKind

ABSENCE_TOPIC, FEAR_TOPIC, CHECK_IN_TOPIC = "report_absence", "fear_attendance", "absence_check_in"
"""Topics (and flows) of which something is kept here."""
REASONS_BY_CHOICE: Mapping[str, AbsenceReason] = {
    "sick": "illness",
    "appointment": "other",
    "travel": "transport",
    "work": "work",
    "afraid": "fear",
    "other": "other",
}
"""The choices of the question for the reason, and as what each counts."""
SAME_ABSENCE_PERIOD = timedelta(days=7)
"""What a family says after an absence (or on the phone) is the reason of its reports of these last days."""
NEED_OWNER_ROLE = "family_liaison"
MAX_NEED_CHARACTERS = 500


@dataclass(frozen=True)
class AttendanceReport:
    """Whose case it is, and by which effect of which message."""

    cause: str
    case_id: int
    contact_id: int
    school: str | None
    language: str
    reported_at: datetime


def record_attendance(runtime: Runtime, db: Transaction, effect: Escalation, report: AttendanceReport) -> None:
    """Write down the absence, or the need, that this escalation tells of; once for each message."""
    answers = dict(effect.answers)
    if effect.topic in (ABSENCE_TOPIC, FEAR_TOPIC, CHECK_IN_TOPIC):
        report = replace(report, school=report.school or _find_only_school(db, report.contact_id))
    if effect.topic == ABSENCE_TOPIC:
        _add_absence(runtime, db, report, classify_reason(runtime.library, answers.get("reason", "")))
    elif effect.topic == CHECK_IN_TOPIC:
        reason = classify_reason(runtime.library, answers.get("words") or answers.get("reason", ""))
        since = report.reported_at - SAME_ABSENCE_PERIOD
        if not absences.set_outcome(db, report.case_id, report.contact_id, since, reason, report.reported_at):
            _add_absence(runtime, db, report, reason)  # only the school knew of this absence: the answer is the report
    elif effect.topic == FEAR_TOPIC:
        kind, words = classify_need(runtime.library, answers.get("would_help", ""))
        add_need(runtime, db, report, kind, words)


def _add_absence(runtime: Runtime, db: Transaction, report: AttendanceReport, reason: AbsenceReason) -> None:
    day = runtime.library.district.to_local_time(report.reported_at).date()
    new = Absence(report.cause, report.case_id, report.contact_id, report.school, day, reason, report.language)
    absences.add(db, new, report.reported_at)


def _find_only_school(db: Transaction, contact_id: int) -> str | None:
    """The school that the roster knows, where the family named none and has one only."""
    family_id = contacts.find_family_id(db, contact_id)
    schools = families.list_schools(db, family_id) if family_id is not None else []
    return schools[0] if len(schools) == 1 else None


def add_need(runtime: Runtime, db: Transaction, report: AttendanceReport, kind: SupportNeedKind, words: str) -> bool:
    """A need with an owner (whoever hears of it first at that school) and a day; False if it is there already."""
    district = runtime.library.district
    owner = next(iter(district.list_alert_recipients(NEED_OWNER_ROLE, report.reported_at, report.school)))
    due, day = district.get_answer_due_date(report.reported_at), district.to_local_time(report.reported_at).date()
    words = mask_pii(words)[0].strip()[:MAX_NEED_CHARACTERS]
    new = NewSupportNeed(
        report.cause, report.case_id, report.contact_id, report.school, kind, words, report.language, owner, due, day
    )
    return support_needs.add(db, new, report.reported_at)


def classify_reason(library: Library, answer: str) -> AbsenceReason:
    """As what an answer counts: the label of a choice, or words; what nobody understands is "other"."""
    choice_name = _find_choice_name(library, ABSENCE_TOPIC, "reason", answer) or _find_choice_name(
        library, CHECK_IN_TOPIC, "reason", answer
    )
    return REASONS_BY_CHOICE.get(choice_name or "", "other")


def classify_need(library: Library, answer: str) -> tuple[SupportNeedKind, str]:
    """The kind of a need, and the words that say more than the kind."""
    choices = _get_choices(library, FEAR_TOPIC, "would_help")
    if label := next((name for name, choice in choices.items() if choice.label == answer), None):
        return _get_need_kind(label), ""
    return _get_need_kind(match_choice(NormalizedText(answer), None, choices, str)), answer


def _get_need_kind(name: str | None) -> SupportNeedKind:
    return next((kind for kind in support_needs.SUPPORT_NEED_KINDS if kind == name), "other")


def _find_choice_name(library: Library, flow: str, save: str, answer: str) -> str | None:
    choices = _get_choices(library, flow, save)
    exact_match = next((name for name, choice in choices.items() if choice.label == answer), None)
    return exact_match or (match_choice(NormalizedText(answer), None, choices, str) if answer else None)


def _get_choices(library: Library, flow: str, save: str) -> Mapping[str, Choice]:
    """The choices of the question whose answer is saved under this name."""
    steps = library.flows.flows[flow].steps.values() if flow in library.flows.flows else ()
    return next((step.choices for step in steps if step.save == save and step.choices), {})
