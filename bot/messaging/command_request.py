"""What the command handlers get: one message, its sender, and the command that the whole text is."""

from dataclasses import dataclass

from bot.flows.commands import Command
from bot.messaging.inbound_message import InboundMessage
from bot.runtime import Runtime


@dataclass(frozen=True)
class CommandRequest:
    """One inbound message on its way through the command table of `message_router`.

    `staff` is the id of the staff member who owns this phone, or None. `command` is the family command that the whole
    text is (STOP, CHECK, a language), or None.
    """

    runtime: Runtime
    message: InboundMessage
    staff: str | None
    command: Command | None
