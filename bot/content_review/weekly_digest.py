"""Send the weekly digest: five lines to every owner on Monday, in working hours. A page records who read it."""

import logging
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from bot.base.database import Transaction, now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.content import dates
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.source_register import ENDING_SOON_STATE, NOT_STATED_STATE, REVIEW_NEEDED_STATE, RegisterEntry
from bot.content_review.reviews import list_entries
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import deliveries
from bot.store.community import digests
from bot.store.community.digests import Digest, DigestReader

MAX_NAMES_PER_LINE = 3
"""How many subjects one line names. The page shows all."""
LAST_DIGEST_WEEKDAY = 4
"""Friday. Later, a digest of the past week helps nobody."""

log = logging.getLogger(__name__)


def get_week_start(day: date) -> date:
    """Return the Monday of the week."""
    return day - timedelta(days=day.weekday())


def create_and_send(runtime: Runtime) -> None:
    """Send this week's digest once, on the first working day. The row and the texts are saved together."""
    current_time, district = now(), runtime.library.district
    today = district.to_local_time(current_time).date()
    if today.weekday() > LAST_DIGEST_WEEKDAY or today in district.closed_days:
        return
    with runtime.database.read() as db:
        if digests.exists_for_week(db, get_week_start(today)):
            return
    entries = list_entries(runtime)
    lines = build_lines(runtime, entries, today)
    with runtime.database.write() as db:
        is_new = digests.add(db, Digest(get_week_start(today), tuple(lines), current_time))
        planned = _plan_texts(runtime, db, entries, lines, current_time) if is_new else []
    for delivery_id in planned:
        enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)
    log.info("digest: texts=%s", len(planned))


def build_lines(runtime: Runtime, register_entries: list[RegisterEntry], today: date) -> list[str]:
    """Build five lines: the week, what ends soon, what families don't read, what to review, and where to confirm."""
    ending_soon, not_stated, to_review = (
        [entry for entry in register_entries if entry.state == state]
        for state in (ENDING_SOON_STATE, NOT_STATED_STATE, REVIEW_NEEDED_STATE)
    )
    week = dates.format_day(get_week_start(today), SOURCE_LANGUAGE)
    return [
        f"{runtime.library.district.name}, week of {week}:",
        f"Ends within 14 days: {_format_names(entry.subject for entry in ending_soon)}.",
        f"Not shown to families now: {_format_names(entry.subject for entry in not_stated)}.",
        f"To read this week: {_format_names(f'{entry.source} {entry.url}' for entry in to_review)}",
        f"Confirm that you read it: {runtime.settings.public_base}/console/digest",
    ]


def _format_names(subjects: Iterable[str]) -> str:
    names = list(subjects)
    if not names:
        return "nothing"
    text = ", ".join(names[:MAX_NAMES_PER_LINE])
    if len(names) > MAX_NAMES_PER_LINE:
        text += f" and {len(names) - MAX_NAMES_PER_LINE} more"
    return text


def _plan_texts(
    runtime: Runtime, db: Transaction, register_entries: list[RegisterEntry], lines: list[str], current_time: datetime
) -> list[str]:
    """Plan one text for each owner, in that person's working hours."""
    district = runtime.library.district
    owners = dict.fromkeys(owner for entry in register_entries for owner in district.find_owners(entry.owner))
    body = "\n".join(lines)
    return [
        deliveries.plan_reminder(db, owner, body, district.find_next_work_time(owner, current_time)) for owner in owners
    ]


def record_reader(runtime: Runtime, week: date, by: str, role: str) -> bool:
    """Record once that a person read the digest. Return False if it is already recorded."""
    current_time = now()
    with runtime.database.write() as db:
        if not digests.exists_for_week(db, week):
            return False
        if not digests.record_reader(db, week, DigestReader(by, role[:64], current_time)):
            return False
        audit_log.record(db, by, "read the digest", f"digest {week.isoformat()}", current_time)
    return True
