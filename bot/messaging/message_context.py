"""Describe the message that a turn answers, and what its transaction leaves to do."""

from dataclasses import dataclass, field
from datetime import datetime

from bot.messaging.erasure import ErasureResult
from bot.messaging.inbound_message import InboundMessage
from bot.store.families.contacts import Contact


@dataclass(frozen=True)
class MessageContext:
    """The message that caused the effects, with its contact and the language of the reply.

    `turns` are the earlier turns of the conversation. `school` is the family's own, if it is known. `active_case_id` is
    the case that staff are writing about with the family.
    """

    contact: Contact
    inbound: InboundMessage
    language: str
    received_at: datetime
    turns: tuple[tuple[str, str], ...] = ()
    school: str | None = None
    active_case_id: int | None = None
    asked_case_id: int | None = None
    """The case that a follow-up asked the family about ("did a person help you?")."""


@dataclass
class TurnResult:
    """What the transaction leaves to do: cases to alert for, texts to translate, and values for the reply."""

    contact_id: int
    case_ids_to_alert: list[int] = field(default_factory=list)
    message_ids_to_translate: list[int] = field(default_factory=list)
    voice_note_ids_to_fetch: list[int] = field(default_factory=list)
    case_id: int | None = None
    role: str = "default"
    school: str | None = None
    erasure_result: ErasureResult | None = None
    is_repeat: bool = False
    """Whether its STOP or START was applied before."""
