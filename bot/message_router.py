"""The answer to one message, whoever wrote it: the rooms are asked in order; what none of them takes is a family's."""

from types import ModuleType

from redis import RedisError

from bot.announcements import verification
from bot.base.database import now
from bot.cases import sms_commands
from bot.incidents import sms_commands as agents
from bot.meetings import sms_commands as invited
from bot.messaging.inbound_handler import receive_message
from bot.messaging.inbound_message import InboundMessage
from bot.runtime import Runtime
from bot.school_status import sms_commands as school_status
from bot.store.families.rate_limits import get_message_rate_limit
from bot.store.operations import handled_while_redis_down

STAFF_COMMAND_MODULES: tuple[ModuleType, ...] = (agents, sms_commands, school_status)
"""Who is asked first whether a text is an order of staff, in this order; None says "not mine"."""


def answer_message(runtime: Runtime, message: InboundMessage) -> str:
    """The reply; empty: nothing is to be said.  A repeat gets the same, or does no harm.

    Raises `Unavailable` or SQLAlchemyError: nothing of it was kept half, it is to come again.
    """
    reply = next(
        (
            staff_reply
            for module in STAFF_COMMAND_MODULES
            if (staff_reply := module.answer(runtime, message)) is not None
        ),
        None,
    )
    reply = _answer_outside_dialog(runtime, message) if reply is None else reply
    if reply is None:
        return receive_message(runtime, message)
    _record_answered(runtime, message)
    return reply


def _record_answered(runtime: Runtime, message: InboundMessage) -> None:
    try:
        runtime.conversations.record_answered(message.sid)
    except RedisError:
        with runtime.database.write() as db:
            handled_while_redis_down.record(db, message.sid, now())


def _answer_outside_dialog(runtime: Runtime, message: InboundMessage) -> str | None:
    """The reply to an invitation's answer or to CHECK; empty for a phone that asks without end."""
    reply = invited.answer(runtime, message)
    reply = verification.answer(runtime, message) if reply is None else reply
    return "" if reply and _should_stay_silent(runtime, message) else reply


def _should_stay_silent(runtime: Runtime, message: InboundMessage) -> bool:
    """Count a message that is answered outside the dialog; whether its answer is left out."""
    family_hash, rate_limit = runtime.compute_lookup_hash(message.address), get_message_rate_limit(message.address)
    try:
        return runtime.conversations.count_message(family_hash, rate_limit) == "silent"
    except RedisError:
        return False
