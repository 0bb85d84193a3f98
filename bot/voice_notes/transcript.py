"""What a machine heard in a voice note: for staff to read, marked as a machine's; where it sounds like danger, a page.

It is never taken for something that the family typed: no flow answers it, no language and no wish is read from it.
"""

import logging
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.base.queues import ALERT_CASE, enqueue
from bot.flows.model import Escalate
from bot.flows.topic_routing import MORE, PERSON
from bot.messaging.effect_handlers import SCHOOL
from bot.messaging.reply_context import understood
from bot.nlu import mask
from bot.runtime import Services
from bot.store.cases import cases, voice_notes
from bot.store.cases.cases import NewCase
from bot.store.cases.voice_notes import VoiceNote
from bot.store.families import contacts
from bot.transcription import Failed

TRIES, PAUSE = 3, timedelta(seconds=20)
"""A server that fails so often is left alone: a person listens anyway."""
EMERGENCY = "escalate_now"
HEARD = "A machine heard this in a voice message. Please listen to it now."

log = logging.getLogger(__name__)


def write_down(services: Services, note: VoiceNote) -> None:
    """Ask the machine, keep its words masked and sealed; what sounds like an emergency is paged in the same breath."""
    at = now()
    try:
        text = _heard(services, note)
    except Failed as error:
        log.warning("voice note not written down: note=%s reason=%s", note.id, error.reason)
        text = None
        if note.tries + 1 < TRIES:
            with services.database.write() as db:
                voice_notes.schedule_retry(db, note.id, "", at + PAUSE)
            return
    masked = mask(text)[0].strip() if text else None
    with services.database.write() as db:
        first = voice_notes.save_transcript(db, services.database.vault, note, masked, at)
        paged = _page(services, db, note, text, at) if first and text else None
    if paged:
        enqueue(services.redis, "urgent", ALERT_CASE, paged)


def _heard(services: Services, note: VoiceNote) -> str | None:
    with services.database.read() as db:
        audio = voice_notes.load_audio(db, services.database.vault, note)
    if audio is None or services.transcriber is None:
        return None
    return services.transcriber.transcribe(audio, note.content_type, note.language)


def _page(services: Services, db: Connection, note: VoiceNote, text: str, at: datetime) -> int | None:
    """The emergency's own case, if the words sound like one; its number if its people are to be paged."""
    found = understood(services.library, text, note.language)
    if found.severity != EMERGENCY or found.intent is None or note.contact_id is None:
        return None
    asked = _people(services, found.intent)
    school = contacts.get_attributes(db, note.contact_id).get(SCHOOL)
    new = NewCase(note.contact_id, found.intent, EMERGENCY, asked.to, asked.about, note.language, {MORE: HEARD}, school)
    opened = cases.open_or_join(db, services.database.vault, f"voice:{note.id}", 0, new, at)
    voice_notes.set_emergency_case(db, note.id, opened.id)
    log.info("emergency heard in a voice note: note=%s case=%s", note.id, opened.id)
    return opened.id if opened.should_page else None


def _people(services: Services, intent: str) -> Escalate:
    """Who is paged for this emergency, as its flow says."""
    flows = services.library.flows
    flow = flows.flows[flows.for_intent(intent) or PERSON]
    return next(step.escalate for step in flow.steps.values() if step.escalate)
