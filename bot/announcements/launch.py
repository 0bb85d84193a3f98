"""From a released announcement to one row for each family, and the orders to send, pause, go on and stop."""

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from bot.announcements import share_kit
from bot.announcements.audience import (
    RECIPIENT_BATCH_SIZE,
    RecipientRoute,
    get_leader_audience,
    list_audiences,
    stream_families,
    stream_routes,
)
from bot.announcements.current_translations import load_current_translations
from bot.announcements.delivery_results import BAD_NUMBER_ERROR_CODES, OPT_OUT_ERROR_CODES
from bot.announcements.personalization import UNAPPROVED_LANGUAGE_REASON
from bot.announcements.text import get_translation_mark
from bot.base.database import Transaction, now
from bot.base.queues import SEND_ANNOUNCEMENT_JOB, START_ANNOUNCEMENT_JOB, enqueue
from bot.messaging import suppression_rules
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.announcements import announcements, recipients, resends
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.recipients import PlannedRecipient

SENDER_SLOT_COUNT = 2
"""So many workers send one announcement at the same time."""

PERMANENT_FAILURES = BAD_NUMBER_ERROR_CODES | OPT_OUT_ERROR_CODES
"""Failures after which no further try can arrive."""

log = logging.getLogger(__name__)


def queue_if_due(runtime: Runtime, announcement: Announcement) -> None:
    """Queue a released announcement if its hour has come; the sweep asks again."""
    if announcement.send_at is None or announcement.send_at <= now():
        enqueue(runtime.redis, "default", START_ANNOUNCEMENT_JOB, announcement.id)


def start(runtime: Runtime, announcement_id: int) -> None:
    """Freeze the audience as rows, then send.  Killed in between, it goes on where it stood: each row stands once.

    One about attendance waits where an event was verified since it was released.
    """
    at = now()
    with runtime.database.write() as db:
        if _is_held(runtime, db, announcement_id, at):
            return  # the sweep comes back to it
        announcements.change_state(db, announcement_id, ["ready"], "freezing", started_at=at)
        announcement = announcements.find(db, announcement_id)
    if announcement is None or announcement.state != "freezing":
        return
    for batch in _split_batches(_plan_recipients(runtime, announcement, announcement.started_at or at)):
        with runtime.database.write() as db:
            if announcements.get_state(db, announcement_id) != "freezing":
                return  # stopped meanwhile
            recipients.add_all(db, announcement_id, batch, at)
    with runtime.database.write() as db:
        recipients.delete_erased(db, announcement_id)
        announcements.change_state(db, announcement_id, ["freezing"], "sending")
    release_approved_languages(runtime, announcement_id)
    log.info("frozen: announcement=%s", announcement_id)
    queue_send_jobs(runtime, announcement_id)
    share_kit.prepare(runtime, announcement)


def _is_held(runtime: Runtime, db: Transaction, announcement_id: int, at: datetime) -> bool:
    found = announcements.find(db, announcement_id)
    meant = (found.kind, found.audience.schools) if found and found.state in ("ready", "paused") else None
    return bool(meant and suppression_rules.find_announcement_hold_end(db, runtime.library.district, *meant, at))


def pause_held_announcements(runtime: Runtime, by: str) -> int:
    """An event was verified: what is on its way about attendance pauses; how many.

    One whose audience is still being written down is as if it had not begun: it begins anew after those days.
    """
    at, district = now(), runtime.library.district
    with runtime.database.write() as db:
        held = [
            one
            for one in announcements.list_by_state(db, "freezing", "sending")
            if suppression_rules.find_announcement_hold_end(db, district, one.kind, one.audience.schools, at)
        ]
        for one in held:
            to, why = ("ready", "") if one.state == "freezing" else ("paused", "a verified event at a school")
            if announcements.change_state(db, one.id, [one.state], to, why_paused=why):
                audit_log.record(db, by, "paused an announcement", f"announcement {one.id}", at, "verified event")
    return len(held)


def queue_send_jobs(runtime: Runtime, announcement_id: int) -> None:
    """Queue the jobs that send it."""
    for slot in range(SENDER_SLOT_COUNT):
        enqueue(runtime.redis, "bulk", SEND_ANNOUNCEMENT_JOB, announcement_id, slot)


def _split_batches(planned: Iterator[PlannedRecipient]) -> Iterator[list[PlannedRecipient]]:
    while batch := list(islice(planned, RECIPIENT_BATCH_SIZE)):
        yield batch


def _plan_recipients(runtime: Runtime, announcement: Announcement, at: datetime) -> Iterator[PlannedRecipient]:
    """Leaders first, so that what they pass on is there as early as the announcement itself."""
    held = _find_held_languages(runtime, announcement)
    emergency = announcement.kind == "emergency"
    due = at if emergency else runtime.library.district.find_next_waking_time(at)
    leaders = get_leader_audience(announcement)
    if leaders:
        with runtime.database.read() as db:
            to_leaders = stream_routes(runtime, announcement, stream_families(db, leaders))
            yield from _build_rows(to_leaders, "kit", held, due - timedelta(seconds=1))
    with runtime.database.read() as db:
        to_all = stream_routes(runtime, announcement, stream_families(db, announcement.audience))
        to_families = (one for one in to_all if one.family.role != "leader")
        yield from _build_rows(to_families, "text", held, due)


