"""The rules for a meeting: who may host, which interpreters are missing, and when families get reminders."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.base.language_names import get_english_name
from bot.content.district import EL_COORDINATOR_PATTERN, District
from bot.store.meetings.meeting_interpreters import BookedInterpreter
from bot.store.meetings.meetings import MeetingPlan

LEADER_ROLE_PATTERN = re.compile(
    r"\b(principal|superintendent|director|administrator|head of school|chief)\b", re.IGNORECASE
)
"""Roles that may host, because an administrator must answer for the meeting (SEED_MAP.md, P2b)."""
NO_INTERPRETER_LANGUAGE = "en"
UNKNOWN_LANGUAGE = ""
DAY_REMINDER_OFFSET, HOUR_REMINDER_OFFSET = timedelta(days=1), timedelta(hours=1)
WAKING_END_MARGIN = timedelta(minutes=5)


def can_host(district: District, staff: str) -> bool:
    """Return whether this person may host: named under `gatherings.hosts`, or with the role of an administrator.

    A teacher or coordinator of English learners may not host, whatever the district file says.
    """
    person = district.staff.get(staff)
    if person is None:
        return False
    if EL_COORDINATOR_PATTERN.search(person.role.casefold()) and not LEADER_ROLE_PATTERN.search(person.role):
        return False
    if district.gatherings.hosts:
        return staff in district.gatherings.hosts
    return bool(LEADER_ROLE_PATTERN.search(person.role))


def list_hosts(district: District) -> tuple[str, ...]:
    """Return everyone who may host."""
    return tuple(staff for staff in district.staff if can_host(district, staff))


def find_problems(district: District, plan: MeetingPlan, current_time: datetime) -> dict[str, str]:
    """Return the problems of a plan: a sentence for each field, or nothing."""
    problems = {
        "host": _find_host_problem(district, plan),
        "starts_at": _find_time_problem(plan, current_time),
        "link": _find_place_problem(plan),
    }
    if not plan.title or "{" in plan.title or "}" in plan.title:
        problems["title"] = "Enter a title without words in braces."
    for field, names, valid_names in (
        ("schools", plan.schools, district.schools),
        ("helpers", plan.helpers, district.staff),
        ("languages", plan.languages, district.languages),
    ):
        if unknown := [name for name in names if name not in valid_names]:
            problems[field] = f"'{unknown[0]}' is not in the district file."
    return {field: sentence for field, sentence in problems.items() if sentence}


def _find_host_problem(district: District, plan: MeetingPlan) -> str:
    if can_host(district, plan.host):
        return ""
    person = district.staff.get(plan.host)
    if person is None:
        return "Choose an administrator as the host."
    return (
        f"{person.name} ({person.role}) cannot host it alone. Families need to hear from an administrator, such as a"
        f" principal or the superintendent. Choose one as the host, and {person.name} as a helper."
    )


def _find_time_problem(plan: MeetingPlan, current_time: datetime) -> str:
    if plan.starts_at <= current_time:
        return "The start is in the past. Choose a later time."
    if not timedelta(0) < plan.ends_at - plan.starts_at <= timedelta(hours=12):
        return "The end must be after the start, on the same day."
    return ""


def _find_place_problem(plan: MeetingPlan) -> str:
    """An online meeting needs a dial-in number, because not every family has internet or wants to be seen."""
    if plan.place and not plan.link:
        return ""
    if not plan.link:
        return "Enter the meeting link or the place."
    if not plan.dial_in:
        return "Enter a dial-in number. Some families have no internet."
    return ""


def find_missing_languages(languages: Iterable[str], booked: Iterable[BookedInterpreter]) -> tuple[str, ...]:
    """Return the languages without a trained interpreter. A bilingual colleague is not enough (SEED_MAP.md, P2e)."""
    trained = {interpreter.language for interpreter in booked if interpreter.kind == "trained"}
    covered = {NO_INTERPRETER_LANGUAGE, UNKNOWN_LANGUAGE, *trained}
    return tuple(language for language in dict.fromkeys(languages) if language not in covered)


def explain_not_ready(missing: Iterable[str]) -> str:
    """Return why a meeting cannot be marked as ready, or ""."""
    names = ", ".join(get_english_name(language) for language in missing)
    return f"The meeting is not ready: no trained interpreter is booked for {names}." if names else ""


def find_day_reminder_time(district: District, starts_at: datetime) -> datetime:
    """Return when families are reminded the day before, in waking hours."""
    reminder_at = starts_at - DAY_REMINDER_OFFSET
    return _fit_to_waking_hours(district, reminder_at) or district.find_next_waking_time(reminder_at)


def find_hour_reminder_time(district: District, starts_at: datetime) -> datetime | None:
    """Return when families are reminded shortly before, or None if that is too early in the morning."""
    return _fit_to_waking_hours(district, starts_at - HOUR_REMINDER_OFFSET)


def _fit_to_waking_hours(district: District, moment: datetime) -> datetime | None:
    """Return `moment`, or the end of that evening's waking hours, or None before they begin in the morning."""
    local, hours = district.to_local_time(moment), district.waking_hours
    if local.time() < hours.start:
        return None
    if local.time() < hours.end:
        return moment
    end = local.replace(hour=hours.end.hour, minute=hours.end.minute, second=0, microsecond=0)
    return (end - WAKING_END_MARGIN).astimezone(moment.tzinfo)
