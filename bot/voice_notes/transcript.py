"""Transcribe voice notes for staff, marked as machine-made. Alert staff if the words sound like an emergency.

A transcript never counts as text from the family: no flow answers it, and it sets no language and no consent.
"""

import logging
from datetime import datetime, timedelta

from bot.base.database import Transaction, now
from bot.base.queues import ALERT_CASE_JOB, enqueue
from bot.base.text_normalization import NormalizedText
from bot.flows.model import EscalationTarget
from bot.flows.topic_routing import ADDITION_KEY, PERSON_FLOW
from bot.messaging.effect_handlers import SCHOOL_ATTRIBUTE
from bot.messaging.reply_context import understand_text
from bot.nlu import mask_pii
from bot.runtime import Runtime
from bot.store.cases import cases, voice_notes
from bot.store.cases.cases import NewCase
from bot.store.cases.voice_notes import VoiceNote
from bot.store.families import contacts
from bot.transcription import TranscriptionError

MAX_TRIES, RETRY_DELAY = 3, timedelta(seconds=20)
"""After so many failures, the note stays without a transcript. Staff listen to it anyway."""
EMERGENCY_SEVERITY = "escalate_now"
EMERGENCY_CASE_TEXT = "A machine heard this in a voice message. Please listen to it now."

log = logging.getLogger(__name__)


def transcribe_note(runtime: Runtime, note: VoiceNote) -> None:
    """Save the transcript, masked and encrypted. Open an emergency case in the same transaction if needed."""
    current_time = now()
    try:
        text = _request_transcript(runtime, note)
    except TranscriptionError as error:
        log.warning("voice note not transcribed: note=%s reason=%s", note.id, error.reason)
        text = None
        if note.tries + 1 < MAX_TRIES:
            with runtime.database.write() as db:
                voice_notes.schedule_retry(db, note.id, "", current_time + RETRY_DELAY)
            return
    masked = mask_pii(text)[0].strip() if text else None
    with runtime.database.write() as db:
        is_first = voice_notes.save_transcript(db, note, masked, current_time)
        case_id = _open_emergency_case(runtime, db, note, text, current_time) if is_first and text else None
    if case_id:
        enqueue(runtime.redis, "urgent", ALERT_CASE_JOB, case_id)


def _request_transcript(runtime: Runtime, note: VoiceNote) -> str | None:
    with runtime.database.read() as db:
        audio = voice_notes.load_audio(db, note)
    if audio is None or runtime.transcriber is None:
        return None
    return runtime.transcriber.transcribe(audio, note.content_type, note.language)


def _open_emergency_case(
    runtime: Runtime, db: Transaction, note: VoiceNote, text: str, current_time: datetime
) -> int | None:
    """Open the case of the emergency that the words describe. Return its id if staff must be alerted."""
    understanding = understand_text(runtime.library, NormalizedText(text), note.language)
    if understanding.severity != EMERGENCY_SEVERITY or understanding.intent is None or note.contact_id is None:
        return None
    escalation = _find_escalation(runtime, understanding.intent)
    school = contacts.get_attributes(db, note.contact_id).get(SCHOOL_ATTRIBUTE)
    new_case = NewCase(
        note.contact_id,
        understanding.intent,
        EMERGENCY_SEVERITY,
        escalation.to,
        escalation.about,
        note.language,
        {ADDITION_KEY: EMERGENCY_CASE_TEXT},
        school,
    )
    opened_case = cases.open_or_join(db, f"voice:{note.id}", 0, new_case, current_time)
    voice_notes.set_emergency_case(db, note.id, opened_case.id)
    log.info("emergency heard in a voice note: note=%s case=%s", note.id, opened_case.id)
    return opened_case.id if opened_case.should_page else None


def _find_escalation(runtime: Runtime, intent: str) -> EscalationTarget:
    """Return whom the flow of this emergency alerts."""
    flows = runtime.library.flows
    flow = flows.flows[flows.find_by_intent(intent) or PERSON_FLOW]
    return next(step.escalate for step in flow.steps.values() if step.escalate)
