"""The weekly digest: on Monday, in working hours, five lines to every owner; a page where each says "read it"."""

import logging
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.base.queues import DELIVER, enqueue
from bot.content import dates
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.source_register import ENDS_SOON, NOT_SAID, TO_LOOK_AT, Entry
from bot.content_review.reviews import entries
from bot.runtime import Services
from bot.store import audit_log
from bot.store.cases import deliveries
from bot.store.community import digests
from bot.store.community.digests import Digest, Read

NAMED = 3
"""So many are named in a line; the page has them all."""
LAST_WEEKDAY = 4
"""Friday: a digest of a week that is over helps nobody."""

log = logging.getLogger(__name__)


def week_of(day: date) -> date:
    """Its Monday."""
    return day - timedelta(days=day.weekday())


def make(services: Services) -> None:
    """This week's digest, once, on the first working day; the row and the texts are written together."""
    at, district = now(), services.library.district
    today = district.local(at).date()
    if today.weekday() > LAST_WEEKDAY or today in district.closed_days:
        return
    with services.database.read() as db:
        if digests.there(db, week_of(today)):
            return
    found = entries(services)
    lines = lines_of(services, found, today)
    with services.database.write() as db:
        new = digests.add(db, Digest(week_of(today), tuple(lines), at))
        planned = _plan(services, db, found, lines, at) if new else []
    for delivery_id in planned:
        enqueue(services.redis, "default", DELIVER, delivery_id)
    log.info("digest: texts=%s", len(planned))


def lines_of(services: Services, found: list[Entry], today: date) -> list[str]:
    """Five lines: the week, what ends soon, what is not said, what to read, where to say that one has read it."""
    soon, gone, look = ([one for one in found if one.state == state] for state in (ENDS_SOON, NOT_SAID, TO_LOOK_AT))
    week = dates.day(week_of(today), SOURCE_LANGUAGE)
    return [
        f"{services.library.district.name}, week of {week}:",
        f"Ends within 14 days: {_named(one.subject for one in soon)}.",
        f"Not said to families now: {_named(one.subject for one in gone)}.",
        f"To read this week: {_named(f'{one.source} {one.url}' for one in look)}",
        f"Say that you have read it: {services.settings.public_base}/console/digest",
    ]


def _named(subjects: Iterable[str]) -> str:
    all_ = list(subjects)
    more = f" and {len(all_) - NAMED} more" if len(all_) > NAMED else ""
    return f"{', '.join(all_[:NAMED])}{more}" if all_ else "nothing"


def _plan(services: Services, db: Connection, found: list[Entry], lines: list[str], at: datetime) -> list[str]:
    """One text to each owner, in that person's working hours."""
    district, vault = services.library.district, services.database.vault
    people = dict.fromkeys(person for one in found for person in district.owners(one.owner))
    body = "\n".join(lines)
    return [deliveries.plan_reminder(db, vault, one, body, district.at_work(one, at)) for one in people]


def read(services: Services, week: date, by: str, role: str) -> bool:
    """Somebody has read it; once each.  False if that was noted before."""
    at = now()
    with services.database.write() as db:
        if not digests.there(db, week) or not digests.read(db, week, Read(by, role[:64], at)):
            return False
        audit_log.record(db, by, "read the digest", f"digest {week.isoformat()}", at)
    return True
