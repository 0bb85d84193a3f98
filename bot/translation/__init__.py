"""Machine translation: one interface, googletrans behind it, and care for what leaves and what comes back.

`careful.py` is what the program asks for people's texts; `google.py` is the provider,
imported only where it is used.
"""

from bot.translation.provider import TranslationError, Translator

__all__ = ["TranslationError", "Translator"]
