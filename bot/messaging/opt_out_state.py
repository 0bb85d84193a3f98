"""Say whether a sender has opted out: before a message, after it, and according to the database.

The database may already hold a message's own STOP or START: Redis can go away, or the process can end, before the
reply. The retried message, or the answer without Redis, still confirms the command.
"""

from collections.abc import Iterable

from bot.flows.commands import Command
from bot.flows.effects import ChangeConsent, Effect
from bot.messaging.inbound_message import InboundMessage
from bot.runtime import Runtime
from bot.store.families import consent_events, contacts
from bot.store.families.contacts import Contact


def was_opted_out(runtime: Runtime, inbound: InboundMessage, contact: Contact | None, command: Command | None) -> bool:
    """Say whether the sender was opted out before this message."""
    was_out = bool(contact and contact.opted_out_at)
    if contact and command and command.kind == ("stop" if was_out else "start"):
        with runtime.database.read() as db:
            return was_out != consent_events.is_recorded(db, inbound.sid, command.kind)
    return was_out


def is_opted_out_after_turn(
    runtime: Runtime, contact: Contact | None, effects: Iterable[Effect], is_repeat: bool
) -> bool:
    """Say whether the sender is opted out after this message.

    A repeated command was applied before. A later opt-out or opt-in counts instead.
    """
    if is_repeat and contact:
        return is_opted_out(runtime, contact.id)
    kinds = [effect.kind for effect in effects if isinstance(effect, ChangeConsent)]
    if kinds:
        return kinds[-1] == "stop"
    return bool(contact and contact.opted_out_at)


def is_opted_out(runtime: Runtime, contact_id: int) -> bool:
    """Read the database. The conversation in Redis misses a START that came while Redis was away."""
    with runtime.database.read() as db:
        return contacts.is_opted_out(db, contact_id)
