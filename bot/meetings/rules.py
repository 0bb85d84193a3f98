"""What a gathering must have.  Pure: who may host, which interpreters are missing, when those who come are reminded."""

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
"""A role that may host: somebody with leadership stands behind the gathering (SEED_MAP.md, P2b)."""
NO_INTERPRETER_LANGUAGE = "en"
UNKNOWN_LANGUAGE = ""
DAY_REMINDER_OFFSET, HOUR_REMINDER_OFFSET = timedelta(days=1), timedelta(hours=1)
WAKING_END_MARGIN = timedelta(minutes=5)


def can_host(district: District, staff: str) -> bool:
    """Whether this person may host: named under `gatherings.hosts`, or with a leader's role.

    A teacher or coordinator of English learners is never one, whatever the file says.
    """
    person = district.staff.get(staff)
    if person is None:
        return False
    if EL_COORDINATOR_PATTERN.search(person.role.casefold()) and not LEADER_ROLE_PATTERN.search(person.role):
        return False
    return (
        staff in district.gatherings.hosts
        if district.gatherings.hosts
        else bool(LEADER_ROLE_PATTERN.search(person.role))
    )


def list_hosts(district: District) -> tuple[str, ...]:
    """Everybody who may host."""
    return tuple(one for one in district.staff if can_host(district, one))


def find_problems(district: District, plan: MeetingPlan, at: datetime) -> dict[str, str]:
    """What is wrong with a plan: a sentence by the field where it belongs; empty: nothing."""
    found = {
        "host": _find_host_problem(district, plan),
        "starts_at": _find_time_problem(plan, at),
        "link": _find_place_problem(plan),
    }
    if not plan.title or "{" in plan.title or "}" in plan.title:
        found["title"] = "Write a title, without words in braces."
    for field, named, known in (
        ("schools", plan.schools, district.schools),
        ("helpers", plan.helpers, district.staff),
        ("languages", plan.languages, district.languages),
    ):
        if unknown := [one for one in named if one not in known]:
            found[field] = f"'{unknown[0]}' does not stand in the district file."
    return {field: sentence for field, sentence in found.items() if sentence}


def _find_host_problem(district: District, plan: MeetingPlan) -> str:
    if can_host(district, plan.host):
        return ""
    person = district.staff.get(plan.host)
    if person is None:
        return "Choose a host: an administrator who stands behind the gathering."
    return (
        f"{person.name} ({person.role}) cannot host it alone: families need to hear from an administrator, such as a"
        f" principal or the superintendent. Choose one as the host, and {person.name} as a helper."
    )


def _find_time_problem(plan: MeetingPlan, at: datetime) -> str:
    if plan.starts_at <= at:
        return "It begins at a time that is past: choose a later one."
    if not timedelta(0) < plan.ends_at - plan.starts_at <= timedelta(hours=12):
        return "It must end after it begins, on the same day."
    return ""


def _find_place_problem(plan: MeetingPlan) -> str:
    """Online needs a number to call: not every family has data, and nobody on a phone call is seen."""
    if plan.place and not plan.link:
        return ""
    if not plan.link:
        return "Give the link of the online meeting, or say at which place it is."
    if not plan.dial_in:
        return "Give a phone number for those who dial in: not every family has internet."
    return ""


def find_missing_languages(languages: Iterable[str], booked: Iterable[BookedInterpreter]) -> tuple[str, ...]:
    """The languages without a trained interpreter; a bilingual colleague alone is not enough (SEED_MAP.md, P2e)."""
    trained = {one.language for one in booked if one.kind == "trained"}
    return tuple(
        one
        for one in dict.fromkeys(languages)
        if one not in (NO_INTERPRETER_LANGUAGE, UNKNOWN_LANGUAGE) and one not in trained
    )


def explain_not_ready(missing: Iterable[str]) -> str:
    """Why it cannot be marked ready; empty: it can."""
    named = ", ".join(get_english_name(one) for one in missing)
    return f"It is not ready: no trained interpreter is booked for {named}." if named else ""


def find_day_reminder_time(district: District, starts_at: datetime) -> datetime:
    """When those who come are reminded the day before, within the hours when families may be written to."""
    return _fit_to_waking_hours(district, starts_at - DAY_REMINDER_OFFSET) or district.find_next_waking_time(
        starts_at - DAY_REMINDER_OFFSET
    )


def find_hour_reminder_time(district: District, starts_at: datetime) -> datetime | None:
    """When they are reminded shortly before; None: that hour lies too early in the morning."""
    return _fit_to_waking_hours(district, starts_at - HOUR_REMINDER_OFFSET)


def _fit_to_waking_hours(district: District, at: datetime) -> datetime | None:
    """`at`, or the last minutes of that evening's waking hours; None in the morning before they begin."""
    local, hours = district.to_local_time(at), district.waking_hours
    if local.time() < hours.start:
        return None
    if local.time() < hours.end:
        return at
    end = local.replace(hour=hours.end.hour, minute=hours.end.minute, second=0, microsecond=0)
    return (end - WAKING_END_MARGIN).astimezone(at.tzinfo)
