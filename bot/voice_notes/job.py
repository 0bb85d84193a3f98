"""Process a voice note, one step in each run of the job. The job may run at any time, and repeatedly.

Fetch the sound first, then transcribe it if a transcriber is configured (it may report an emergency), then delete it at
Twilio. Each step ends with a commit, so a killed process repeats at most one step.
"""

import logging
from datetime import timedelta

from bot.base.database import now
from bot.base.queues import PROCESS_VOICE_NOTE_JOB, enqueue
from bot.channels.twilio_media import MediaError, TwilioMedia
from bot.runtime import Runtime
from bot.store.cases import voice_notes
from bot.store.cases.voice_notes import FetchedVoiceNote, VoiceNote
from bot.voice_notes import transcript

STEP_LEASE = timedelta(seconds=90)
"""A step that started earlier belongs to a dead process: a job takes at most one minute."""
RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 10, 20, 40, 60, 120, 300, 600))
"""The delays after a failed step. The last one repeats."""
GIVE_UP_AFTER_BY_REASON = {"not_there": timedelta(minutes=10)}
DEFAULT_GIVE_UP_AFTER = timedelta(hours=24)
"""How long fetching is retried, by reason. After that, the family must send the voice note again."""
LATE_DELETE_DELAY = timedelta(days=1)
"""After an hour of attempts, try once a day, so that Twilio's copy is deleted in the end."""
MAX_EARLY_DELETE_TRIES = 12

log = logging.getLogger(__name__)


def run_next_step(runtime: Runtime, note_id: int) -> None:
    """Run the next step of this voice note, and queue the step after it."""
    current_time = now()
    with runtime.database.read() as db:
        note = voice_notes.find(db, note_id)
    if note is None or note.due_at is None or note.due_at > current_time:
        return
    with runtime.database.write() as db:
        if not voice_notes.claim(db, note, current_time + STEP_LEASE):
            return  # another process works on it
    if note.next_step == "fetch":
        _fetch_audio(runtime, note)
    elif note.next_step == "transcribe":
        transcript.transcribe_note(runtime, note)
    elif note.next_step == "delete":
        _delete_at_twilio(runtime, note)
    else:
        with runtime.database.write() as db:
            voice_notes.mark_removed_at_twilio(db, note.id)
    _enqueue_next_step(runtime, note_id)


def _enqueue_next_step(runtime: Runtime, note_id: int) -> None:
    with runtime.database.read() as db:
        note = voice_notes.find(db, note_id)
    if note and note.due_at and note.due_at <= now():
        enqueue(runtime.redis, "default", PROCESS_VOICE_NOTE_JOB, note_id)


def _fetch_audio(runtime: Runtime, note: VoiceNote) -> None:
    """Download the sound. No transaction is open while this waits for Twilio."""
    try:
        media = TwilioMedia(runtime.settings).fetch(note.url, note.content_type)
    except MediaError as error:
        _handle_fetch_error(runtime, note, error)
        return
    fetched_note = FetchedVoiceNote(media.content_type, media.data, should_transcribe=runtime.transcriber is not None)
    with runtime.database.write() as db:
        voice_notes.mark_fetched(db, note, fetched_note, now())
    log.info("voice note fetched: note=%s bytes=%s", note.id, len(media.data))


def _handle_fetch_error(runtime: Runtime, note: VoiceNote, error: MediaError) -> None:
    log.warning("voice note not fetched: note=%s reason=%s", note.id, error.reason)
    current_time = now()
    give_up_after = GIVE_UP_AFTER_BY_REASON.get(error.reason, DEFAULT_GIVE_UP_AFTER)
    with runtime.database.write() as db:
        if error.is_retryable and current_time - note.at < give_up_after:
            voice_notes.schedule_retry(db, note.id, error.reason, current_time + _get_retry_delay(note))
        else:
            voice_notes.mark_refused(db, note.id, error.reason, current_time)


def _get_retry_delay(note: VoiceNote) -> timedelta:
    return RETRY_DELAYS[min(note.tries, len(RETRY_DELAYS) - 1)]


def _delete_at_twilio(runtime: Runtime, note: VoiceNote) -> None:
    current_time = now()
    try:
        TwilioMedia(runtime.settings).delete(note.url)
    except MediaError as error:
        log.warning("voice note not deleted at Twilio: note=%s reason=%s", note.id, error.reason)
        if error.is_retryable:
            delay = _get_retry_delay(note) if note.tries < MAX_EARLY_DELETE_TRIES else LATE_DELETE_DELAY
            with runtime.database.write() as db:
                voice_notes.schedule_retry(db, note.id, error.reason, current_time + delay)
            return
    with runtime.database.write() as db:
        voice_notes.mark_removed_at_twilio(db, note.id)


def sweep_voice_notes(runtime: Runtime, limit: int) -> None:
    """Queue the due voice notes that have lost their job."""
    with runtime.database.read() as db:
        note_ids = voice_notes.list_due(db, now(), limit)
    for note_id in note_ids:
        enqueue(runtime.redis, "default", PROCESS_VOICE_NOTE_JOB, note_id)
