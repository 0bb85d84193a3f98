"""Record that a person reviewed a fact, partner, or source, and whether it is still right.

A review changes no file. Necessary changes are made in the file, where they are reviewed. The owner gets a text.
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
    """Return the current register."""
    with runtime.database.read() as db:
        last_reviews = content_reviews.find_last_by_subject(db)
    to_local_time = runtime.library.district.to_local_time
    reviewed_on: dict[str, date] = {
        subject: to_local_time(review.at).date() for subject, review in last_reviews.items()
    }
    return build_register(runtime.library, to_local_time(now()).date(), reviewed_on)


def record_review(runtime: Runtime, subject: str, by: str, is_still_correct: bool, note: str) -> bool:
    """Record a review. Return False for a subject outside the register."""
    current_time = now()
    entry = next((entry for entry in list_entries(runtime) if entry.subject == subject), None)
    if entry is None:
        return False
    masked_note = mask_pii(" ".join(note.split()))[0]
    result = "still right" if is_still_correct else "must change"
    with runtime.database.write() as db:
        content_reviews.add(db, ContentReview(subject, by, current_time, is_still_correct, masked_note))
        audit_log.record(db, by, "looked at content", subject[:64], current_time, result)
        planned = [] if is_still_correct else _notify_owners(runtime, db, entry, by)
    for delivery_id in planned:
        enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)
    return True


def _notify_owners(runtime: Runtime, db: Transaction, entry: RegisterEntry, by: str) -> list[str]:
    """Plan texts in the owners' working hours."""
    district, current_time = runtime.library.district, now()
    name = district.staff[by].name if by in district.staff else by
    link = f"{runtime.settings.public_base}/console/register"
    body = f"{district.name}: {name} says that {entry.subject} must change. {link}"
    owners = [owner for owner in district.find_owners(entry.owner) if owner != by]
    return [
        deliveries.plan_reminder(db, owner, body, district.find_next_work_time(owner, current_time)) for owner in owners
    ]
