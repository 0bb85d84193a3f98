"""Hold texts about truancy for some days after a verified event at a school.

A hold on any of its schools applies to the whole family, because fear affects all its children.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from bot.base.database import Transaction
from bot.content.district import District
from bot.runtime import Runtime
from bot.store.families import contacts, families
from bot.store.schools import verified_events

TRUANCY_FLOWS = frozenset({"absence_check_in"})
"""The flows that start without a message from the family and mention a child's absence."""
ATTENDANCE_KIND = "attendance"
"""The kind of announcement that mentions absences."""


def find_hold_end(district: District, day: date) -> date:
    """Return the first day on which texts about truancy may leave, after `hold_days` school days."""
    for _ in range(district.attendance.hold_days + 1):
        day = district.find_next_school_day(day)
    return day


def find_held_schools(
    db: Transaction, district: District, now: datetime, schools: Iterable[str] | None = None
) -> dict[str, date]:
    """Return the held schools among `schools` (None: all), each with the day on which its hold ends."""
    today = district.to_local_time(now).date()
    hold_ends: dict[str, date] = {}
    for event in verified_events.list_since(db, today - timedelta(days=district.attendance.max_hold_days), schools):
        hold_end = find_hold_end(district, event.day)
        if event.day <= today < hold_end:
            hold_ends[event.school] = max(hold_end, hold_ends.get(event.school, hold_end))
    return hold_ends


def find_held_school_names(runtime: Runtime, now: datetime) -> dict[str, date]:
    """Return the held schools by their names, for pages that list them."""
    district = runtime.library.district
    with runtime.database.read() as db:
        hold_ends = find_held_schools(db, district, now)
    return {
        district.schools[school_id].name: hold_end
        for school_id, hold_end in hold_ends.items()
        if school_id in district.schools
    }


def find_family_hold_end(db: Transaction, district: District, contact_id: int, now: datetime) -> date | None:
    """Return the day from which a family may be asked about absences, or None if no hold applies."""
    family_id = contacts.find_family_id(db, contact_id)
    schools = set(families.list_schools(db, family_id)) if family_id is not None else set()
    if named_school := contacts.get_attributes(db, contact_id).get("school"):
        schools.add(named_school)
    return max(find_held_schools(db, district, now, schools).values(), default=None)


def find_announcement_hold_end(
    db: Transaction, district: District, kind: str, schools: Iterable[str], now: datetime
) -> date | None:
    """Return the day from which this announcement may leave, or None if no hold applies. No schools means all."""
    if kind != ATTENDANCE_KIND:
        return None
    school_filter = tuple(schools) or None
    return max(find_held_schools(db, district, now, school_filter).values(), default=None)
