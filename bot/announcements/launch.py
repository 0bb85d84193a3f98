"""From a released announcement to one row for each family, and the orders to send, pause, go on and stop."""

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy.engine import Connection

from bot.announcements import share_kit
from bot.announcements.audience import AT_ONCE, Reach, leaders_of, meant, reached, readers_of
from bot.announcements.current_translations import wordings_now
from bot.announcements.delivery_results import NO_NUMBER, OPTED_OUT
from bot.announcements.personalization import LANGUAGE
from bot.announcements.text import marked_as
from bot.base.database import now
from bot.base.queues import BROADCAST, START_ANNOUNCEMENT, enqueue
from bot.messaging import suppression_rules
from bot.runtime import Services
from bot.store import audit_log
from bot.store.announcements import announcements, recipients, resends
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.recipients import Planned

SLOTS = 2
"""So many workers send one announcement at the same time."""

NEVER_AGAIN = NO_NUMBER | OPTED_OUT
"""Failures after which no further try can arrive."""

log = logging.getLogger(__name__)


def send_when_due(services: Services, announcement: Announcement) -> None:
    """Queue a released announcement if its hour has come; the sweep asks again."""
    if announcement.send_at is None or announcement.send_at <= now():
        enqueue(services.redis, "default", START_ANNOUNCEMENT, announcement.id)


def start(services: Services, announcement_id: int) -> None:
    """Freeze the audience as rows, then send.  Killed in between, it goes on where it stood: each row stands once.

    One about attendance waits where an event was verified since it was released.
    """
    at = now()
    with services.database.write() as db:
        if _held(services, db, announcement_id, at):
            return  # the sweep comes back to it
        announcements.move(db, announcement_id, ["ready"], "freezing", started_at=at)
        announcement = announcements.find(db, announcement_id)
    if announcement is None or announcement.state != "freezing":
        return
    for batch in _in_batches(_planned(services, announcement, announcement.started_at or at)):
        with services.database.write() as db:
            if announcements.state_of(db, announcement_id) != "freezing":
                return  # stopped meanwhile
            recipients.add_all(db, announcement_id, batch, at)
    with services.database.write() as db:
        recipients.drop_gone(db, announcement_id)
        announcements.move(db, announcement_id, ["freezing"], "sending")
    release_approved(services, announcement_id)
    log.info("frozen: announcement=%s", announcement_id)
    send(services, announcement_id)
    share_kit.prepare(services, announcement)


def _held(services: Services, db: Connection, announcement_id: int, at: datetime) -> bool:
    found = announcements.find(db, announcement_id)
    meant = (found.kind, found.audience.schools) if found and found.state in ("ready", "paused") else None
    return bool(meant and suppression_rules.announcement_held(db, services.library.district, *meant, at))


def pause_held(services: Services, by: str) -> int:
    """An event was verified: what is on its way about attendance pauses; how many.

    One whose audience is still being written down is as if it had not begun: it begins anew after those days.
    """
    at, district = now(), services.library.district
    with services.database.write() as db:
        held = [
            one
            for one in announcements.in_state(db, "freezing", "sending")
            if suppression_rules.announcement_held(db, district, one.kind, one.audience.schools, at)
        ]
        for one in held:
            to, why = ("ready", "") if one.state == "freezing" else ("paused", "a verified event at a school")
            if announcements.move(db, one.id, [one.state], to, why_paused=why):
                audit_log.record(db, by, "paused an announcement", f"announcement {one.id}", at, "verified event")
    return len(held)


def send(services: Services, announcement_id: int) -> None:
    """Queue the jobs that send it."""
    for slot in range(SLOTS):
        enqueue(services.redis, "bulk", BROADCAST, announcement_id, slot)


def _in_batches(planned: Iterator[Planned]) -> Iterator[list[Planned]]:
    while batch := list(islice(planned, AT_ONCE)):
        yield batch


def _planned(services: Services, announcement: Announcement, at: datetime) -> Iterator[Planned]:
    """Leaders first, so that what they pass on is there as early as the announcement itself."""
    held = _held_languages(services, announcement)
    emergency = announcement.kind == "emergency"
    due = at if emergency else services.library.district.waking(at)
    leaders = leaders_of(announcement)
    if leaders:
        with services.database.read() as db:
            to_leaders = reached(services, announcement, meant(db, leaders))
            yield from _rows(to_leaders, "kit", held, due - timedelta(seconds=1))
    with services.database.read() as db:
        to_all = reached(services, announcement, meant(db, announcement.audience))
        to_families = (one for one in to_all if one.family.role != "leader")
        yield from _rows(to_families, "text", held, due)


