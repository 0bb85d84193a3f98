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
from bot.runtime import Runtime
from bot.store.cases import voice_notes
from bot.store.lifecycle import redactions
from bot.store.operations import missed_messages

MIN_MESSAGE_AGE = timedelta(hours=1)
"""So long words stay at Twilio: an unknown outcome is settled by them (messaging/delivery), and receipts have come."""
MAX_CLOCK_SKEW = timedelta(minutes=5)
FIRST_LOOKBACK = timedelta(days=30)
"""So far back the first look goes."""
RANGE_LENGTH = timedelta(days=1)
MAX_PENDING_AGE = timedelta(days=3)
"""What is not final by then (a phone that is never on again) no longer keeps its day from being done."""
MAX_RUN_SECONDS = 40
"""A job has a minute."""

log = logging.getLogger(__name__)


def redact_stored_messages(runtime: Runtime) -> None:
    """Delete for some seconds; safe to be run at any time, by several at once, and to be killed."""
    if not runtime.settings.is_live:
        return
    current_time, deadline = now(), time.monotonic() + MAX_RUN_SECONDS
    with runtime.database.write() as db:
        redactions.start(db, current_time - FIRST_LOOKBACK)
        progress, oldest_unsettled_at = redactions.get_progress(db), redactions.find_oldest_unsettled_at(db)
    assert progress is not None, "just begun"
    missed_checked_until = missed_messages.get_checked_until(
        runtime.redis
    )  # what has not reached us is answered first (bot/jobs/missed)
    settled_until = oldest_unsettled_at - MAX_CLOCK_SKEW if oldest_unsettled_at else None
    latest_end = min(
        moment for moment in (current_time - MIN_MESSAGE_AGE, settled_until, missed_checked_until) if moment
    )
    message_store, start = TwilioMessageStore(runtime.settings), progress.done_until
    while start < latest_end and time.monotonic() < deadline:
        end = min(start + RANGE_LENGTH, latest_end)
        if not _redact_range(runtime, message_store, start, end, deadline):
            return
        start = end


def _redact_range(
    runtime: Runtime, message_store: TwilioMessageStore, start: datetime, end: datetime, deadline: float
) -> bool:
    """Whether nothing of this time lies at Twilio any more."""
    current_time, done_count, failures = now(), 0, Counter[str]()
    try:
        for batch in _split_into_batches(message_store.list_stored(start, end)):
            with runtime.database.read() as db:
                needed_sids = voice_notes.find_needed_message_sids(
                    db, [message.sid for message in batch if message.file_count]
                )
            outcomes = _delete_batch(message_store, batch, needed_sids, current_time - start > MAX_PENDING_AGE)
            done_count += outcomes.pop("done", 0)
            outcomes.pop("nothing", None)
            failures += outcomes
            if time.monotonic() > deadline:
                failures["later"] += 1
                break
    except StoredMessageError as error:
        failures[error.reason] += 1
    is_clean = not failures
    reason = failures.most_common(1)[0][0] if failures else ""
    with runtime.database.write() as db:
        redactions.record_run(
            db, end if is_clean else start, done_count, (failures.total() - failures["later"], reason), current_time
        )
    if failures:
        log.warning("words left at Twilio: count=%s reason=%s", failures.total(), reason)
    return is_clean


def _split_into_batches(messages: Iterable[StoredMessage]) -> Iterable[list[StoredMessage]]:
    batch: list[StoredMessage] = []
    for message in messages:
        if message.has_text or message.file_count:
            batch.append(message)
        if len(batch) == 100:
            yield batch
            batch = []
    yield batch


def _delete_batch(
    message_store: TwilioMessageStore, batch: list[StoredMessage], needed_sids: set[str], is_old: bool
) -> Counter[str]:
    """Several at a time; `needed`: whose sounds go by their own way (bot/voice_notes).  A sound that has none (beside a
    picture, from a phone of staff, of a message that nobody could take) would stay at Twilio for ever."""
    with ThreadPoolExecutor(REDACTION_CONNECTIONS) as pool:
        return Counter(
            pool.map(
                lambda message: _delete_message(message_store, message, message.sid not in needed_sids, is_old), batch
            )
        )


def _delete_message(
    message_store: TwilioMessageStore, message: StoredMessage, should_delete_audio: bool, is_old: bool
) -> str:
    """What became of it: done, nothing, or why not."""
    try:
        if message.file_count:
            message_store.delete_files(message.sid, should_delete_audio)
        if not message.is_final:
            return "nothing" if is_old else "not_final"
        if message.has_text:
            message_store.redact(message.sid)
    except StoredMessageError as error:
        return error.reason
    return "done" if message.has_text else "nothing"
