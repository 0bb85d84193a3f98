"""Define the interface of a translation provider. For another provider, write a class like `GoogleTranslator`."""

from collections.abc import Sequence
from typing import Literal, Protocol

TranslationErrorReason = Literal[
    "time-out",
    "busy",
    "broken",
    "garbage",
    "unchanged",
    "unreachable",
    "lost words",
    "resting",  # the circuit breaker is open for a minute after many failures
    "off",  # there is no provider (TRANSLATOR=off), or it doesn't have the language
]


class TranslationError(Exception):
    """Report that a text wasn't translated. `reason` says why. Errors and logs never contain the text."""

    def __init__(self, reason: TranslationErrorReason) -> None:
        super().__init__(reason)
        self.reason = reason


class Translator(Protocol):
    """Translate texts from one language to another."""

    name: str

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str | TranslationError]:
        """Return each text in `target`, in order, or the error for it. Never raises for a text.

        `source` and `target` are BCP 47 codes. Placeholders in braces, numbers, links, addresses, and marks stay
        unchanged. A translation that loses one is an error. A text that comes back unchanged is an error too.
        """
        ...