def _rows(found: Iterable[Reach], kind: str, held: frozenset[str], due: datetime) -> Iterator[Planned]:
    for one in found:
        language = one.family.language
        reason = one.reason or (LANGUAGE if language in held else "")
        yield Planned(one.family.family_id, one.contact_id, language, one.channel, due, reason, kind)


def _held_languages(services: Services, announcement: Announcement) -> frozenset[str]:
    """Languages whose families wait, because no person has approved their wording and the writer wants that."""
    if announcement.unapproved != "hold":
        return frozenset()
    with services.database.read() as db:
        found = wordings_now(db, announcement)
        spoken = {one.language for audience in readers_of(announcement) for one in meant(db, audience)}
    return frozenset(language for language in spoken if marked_as(language, found.get(language)))


def release_approved(services: Services, announcement_id: int) -> None:
    """Send to whoever is held for a language that is approved by now: it was while the audience was frozen, or the
    process that approved it died."""
    with services.database.read() as db:
        announcement = announcements.find(db, announcement_id)
        found = wordings_now(db, announcement) if announcement else {}
        held = recipients.held_languages(db, announcement_id)
    for language in held:
        if language in found and found[language].state == "approved":
            wording_approved(services, announcement_id, language)


def wording_approved(services: Services, announcement_id: int, language: str) -> int:
    """A wording was approved while it is sent or after: the families who waited for it get it now; how many."""
    at = now()
    with services.database.write() as db:
        announcement = announcements.find(db, announcement_id)
        if announcement is None or announcement.state in ("draft", "stopped") or announcement.until <= at:
            return 0
        due = at if announcement.kind == "emergency" else services.library.district.waking(at)
        released = recipients.release_language(db, announcement_id, language, due)
        if released:
            announcements.move(db, announcement_id, ["done"], "sending", ended_at=None)
    share_kit.prepare(services, announcement)
    if released:
        send(services, announcement_id)
    return released


def pause(services: Services, announcement_id: int, by: str) -> bool:
    """Nothing more leaves until somebody lets it go on; False if it is not being sent."""
    return _order(services, announcement_id, ("sending",), "paused", by, "paused an announcement")


def go_on(services: Services, announcement_id: int, by: str) -> bool:
    """Send on; False if it was not paused, or nothing about attendance may leave now."""
    with services.database.read() as db:
        if _held(services, db, announcement_id, now()):
            return False
    done = _order(services, announcement_id, ("paused",), "sending", by, "resumed an announcement", why_paused="")
    if done:
        send(services, announcement_id)
    return done


def stop(services: Services, announcement_id: int, by: str) -> bool:
    """Nothing more leaves, for good; whoever checks it reads that it was taken back.  False if it never was on its
    way, or was stopped before."""
    before = ("ready", "freezing", "sending", "paused", "done")
    at = now()
    done = _order(services, announcement_id, before, "stopped", by, "stopped an announcement", ended_at=at)
    while done:
        with services.database.write() as db:
            if recipients.cancel_waiting(db, announcement_id, AT_ONCE, at) < AT_ONCE:
                break
    return done


def try_failed_again(services: Services, announcement_id: int, by: str) -> int:
    """One more try for those whom it did not reach, except where the number is known to be wrong; how many."""
    at = now()
    with services.database.write() as db:
        if announcements.state_of(db, announcement_id) not in ("sending", "done"):
            return 0
        planned = resends.plan_again(db, announcement_id, None, None, at, without=NEVER_AGAIN)
        if planned:
            announcements.move(db, announcement_id, ["done"], "sending", ended_at=None)
            audit_log.record(db, by, "tried the failed again", f"announcement {announcement_id}", at)
    if planned:
        send(services, announcement_id)
    return planned


def _order(
    services: Services, announcement_id: int, before: tuple[str, ...], to: str, by: str, did: str, **more: object
) -> bool:
    at = now()
    with services.database.write() as db:
        moved = announcements.move(db, announcement_id, before, to, **more)
        if moved:
            audit_log.record(db, by, did, f"announcement {announcement_id}", at)
    return moved
