"""Define the messages that no rate limit stops: emergencies, STOP, START, requests for a person, texts to staff."""

from bot.flows.dialog_manager import EMERGENCY_SEVERITY, is_in_emergency
from bot.flows.dialog_state import DialogState, FlowContext, ParsedMessage
from bot.flows.suspicion import is_checking
from bot.flows.topic_routing import PERSON_FLOW

EXEMPT_COMMANDS = frozenset({"stop", "start", "person"})
"""The commands that always work, even without Redis and above every rate limit."""
EXEMPT_SEVERITIES = frozenset({EMERGENCY_SEVERITY, "escalate_day"})


def is_exempt_from_rate_limit(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> bool:
    """Return whether Puente accepts this message even from a phone that is over its rate limit."""
    understanding = parsed.understanding
    is_command = parsed.command is not None and parsed.command.kind in EXEMPT_COMMANDS
    is_urgent = understanding.page != "no" or understanding.severity in EXEMPT_SEVERITIES
    is_grave = is_urgent or bool(state.emergency) or is_in_emergency(context, state) or is_checking(context, state)
    is_person_request = context.flows.find_by_intent(understanding.intent) == PERSON_FLOW
    is_for_staff = parsed.is_talking_to_staff or parsed.kind == "audio"  # staff listen to voice notes
    return is_command or is_grave or is_person_request or is_for_staff or parsed.twilio_opt is not None
