"""Catalogs: what a text reads in each language, whether a person has reviewed it, English where it is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

from babel.messages.catalog import Catalog as PoCatalog
from babel.messages.pofile import PoFileError, read_po

from bot.conversation.source import BadSource, Problem

SOURCE_LANGUAGE = "en"


@dataclass(frozen=True)
class Wording:
    """A text in a language: `draft` if no person has reviewed it, `missing` if this is the English instead."""

    text: str
    draft: bool = False
    missing: bool = False


@dataclass(frozen=True)
class Catalogs:
    """All languages' wordings, in memory; nothing is parsed while a family waits."""

    wordings: Mapping[str, Mapping[str, Wording]]

    def wording(self, language: str, text: str) -> Wording:
        """The English `text` in `language`, or the English itself, marked as missing."""
        if language == SOURCE_LANGUAGE:
            return Wording(text)
        found = self.wordings.get(language, {}).get(text)
        return found or Wording(text, missing=True)

    def read(self, language: str, text: str) -> str:
        """Only the wording's text."""
        return self.wording(language, text).text


def load_catalogs(files: Mapping[str, bytes]) -> Catalogs:
    """The catalogs in these PO files (language → bytes).  Raises `BadSource` for a file that is not PO."""
    return Catalogs({language: _wordings(parse_po(language, data)) for language, data in files.items()})


def parse_po(language: str, data: bytes) -> PoCatalog:
    """One `messages/<lang>.po`; raises `BadSource` with the line that Babel stumbles over."""
    try:
        return read_po(BytesIO(data), locale=language, abort_invalid=True)
    except (PoFileError, ValueError) as error:
        line = int(getattr(error, "lineno", 0) or 0) + 1
        raise BadSource([Problem(f"messages/{language}.po", line, 1, f"not a PO file: {error}")]) from None


def _wordings(catalog: PoCatalog) -> dict[str, Wording]:
    found = {}
    for message in catalog:
        if isinstance(message.id, str) and message.id and isinstance(message.string, str) and message.string:
            found[message.id] = Wording(message.string, draft=message.fuzzy)
    return found
