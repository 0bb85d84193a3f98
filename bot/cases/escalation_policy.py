"""Decide whom each escalation round alerts, and when. Pure: the district file and a moment are the only inputs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.content.district import District
from bot.store.cases.cases import AGENTS_DRILL_TOPIC, Case

SEVERITY_NOW, SEVERITY_DAY, SEVERITY_INFO = "escalate_now", "escalate_day", "info"
CALL_DELAY = timedelta(seconds=60)
"""The text comes first: a person who reads it needs no call."""
REPEAT_INTERVALS = {SEVERITY_DAY: timedelta(hours=4), "follow_up": timedelta(days=1)}
"""The time in office hours after which a less urgent case alerts more people."""
ROUNDS_BEFORE_DELAY_NOTICE = 2
"""After so many rounds of an emergency that nobody took, the family gets a notice."""
LATE_ROUND_INTERVAL = timedelta(hours=1)
MAX_REGULAR_ROUNDS = {SEVERITY_NOW: 60, SEVERITY_DAY: 4, "follow_up": 3}
"""The regular rounds. After them, an emergency repeats every hour, and other cases once a day."""
MAX_DRILL_ROUNDS = 2
"""A drill alerts its own chain so often, and nobody else."""


@dataclass(frozen=True)
class RoundRecipient:
    """A person to alert: when the text leaves, and whether a call follows."""

    staff: str
    due_at: datetime
    should_call: bool


def list_recipients_for_round(district: District, case: Case, round_number: int, now: datetime) -> list[RoundRecipient]:
    """Return the people of this round (from 0), each once.

    An emergency alerts them at any hour. Other cases wait for their working hours.
    """
    people = _list_staff_for_round(district, case, round_number, now)
    if case.severity == SEVERITY_NOW:
        return [RoundRecipient(person, now, should_call=True) for person in people]
    return [RoundRecipient(person, district.find_next_work_time(person, now), should_call=False) for person in people]


def _list_staff_for_round(district: District, case: Case, round_number: int, now: datetime) -> list[str]:
    roles = [case.role]
    if case.topic != AGENTS_DRILL_TOPIC:
        roles += district.paging.widen_to[:round_number]
    people = [person for role in roles for person in district.list_alert_recipients(role, now, case.school)]
    return list(dict.fromkeys(people))


def find_next_round_time(district: District, case: Case, round_number: int, now: datetime) -> datetime | None:
    """Return when the next round is due, or None for an `info` case or the last round of a drill."""
    if case.severity == SEVERITY_INFO or (case.topic == AGENTS_DRILL_TOPIC and round_number + 1 >= MAX_DRILL_ROUNDS):
        return None
    has_regular_round = round_number + 1 < MAX_REGULAR_ROUNDS[case.severity]
    if case.severity == SEVERITY_NOW:
        return now + (timedelta(minutes=district.paging.every_minutes) if has_regular_round else LATE_ROUND_INTERVAL)
    next_time = now + REPEAT_INTERVALS[case.severity]
    if not has_regular_round:  # the day after the answer was due, then every day
        due = district.get_answer_due_date(case.opened_at, case.severity) + timedelta(days=1)
        morning = district.to_local_time(now).replace(year=due.year, month=due.month, day=due.day, hour=0, minute=1)
        next_time = max(morning, district.to_local_time(now + timedelta(days=1)))
    return district.office_hours.find_next_moment(district.to_local_time(next_time)).astimezone(now.tzinfo)


def find_assignee_reminder_time(district: District, case: Case, now: datetime) -> datetime | None:
    """Return when to remind an assignee who hasn't answered, or None for an `info` case or a drill."""
    if case.severity == SEVERITY_INFO or case.topic == AGENTS_DRILL_TOPIC:
        return None
    if case.severity == SEVERITY_NOW:
        return now + timedelta(minutes=district.paging.chase_minutes)
    day = district.get_answer_due_date(now, case.severity)
    noon = district.to_local_time(now).replace(year=day.year, month=day.month, day=day.day, hour=12, minute=0)
    return noon.astimezone(now.tzinfo)


def should_notify_family_of_delay(case: Case, round_number: int, is_due_day_over: bool) -> bool:
    """Say whether to tell the family that nobody has taken its case yet. It gets this notice once."""
    if case.delay_notice_at is not None:
        return False
    if case.severity == SEVERITY_NOW:
        return round_number >= ROUNDS_BEFORE_DELAY_NOTICE
    return is_due_day_over
