"""No telephone rings in a family's home at night, unless it is about an emergency that is going on.

A text waits silently on a phone; a call wakes everybody, and a family that fears a knock at the door is frightened by
it.  So whatever goes out as a call waits for the district's waking hours: notices, answers of staff, follow-ups, and
what was planned in the daytime and delayed.  The exception is a family that reported an emergency within the last hours
and whose case is open: it is awake and waits for word.
"""

from datetime import datetime, timedelta

from bot.runtime import Services
from bot.store.cases import cases
from bot.store.cases.cases import STAFF_TOPICS

GOING_ON = timedelta(hours=4)
"""So long after it was reported an emergency counts as going on."""


def may_ring(services: Services, contact_id: int, at: datetime) -> datetime:
    """`at`, or the morning when this family may be rung."""
    morning = services.library.district.find_next_waking_time(at)
    return at if morning <= at or _emergency(services, contact_id, at) else morning


def _emergency(services: Services, contact_id: int, at: datetime) -> bool:
    with services.database.read() as db:
        found = cases.list_for_contact(db, services.database.vault, contact_id)
    own = (one for one in found if one.is_open and one.topic not in STAFF_TOPICS)
    return any(one.severity == "escalate_now" and at - one.opened_at <= GOING_ON for one in own)
