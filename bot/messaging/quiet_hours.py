"""No telephone rings in a family's home at night, unless it is about an emergency that is going on.

A text waits silently on a phone; a call wakes everybody, and a family that fears a knock at the door is frightened by
it.  So whatever goes out as a call waits for the district's waking hours: notices, answers of staff, follow-ups, and
what was planned in the daytime and delayed.  The exception is a family that reported an emergency within the last hours
and whose case is open: it is awake and waits for word.
"""

from datetime import datetime, timedelta

from bot.runtime import Runtime
from bot.store.cases import cases
from bot.store.cases.cases import STAFF_TOPICS

ACTIVE_EMERGENCY_DURATION = timedelta(hours=4)
"""So long after it was reported an emergency counts as going on."""


def find_call_time(runtime: Runtime, contact_id: int, now: datetime) -> datetime:
    """`at`, or the morning when this family may be rung."""
    morning = runtime.library.district.find_next_waking_time(now)
    return now if morning <= now or _has_active_emergency(runtime, contact_id, now) else morning


def _has_active_emergency(runtime: Runtime, contact_id: int, now: datetime) -> bool:
    with runtime.database.read() as db:
        contact_cases = cases.list_for_contact(db, contact_id)
    open_cases = (case for case in contact_cases if case.is_open and case.topic not in STAFF_TOPICS)
    return any(
        case.severity == "escalate_now" and now - case.opened_at <= ACTIVE_EMERGENCY_DURATION for case in open_cases
    )
