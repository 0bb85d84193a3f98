"""Decide when a family's phone may ring.

A text waits silently on a phone. A call wakes the whole home, and frightens a family that fears a knock at the door. So
every call waits for the district's waking hours: notices, messages from staff, follow-ups, and delayed messages. The
exception is a family with an open emergency case from the last hours: it is awake and waits for help.
"""

from datetime import datetime, timedelta

from bot.runtime import Runtime
from bot.store.cases import cases
from bot.store.cases.cases import STAFF_TOPICS

ACTIVE_EMERGENCY_DURATION = timedelta(hours=4)
"""How long after its report an emergency counts as active."""


def find_call_time(runtime: Runtime, contact_id: int, now: datetime) -> datetime:
    """Return `now`, or the next waking time if the phone must not ring now."""
    waking_time = runtime.library.district.find_next_waking_time(now)
    if waking_time <= now or _has_active_emergency(runtime, contact_id, now):
        return now
    return waking_time


def _has_active_emergency(runtime: Runtime, contact_id: int, now: datetime) -> bool:
    with runtime.database.read() as db:
        contact_cases = cases.list_for_contact(db, contact_id)
    open_cases = (case for case in contact_cases if case.is_open and case.topic not in STAFF_TOPICS)
    return any(
        case.severity == "escalate_now" and now - case.opened_at <= ACTIVE_EMERGENCY_DURATION for case in open_cases
    )
