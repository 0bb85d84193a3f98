"""Who is paged in which round, and when a page of lower severity may leave.  Pure: the district file and a clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.content.district import District
from bot.store.cases.cases import AGENTS_DRILL_TOPIC, Case

SEVERITY_NOW, SEVERITY_DAY, SEVERITY_INFO = "escalate_now", "escalate_day", "info"
CALL_DELAY = timedelta(seconds=60)
"""The text first: who reads it need not be called."""
REPEAT_INTERVALS = {SEVERITY_DAY: timedelta(hours=4), "follow_up": timedelta(days=1)}
"""How long what can wait stays with the first people before more are told, in office hours."""
ROUNDS_BEFORE_DELAY_NOTICE = 2
"""After so many rounds of an emergency that nobody took, the family is told so."""
LATE_ROUND_INTERVAL = timedelta(hours=1)
MAX_REGULAR_ROUNDS = {SEVERITY_NOW: 60, SEVERITY_DAY: 4, "follow_up": 3}
"""So many rounds in a row; after them an emergency is repeated every hour, the rest once a day, until it is taken."""


MAX_DRILL_ROUNDS = 2
"""A drill calls its own chain this often and nobody else: who is not part of it sleeps on."""


@dataclass(frozen=True)
class RoundRecipient:
    """Somebody who is paged: when the text leaves, and whether a call follows."""

    staff: str
    due_at: datetime
    should_call: bool


def list_recipients_for_round(district: District, case: Case, round_: int, at: datetime) -> list[RoundRecipient]:
    """The people of round `round_` (from 0), each once; an emergency at any hour, the rest in their own hours."""
    if case.severity == SEVERITY_NOW:
        return [
            RoundRecipient(person, at, should_call=True) for person in _list_staff_for_round(district, case, round_, at)
        ]
    people = _list_staff_for_round(district, case, round_, at)
    return [RoundRecipient(person, district.find_next_work_time(person, at), should_call=False) for person in people]


def _list_staff_for_round(district: District, case: Case, round_: int, at: datetime) -> list[str]:
    wide = [case.role, *(district.paging.widen_to[:round_] if case.topic != AGENTS_DRILL_TOPIC else ())]
    found = [person for role in wide for person in district.list_alert_recipients(role, at, case.school)]
    return list(dict.fromkeys(found))


def find_next_round_time(district: District, case: Case, round_: int, at: datetime) -> datetime | None:
    """When the round after `round_` is due if nobody takes the case; None for what is for information or a drill."""
    if case.severity == SEVERITY_INFO or (case.topic == AGENTS_DRILL_TOPIC and round_ + 1 >= MAX_DRILL_ROUNDS):
        return None
    more = round_ + 1 < MAX_REGULAR_ROUNDS[case.severity]
    if case.severity == SEVERITY_NOW:
        return at + (timedelta(minutes=district.paging.every_minutes) if more else LATE_ROUND_INTERVAL)
    later = at + REPEAT_INTERVALS[case.severity]
    if not more:  # the day after the answer was due, and every day from then on
        due = district.get_answer_due_date(case.opened_at, case.severity) + timedelta(days=1)
        morning = district.to_local_time(at).replace(year=due.year, month=due.month, day=due.day, hour=0, minute=1)
        later = max(morning, district.to_local_time(at + timedelta(days=1)))
    return district.office_hours.find_next_moment(district.to_local_time(later)).astimezone(at.tzinfo)


def find_assignee_reminder_time(district: District, case: Case, at: datetime) -> datetime | None:
    """When whoever has it is reminded if the family hears nothing; None for what is for information or a drill."""
    if case.severity == SEVERITY_INFO or case.topic == AGENTS_DRILL_TOPIC:
        return None
    if case.severity == SEVERITY_NOW:
        return at + timedelta(minutes=district.paging.chase_minutes)
    day = district.get_answer_due_date(at, case.severity)
    noon = district.to_local_time(at).replace(year=day.year, month=day.month, day=day.day, hour=12, minute=0)
    return noon.astimezone(at.tzinfo)


def should_notify_family_of_delay(case: Case, round_: int, is_due_day_over: bool) -> bool:
    """Whether the family must hear that nobody has taken its case yet."""
    return case.told_at is None and (
        round_ >= ROUNDS_BEFORE_DELAY_NOTICE if case.severity == SEVERITY_NOW else is_due_day_over
    )
