"""Whether who writes has stopped: before a message, after it, and as the database has it.

A message's own STOP or START may stand in the database before the message is answered, where Redis went away between
the two or the process ended there: the repeat, or the answer without Redis, confirms it all the same.
"""

from collections.abc import Iterable

from bot.flows.commands import Command
from bot.flows.effects import ChangeConsent, Effect
from bot.messaging.inbound_message import InboundMessage
from bot.runtime import Runtime
from bot.store.families import consent_events, contacts
from bot.store.families.contacts import Contact


def was_opted_out(runtime: Runtime, inbound: InboundMessage, contact: Contact | None, command: Command | None) -> bool:
    """Whether who writes had stopped before this message."""
    was_stopped = bool(contact and contact.stopped_at)
    if contact and command and command.kind == ("stop" if was_stopped else "start"):
        with runtime.database.read() as db:
            return was_stopped != consent_events.is_recorded(db, inbound.sid, command.kind)
    return was_stopped


def is_opted_out_after_turn(
    runtime: Runtime, contact: Contact | None, effects: Iterable[Effect], is_repeat: bool
) -> bool:
    """Whether who wrote is written to no more; a repeat's word has counted already, and what came since is kept."""
    if is_repeat and contact:
        return is_opted_out(runtime, contact.id)
    kinds = [effect.kind for effect in effects if isinstance(effect, ChangeConsent)]
    return kinds[-1] == "stop" if kinds else bool(contact and contact.stopped_at)


def is_opted_out(runtime: Runtime, contact_id: int) -> bool:
    """As the database has it: a START while Redis was away did not reach what the conversation remembers."""
    with runtime.database.read() as db:
        return contacts.is_opted_out(db, contact_id)
