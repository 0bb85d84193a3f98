"""Save what a case says about attendance: an absence with its reason, or a support need with its owner.

The rows are written in the message's own transaction. A reason is one of five codes. The family's words stay with the
case, masked and encrypted.
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
"""The topics (and flows) that write a row here."""
REASONS_BY_CHOICE: Mapping[str, AbsenceReason] = {
    "sick": "illness",
    "appointment": "other",
    "travel": "transport",
    "work": "work",
    "afraid": "fear",
    "other": "other",
}
"""The absence reason of each choice that the flow offers."""
SAME_ABSENCE_PERIOD = timedelta(days=7)
"""A reason that a family gives later belongs to its absences of this period."""
NEED_OWNER_ROLE = "family_liaison"
MAX_NEED_CHARACTERS = 500


@dataclass(frozen=True)
class AttendanceReport:
    """The case that reports something about attendance. `cause` identifies the effect of the message."""

    cause: str
    case_id: int
    contact_id: int
    school: str | None
    language: str
    reported_at: datetime


def record_attendance(runtime: Runtime, db: Transaction, effect: Escalation, report: AttendanceReport) -> None:
    """Save the absence or the support need of this escalation, once for each message."""
    answers = dict(effect.answers)
    if effect.topic in (ABSENCE_TOPIC, FEAR_TOPIC, CHECK_IN_TOPIC):
        report = replace(report, school=report.school or _find_only_school(db, report.contact_id))
    if effect.topic == ABSENCE_TOPIC:
        _add_absence(runtime, db, report, classify_reason(runtime.library, answers.get("reason", "")))
    elif effect.topic == CHECK_IN_TOPIC:
        reason = classify_reason(runtime.library, answers.get("words") or answers.get("reason", ""))
        since = report.reported_at - SAME_ABSENCE_PERIOD
        if not absences.set_outcome(db, report.case_id, report.contact_id, since, reason, report.reported_at):
            _add_absence(runtime, db, report, reason)  # the family reports it with this answer
    elif effect.topic == FEAR_TOPIC:
        kind, words = classify_need(runtime.library, answers.get("would_help", ""))
        add_need(runtime, db, report, kind, words)


def _add_absence(runtime: Runtime, db: Transaction, report: AttendanceReport, reason: AbsenceReason) -> None:
    day = runtime.library.district.to_local_time(report.reported_at).date()
    absence = Absence(report.cause, report.case_id, report.contact_id, report.school, day, reason, report.language)
    absences.add(db, absence, report.reported_at)


def _find_only_school(db: Transaction, contact_id: int) -> str | None:
    """Return the family's school from the roster, if it has exactly one."""
    family_id = contacts.find_family_id(db, contact_id)
    schools = families.list_schools(db, family_id) if family_id is not None else []
    return schools[0] if len(schools) == 1 else None


def add_need(runtime: Runtime, db: Transaction, report: AttendanceReport, kind: SupportNeedKind, words: str) -> bool:
    """Add a support need with a due date and an owner. Return False if the need exists already.

    The owner is the first person whom an alert about that school would reach.
    """
    district = runtime.library.district
    owner = next(iter(district.list_alert_recipients(NEED_OWNER_ROLE, report.reported_at, report.school)))
    due, day = district.get_answer_due_date(report.reported_at), district.to_local_time(report.reported_at).date()
    words = mask_pii(words)[0].strip()[:MAX_NEED_CHARACTERS]
    need = NewSupportNeed(
        report.cause, report.case_id, report.contact_id, report.school, kind, words, report.language, owner, due, day
    )
    return support_needs.add(db, need, report.reported_at)


def classify_reason(library: Library, answer: str) -> AbsenceReason:
    """Return the reason of an answer: the label of a choice, or free text. The default is "other"."""
    for flow in (ABSENCE_TOPIC, CHECK_IN_TOPIC):
        if choice_name := _find_choice_name(library, flow, "reason", answer):
            return REASONS_BY_CHOICE.get(choice_name, "other")
    return "other"


def classify_need(library: Library, answer: str) -> tuple[SupportNeedKind, str]:
    """Return the kind of a need, and the words that add something to the kind."""
    choices = _get_choices(library, FEAR_TOPIC, "would_help")
    if label := next((name for name, choice in choices.items() if choice.label == answer), None):
        return _get_need_kind(label), ""
    return _get_need_kind(match_choice(NormalizedText(answer), None, choices, str)), answer


def _get_need_kind(name: str | None) -> SupportNeedKind:
    return next((kind for kind in support_needs.SUPPORT_NEED_KINDS if kind == name), "other")


def _find_choice_name(library: Library, flow: str, save: str, answer: str) -> str | None:
    choices = _get_choices(library, flow, save)
    exact_match = next((name for name, choice in choices.items() if choice.label == answer), None)
    if exact_match or not answer:
        return exact_match
    return match_choice(NormalizedText(answer), None, choices, str)


def _get_choices(library: Library, flow: str, save: str) -> Mapping[str, Choice]:
    """Return the choices of the question that saves its answer under this name."""
    steps = library.flows.flows[flow].steps.values() if flow in library.flows.flows else ()
    return next((step.choices for step in steps if step.save == save and step.choices), {})
