"""Understanding: language, emergency, topic, what must be masked.  Pure; knows no conversation, no store."""

from bot.understanding.emergencies import find
from bot.understanding.explain import explain
from bot.understanding.language import SURE, detect, warm
from bot.understanding.masking import mask
from bot.understanding.phrasebook import Phrasebook, SignalFile
from bot.understanding.text import normalise
from bot.understanding.types import EMERGENCIES, SEVERITY, Context, Severity, Understanding
from bot.understanding.understand import THRESHOLD, understand

__all__ = [
    "EMERGENCIES",
    "SEVERITY",
    "SURE",
    "THRESHOLD",
    "Context",
    "Phrasebook",
    "Severity",
    "SignalFile",
    "Understanding",
    "detect",
    "explain",
    "find",
    "mask",
    "normalise",
    "understand",
    "warm",
]
