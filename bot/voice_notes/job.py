"""The job of a voice note: one step each time it runs, safe to run at any time, any number of times.

Fetched first, then written down (where a machine is set up: an emergency may be in it), then deleted at Twilio.
Between two steps lies a commit: a kill -9 repeats a step at most, and each may be repeated.
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
"""A step that began longer ago belongs to a process that is dead: a job takes at most a minute."""
RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 10, 20, 40, 60, 120, 300, 600))
"""How long to wait after a step that did not work; the last one again and again."""
GIVE_UP_AFTER_BY_REASON = {"not_there": timedelta(minutes=10)}
DEFAULT_GIVE_UP_AFTER = timedelta(hours=24)
"""So long fetching is tried, by why it does not work; a family that waits longer must be asked to send it again."""
LATE_DELETE_DELAY = timedelta(days=1)
"""After an hour of trying, once a day: what lies at Twilio is deleted some day."""
MAX_EARLY_DELETE_TRIES = 12

log = logging.getLogger(__name__)


def run_next_step(runtime: Runtime, note_id: int) -> None:
    """Do what comes next for this note, and queue what comes after."""
    current_time = now()
    with runtime.database.read() as db:
        note = voice_notes.find(db, note_id)
    if note is None or note.due_at is None or note.due_at > current_time:
        return
    with runtime.database.write() as db:
        if not voice_notes.claim(db, note, current_time + STEP_LEASE):
            return  # another process has it
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
    """The download.  No transaction is open while it waits for Twilio."""
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
    current_time = now()
    log.warning("voice note not fetched: note=%s reason=%s", note.id, error.reason)
    with runtime.database.write() as db:
        if error.is_retryable and current_time - note.at < GIVE_UP_AFTER_BY_REASON.get(
            error.reason, DEFAULT_GIVE_UP_AFTER
        ):
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
    """Queue the notes that no job will carry on."""
    with runtime.database.read() as db:
        note_ids = voice_notes.list_due(db, now(), limit)
    for note_id in note_ids:
        enqueue(runtime.redis, "default", PROCESS_VOICE_NOTE_JOB, note_id)
