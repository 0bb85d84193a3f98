"""What is kept of a voice message in the message's own transaction: where its sound lies, with which case it goes."""

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from bot.base.database import Transaction
from bot.flows.effects import Escalation
from bot.flows.topic_routing import ADDITION_KEY
from bot.flows.voice_messages import VOICE_MESSAGE_MARK
from bot.messaging.inbound_message import InboundMessage
from bot.runtime import Runtime
from bot.store.cases import cases, voice_notes
from bot.store.cases.cases import STAFF_TOPICS
from bot.store.cases.voice_notes import NewVoiceNote
from bot.store.families.contacts import Contact


class VoiceNoteSource(Protocol):
    """The message that holds the sound, in whose language, and the case that a person talks about."""

    @property
    def contact(self) -> Contact: ...
    @property
    def inbound(self) -> InboundMessage: ...
    @property
    def language(self) -> str: ...
    @property
    def active_case_id(self) -> int | None: ...
    @property
    def received_at(self) -> datetime: ...


def join_open_case(runtime: Runtime, db: Transaction, contact_id: int, effect: Escalation) -> Escalation:
    """The escalation as the newest open case of this family has it; as it was, if none is open.

    An emergency comes first, and stays one.  What staff opened from the family's phone is not the family's.
    """
    open_cases = [candidate for candidate in cases.list_for_contact(db, contact_id) if candidate.is_open]
    family_cases = [candidate for candidate in open_cases if candidate.topic not in STAFF_TOPICS]
    if not family_cases:
        return effect
    case = max(family_cases, key=lambda candidate: (candidate.severity == "escalate_now", candidate.id))
    joined_escalation = Escalation(
        case.role, effect.severity, case.about, case.topic, ((ADDITION_KEY, VOICE_MESSAGE_MARK),)
    )
    return replace(joined_escalation, severity="escalate_now") if case.severity == "escalate_now" else joined_escalation


def save_voice_notes(runtime: Runtime, db: Transaction, message: VoiceNoteSource, case_id: int | None) -> list[int]:
    """The sounds of a message as rows, each once; their numbers, for the job that fetches them."""
    inbound, linked_case_id = message.inbound, case_id or message.active_case_id
    voice_note_ids = []
    for number, audio_file in enumerate(inbound.audio_files):
        cause = f"{inbound.sid}:{number}"
        new = NewVoiceNote(
            cause, message.contact.id, linked_case_id, message.language, audio_file.url, audio_file.content_type
        )
        voice_note_ids.append(voice_notes.add(db, new, message.received_at))
    return voice_note_ids


def get_media_placeholder(inbound: InboundMessage) -> str:
    """What stands in a talk for a message without words."""
    return VOICE_MESSAGE_MARK if inbound.audio_files else f"[{inbound.kind}]"
