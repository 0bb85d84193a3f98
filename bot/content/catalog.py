"""Look up translations in the catalogs, with their review status. A missing translation is English instead."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from gettext import c2py
from io import BytesIO
from typing import Any

from babel.messages.catalog import Catalog as PoCatalog
from babel.messages.pofile import PoFileError, denormalize, read_po

from bot.base.yaml_source import Problem, SourceError, decode_source
from bot.flows.loader import find_placeholders
from bot.flows.model import Plural

SOURCE_LANGUAGE = "en"
PREVIOUS_ID_PREFIX = "#| "
PLURAL_COUNT_PATTERN, MAX_PLURAL_FORMS = re.compile(r"nplurals\s*=\s*(\d+)", re.ASCII), 6
"""Arabic has six plural forms. No language has more."""
PLURAL_RULE_CHECK_LIMIT = 1001
"""The plural rules of all languages repeat after a hundred, a thousand, or a million."""


@dataclass(frozen=True)
class CatalogText:
    """A text in a language. It is a draft if no person has reviewed it, and missing if `text` is the English."""

    text: str
    is_draft: bool = False
    is_missing: bool = False


@dataclass(frozen=True)
class PluralForms:
    """The plural forms of a text, and `index`, which selects the form for a number (the catalog's `Plural-Forms`)."""

    texts: tuple[str, ...]
    index: Callable[[int], int]
    is_draft: bool


@dataclass(frozen=True)
class Catalogs:
    """The translations of all languages in memory, so that no message waits for a parser."""

    texts: Mapping[str, Mapping[str, CatalogText]]
    plurals: Mapping[str, Mapping[str, PluralForms]] = field(default_factory=dict)

    def find_text(self, language: str, text: str) -> CatalogText:
        """Return `text` in `language`, or the English marked as missing."""
        if language == SOURCE_LANGUAGE:
            return CatalogText(text)
        return self.texts.get(language, {}).get(text) or CatalogText(text, is_missing=True)

    def find_plural_text(self, language: str, text: Plural, count: int) -> CatalogText:
        """Return the form of `text` for this number in `language`, or the English form marked as missing."""
        forms = self.plurals.get(language, {}).get(text.one)
        if forms:
            return CatalogText(forms.texts[forms.index(count)], is_draft=forms.is_draft)
        english = text.one if count == 1 else text.other
        return CatalogText(english, is_missing=language != SOURCE_LANGUAGE)

    def translate(self, language: str, text: str) -> str:
        """Return the text in `language` without its review status."""
        return self.find_text(language, text).text


def load_catalogs(files: Mapping[str, bytes]) -> Catalogs:
    """Load the catalogs from PO files (language → bytes). Raises `SourceError` for an invalid file."""
    parsed = {language: parse_po(language, data) for language, data in files.items()}
    return Catalogs(
        {language: _load_texts(catalog) for language, catalog in parsed.items()},
        {language: _load_plurals(catalog) for language, catalog in parsed.items()},
    )


def parse_po(language: str, data: bytes) -> PoCatalog:
    """Parse one `messages/<lang>.po`. Raises `SourceError` with the line that Babel cannot parse."""
    text = decode_source(data, f"messages/{language}.po")
    filtered_text = "\n".join(line for line in text.split("\n") if not line.startswith(PREVIOUS_ID_PREFIX))
    if any(int(number[:9]) > MAX_PLURAL_FORMS for number in PLURAL_COUNT_PATTERN.findall(filtered_text)):
        raise _build_plural_error(language, text)  # Babel would allocate as many forms
    try:
        catalog = read_po(BytesIO(filtered_text.encode()), locale=language, abort_invalid=True)
    except (PoFileError, ValueError, LookupError) as error:
        line = int(getattr(error, "lineno", 0) or 0) + 1
        raise SourceError([Problem(f"messages/{language}.po", line, 1, f"not a PO file: {error}")]) from None
    if not _has_valid_plural_rule(catalog):
        raise _build_plural_error(language, text)
    for new, old in _find_edited_entries(text):
        message = catalog.get(new)
        if message:
            message.previous_id = [old]
    return catalog


def _has_valid_plural_rule(catalog: PoCatalog) -> bool:
    """Return whether the plural rule selects an existing form for every number, so that no message fails on it."""
    try:
        index = c2py(catalog.plural_expr)
        return all(0 <= index(number) < catalog.num_plurals for number in range(PLURAL_RULE_CHECK_LIMIT))
    except (ValueError, ArithmeticError, RecursionError):
        return False


def _build_plural_error(language: str, text: str) -> SourceError:
    line = text[: max(0, text.find("Plural-Forms"))].count("\n") + 1
    message = "Plural-Forms: the rule must select a form for every number. Copy the rule for this language from Poedit"
    return SourceError([Problem(f"messages/{language}.po", line, 1, message)])


def _find_edited_entries(text: str) -> Iterator[tuple[str, str]]:
    """Yield (current English, translated English) of entries with `#| msgid`, which Babel reads as comments."""
    for block in re.split(r"\n\s*\n", text):
        lines = block.split("\n")
        previous_id = " ".join(line[3:] for line in lines if line.startswith(PREVIOUS_ID_PREFIX))
        current_id = re.search(r'^msgid (".*"(?:\n".*")*)', block, re.MULTILINE)
        if previous_id and current_id:
            yield denormalize(current_id[1]), denormalize(previous_id.removeprefix("msgid "))


def _load_texts(catalog: PoCatalog) -> dict[str, CatalogText]:
    """Load the texts that can be sent. Skip those whose English was edited after the translation."""
    texts = {}
    for message in catalog:
        message_id, translation = message.id, message.string
        if message.previous_id or not isinstance(message_id, str) or not isinstance(translation, str):
            continue
        if message_id and translation and has_valid_placeholders(translation):
            texts[message_id] = CatalogText(translation, is_draft=message.fuzzy)
    return texts


def has_valid_placeholders(text: str) -> bool:
    """Return whether every brace in a text belongs to a placeholder.

    A lost brace would break each message with this text. Puente sends the English instead, and `bot check` lists it.
    """
    try:
        find_placeholders(text)
    except ValueError:
        return False
    return True


def _load_plurals(catalog: PoCatalog) -> dict[str, PluralForms]:
    """Load the texts that have all plural forms. `bot check` reports the others as errors."""
    plurals = {}
    for message in catalog:
        forms = message.string or ()
        is_complete = has_all_forms(catalog, forms) and all(has_valid_placeholders(form) for form in forms)
        if isinstance(message.id, tuple) and is_complete and not message.previous_id:
            plurals[message.id[0]] = PluralForms(tuple(forms), c2py(catalog.plural_expr), message.fuzzy)
    return plurals


def has_all_forms(catalog: PoCatalog, forms: Any) -> bool:
    """Return whether a plural text has as many forms as its language needs."""
    return isinstance(forms, tuple) and len(forms) == catalog.num_plurals and all(forms)
