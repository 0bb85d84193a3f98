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
from bot.channels.twilio_redaction import CONNECTIONS, BodyError, Stored, TwilioBodies
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
        redactions.begin(db, at - FIRST)
        standing, oldest = redactions.standing(db), redactions.oldest_unsettled(db)
    assert standing is not None, "just begun"
    looked = missed_messages.looked(services.redis)  # what has not reached us is answered first (bot/jobs/missed)
    unsettled = oldest - CLOCK_SKEW if oldest else None
    last = min(one for one in (at - SETTLED, unsettled, looked) if one)
    bodies, since = TwilioBodies(services.settings), standing.done_until
    while since < last and time.monotonic() < until:
        through = min(since + STEP, last)
        if not _span(services, bodies, since, through, until):
            return
        since = through


def _span(services: Services, bodies: TwilioBodies, since: datetime, through: datetime, until: float) -> bool:
    """Whether nothing of this time lies at Twilio any more."""
    at, done, failed = now(), 0, Counter[str]()
    try:
        for some in _batches(bodies.stored(since, through)):
            with services.database.read() as db:
                needed = voice_notes.still_needed(db, [one.sid for one in some if one.files])
            outcomes = _delete(bodies, some, needed, at - since > GIVEN_UP)
            done += outcomes.pop("done", 0)
            outcomes.pop("nothing", None)
            failed += outcomes
            if time.monotonic() > until:
                failed["later"] += 1
                break
    except BodyError as error:
        failed[error.reason] += 1
    clean = not failed
    reason = failed.most_common(1)[0][0] if failed else ""
    with services.database.write() as db:
        redactions.note(db, through if clean else since, done, (failed.total() - failed["later"], reason), at)
    if failed:
        log.warning("words left at Twilio: count=%s reason=%s", failed.total(), reason)
    return clean


def _batches(stored: Iterable[Stored]) -> Iterable[list[Stored]]:
    some: list[Stored] = []
    for one in stored:
        if one.has_words or one.files:
            some.append(one)
        if len(some) == 100:
            yield some
            some = []
    yield some


def _delete(bodies: TwilioBodies, some: list[Stored], needed: set[str], old: bool) -> Counter[str]:
    """Several at a time; `needed`: whose sounds go by their own way (bot/voice_notes).  A sound that has none (beside a
    picture, from a phone of staff, of a message that nobody could take) would stay at Twilio for ever."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return Counter(pool.map(lambda one: _one(bodies, one, one.sid not in needed, old), some))


def _one(bodies: TwilioBodies, one: Stored, sounds: bool, old: bool) -> str:
    """What became of it: done, nothing, or why not."""
    try:
        if one.files:
            bodies.delete_files(one.sid, sounds)
        if not one.final:
            return "nothing" if old else "not_final"
        if one.has_words:
            bodies.redact(one.sid)
    except BodyError as error:
        return error.reason
    return "done" if one.has_words else "nothing"
