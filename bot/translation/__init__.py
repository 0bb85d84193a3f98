"""Translate texts: one interface for machine translation, with googletrans as the provider.

`safe_translator.py` translates people's texts and masks them first. `google.py` is the provider. Only the code that
uses it imports it.
"""

from bot.translation.provider import TranslationError, Translator

__all__ = ["TranslationError", "Translator"]
