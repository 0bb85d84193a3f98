"""Somebody has looked at a fact, a partner or a source: written down, with whether it is still right.

No file changes by it: what must change is changed in the file, where it is reviewed; its owner gets a text.
"""

from datetime import date

from bot.base.database import Transaction, now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.content.source_register import RegisterEntry, build_register
from bot.nlu import mask_pii
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import deliveries
from bot.store.community import content_reviews
from bot.store.community.content_reviews import ContentReview


def list_entries(runtime: Runtime) -> list[RegisterEntry]:
    """The register as it stands today."""
    with runtime.database.read() as db:
        last = content_reviews.find_last_by_subject(db)
    local = runtime.library.district.to_local_time
    looked: dict[str, date] = {subject: local(one.at).date() for subject, one in last.items()}
    return build_register(runtime.library, local(now()).date(), looked)


def record_review(runtime: Runtime, subject: str, by: str, is_still_correct: bool, note: str) -> bool:
    """Write down that somebody looked; False for what is not in the register."""
    at, found = now(), next((one for one in list_entries(runtime) if one.subject == subject), None)
    if found is None:
        return False
    with runtime.database.write() as db:
        content_reviews.add(db, ContentReview(subject, by, at, is_still_correct, mask_pii(" ".join(note.split()))[0]))
        audit_log.record(
            db, by, "looked at content", subject[:64], at, "still right" if is_still_correct else "must change"
        )
        planned = [] if is_still_correct else _notify_owners(runtime, db, found, by)
    for delivery_id in planned:
        enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)
    return True


def _notify_owners(runtime: Runtime, db: Transaction, entry: RegisterEntry, by: str) -> list[str]:
    """In the owner's working hours."""
    district, at = runtime.library.district, now()
    name = district.staff[by].name if by in district.staff else by
    where = f"{runtime.settings.public_base}/console/register"
    body = f"{district.name}: {name} says that {entry.subject} must change. {where}"
    owners = [one for one in district.find_owners(entry.owner) if one != by]
    return [deliveries.plan_reminder(db, one, body, district.find_next_work_time(one, at)) for one in owners]
