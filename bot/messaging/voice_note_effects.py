"""What is kept of a voice message in the message's own transaction: where its sound lies, with which case it goes."""

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from sqlalchemy.engine import Connection

from bot.flows.effects import Escalation
from bot.flows.topic_routing import MORE
from bot.flows.voice_messages import SPOKE
from bot.messaging.inbound_message import Inbound
from bot.runtime import Services
from bot.store.cases import cases, voice_notes
from bot.store.cases.cases import STAFF_TOPICS
from bot.store.cases.voice_notes import NewVoiceNote
from bot.store.families.contacts import Contact


class Spoken(Protocol):
    """The message that holds the sound, in whose language, and the case that a person talks about."""

    @property
    def contact(self) -> Contact: ...
    @property
    def inbound(self) -> Inbound: ...
    @property
    def language(self) -> str: ...
    @property
    def talking(self) -> int | None: ...
    @property
    def at(self) -> datetime: ...


def joined(services: Services, db: Connection, contact_id: int, effect: Escalation) -> Escalation:
    """The escalation as the newest open case of this family has it; as it was, if none is open.

    An emergency comes first, and stays one.  What staff opened from the family's phone is not the family's.
    """
    found = [one for one in cases.list_for_contact(db, services.database.vault, contact_id) if one.is_open]
    own = [one for one in found if one.topic not in STAFF_TOPICS]
    if not own:
        return effect
    case = max(own, key=lambda one: (one.severity == "escalate_now", one.id))
    asked = Escalation(case.role, effect.severity, case.about, case.topic, ((MORE, SPOKE),))
    return replace(asked, severity="escalate_now") if case.severity == "escalate_now" else asked


def keep(services: Services, db: Connection, message: Spoken, case_id: int | None) -> list[int]:
    """The sounds of a message as rows, each once; their numbers, for the job that fetches them."""
    inbound, case = message.inbound, case_id or message.talking
    found = []
    for number, sound in enumerate(inbound.sounds):
        cause = f"{inbound.sid}:{number}"
        new = NewVoiceNote(cause, message.contact.id, case, message.language, sound.url, sound.content_type)
        found.append(voice_notes.add(db, services.database.vault, new, message.at))
    return found


def mark(inbound: Inbound) -> str:
    """What stands in a talk for a message without words."""
    return SPOKE if inbound.sounds else f"[{inbound.kind}]"
