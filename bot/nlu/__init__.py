"""Understanding: language, emergency, topic, what must be masked.  Pure; knows no conversation, no store."""

from bot.base.text_normalization import normalise
from bot.nlu.classifier import THRESHOLD, understand
from bot.nlu.emergencies import find
from bot.nlu.explain import explain
from bot.nlu.intents import EMERGENCIES, SEVERITY, Severity
from bot.nlu.language_id import SURE, detect, warm
from bot.nlu.phrasebook import Phrasebook, SignalFile
from bot.nlu.types import Context, Understanding
from bot.pii.masking import mask

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
