"""The answer to one message, whoever wrote it: the rooms are asked in order; what none of them takes is a family's."""

from types import ModuleType

from redis import RedisError

from bot.announcements import verification
from bot.base.database import now
from bot.cases import sms_commands
from bot.incidents import sms_commands as agents
from bot.meetings import sms_commands as invited
from bot.messaging import rate_limits
from bot.messaging.inbound_handler import receive
from bot.messaging.inbound_message import Inbound
from bot.runtime import Services
from bot.school_status import sms_commands as school_status
from bot.store.operations import handled_while_redis_down

OF_STAFF: tuple[ModuleType, ...] = (agents, sms_commands, school_status)
"""Who is asked first whether a text is an order of staff, in this order; None says "not mine"."""


def answer(services: Services, message: Inbound) -> str:
    """The reply; empty: nothing is to be said.  A repeat gets the same, or does no harm.

    Raises `Unavailable` or SQLAlchemyError: nothing of it was kept half, it is to come again.
    """
    reply = next((told for room in OF_STAFF if (told := room.answer(services, message)) is not None), None)
    reply = _without_a_talk(services, message) if reply is None else reply
    if reply is None:
        return receive(services, message)
    _note_heard(services, message)
    return reply


def _note_heard(services: Services, message: Inbound) -> None:
    try:
        services.conversations.record_answered(message.sid)
    except RedisError:
        with services.database.write() as db:
            handled_while_redis_down.record(db, message.sid, now())


def _without_a_talk(services: Services, message: Inbound) -> str | None:
    """The reply to an invitation's answer or to CHECK; empty for a phone that asks without end."""
    reply = invited.answer(services, message)
    reply = verification.answer(services, message) if reply is None else reply
    return "" if reply and rate_limits.silent(services, message) else reply
