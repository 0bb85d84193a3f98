"""The on-call calendar for the next two weeks: the order of alerts for each role, substitutes, and working hours."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from flask import render_template

from bot.base.database import now
from bot.content import dates
from bot.content.district import DAYS_OF_WEEK, District, WorkingHours
from bot.web.console.core.console_i18n import page_language
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ACCOUNT_ROLES, allow_roles
from bot.web.core.current_runtime import get_runtime

ON_CALL_DAYS_SHOWN = 14


@dataclass(frozen=True)
class OnCallPeriod:
    """The days from `first` to `last`, on which these people are alerted in this order."""

    first: date
    last: date
    people: tuple[str, ...]


@dataclass(frozen=True)
class OnCallSchedule:
    """The periods of an `on_call` role, for one school or (None) for all others."""

    role: str
    school: str | None
    turns: tuple[OnCallPeriod, ...]


@console.get("/on-call")
@allow_roles(*ACCOUNT_ROLES)
def on_call() -> str:
    """Show the calendar."""
    district = get_runtime().library.district
    today = district.to_local_time(now()).date()
    last_day = today + timedelta(days=ON_CALL_DAYS_SHOWN - 1)
    page = {
        "chains": build_schedules(district, today),
        "staff": district.staff,
        "schools": district.schools,
        "closed": [day for day in district.closed_days if today <= day <= last_day],
        "hours": _format_hours,
        "today": today,
    }
    return render_template("console/on_call.html", **page)


def build_schedules(district: District, today: date) -> list[OnCallSchedule]:
    """Return the schedule of each role, and of each school that has its own people for the role."""
    schedules = []
    for role, chain in district.on_call.items():
        for school in (None, *chain.schools):
            schedules.append(OnCallSchedule(role, school, build_periods(district, role, school, today)))
    return schedules


def build_periods(district: District, role: str, school: str | None, today: date) -> tuple[OnCallPeriod, ...]:
    """Return the periods of the next days. Successive days with the same order are one period."""
    all_days = [today + timedelta(days=number) for number in range(ON_CALL_DAYS_SHOWN)]
    orders = [(day, district.list_on_call(role, school, _get_noon(district, day))) for day in all_days]
    periods = []
    for people, group in groupby(orders, lambda order: order[1]):
        days = [day for day, _people in group]
        periods.append(OnCallPeriod(days[0], days[-1], people))
    return tuple(periods)


def _get_noon(district: District, day: date) -> datetime:
    return datetime.combine(day, time(12), ZoneInfo(district.time_zone))


def _format_hours(hours: WorkingHours) -> str:
    if not hours.days:
        return "–"
    days = tuple(DAYS_OF_WEEK.index(day) for day in hours.days)
    return dates.format_hours(hours.start, hours.end, days, page_language())
