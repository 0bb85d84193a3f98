"""The job of a voice note: one step each time it runs, safe to run at any time, any number of times.

Fetched first, then written down (where a machine is set up: an emergency may be in it), then deleted at Twilio.
Between two steps lies a commit: a kill -9 repeats a step at most, and each may be repeated.
"""

import logging
from datetime import timedelta

from bot.base.database import now
from bot.base.queues import VOICE_NOTE, enqueue
from bot.channels.twilio_media import MediaError, TwilioMedia
from bot.runtime import Services
from bot.store.cases import voice_notes
from bot.store.cases.voice_notes import FetchedVoiceNote, VoiceNote
from bot.voice_notes import transcript

LEASE = timedelta(seconds=90)
"""A step that began longer ago belongs to a process that is dead: a job takes at most a minute."""
BACKOFF = tuple(timedelta(seconds=seconds) for seconds in (5, 10, 20, 40, 60, 120, 300, 600))
"""How long to wait after a step that did not work; the last one again and again."""
GIVE_UP = {"not_there": timedelta(minutes=10)}
OTHERWISE = timedelta(hours=24)
"""So long fetching is tried, by why it does not work; a family that waits longer must be asked to send it again."""
DELETE_LATER = timedelta(days=1)
"""After an hour of trying, once a day: what lies at Twilio is deleted some day."""
SOON_TRIES = 12

log = logging.getLogger(__name__)


def carry(services: Services, note_id: int) -> None:
    """Do what comes next for this note, and queue what comes after."""
    at = now()
    with services.database.read() as db:
        note = voice_notes.find(db, services.database.vault, note_id)
    if note is None or note.due_at is None or note.due_at > at:
        return
    with services.database.write() as db:
        if not voice_notes.claim(db, note, at + LEASE):
            return  # another process has it
    if note.next_step == "fetch":
        _fetch(services, note)
    elif note.next_step == "transcribe":
        transcript.write_down(services, note)
    elif note.next_step == "delete":
        _delete(services, note)
    else:
        with services.database.write() as db:
            voice_notes.mark_removed_at_twilio(db, note.id)
    _go_on(services, note_id)


def _go_on(services: Services, note_id: int) -> None:
    with services.database.read() as db:
        note = voice_notes.find(db, services.database.vault, note_id)
    if note and note.due_at and note.due_at <= now():
        enqueue(services.redis, "default", VOICE_NOTE, note_id)


def _fetch(services: Services, note: VoiceNote) -> None:
    """The download.  No transaction is open while it waits for Twilio."""
    try:
        media = TwilioMedia(services.settings).fetch(note.url, note.content_type)
    except MediaError as error:
        _not_fetched(services, note, error)
        return
    came = FetchedVoiceNote(media.content_type, media.data, should_transcribe=services.transcriber is not None)
    with services.database.write() as db:
        voice_notes.mark_fetched(db, services.database.vault, note, came, now())
    log.info("voice note fetched: note=%s bytes=%s", note.id, len(media.data))


def _not_fetched(services: Services, note: VoiceNote, error: MediaError) -> None:
    at = now()
    log.warning("voice note not fetched: note=%s reason=%s", note.id, error.reason)
    with services.database.write() as db:
        if error.is_retryable and at - note.at < GIVE_UP.get(error.reason, OTHERWISE):
            voice_notes.schedule_retry(db, note.id, error.reason, at + _wait(note))
        else:
            voice_notes.mark_refused(db, note.id, error.reason, at)


def _wait(note: VoiceNote) -> timedelta:
    return BACKOFF[min(note.tries, len(BACKOFF) - 1)]


def _delete(services: Services, note: VoiceNote) -> None:
    at = now()
    try:
        TwilioMedia(services.settings).delete(note.url)
    except MediaError as error:
        log.warning("voice note not deleted at Twilio: note=%s reason=%s", note.id, error.reason)
        if error.is_retryable:
            later = _wait(note) if note.tries < SOON_TRIES else DELETE_LATER
            with services.database.write() as db:
                voice_notes.schedule_retry(db, note.id, error.reason, at + later)
            return
    with services.database.write() as db:
        voice_notes.mark_removed_at_twilio(db, note.id)


def sweep_voice_notes(services: Services, most: int) -> None:
    """Queue the notes that no job will carry on."""
    with services.database.read() as db:
        late = voice_notes.list_due(db, now(), most)
    for note_id in late:
        enqueue(services.redis, "default", VOICE_NOTE, note_id)
