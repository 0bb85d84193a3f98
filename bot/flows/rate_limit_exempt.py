"""What is always heard, however much somebody writes: emergencies, STOP and START, "a person", who talks with staff."""

from bot.flows.dialog_manager import EMERGENCY_SEVERITY, is_in_emergency
from bot.flows.dialog_state import DialogState, FlowContext, ParsedMessage
from bot.flows.topic_routing import PERSON_FLOW

EXEMPT_COMMANDS = frozenset({"stop", "start", "person"})
"""The commands that work whatever happens: when Redis is away, and over every rate limit."""
EXEMPT_SEVERITIES = frozenset({EMERGENCY_SEVERITY, "escalate_day"})


def is_exempt_from_rate_limit(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> bool:
    """Whether this message is taken even from a phone that has written far too much (design, promises 3 and 6)."""
    understanding = parsed.understanding
    is_command = parsed.command is not None and parsed.command.kind in EXEMPT_COMMANDS
    is_grave = understanding.severity in EXEMPT_SEVERITIES or bool(state.emergency) or is_in_emergency(context, state)
    is_person_request = (
        understanding.intent is not None and context.flows.find_by_intent(understanding.intent) == PERSON_FLOW
    )
    is_for_staff = parsed.is_talking_to_staff or parsed.kind == "audio"  # a voice note goes to whoever listens
    return is_command or is_grave or is_person_request or is_for_staff or parsed.twilio_opt is not None
