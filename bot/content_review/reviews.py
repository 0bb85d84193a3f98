"""Somebody has looked at a fact, a partner or a source: written down, with whether it is still right.

No file changes by it: what must change is changed in the file, where it is reviewed; its owner gets a text.
"""

from datetime import date

from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.base.queues import DELIVER, enqueue
from bot.content.source_register import RegisterEntry, build_register
from bot.nlu import mask
from bot.runtime import Services
from bot.store import audit_log
from bot.store.cases import deliveries
from bot.store.community import content_reviews
from bot.store.community.content_reviews import ContentReview


def list_entries(services: Services) -> list[RegisterEntry]:
    """The register as it stands today."""
    with services.database.read() as db:
        last = content_reviews.find_last_by_subject(db)
    local = services.library.district.to_local_time
    looked: dict[str, date] = {subject: local(one.at).date() for subject, one in last.items()}
    return build_register(services.library, local(now()).date(), looked)


def record_review(services: Services, subject: str, by: str, is_still_correct: bool, note: str) -> bool:
    """Write down that somebody looked; False for what is not in the register."""
    at, found = now(), next((one for one in list_entries(services) if one.subject == subject), None)
    if found is None:
        return False
    with services.database.write() as db:
        content_reviews.add(db, ContentReview(subject, by, at, is_still_correct, mask(" ".join(note.split()))[0]))
        audit_log.record(
            db, by, "looked at content", subject[:64], at, "still right" if is_still_correct else "must change"
        )
        planned = [] if is_still_correct else _notify_owners(services, db, found, by)
    for delivery_id in planned:
        enqueue(services.redis, "default", DELIVER, delivery_id)
    return True


def _notify_owners(services: Services, db: Connection, entry: RegisterEntry, by: str) -> list[str]:
    """In the owner's working hours."""
    district, at = services.library.district, now()
    name = district.staff[by].name if by in district.staff else by
    where = f"{services.settings.public_base}/console/register"
    body = f"{district.name}: {name} says that {entry.subject} must change. {where}"
    owners = [one for one in district.find_owners(entry.owner) if one != by]
    return [
        deliveries.plan_reminder(db, services.database.vault, one, body, district.find_next_work_time(one, at))
        for one in owners
    ]