def _build_rows(
    found: Iterable[RecipientRoute], kind: str, held: frozenset[str], due: datetime
) -> Iterator[PlannedRecipient]:
    for one in found:
        language = one.family.language
        reason = one.reason or (UNAPPROVED_LANGUAGE_REASON if language in held else "")
        yield PlannedRecipient(one.family.family_id, one.contact_id, language, one.channel, due, reason, kind)


def _find_held_languages(runtime: Runtime, announcement: Announcement) -> frozenset[str]:
    """Languages whose families wait, because no person has approved their wording and the writer wants that."""
    if announcement.unapproved != "hold":
        return frozenset()
    with runtime.database.read() as db:
        found = load_current_translations(db, announcement)
        spoken = {one.language for audience in list_audiences(announcement) for one in stream_families(db, audience)}
    return frozenset(language for language in spoken if get_translation_mark(language, found.get(language)))


def release_approved_languages(runtime: Runtime, announcement_id: int) -> None:
    """Send to whoever is held for a language that is approved by now: it was while the audience was frozen, or the
    process that approved it died."""
    with runtime.database.read() as db:
        announcement = announcements.find(db, announcement_id)
        found = load_current_translations(db, announcement) if announcement else {}
        held = recipients.list_held_languages(db, announcement_id)
    for language in held:
        if language in found and found[language].state == "approved":
            release_language(runtime, announcement_id, language)


def release_language(runtime: Runtime, announcement_id: int, language: str) -> int:
    """A wording was approved while it is sent or after: the families who waited for it get it now; how many."""
    at = now()
    with runtime.database.write() as db:
        announcement = announcements.find(db, announcement_id)
        if announcement is None or announcement.state in ("draft", "stopped") or announcement.until <= at:
            return 0
        due = at if announcement.kind == "emergency" else runtime.library.district.find_next_waking_time(at)
        released = recipients.release_language(db, announcement_id, language, due)
        if released:
            announcements.change_state(db, announcement_id, ["done"], "sending", ended_at=None)
    share_kit.prepare(runtime, announcement)
    if released:
        queue_send_jobs(runtime, announcement_id)
    return released


def pause(runtime: Runtime, announcement_id: int, by: str) -> bool:
    """Nothing more leaves until somebody lets it go on; False if it is not being sent."""
    return _change_state(runtime, announcement_id, ("sending",), "paused", by, "paused an announcement")


def resume(runtime: Runtime, announcement_id: int, by: str) -> bool:
    """Send on; False if it was not paused, or nothing about attendance may leave now."""
    with runtime.database.read() as db:
        if _is_held(runtime, db, announcement_id, now()):
            return False
    done = _change_state(runtime, announcement_id, ("paused",), "sending", by, "resumed an announcement", why_paused="")
    if done:
        queue_send_jobs(runtime, announcement_id)
    return done


def stop(runtime: Runtime, announcement_id: int, by: str) -> bool:
    """Nothing more leaves, for good; whoever checks it reads that it was taken back.  False if it never was on its
    way, or was stopped before."""
    before = ("ready", "freezing", "sending", "paused", "done")
    at = now()
    done = _change_state(runtime, announcement_id, before, "stopped", by, "stopped an announcement", ended_at=at)
    while done:
        with runtime.database.write() as db:
            if recipients.cancel_waiting(db, announcement_id, RECIPIENT_BATCH_SIZE, at) < RECIPIENT_BATCH_SIZE:
                break
    return done


def retry_failed(runtime: Runtime, announcement_id: int, by: str) -> int:
    """One more try for those whom it did not reach, except where the number is known to be wrong; how many."""
    at = now()
    with runtime.database.write() as db:
        if announcements.get_state(db, announcement_id) not in ("sending", "done"):
            return 0
        planned = resends.plan_resends(db, announcement_id, None, None, at, excluded_codes=PERMANENT_FAILURES)
        if planned:
            announcements.change_state(db, announcement_id, ["done"], "sending", ended_at=None)
            audit_log.record(db, by, "tried the failed again", f"announcement {announcement_id}", at)
    if planned:
        queue_send_jobs(runtime, announcement_id)
    return planned


def _change_state(
    runtime: Runtime,
    announcement_id: int,
    old_states: tuple[str, ...],
    new_state: str,
    by: str,
    audit_action: str,
    **more: object,
) -> bool:
    at = now()
    with runtime.database.write() as db:
        moved = announcements.change_state(db, announcement_id, old_states, new_state, **more)
        if moved:
            audit_log.record(db, by, audit_action, f"announcement {announcement_id}", at)
    return moved
