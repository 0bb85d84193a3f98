"""What is always heard, however much somebody writes: emergencies, STOP and START, "a person", who talks with staff."""

from bot.flows.dialog_manager import EMERGENCY, in_emergency
from bot.flows.dialog_state import Heard, Talk, World
from bot.flows.topic_routing import PERSON

COMMANDS = frozenset({"stop", "start", "person"})
"""The commands that work whatever happens: when Redis is away, and over every measure."""
GRAVE = frozenset({EMERGENCY, "escalate_day"})


def always_heard(world: World, talk: Talk, heard: Heard) -> bool:
    """Whether this message is taken even from a phone that has written far too much (design, promises 3 and 6)."""
    meant = heard.understood
    ordered = heard.command is not None and heard.command.kind in COMMANDS
    grave = meant.severity in GRAVE or bool(talk.emergency) or in_emergency(world, talk)
    wants_somebody = meant.intent is not None and world.flows.for_intent(meant.intent) == PERSON
    to_a_person = heard.talking or heard.kind == "audio"  # a voice note goes to whoever listens
    return ordered or grave or wants_somebody or to_a_person or heard.twilio_opt is not None
