"""After a verified event at a school no text about truancy leaves for some days: who is held, and until when.

A family is held if any of its schools is: fear does not ask at which of them its other child is.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sqlalchemy.engine import Connection

from bot.content.district import District
from bot.runtime import Services
from bot.store.families import contacts, families
from bot.store.schools import verified_events

ABOUT_TRUANCY = frozenset({"absence_check_in"})
"""Flows that start by themselves and speak of a child's absence."""
KIND = "attendance"
"""The kind of announcement that does."""


def again_on(district: District, day: date) -> date:
    """The first day after an event on which texts about truancy may leave: `hold_days` school days lie between."""
    for _ in range(district.attendance.hold_days + 1):
        day = district.find_next_school_day(day)
    return day


def held_schools(
    db: Connection, district: District, at: datetime, schools: Iterable[str] | None = None
) -> dict[str, date]:
    """The schools (of these) that are held now, and when it is possible again."""
    today = district.to_local_time(at).date()
    found: dict[str, date] = {}
    for event in verified_events.list_since(db, today - timedelta(days=district.attendance.max_hold_days), schools):
        again = again_on(district, event.day)
        if event.day <= today < again:
            found[event.school] = max(again, found.get(event.school, again))
    return found


def now_held(services: Services, at: datetime) -> dict[str, date]:
    """The same, by the schools' names, for pages that say so."""
    district = services.library.district
    with services.database.read() as db:
        found = held_schools(db, district, at)
    return {district.schools[one].name: again for one, again in found.items() if one in district.schools}


def family_held(db: Connection, district: District, contact_id: int, at: datetime) -> date | None:
    """When a family may be asked about absences again; None: now."""
    family = contacts.find_family_id(db, contact_id)
    named = contacts.get_attributes(db, contact_id).get("school")
    own = {*(families.list_schools(db, family) if family is not None else ()), *([named] if named else ())}
    return max(held_schools(db, district, at, own).values(), default=None)


def announcement_held(
    db: Connection, district: District, kind: str, schools: Iterable[str], at: datetime
) -> date | None:
    """When an announcement of this kind to these schools (none: all) may leave; None: now."""
    if kind != KIND:
        return None
    meant = tuple(schools) or None
    return max(held_schools(db, district, at, meant).values(), default=None)
