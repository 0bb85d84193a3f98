"""Turn a released announcement into one row for each family, and start, pause, resume, or stop it."""

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
from bot.store.announcements.announcements import Announcement, AnnouncementState
from bot.store.announcements.recipients import PlannedRecipient

SENDER_SLOT_COUNT = 2
"""How many workers send one announcement at the same time."""

PERMANENT_FAILURES = BAD_NUMBER_ERROR_CODES | OPT_OUT_ERROR_CODES
"""The error codes after which another attempt cannot succeed."""

log = logging.getLogger(__name__)


def queue_if_due(runtime: Runtime, announcement: Announcement) -> None:
    """Queue a released announcement if its send time has come. The sweep tries again later."""
    if announcement.send_at is None or announcement.send_at <= now():
        enqueue(runtime.redis, "default", START_ANNOUNCEMENT_JOB, announcement.id)


def start(runtime: Runtime, announcement_id: int) -> None:
    """Save the audience as rows, then queue the sending. Safe to repeat: each family has at most one row.

    An announcement about attendance waits if an event was verified after its release.
    """
    current_time = now()
    with runtime.database.write() as db:
        if _is_held(runtime, db, announcement_id, current_time):
            return  # the sweep tries again
        announcements.change_state(db, announcement_id, ["ready"], "freezing", started_at=current_time)
        announcement = announcements.find(db, announcement_id)
    if announcement is None or announcement.state != "freezing":
        return
    for batch in _split_batches(_plan_recipients(runtime, announcement, announcement.started_at or current_time)):
        with runtime.database.write() as db:
            if announcements.get_state(db, announcement_id) != "freezing":
                return  # another process stopped it
            recipients.add_all(db, announcement_id, batch, current_time)
    with runtime.database.write() as db:
        recipients.delete_erased(db, announcement_id)
        announcements.change_state(db, announcement_id, ["freezing"], "sending")
    release_approved_languages(runtime, announcement_id)
    log.info("frozen: announcement=%s", announcement_id)
    queue_send_jobs(runtime, announcement_id)
    share_kit.prepare(runtime, announcement)


def _is_held(runtime: Runtime, db: Transaction, announcement_id: int, current_time: datetime) -> bool:
    announcement = announcements.find(db, announcement_id)
    if announcement is None or announcement.state not in ("ready", "paused"):
        return False
    hold_end = suppression_rules.find_announcement_hold_end(
        db, runtime.library.district, announcement.kind, announcement.audience.schools, current_time
    )
    return bool(hold_end)


def pause_held_announcements(runtime: Runtime, by: str) -> int:
    """After a verified event, pause announcements about attendance, and return how many.

    An announcement whose audience is still being saved goes back to "ready" and starts again after the hold.
    """
    current_time, district = now(), runtime.library.district
    with runtime.database.write() as db:
        held = [
            announcement
            for announcement in announcements.list_by_state(db, "freezing", "sending")
            if suppression_rules.find_announcement_hold_end(
                db, district, announcement.kind, announcement.audience.schools, current_time
            )
        ]
        for announcement in held:
            new_state: AnnouncementState = "paused"
            reason = "a verified event at a school"
            if announcement.state == "freezing":
                new_state, reason = "ready", ""
            about = f"announcement {announcement.id}"
            if announcements.change_state(db, announcement.id, [announcement.state], new_state, why_paused=reason):
                audit_log.record(db, by, "paused an announcement", about, current_time, "verified event")
    return len(held)


def queue_send_jobs(runtime: Runtime, announcement_id: int) -> None:
    """Queue the jobs that send the announcement."""
    for slot in range(SENDER_SLOT_COUNT):
        enqueue(runtime.redis, "bulk", SEND_ANNOUNCEMENT_JOB, announcement_id, slot)


def _split_batches(planned: Iterator[PlannedRecipient]) -> Iterator[list[PlannedRecipient]]:
    while batch := list(islice(planned, RECIPIENT_BATCH_SIZE)):
        yield batch


def _plan_recipients(
    runtime: Runtime, announcement: Announcement, current_time: datetime
) -> Iterator[PlannedRecipient]:
    """Yield the recipients, community leaders first, so that they can pass it on as early as families get it."""
    held_languages = _find_held_languages(runtime, announcement)
    due_at = _find_due_time(runtime, announcement, current_time)
    leaders = get_leader_audience(announcement)
    if leaders:
        with runtime.database.read() as db:
            leader_routes = stream_routes(runtime, announcement, stream_families(db, leaders))
            yield from _build_rows(leader_routes, "kit", held_languages, due_at - timedelta(seconds=1))
    with runtime.database.read() as db:
        routes = stream_routes(runtime, announcement, stream_families(db, announcement.audience))
        family_routes = (route for route in routes if route.family.role != "leader")
        yield from _build_rows(family_routes, "text", held_languages, due_at)


def _find_due_time(runtime: Runtime, announcement: Announcement, current_time: datetime) -> datetime:
    if announcement.kind == "emergency":
        return current_time
    return runtime.library.district.find_next_waking_time(current_time)


