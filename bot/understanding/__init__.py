"""Understanding: language, emergency, topic, what must be masked.  Pure; knows no conversation, no store."""

from bot.understanding.emergencies import find
from bot.understanding.language import SURE, detect, warm
from bot.understanding.masking import mask
from bot.understanding.phrasebook import Phrasebook, PhraseFile
from bot.understanding.text import normalise
from bot.understanding.topics import THRESHOLD
from bot.understanding.types import EMERGENCIES, SEVERITY, Context, Severity, Understanding
from bot.understanding.understand import understand

__all__ = [
    "EMERGENCIES",
    "SEVERITY",
    "SURE",
    "THRESHOLD",
    "Context",
    "PhraseFile",
    "Phrasebook",
    "Severity",
    "Understanding",
    "detect",
    "find",
    "mask",
    "normalise",
    "understand",
    "warm",
]
