"""Catalogs: what a text reads in each language, whether a person has reviewed it, English where it is missing."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from gettext import c2py
from io import BytesIO
from typing import Any

from babel.messages.catalog import Catalog as PoCatalog
from babel.messages.pofile import PoFileError, denormalize, read_po

from bot.base.yaml_source import BadSource, Problem, decoded
from bot.flows.loader import placeholders
from bot.flows.model import Plural

SOURCE_LANGUAGE = "en"
PREVIOUS = "#| "
NUMBER_OF_FORMS, MOST_FORMS = re.compile(r"nplurals\s*=\s*(\d+)", re.ASCII), 6
"""Arabic has six, and no language more."""
COUNTED_TO = 1001
"""The rules of all languages repeat themselves after a hundred, a thousand or a million."""


@dataclass(frozen=True)
class Wording:
    """A text in a language: `draft` if no person has reviewed it, `missing` if this is the English instead."""

    text: str
    draft: bool = False
    missing: bool = False


@dataclass(frozen=True)
class Forms:
    """The plural forms of a text in a language, and which of them a number takes (the catalog's `Plural-Forms`)."""

    texts: tuple[str, ...]
    index: Callable[[int], int]
    draft: bool


@dataclass(frozen=True)
class Catalogs:
    """All languages' wordings, in memory; nothing is parsed while a family waits."""

    wordings: Mapping[str, Mapping[str, Wording]]
    plurals: Mapping[str, Mapping[str, Forms]] = field(default_factory=dict)

    def wording(self, language: str, text: str) -> Wording:
        """The English `text` in `language`, or the English itself, marked as missing."""
        if language == SOURCE_LANGUAGE:
            return Wording(text)
        found = self.wordings.get(language, {}).get(text)
        return found or Wording(text, missing=True)

    def counted(self, language: str, text: Plural, count: int) -> Wording:
        """The form of `text` that this number takes in `language`, or the English form, marked as missing."""
        forms = self.plurals.get(language, {}).get(text.one)
        if forms:
            return Wording(forms.texts[forms.index(count)], draft=forms.draft)
        return Wording(text.one if count == 1 else text.other, missing=language != SOURCE_LANGUAGE)

    def read(self, language: str, text: str) -> str:
        """Only the wording's text."""
        return self.wording(language, text).text


def load_catalogs(files: Mapping[str, bytes]) -> Catalogs:
    """The catalogs in these PO files (language → bytes).  Raises `BadSource` for a file that is not PO."""
    parsed = {language: parse_po(language, data) for language, data in files.items()}
    return Catalogs(
        {language: _wordings(catalog) for language, catalog in parsed.items()},
        {language: _plurals(catalog) for language, catalog in parsed.items()},
    )


def parse_po(language: str, data: bytes) -> PoCatalog:
    """One `messages/<lang>.po`; raises `BadSource` with the line that Babel stumbles over."""
    text = decoded(data, f"messages/{language}.po")
    steady = "\n".join(line for line in text.split("\n") if not line.startswith(PREVIOUS))
    if any(int(number[:9]) > MOST_FORMS for number in NUMBER_OF_FORMS.findall(steady)):
        raise _bad_plurals(language, text)  # Babel would make room for as many
    try:
        catalog = read_po(BytesIO(steady.encode()), locale=language, abort_invalid=True)
    except (PoFileError, ValueError, LookupError) as error:
        line = int(getattr(error, "lineno", 0) or 0) + 1
        raise BadSource([Problem(f"messages/{language}.po", line, 1, f"not a PO file: {error}")]) from None
    if not _counts_well(catalog):
        raise _bad_plurals(language, text)
    for new, old in _edited(text):
        message = catalog.get(new)
        if message:
            message.previous_id = [old]
    return catalog


def _counts_well(catalog: PoCatalog) -> bool:
    """Whether its rule names one of its forms for every number: a family's message must not break on it."""
    try:
        index = c2py(catalog.plural_expr)
        return all(0 <= index(number) < catalog.num_plurals for number in range(COUNTED_TO))
    except (ValueError, ArithmeticError, RecursionError):
        return False


def _bad_plurals(language: str, text: str) -> BadSource:
    line = text[: max(0, text.find("Plural-Forms"))].count("\n") + 1
    said = "Plural-Forms: its rule must name one of the forms for every number; take this language's from Poedit"
    return BadSource([Problem(f"messages/{language}.po", line, 1, said)])


def _edited(text: str) -> Iterator[tuple[str, str]]:
    """(English now, English that was translated) of entries with `#| msgid`, which Babel takes for comments."""
    for block in re.split(r"\n\s*\n", text):
        lines = block.split("\n")
        old = " ".join(line[3:] for line in lines if line.startswith(PREVIOUS))
        now = re.search(r'^msgid (".*"(?:\n".*")*)', block, re.MULTILINE)
        if old and now:
            yield denormalize(now[1]), denormalize(old.removeprefix("msgid "))


def _wordings(catalog: PoCatalog) -> dict[str, Wording]:
    """What may be sent: not where the English was edited since, so that nothing is said that is no longer meant."""
    found = {}
    for message in catalog:
        if message.previous_id:
            continue
        one, said = message.id, message.string
        if isinstance(one, str) and one and isinstance(said, str) and said and fillable(said):
            found[one] = Wording(said, draft=message.fuzzy)
    return found


def fillable(text: str) -> bool:
    """Whether nothing but placeholders stands in braces: a brace that was lost in a translation would break each
    message that says it; the English is said instead (and `bot check` names it)."""
    try:
        placeholders(text)
    except ValueError:
        return False
    return True


def _plurals(catalog: PoCatalog) -> dict[str, Forms]:
    """Those texts that have all their forms; one that lacks a form is missing (and an error of `bot check`)."""
    found = {}
    for message in catalog:
        forms = message.string
        whole = has_all_forms(catalog, forms) and all(fillable(form) for form in forms or ())
        if isinstance(message.id, tuple) and whole and not message.previous_id:
            found[message.id[0]] = Forms(tuple(forms or ()), c2py(catalog.plural_expr), message.fuzzy)
    return found


def has_all_forms(catalog: PoCatalog, forms: Any) -> bool:
    """Whether a plural text has as many forms as its language needs."""
    return isinstance(forms, tuple) and len(forms) == catalog.num_plurals and all(forms)
