"""Somebody has looked at a fact, a partner or a source: written down, with whether it is still right.

No file changes by it: what must change is changed in the file, where it is reviewed; its owner gets a text.
"""

from datetime import date

from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.base.queues import DELIVER, enqueue
from bot.content.source_register import Entry, register
from bot.nlu import mask
from bot.runtime import Services
from bot.store import audit_log
from bot.store.cases import deliveries
from bot.store.community import content_reviews
from bot.store.community.content_reviews import Review


def entries(services: Services) -> list[Entry]:
    """The register as it stands today."""
    with services.database.read() as db:
        last = content_reviews.last(db)
    local = services.library.district.local
    looked: dict[str, date] = {subject: local(one.at).date() for subject, one in last.items()}
    return register(services.library, local(now()).date(), looked)


def look(services: Services, subject: str, by: str, still_right: bool, note: str) -> bool:
    """Write down that somebody looked; False for what is not in the register."""
    at, found = now(), next((one for one in entries(services) if one.subject == subject), None)
    if found is None:
        return False
    with services.database.write() as db:
        content_reviews.add(db, Review(subject, by, at, still_right, mask(" ".join(note.split()))[0]))
        audit_log.record(db, by, "looked at content", subject[:64], at, "still right" if still_right else "must change")
        planned = [] if still_right else _tell_owner(services, db, found, by)
    for delivery_id in planned:
        enqueue(services.redis, "default", DELIVER, delivery_id)
    return True


def _tell_owner(services: Services, db: Connection, entry: Entry, by: str) -> list[str]:
    """In the owner's working hours."""
    district, at = services.library.district, now()
    name = district.staff[by].name if by in district.staff else by
    where = f"{services.settings.public_base}/console/register"
    body = f"{district.name}: {name} says that {entry.subject} must change. {where}"
    owners = [one for one in district.owners(entry.owner) if one != by]
    return [
        deliveries.plan_reminder(db, services.database.vault, one, body, district.at_work(one, at)) for one in owners
    ]
