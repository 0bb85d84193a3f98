"""Delete families' words and media at Twilio once they are handled.

Twilio's own list shows what is still stored, so nothing is missed: neither the messages of a killed process nor the
fifty thousand texts of an announcement. The job goes day by day, and repeats a day until it is clean.
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
"""Keep words this long: unknown outcomes are settled by them (messaging/delivery), and receipts arrive."""
MAX_CLOCK_SKEW = timedelta(minutes=5)
FIRST_LOOKBACK = timedelta(days=30)
"""How far back the first run starts."""
RANGE_LENGTH = timedelta(days=1)
MAX_PENDING_AGE = timedelta(days=3)
"""After this time, a message that is not final, such as one to a dead phone, no longer keeps its day open."""
MAX_RUN_SECONDS = 40
"""A job has one minute."""

log = logging.getLogger(__name__)


def redact_stored_messages(runtime: Runtime) -> None:
    """Delete for some seconds. The job may run at any time, in parallel, and may be killed."""
    if not runtime.settings.is_live:
        return
    current_time, deadline = now(), time.monotonic() + MAX_RUN_SECONDS
    with runtime.database.write() as db:
        redactions.start(db, current_time - FIRST_LOOKBACK)
        progress, oldest_unsettled_at = redactions.get_progress(db), redactions.find_oldest_unsettled_at(db)
    assert progress is not None, "redactions.start has just added the row"
    # A message that has not reached Puente is answered first (bot/jobs/missed_messages).
    limits = [current_time - MIN_MESSAGE_AGE, missed_messages.get_checked_until(runtime.redis)]
    if oldest_unsettled_at:
        limits.append(oldest_unsettled_at - MAX_CLOCK_SKEW)
    latest_end = min(limit for limit in limits if limit)
    message_store, start = TwilioMessageStore(runtime.settings), progress.done_until
    while start < latest_end and time.monotonic() < deadline:
        end = min(start + RANGE_LENGTH, latest_end)
        if not _redact_range(runtime, message_store, start, end, deadline):
            return
        start = end


def _redact_range(
    runtime: Runtime, message_store: TwilioMessageStore, start: datetime, end: datetime, deadline: float
) -> bool:
    """Delete the words of this time range. Return True if Twilio has none of them any more."""
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
        log.warning("messages not redacted: count=%s reason=%s", failures.total(), reason)
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
    """Delete several messages in parallel, and count the outcomes.

    The sounds of `needed_sids` are left to `bot/voice_notes`. No other job deletes the other sounds, for example one
    beside a picture or from a staff phone.
    """

    def delete(message: StoredMessage) -> str:
        return _delete_message(message_store, message, message.sid not in needed_sids, is_old)

    with ThreadPoolExecutor(REDACTION_CONNECTIONS) as pool:
        return Counter(pool.map(delete, batch))


def _delete_message(
    message_store: TwilioMessageStore, message: StoredMessage, should_delete_audio: bool, is_old: bool
) -> str:
    """Return `done`, `nothing`, or the reason why the message is not deleted."""
    try:
        if message.file_count:
            message_store.delete_files(message.sid, should_delete_audio)
        if not message.is_final and not is_old:
            return "not_final"
        if not message.is_final or not message.has_text:
            return "nothing"
        message_store.redact(message.sid)
    except StoredMessageError as error:
        return error.reason
    return "done"
