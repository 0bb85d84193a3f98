"""Understand messages: language, emergencies, and topic. Pure, without access to conversations or the store."""

from bot.base.text_normalization import normalize_text
from bot.nlu.classifier import INTENT_CONFIDENCE_THRESHOLD, classify_message
from bot.nlu.emergencies import find_emergencies
from bot.nlu.explain import explain_understanding
from bot.nlu.intents import EMERGENCY_INTENTS, SEVERITY_BY_INTENT, Severity
from bot.nlu.language_id import LANGUAGE_CONFIDENCE_THRESHOLD, detect_language, preload_language_model
from bot.nlu.phrasebook import Phrasebook, SignalFile
from bot.nlu.types import NluContext, Understanding
from bot.pii.masking import mask_pii

__all__ = [
    "EMERGENCY_INTENTS",
    "INTENT_CONFIDENCE_THRESHOLD",
    "LANGUAGE_CONFIDENCE_THRESHOLD",
    "SEVERITY_BY_INTENT",
    "NluContext",
    "Phrasebook",
    "Severity",
    "SignalFile",
    "Understanding",
    "classify_message",
    "detect_language",
    "explain_understanding",
    "find_emergencies",
    "mask_pii",
    "normalize_text",
    "preload_language_model",
]
