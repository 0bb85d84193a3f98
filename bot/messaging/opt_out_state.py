"""Whether who writes has stopped: before a message, after it, and as the database has it.

A message's own STOP or START may stand in the database before the message is answered, where Redis went away between
the two or the process ended there: the repeat, or the answer without Redis, confirms it all the same.
"""

from collections.abc import Iterable

from bot.flows.commands import Command
from bot.flows.effects import Consent, Effect
from bot.messaging.inbound_message import Inbound
from bot.runtime import Services
from bot.store.families import consent_events, contacts
from bot.store.families.contacts import Contact


def before(services: Services, inbound: Inbound, contact: Contact | None, command: Command | None) -> bool:
    """Whether who writes had stopped before this message."""
    stopped = bool(contact and contact.stopped_at)
    if contact and command and command.kind == ("stop" if stopped else "start"):
        with services.database.read() as db:
            return stopped != consent_events.is_recorded(db, inbound.sid, command.kind)
    return stopped


def after(services: Services, contact: Contact | None, effects: Iterable[Effect], again: bool) -> bool:
    """Whether who wrote is written to no more; a repeat's word has counted already, and what came since is kept."""
    if again and contact:
        return still(services, contact.id)
    kinds = [effect.kind for effect in effects if isinstance(effect, Consent)]
    return kinds[-1] == "stop" if kinds else bool(contact and contact.stopped_at)


def still(services: Services, contact_id: int) -> bool:
    """As the database has it: a START while Redis was away did not reach what the conversation remembers."""
    with services.database.read() as db:
        return contacts.is_opted_out(db, contact_id)
