"""Find glossary terms and names of the district in a text, and insert their agreed translations."""

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

from bot.pii.placeholders import Span

UNSPACED_SCRIPT_PATTERN = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
ENGLISH_CODE = "en"


class GlossaryTerm(Protocol):
    """An English term. Without translations, it stays in English.

    `say` holds its translations by language, the preferred one first.
    """

    @property
    def say(self) -> Mapping[str, tuple[str, ...]]:
        """Return the translations by language."""

    @property
    def also(self) -> tuple[str, ...]:
        """Return other English forms, such as the plural."""


class TermGlossary:
    """Hold `terms` by their English form. `names` stay unchanged in every language."""

    def __init__(self, terms: Mapping[str, GlossaryTerm], names: Iterable[str] = ()) -> None:
        self._terms = terms
        self.names = tuple(dict.fromkeys(names))
        self._pairs: dict[tuple[str, str], tuple[re.Pattern[str] | None, dict[str, str]]] = {}

    def find_spans(self, text: str, source: str, target: str) -> list[Span]:
        """Return the spans of terms and names that the machine must not translate between these languages."""
        pattern, _ = self._get_pair(source, target)
        if pattern is None:
            return []
        return [match.span() for match in pattern.finditer(text)]

    def get_replacement(self, original: str, source: str, target: str) -> str:
        """Return the text to insert for a protected text: the translation of a term, or the text itself."""
        _, wordings = self._get_pair(source, target)
        wording = wordings.get(_get_match_key(original)) or wordings.get(original.casefold(), original)
        if original[:1].isupper():
            return wording[0].upper() + wording[1:]
        return wording

    def _get_pair(self, source: str, target: str) -> tuple[re.Pattern[str] | None, dict[str, str]]:
        if (source, target) not in self._pairs:
            wordings = self._map_forms(source, target)
            self._pairs[(source, target)] = (_compile_pattern(wordings), wordings)
        return self._pairs[(source, target)]

    def _map_forms(self, source: str, target: str) -> dict[str, str]:
        """Map forms in `source` to translations in `target`, for every term with both."""
        wordings = {name: name for name in self.names}
        for english, term in self._terms.items():
            for form in _get_forms(english, term, source):
                wording = form
                if term.say:
                    wording = next(iter(_get_forms(english, term, target)), "")
                if wording:
                    wordings[_get_match_key(form)] = wording
        return wordings


def _get_forms(english: str, term: GlossaryTerm, language: str) -> tuple[str, ...]:
    if language == ENGLISH_CODE or not term.say:
        return (english, *term.also)
    return term.say.get(language, ())


def _get_match_key(form: str) -> str:
    """Return the key to match a form.

    A form with a capital ("IEP", "EL") matches only this case, others match any case.
    """
    if form == form.lower():
        return form.casefold()
    return form


def _compile_pattern(forms: Iterable[str]) -> re.Pattern[str] | None:
    longest_first = sorted(forms, key=len, reverse=True)
    if not longest_first:
        return None
    return re.compile("|".join(map(_build_form_pattern, longest_first)))


def _build_form_pattern(form: str) -> str:
    pattern = r"\s+".join(map(re.escape, form.split()))
    if form == form.lower():
        pattern = f"(?i:{pattern})"
    if UNSPACED_SCRIPT_PATTERN.search(form):
        return pattern
    return rf"(?<!\w){pattern}(?!\w)"
