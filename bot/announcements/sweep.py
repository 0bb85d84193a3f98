"""Announcements that no job will carry on: released ones whose hour has come, rows whose worker died, late reports."""

from redis import RedisError

from bot.announcements import delivery_results, launch
from bot.announcements.sender import LEASE
from bot.base.database import now
from bot.base.queues import BROADCAST, START_ANNOUNCEMENT, TRANSLATE_ANNOUNCEMENT, enqueue
from bot.messaging import suppression_rules
from bot.runtime import Services
from bot.store.announcements import announcements, recipients, translations

QUEUED_SECONDS = 30
"""So long a job that was queued here is not queued again; it may wait behind others."""
AT_ONCE = 50
PROGRAM = "helper"


def sweep_announcements(services: Services) -> None:
    """Queue what is due."""
    at = now()
    _hold(services)
    with services.database.read() as db:
        ready = announcements.in_state(db, "ready")
        freezing = announcements.in_state(db, "freezing")
        sending = announcements.in_state(db, "sending")
        work = [one.id for one in sending if recipients.has_work(db, one.id, at, at - LEASE)]
        ended = [one.id for one in sending if not recipients.any_open(db, one.id)]
        untranslated = translations.due(db, at, AT_ONCE)
        true_yet = [one.id for one in (*sending, *announcements.holding_true(db, at))]
        held = [one for one in true_yet if recipients.held_languages(db, one)]
    for announcement_id in held:
        launch.release_approved(services, announcement_id)
    for announcement in ready:
        launch.send_when_due(services, announcement)
    for announcement in freezing:
        _queue(services, "default", START_ANNOUNCEMENT, announcement.id)
    for announcement_id in dict.fromkeys((*work, *ended)):
        for slot in range(launch.SLOTS):
            _queue(services, "bulk", BROADCAST, announcement_id, slot)
    for announcement_id, language in untranslated:
        _queue(services, "default", TRANSLATE_ANNOUNCEMENT, announcement_id, language)
    _write_down(services)


def _hold(services: Services) -> None:
    """Agents came to a school while something about attendance was on its way to its families: it waits."""
    with services.database.read() as db:
        on_its_way = announcements.in_state(db, "freezing", "sending")
    if any(one.kind == suppression_rules.KIND for one in on_its_way):
        launch.pause_held(services, PROGRAM)


def _queue(services: Services, queue: str, job: str, *ids: int | str) -> None:
    """Once in a while, not at each sweep while the job waits behind others."""
    mark = f"puente:queued:{job}:{':'.join(map(str, ids))}"
    try:
        if services.redis.set(mark, 1, nx=True, ex=QUEUED_SECONDS):
            enqueue(services.redis, queue, job, *ids)  # type: ignore[arg-type]  # one of the queues' names
    except RedisError:
        return  # the next sweep


def _write_down(services: Services) -> None:
    """Reports that came after the last job of an announcement."""
    while delivery_results.write_down(services) >= delivery_results.AT_ONCE:
        pass
