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
from bot.web.console.core.permissions import ROLES, allowed
from bot.web.core.current_runtime import services

DAYS = 14


@dataclass(frozen=True)
class Turn:
    """From the first day to the last these people are alerted in this order."""

    first: date
    last: date
    people: tuple[str, ...]


@dataclass(frozen=True)
class Chain:
    """An `on_call` role, or (`school`) one school's own chain for it."""

    role: str
    school: str | None
    turns: tuple[Turn, ...]


@console.get("/on-call")
@allowed(*ROLES)
def on_call() -> str:
    """The calendar."""
    district = services().library.district
    today = district.local(now()).date()
    last = today + timedelta(days=DAYS - 1)
    closed = [day for day in district.closed_days if today <= day <= last]
    shown = {"chains": chains(district, today), "staff": district.staff, "schools": district.schools}
    return render_template("console/on_call.html", **shown, closed=closed, hours=_hours, today=today)


def chains(district: District, today: date) -> list[Chain]:
    """Every role's turns, and those of each school that has people of its own for it."""
    wanted = [(role, school) for role, chain in district.on_call.items() for school in (None, *chain.schools)]
    return [Chain(role, school, turns(district, role, school, today)) for role, school in wanted]


def turns(district: District, role: str, school: str | None, today: date) -> tuple[Turn, ...]:
    """The next days of one chain; days with the same order are one turn."""
    days = [today + timedelta(days=number) for number in range(DAYS)]
    orders = [(day, district.chain(role, school, _noon(district, day))) for day in days]
    return tuple(_turn(people, [day for day, _ in group]) for people, group in groupby(orders, lambda one: one[1]))


def _turn(people: tuple[str, ...], days: list[date]) -> Turn:
    return Turn(days[0], days[-1], people)


def _noon(district: District, day: date) -> datetime:
    return datetime.combine(day, time(12), ZoneInfo(district.time_zone))


def _hours(hours: WorkingHours) -> str:
    days = tuple(DAYS_OF_WEEK.index(day) for day in hours.days)
    return dates.hours(hours.start, hours.end, days, page_language()) if days else "–"
