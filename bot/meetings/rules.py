"""What a gathering must have.  Pure: who may host, which interpreters are missing, when those who come are reminded."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.base.language_names import english_name
from bot.content.district import EL_COORDINATOR, District
from bot.store.meetings.meeting_interpreters import Booked
from bot.store.meetings.meetings import Plan

LEADS = re.compile(r"\b(principal|superintendent|director|administrator|head of school|chief)\b", re.IGNORECASE)
"""A role that may host: somebody with leadership stands behind the gathering (SEED_MAP.md, P2b)."""
SOURCE = "en"
UNKNOWN = ""
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MARGIN = timedelta(minutes=5)


def may_host(district: District, staff: str) -> bool:
    """Whether this person may host: named under `gatherings.hosts`, or with a leader's role.

    A teacher or coordinator of English learners is never one, whatever the file says.
    """
    person = district.staff.get(staff)
    if person is None:
        return False
    if EL_COORDINATOR.search(person.role.casefold()) and not LEADS.search(person.role):
        return False
    return staff in district.gatherings.hosts if district.gatherings.hosts else bool(LEADS.search(person.role))


def hosts(district: District) -> tuple[str, ...]:
    """Everybody who may host."""
    return tuple(one for one in district.staff if may_host(district, one))


def problems(district: District, plan: Plan, at: datetime) -> dict[str, str]:
    """What is wrong with a plan: a sentence by the field where it belongs; empty: nothing."""
    found = {"host": _host(district, plan), "starts_at": _times(plan, at), "link": _where(plan)}
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


def _host(district: District, plan: Plan) -> str:
    if may_host(district, plan.host):
        return ""
    person = district.staff.get(plan.host)
    if person is None:
        return "Choose a host: an administrator who stands behind the gathering."
    return (
        f"{person.name} ({person.role}) cannot host it alone: families need to hear from an administrator, such as a"
        f" principal or the superintendent. Choose one as the host, and {person.name} as a helper."
    )


def _times(plan: Plan, at: datetime) -> str:
    if plan.starts_at <= at:
        return "It begins at a time that is past: choose a later one."
    if not timedelta(0) < plan.ends_at - plan.starts_at <= timedelta(hours=12):
        return "It must end after it begins, on the same day."
    return ""


def _where(plan: Plan) -> str:
    """Online needs a number to call: not every family has data, and nobody on a phone call is seen."""
    if plan.place and not plan.link:
        return ""
    if not plan.link:
        return "Give the link of the online meeting, or say at which place it is."
    if not plan.dial_in:
        return "Give a phone number for those who dial in: not every family has internet."
    return ""


def lacking(languages: Iterable[str], booked: Iterable[Booked]) -> tuple[str, ...]:
    """The languages without a trained interpreter; a bilingual colleague alone is not enough (SEED_MAP.md, P2e)."""
    trained = {one.language for one in booked if one.kind == "trained"}
    return tuple(one for one in dict.fromkeys(languages) if one not in (SOURCE, UNKNOWN) and one not in trained)


def not_ready(missing: Iterable[str]) -> str:
    """Why it cannot be marked ready; empty: it can."""
    named = ", ".join(english_name(one) for one in missing)
    return f"It is not ready: no trained interpreter is booked for {named}." if named else ""


def day_reminder(district: District, starts_at: datetime) -> datetime:
    """When those who come are reminded the day before, within the hours when families may be written to."""
    return _within(district, starts_at - DAY) or district.waking(starts_at - DAY)


def hour_reminder(district: District, starts_at: datetime) -> datetime | None:
    """When they are reminded shortly before; None: that hour lies too early in the morning."""
    return _within(district, starts_at - HOUR)


def _within(district: District, at: datetime) -> datetime | None:
    """`at`, or the last minutes of that evening's waking hours; None in the morning before they begin."""
    local, hours = district.local(at), district.waking_hours
    if local.time() < hours.start:
        return None
    if local.time() < hours.end:
        return at
    end = local.replace(hour=hours.end.hour, minute=hours.end.minute, second=0, microsecond=0)
    return (end - MARGIN).astimezone(at.tzinfo)