def _build_rows(
    routes: Iterable[RecipientRoute], kind: str, held_languages: frozenset[str], due_at: datetime
) -> Iterator[PlannedRecipient]:
    for route in routes:
        language = route.family.language
        reason = route.reason
        if not reason and language in held_languages:
            reason = UNAPPROVED_LANGUAGE_REASON
        yield PlannedRecipient(route.family.family_id, route.contact_id, language, route.channel, due_at, reason, kind)


def _find_held_languages(runtime: Runtime, announcement: Announcement) -> frozenset[str]:
    """Return the languages without an approved translation, if the writer wants families to wait for approval."""
    if announcement.unapproved != "hold":
        return frozenset()
    with runtime.database.read() as db:
        by_language = load_current_translations(db, announcement)
        languages = {
            family.language for audience in list_audiences(announcement) for family in stream_families(db, audience)
        }
    return frozenset(language for language in languages if get_translation_mark(language, by_language.get(language)))


def release_approved_languages(runtime: Runtime, announcement_id: int) -> None:
    """Send to families that wait for a language that is approved by now.

    The approval may have come while the audience was saved, or the approving process may have been killed.
    """
    with runtime.database.read() as db:
        announcement = announcements.find(db, announcement_id)
        by_language = load_current_translations(db, announcement) if announcement else {}
        held_languages = recipients.list_held_languages(db, announcement_id)
    for language in held_languages:
        if language in by_language and by_language[language].state == "approved":
            release_language(runtime, announcement_id, language)


def release_language(runtime: Runtime, announcement_id: int, language: str) -> int:
    """After a translation is approved, send to the families that waited for it, and return how many."""
    current_time = now()
    with runtime.database.write() as db:
        announcement = announcements.find(db, announcement_id)
        if announcement is None or announcement.state in ("draft", "stopped") or announcement.until <= current_time:
            return 0
        due_at = _find_due_time(runtime, announcement, current_time)
        released = recipients.release_language(db, announcement_id, language, due_at)
        if released:
            announcements.change_state(db, announcement_id, ["done"], "sending", ended_at=None)
    share_kit.prepare(runtime, announcement)
    if released:
        queue_send_jobs(runtime, announcement_id)
    return released


def pause(runtime: Runtime, announcement_id: int, by: str) -> bool:
    """Pause the sending until a person resumes it. Return False if the announcement is not being sent."""
    return _change_state(runtime, announcement_id, ("sending",), "paused", by, "paused an announcement")


def resume(runtime: Runtime, announcement_id: int, by: str) -> bool:
    """Resume the sending. Return False if it was not paused, or if a hold on attendance messages applies."""
    with runtime.database.read() as db:
        if _is_held(runtime, db, announcement_id, now()):
            return False
    is_resumed = _change_state(
        runtime, announcement_id, ("paused",), "sending", by, "resumed an announcement", why_paused=""
    )
    if is_resumed:
        queue_send_jobs(runtime, announcement_id)
    return is_resumed


def stop(runtime: Runtime, announcement_id: int, by: str) -> bool:
    """Stop the announcement for good. A person who checks its code learns that it was withdrawn.

    Returns False if it was never released, or was stopped before.
    """
    old_states: tuple[AnnouncementState, ...] = ("ready", "freezing", "sending", "paused", "done")
    current_time = now()
    is_stopped = _change_state(
        runtime, announcement_id, old_states, "stopped", by, "stopped an announcement", ended_at=current_time
    )
    has_more = is_stopped
    while has_more:
        with runtime.database.write() as db:
            canceled_count = recipients.cancel_waiting(db, announcement_id, RECIPIENT_BATCH_SIZE, current_time)
            has_more = canceled_count >= RECIPIENT_BATCH_SIZE
    return is_stopped


def retry_failed(runtime: Runtime, announcement_id: int, by: str) -> int:
    """Plan another attempt for failed recipients, except for permanent failures, and return how many."""
    current_time = now()
    with runtime.database.write() as db:
        if announcements.get_state(db, announcement_id) not in ("sending", "done"):
            return 0
        planned = resends.plan_resends(db, announcement_id, None, None, current_time, excluded_codes=PERMANENT_FAILURES)
        if planned:
            announcements.change_state(db, announcement_id, ["done"], "sending", ended_at=None)
            audit_log.record(db, by, "tried the failed again", f"announcement {announcement_id}", current_time)
    if planned:
        queue_send_jobs(runtime, announcement_id)
    return planned


def _change_state(
    runtime: Runtime,
    announcement_id: int,
    old_states: tuple[AnnouncementState, ...],
    new_state: AnnouncementState,
    by: str,
    audit_action: str,
    **values: object,
) -> bool:
    current_time = now()
    with runtime.database.write() as db:
        is_changed = announcements.change_state(db, announcement_id, old_states, new_state, **values)
        if is_changed:
            audit_log.record(db, by, audit_action, f"announcement {announcement_id}", current_time)
    return is_changed
