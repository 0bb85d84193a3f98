"""Machine translation: one interface, googletrans behind it, and the shield that keeps what must not change."""

from bot.translation.google import GoogleTranslator
from bot.translation.provider import Failed, Translator

__all__ = ["Failed", "GoogleTranslator", "Translator"]
