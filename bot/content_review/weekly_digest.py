"""The weekly digest: on Monday, in working hours, five lines to every owner; a page where each says "read it"."""

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
"""So many are named in a line; the page has them all."""
LAST_DIGEST_WEEKDAY = 4
"""Friday: a digest of a week that is over helps nobody."""

log = logging.getLogger(__name__)


def get_week_start(day: date) -> date:
    """Its Monday."""
    return day - timedelta(days=day.weekday())


def create_and_send(runtime: Runtime) -> None:
    """This week's digest, once, on the first working day; the row and the texts are written together."""
    at, district = now(), runtime.library.district
    today = district.to_local_time(at).date()
    if today.weekday() > LAST_DIGEST_WEEKDAY or today in district.closed_days:
        return
    with runtime.database.read() as db:
        if digests.exists_for_week(db, get_week_start(today)):
            return
    found = list_entries(runtime)
    lines = build_lines(runtime, found, today)
    with runtime.database.write() as db:
        new = digests.add(db, Digest(get_week_start(today), tuple(lines), at))
        planned = _plan_texts(runtime, db, found, lines, at) if new else []
    for delivery_id in planned:
        enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)
    log.info("digest: texts=%s", len(planned))


def build_lines(runtime: Runtime, register_entries: list[RegisterEntry], today: date) -> list[str]:
    """Five lines: the week, what ends soon, what is not said, what to read, where to say that one has read it."""
    soon, gone, look = (
        [one for one in register_entries if one.state == state]
        for state in (ENDING_SOON_STATE, NOT_STATED_STATE, REVIEW_NEEDED_STATE)
    )
    week = dates.format_day(get_week_start(today), SOURCE_LANGUAGE)
    return [
        f"{runtime.library.district.name}, week of {week}:",
        f"Ends within 14 days: {_format_names(one.subject for one in soon)}.",
        f"Not said to families now: {_format_names(one.subject for one in gone)}.",
        f"To read this week: {_format_names(f'{one.source} {one.url}' for one in look)}",
        f"Say that you have read it: {runtime.settings.public_base}/console/digest",
    ]


def _format_names(subjects: Iterable[str]) -> str:
    all_ = list(subjects)
    more = f" and {len(all_) - MAX_NAMES_PER_LINE} more" if len(all_) > MAX_NAMES_PER_LINE else ""
    return f"{', '.join(all_[:MAX_NAMES_PER_LINE])}{more}" if all_ else "nothing"


def _plan_texts(
    runtime: Runtime, db: Transaction, register_entries: list[RegisterEntry], lines: list[str], at: datetime
) -> list[str]:
    """One text to each owner, in that person's working hours."""
    district = runtime.library.district
    people = dict.fromkeys(person for one in register_entries for person in district.find_owners(one.owner))
    body = "\n".join(lines)
    return [deliveries.plan_reminder(db, one, body, district.find_next_work_time(one, at)) for one in people]


def record_reader(runtime: Runtime, week: date, by: str, role: str) -> bool:
    """Somebody has read it; once each.  False if that was noted before."""
    at = now()
    with runtime.database.write() as db:
        if not digests.exists_for_week(db, week) or not digests.record_reader(
            db, week, DigestReader(by, role[:64], at)
        ):
            return False
        audit_log.record(db, by, "read the digest", f"digest {week.isoformat()}", at)
    return True
