"""Save the voice notes of a message in its own transaction: the URL of each sound, and its case."""

from bot.base.database import Transaction
from bot.flows.effects import Escalation
from bot.flows.topic_routing import ADDITION_KEY
from bot.flows.voice_messages import VOICE_MESSAGE_MARK
from bot.messaging.inbound_message import InboundMessage
from bot.messaging.message_context import MessageContext
from bot.runtime import Runtime
from bot.store.cases import cases, voice_notes
from bot.store.cases.cases import STAFF_TOPICS
from bot.store.cases.voice_notes import NewVoiceNote


def join_open_case(runtime: Runtime, db: Transaction, contact_id: int, effect: Escalation) -> Escalation:
    """Return the escalation for the family's newest open case, or the escalation unchanged if there is none.

    An emergency comes first, and keeps its severity. A case that staff opened from the family's phone doesn't count.
    """
    open_cases = [case for case in cases.list_for_contact(db, contact_id) if case.is_open]
    family_cases = [case for case in open_cases if case.topic not in STAFF_TOPICS]
    if not family_cases:
        return effect
    newest_case = max(family_cases, key=lambda case: (case.severity == "escalate_now", case.id))
    is_emergency = newest_case.severity == "escalate_now"
    return Escalation(
        newest_case.role,
        "escalate_now" if is_emergency else effect.severity,
        newest_case.about,
        newest_case.topic,
        ((ADDITION_KEY, VOICE_MESSAGE_MARK),),
    )


def save_voice_notes(runtime: Runtime, db: Transaction, message: MessageContext, case_id: int | None) -> list[int]:
    """Save each sound of a message once, and return the row ids for the job that fetches them."""
    inbound, linked_case_id = message.inbound, case_id or message.active_case_id
    voice_note_ids = []
    for number, audio_file in enumerate(inbound.audio_files):
        cause = f"{inbound.sid}:{number}"
        voice_note = NewVoiceNote(
            cause, message.contact.id, linked_case_id, message.language, audio_file.url, audio_file.content_type
        )
        voice_note_ids.append(voice_notes.add(db, voice_note, message.received_at))
    return voice_note_ids


def get_media_placeholder(inbound: InboundMessage) -> str:
    """Return the placeholder that a conversation shows for a message without words."""
    return VOICE_MESSAGE_MARK if inbound.audio_files else f"[{inbound.kind}]"
