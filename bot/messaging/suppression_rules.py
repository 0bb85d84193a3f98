"""After a verified event at a school no text about truancy leaves for some days: who is held, and until when.

A family is held if any of its schools is: fear does not ask at which of them its other child is.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from bot.base.database import Transaction
from bot.content.district import District
from bot.runtime import Runtime
from bot.store.families import contacts, families
from bot.store.schools import verified_events

TRUANCY_FLOWS = frozenset({"absence_check_in"})
"""Flows that start by themselves and speak of a child's absence."""
ATTENDANCE_KIND = "attendance"
"""The kind of announcement that does."""


def find_hold_end(district: District, day: date) -> date:
    """The first day after an event on which texts about truancy may leave: `hold_days` school days lie between."""
    for _ in range(district.attendance.hold_days + 1):
        day = district.find_next_school_day(day)
    return day


def find_held_schools(
    db: Transaction, district: District, now: datetime, schools: Iterable[str] | None = None
) -> dict[str, date]:
    """The schools (of these) that are held now, and when it is possible again."""
    today = district.to_local_time(now).date()
    hold_ends: dict[str, date] = {}
    for event in verified_events.list_since(db, today - timedelta(days=district.attendance.max_hold_days), schools):
        hold_end = find_hold_end(district, event.day)
        if event.day <= today < hold_end:
            hold_ends[event.school] = max(hold_end, hold_ends.get(event.school, hold_end))
    return hold_ends


def find_held_school_names(runtime: Runtime, now: datetime) -> dict[str, date]:
    """The same, by the schools' names, for pages that say so."""
    district = runtime.library.district
    with runtime.database.read() as db:
        hold_ends = find_held_schools(db, district, now)
    return {
        district.schools[school_id].name: hold_end
        for school_id, hold_end in hold_ends.items()
        if school_id in district.schools
    }


def find_family_hold_end(db: Transaction, district: District, contact_id: int, now: datetime) -> date | None:
    """When a family may be asked about absences again; None: now."""
    family_id = contacts.find_family_id(db, contact_id)
    named_school = contacts.get_attributes(db, contact_id).get("school")
    schools = {
        *(families.list_schools(db, family_id) if family_id is not None else ()),
        *([named_school] if named_school else ()),
    }
    return max(find_held_schools(db, district, now, schools).values(), default=None)


def find_announcement_hold_end(
    db: Transaction, district: District, kind: str, schools: Iterable[str], now: datetime
) -> date | None:
    """When an announcement of this kind to these schools (none: all) may leave; None: now."""
    if kind != ATTENDANCE_KIND:
        return None
    school_filter = tuple(schools) or None
    return max(find_held_schools(db, district, now, school_filter).values(), default=None)
