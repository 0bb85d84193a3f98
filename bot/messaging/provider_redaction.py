"""Words at Twilio are deleted once they are handled: what families wrote, what was sent, pictures that came along.

Twilio's own list says what still lies there, so that nothing is missed: not what a killed process was about to
delete, nor an announcement's fifty thousand.  Day by day; a day that failed is looked at again until it is clean.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from bot.base.database import now
from bot.channels.twilio_redaction import REDACTION_CONNECTIONS, StoredMessage, StoredMessageError, TwilioMessageStore
from bot.runtime import Services
from bot.store.cases import voice_notes
from bot.store.lifecycle import redactions
from bot.store.operations import missed_messages

SETTLED = timedelta(hours=1)
"""So long words stay at Twilio: an unknown outcome is settled by them (messaging/delivery), and receipts have come."""
CLOCK_SKEW = timedelta(minutes=5)
FIRST = timedelta(days=30)
"""So far back the first look goes."""
STEP = timedelta(days=1)
GIVEN_UP = timedelta(days=3)
"""What is not final by then (a phone that is never on again) no longer keeps its day from being done."""
SECONDS = 40
"""A job has a minute."""

log = logging.getLogger(__name__)


def redact(services: Services) -> None:
    """Delete for some seconds; safe to be run at any time, by several at once, and to be killed."""
    if not services.settings.live:
        return
    at, until = now(), time.monotonic() + SECONDS
    with services.database.write() as db:
        redactions.start(db, at - FIRST)
        standing, oldest = redactions.get_progress(db), redactions.find_oldest_unsettled_at(db)
    assert standing is not None, "just begun"
    looked = missed_messages.get_checked_until(
        services.redis
    )  # what has not reached us is answered first (bot/jobs/missed)
    unsettled = oldest - CLOCK_SKEW if oldest else None
    last = min(one for one in (at - SETTLED, unsettled, looked) if one)
    bodies, since = TwilioMessageStore(services.settings), standing.done_until
    while since < last and time.monotonic() < until:
        through = min(since + STEP, last)
        if not _span(services, bodies, since, through, until):
            return
        since = through


def _span(services: Services, bodies: TwilioMessageStore, since: datetime, through: datetime, until: float) -> bool:
    """Whether nothing of this time lies at Twilio any more."""
    at, done, failed = now(), 0, Counter[str]()
    try:
        for some in _batches(bodies.list_stored(since, through)):
            with services.database.read() as db:
                needed = voice_notes.find_needed_message_sids(db, [one.sid for one in some if one.file_count])
            outcomes = _delete(bodies, some, needed, at - since > GIVEN_UP)
            done += outcomes.pop("done", 0)
            outcomes.pop("nothing", None)
            failed += outcomes
            if time.monotonic() > until:
                failed["later"] += 1
                break
    except StoredMessageError as error:
        failed[error.reason] += 1
    clean = not failed
    reason = failed.most_common(1)[0][0] if failed else ""
    with services.database.write() as db:
        redactions.record_run(db, through if clean else since, done, (failed.total() - failed["later"], reason), at)
    if failed:
        log.warning("words left at Twilio: count=%s reason=%s", failed.total(), reason)
    return clean


def _batches(stored: Iterable[StoredMessage]) -> Iterable[list[StoredMessage]]:
    some: list[StoredMessage] = []
    for one in stored:
        if one.has_text or one.file_count:
            some.append(one)
        if len(some) == 100:
            yield some
            some = []
    yield some


def _delete(bodies: TwilioMessageStore, some: list[StoredMessage], needed: set[str], old: bool) -> Counter[str]:
    """Several at a time; `needed`: whose sounds go by their own way (bot/voice_notes).  A sound that has none (beside a
    picture, from a phone of staff, of a message that nobody could take) would stay at Twilio for ever."""
    with ThreadPoolExecutor(REDACTION_CONNECTIONS) as pool:
        return Counter(pool.map(lambda one: _one(bodies, one, one.sid not in needed, old), some))


def _one(bodies: TwilioMessageStore, one: StoredMessage, sounds: bool, old: bool) -> str:
    """What became of it: done, nothing, or why not."""
    try:
        if one.file_count:
            bodies.delete_files(one.sid, sounds)
        if not one.is_final:
            return "nothing" if old else "not_final"
        if one.has_text:
            bodies.redact(one.sid)
    except StoredMessageError as error:
        return error.reason
    return "done" if one.has_text else "nothing"
