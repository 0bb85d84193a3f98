"""What those who come are told unasked: the day before, an hour before, when something changes, and one question after.

Each once: the mark on the RSVP and the row of the text are one transaction, so a killed process doubles nothing.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.base.queues import DELIVER, enqueue
from bot.content.texts import TextId
from bot.meetings import rules
from bot.meetings import texts as meetings_texts
from bot.runtime import Services
from bot.store.cases import deliveries
from bot.store.families import follow_ups
from bot.store.families.follow_ups import Place
from bot.store.meetings import meetings, rsvps
from bot.store.meetings.meetings import Gathering
from bot.store.meetings.rsvps import Mark, Rsvp

AT_ONCE = 200
"""So many families of a gathering are told in one sweep; the next goes on."""
DAY_ENDS, HOUR_ENDS = timedelta(hours=3), timedelta(minutes=2)
"""So shortly before it begins a reminder does not leave any more: it would come too late to be one."""
AFTER = timedelta(hours=1)
AFTER_FLOW = "after_gathering"

log = logging.getLogger(__name__)


def sweep_gatherings(services: Services) -> None:
    """Plan what is due; safe at any time, by any number of processes."""
    at = now()
    with services.database.read() as db:
        coming = meetings.in_state(db, *meetings.BEFORE, "canceled")
        over = meetings.in_state(db, "over")
    for one in coming:
        _tell_changes(services, one, at)
        if one.state != "canceled":
            _remind(services, one, at)
            _end(services, one, at)
    for one in over:
        if at < one.ends_at + timedelta(days=2):
            _ask_after(services, one, at)


def _tell_changes(services: Services, one: Gathering, at: datetime) -> None:
    ends = one.ends_at if one.state == "canceled" else one.starts_at  # late is better than a family before a shut door
    if one.revision == 0 or at >= ends or services.library.district.waking(at) > at:
        return
    texts: list[TextId] = ["gathering_canceled"]
    if one.state != "canceled":
        texts = ["gathering_changed", *meetings_texts.how_to_come(one)]
    with services.database.read() as db:
        due = rsvps.not_up_to_date(db, one.id, one.revision, AT_ONCE)
    again = {"told_day_at": None, "told_hour_at": None, "at": at}
    _each(services, one, due, texts, at, lambda db, row: rsvps.brought_up_to(db, row.id, one.revision, **again))


def _remind(services: Services, one: Gathering, at: datetime) -> None:
    """Only within waking hours, and nobody whose confirmation is younger than the reminder."""
    if services.library.district.waking(at) > at:
        return
    for mark, since in _due(services, one, at):
        _remind_all(services, one, mark, since, at)


def _due(services: Services, one: Gathering, at: datetime) -> Iterator[tuple[Mark, datetime]]:
    """The reminders whose time it is, and since when."""
    district = services.library.district
    day, hour = rules.day_reminder(district, one.starts_at), rules.hour_reminder(district, one.starts_at)
    if day <= at < one.starts_at - DAY_ENDS:
        yield "told_day_at", day
    if hour and hour <= at < one.starts_at - HOUR_ENDS:
        yield "told_hour_at", hour


def hold_due(services: Services, db: Connection, at: datetime) -> int:
    """After a restore: reminders whose time has come, and questions afterwards, may have left already; they count as
    told.  How many.  A change or a canceling is told again: better twice than a family before a shut door."""
    due: list[tuple[int, Mark, datetime]] = [
        (one.id, mark, since)
        for one in meetings.in_state(db, *meetings.BEFORE)
        for mark, since in _due(services, one, at)
    ]
    due += [(one.id, "asked_at", at) for one in meetings.in_state(db, "over")]
    return sum(rsvps.mark_all(db, gathering, mark, since, at) for gathering, mark, since in due)


def _remind_all(services: Services, one: Gathering, mark: Mark, since: datetime, at: datetime) -> None:
    with services.database.read() as db:
        due = rsvps.to_remind(db, one.id, mark, since, AT_ONCE)
    texts: list[TextId] = ["gathering_reminder", *meetings_texts.how_to_come(one)]
    _each(services, one, due, texts, at, lambda db, row: rsvps.mark(db, row.id, mark, at))


def _each(
    services: Services,
    one: Gathering,
    due: Sequence[Rsvp],
    texts: Sequence[TextId],
    at: datetime,
    claim: Callable[[Connection, Rsvp], bool],
) -> None:
    """A text to each of these families that this process claims; to nobody who texted STOP."""
    planned = []
    for row in due:
        with services.database.write() as db:
            if not claim(db, row) or rsvps.has_stopped(db, row.family_id):
                continue
            made = meetings_texts.composer(services, one, row.language, at, row.people)
            body = meetings_texts.say(services, db, row.contact_id, made, texts, row.language or meetings_texts.SOURCE)
            about = {"kind": "gathering", "contact_id": row.contact_id}
            planned.append(deliveries.plan_notice(db, services.database.vault, about, body, at))
    for delivery_id in planned:
        enqueue(services.redis, "default", DELIVER, delivery_id)
    if planned:
        log.info("gathering told: gathering=%s texts=%s", one.id, len(planned))


def _end(services: Services, one: Gathering, at: datetime) -> None:
    if at >= one.ends_at:
        with services.database.write() as db:
            meetings.move(db, one.id, meetings.BEFORE, "over")


def _ask_after(services: Services, one: Gathering, at: datetime) -> None:
    """Everybody who said yes is asked once, in its own time and its own language, what it needs."""
    due_at = services.library.district.waking(one.ends_at + AFTER)
    with services.database.read() as db:
        due = rsvps.to_remind(db, one.id, "asked_at", at, AT_ONCE)
    for row in due:
        with services.database.write() as db:
            if rsvps.mark(db, row.id, "asked_at", at) and not rsvps.has_stopped(db, row.family_id):
                place = Place(AFTER_FLOW)
                follow_ups.plan(db, (f"gathering:{row.id}", 0), row.contact_id, place, max(due_at, at))
