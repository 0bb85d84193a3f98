"""Who is on call: for the next two weeks who comes first for each role, who stands in, and when everybody works."""

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
    """From the first day to the last these people are alerted in this order."""

    first: date
    last: date
    people: tuple[str, ...]


@dataclass(frozen=True)
class OnCallSchedule:
    """An `on_call` role, or (`school`) one school's own chain for it."""

    role: str
    school: str | None
    turns: tuple[OnCallPeriod, ...]


@console.get("/on-call")
@allow_roles(*ACCOUNT_ROLES)
def on_call() -> str:
    """The calendar."""
    district = get_runtime().library.district
    today = district.to_local_time(now()).date()
    last = today + timedelta(days=ON_CALL_DAYS_SHOWN - 1)
    closed = [day for day in district.closed_days if today <= day <= last]
    shown = {"chains": build_schedules(district, today), "staff": district.staff, "schools": district.schools}
    return render_template("console/on_call.html", **shown, closed=closed, hours=_format_hours, today=today)


def build_schedules(district: District, today: date) -> list[OnCallSchedule]:
    """Every role's turns, and those of each school that has people of its own for it."""
    wanted = [(role, school) for role, chain in district.on_call.items() for school in (None, *chain.schools)]
    return [OnCallSchedule(role, school, build_periods(district, role, school, today)) for role, school in wanted]


def build_periods(district: District, role: str, school: str | None, today: date) -> tuple[OnCallPeriod, ...]:
    """The next days of one chain; days with the same order are one turn."""
    days = [today + timedelta(days=number) for number in range(ON_CALL_DAYS_SHOWN)]
    orders = [(day, district.list_on_call(role, school, _get_noon(district, day))) for day in days]
    return tuple(
        _build_period(people, [day for day, _ in group]) for people, group in groupby(orders, lambda one: one[1])
    )


def _build_period(people: tuple[str, ...], days: list[date]) -> OnCallPeriod:
    return OnCallPeriod(days[0], days[-1], people)


def _get_noon(district: District, day: date) -> datetime:
    return datetime.combine(day, time(12), ZoneInfo(district.time_zone))


def _format_hours(hours: WorkingHours) -> str:
    days = tuple(DAYS_OF_WEEK.index(day) for day in hours.days)
    return dates.format_hours(hours.start, hours.end, days, page_language()) if days else "–"
