"""Everything that one inbound message of a family is answered from, built once.

`inbound_handler` builds the context; the rate limit, the dialog turn, and the reply read it.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from bot.base import metrics
from bot.flows.commands import Command
from bot.flows.dialog_state import DialogState, FlowContext, ParsedMessage
from bot.flows.engine import FlowState
from bot.flows.quotations import UNSPOKEN_KINDS, find_unspoken_kind
from bot.messaging import opt_out_state
from bot.messaging.catalog_drafts import get_localized_library
from bot.messaging.inbound_message import InboundMessage
from bot.messaging.reply_context import build_flow_context, understand_text
from bot.nlu import Understanding
from bot.runtime import Runtime
from bot.store.families import contacts
from bot.store.families.contacts import Contact
from bot.store.families.conversations import Conversation

MIN_LANGUAGE_CONFIDENCE = 0.8
"""A guessed language is answered in from this confidence on."""
UNNEEDED_PII_KINDS = frozenset({"status", "number"})


@dataclass(frozen=True)
class InboundContext:
    """One message of a family, with its sender, its conversation, and what may be looked up.

    `contact` is None for a stranger. `attributes` are the answers that flows saved.
    """

    runtime: Runtime
    message: InboundMessage
    command: Command | None
    now: datetime
    conversation: Conversation
    contact: Contact | None
    attributes: dict[str, str]

    @cached_property
    def state(self) -> DialogState:
        """Where the conversation was before this message."""
        return _load_state(self.conversation, self.contact, self.message)

    @cached_property
    def parsed(self) -> ParsedMessage:
        """What the message says, understood in the family's language."""
        return _parse_message(self)

    @cached_property
    def flow_context(self) -> FlowContext:
        """What a dialog turn may look up."""
        library = get_localized_library(self.runtime, self.state.language or "en")
        values = {**self.attributes, "channel": self.message.channel}
        if self.state.language:
            values["language"] = self.state.language
        return build_flow_context(library, self.now, values)

    @property
    def guessed_language(self) -> str | None:
        """The language of the message, where it is clear enough to answer in."""
        understanding = self.parsed.understanding
        if understanding.lang_confidence < MIN_LANGUAGE_CONFIDENCE:
            return None
        return understanding.lang


def build_inbound_context(
    runtime: Runtime,
    message: InboundMessage,
    command: Command | None,
    now: datetime,
    conversation: Conversation,
    active_case_id: int | None,
) -> InboundContext:
    """Build the context. The conversation knows the sender; while staff write with the family, the database does."""
    is_known = conversation.contact is not None and active_case_id is None
    contact = _restore_contact(runtime, message, conversation, now) if is_known else _find_contact(runtime, message)
    attributes = _load_attributes(runtime, conversation, contact)
    return InboundContext(runtime, message, command, now, conversation, contact, attributes)


def serialize_state(state: DialogState) -> dict[str, Any]:
    """Return the state as plain data. `dataclasses.asdict` copies deeply, which is slow for every message."""
    return {**vars(state), "state": state.state and vars(state.state)}


def _find_contact(runtime: Runtime, message: InboundMessage) -> Contact | None:
    with runtime.database.read() as db:
        return contacts.find(db, message.address)


def _restore_contact(runtime: Runtime, message: InboundMessage, conversation: Conversation, now: datetime) -> Contact:
    assert conversation.contact is not None, "only a known contact is restored"
    is_opted_out = conversation.stopped and opt_out_state.is_opted_out(runtime, conversation.contact)
    language, opted_out_at = conversation.talk.get("language"), now if is_opted_out else None
    return Contact(conversation.contact, message.address, message.channel, language, opted_out_at)


def _load_attributes(runtime: Runtime, conversation: Conversation, contact: Contact | None) -> dict[str, str]:
    if conversation.contact is not None or contact is None:
        return dict(conversation.notes)
    with runtime.database.read() as db:
        return contacts.get_attributes(db, contact.id)


def _load_state(conversation: Conversation, contact: Contact | None, message: InboundMessage) -> DialogState:
    """Restore the dialog state. Its language falls back to the database's, then to the one chosen in a call."""
    stored_state = dict(conversation.talk)
    flow_state = stored_state.pop("state", None)
    state = DialogState(**stored_state, state=FlowState(**flow_state) if flow_state else None)
    language = (contact and contact.language) or message.call_language
    if state.language is None and language:
        return DialogState(state=state.state, language=language, unclear=state.unclear)
    return state


def _find_kind(context: InboundContext) -> str:
    """Return the kind of the message. A quote of a text that we sent in this conversation is a reaction, too."""
    message = context.message
    own_texts = [text for author, text in context.conversation.turns if author == "helper"]
    if message.kind == "text" and own_texts:
        return find_unspoken_kind(message.text, context.runtime.library.phrasebook, own_texts) or message.kind
    return message.kind


def _understand(context: InboundContext, kind: str) -> Understanding:
    if kind in UNSPOKEN_KINDS:
        return Understanding(context.state.language, 0.0, None, 0.0, "info")
    understanding = understand_text(context.runtime.library, context.message.normalized_text, context.state.language)
    metrics.PAGE_DECISIONS.labels(understanding.page).inc()
    return understanding


def _parse_message(context: InboundContext) -> ParsedMessage:
    runtime, message, contact = context.runtime, context.message, context.contact
    kind = _find_kind(context)
    return ParsedMessage(
        text=message.normalized_text,
        understanding=_understand(context, kind),
        command=context.command,
        payload=message.payload,
        kind=kind,
        twilio_opt=message.twilio_opt,
        is_opted_out=opt_out_state.was_opted_out(runtime, message, contact, context.command),
        is_talking_to_staff=bool(contact and contact.active_case_id),
        has_unneeded_pii=bool(message.masking_result[1] & UNNEEDED_PII_KINDS),
    )
