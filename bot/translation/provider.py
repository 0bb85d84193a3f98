"""What a translation provider promises.  Whoever wants another one writes a class like `GoogleTranslator`."""

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
    "resting",  # it failed too often of late and is left alone for a minute
    "off",  # no machine translates here: TRANSLATOR=off, or it does not know the language
]


class TranslationError(Exception):
    """A text was not translated.  `reason` says why; the text itself stands in no error and no log."""

    def __init__(self, reason: TranslationErrorReason) -> None:
        super().__init__(reason)
        self.reason = reason


class Translator(Protocol):
    """Turns texts of one language into another."""

    name: str

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str | TranslationError]:
        """Each text in `target` (BCP 47 codes), in order, or why this one could not be had.  Never raises for a text.

        Placeholders in braces, numbers, links, addresses and the shield's marks come back as they were: a
        translation that lost one counts as failed.  A text that comes back as it was sent counts as failed as well.
        """
        ...
