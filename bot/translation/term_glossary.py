"""The glossary at work: terms of American schools and the district's own names, found in a text and said as agreed."""

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

from bot.pii.placeholders import Span

UNSPACED_SCRIPT_PATTERN = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
ENGLISH_CODE = "en"


class GlossaryTerm(Protocol):
    """An English term: `say` holds its wordings by language, the preferred one first; none: it stays as it is."""

    @property
    def say(self) -> Mapping[str, tuple[str, ...]]:
        """Language → wordings."""

    @property
    def also(self) -> tuple[str, ...]:
        """Other English forms, such as the plural."""


class TermGlossary:
    """`terms` by their English form; `names` stay as they are in every language."""

    def __init__(self, terms: Mapping[str, GlossaryTerm], names: Iterable[str] = ()) -> None:
        self._terms = terms
        self.names = tuple(dict.fromkeys(names))
        self._pairs: dict[tuple[str, str], tuple[re.Pattern[str] | None, dict[str, str]]] = {}

    def find_spans(self, text: str, source: str, target: str) -> list[Span]:
        """Where terms and names stand that the machine must not touch between these languages."""
        pattern, _ = self._get_pair(source, target)
        return [match.span() for match in pattern.finditer(text)] if pattern else []

    def get_replacement(self, original: str, source: str, target: str) -> str:
        """What is put back in the translation for what was taken out: a term's wording, all else unchanged."""
        _, wordings = self._get_pair(source, target)
        wording = wordings.get(_get_match_key(original)) or wordings.get(original.casefold(), original)
        return wording[0].upper() + wording[1:] if original[:1].isupper() else wording

    def _get_pair(self, source: str, target: str) -> tuple[re.Pattern[str] | None, dict[str, str]]:
        if (source, target) not in self._pairs:
            wordings = self._map_forms(source, target)
            self._pairs[(source, target)] = (_compile_pattern(wordings), wordings)
        return self._pairs[(source, target)]

    def _map_forms(self, source: str, target: str) -> dict[str, str]:
        """Form in `source` → wording in `target`, of every term that has both."""
        wordings = {name: name for name in self.names}
        for english, term in self._terms.items():
            for form in _get_forms(english, term, source):
                wording = form if not term.say else next(iter(_get_forms(english, term, target)), "")
                wordings |= {_get_match_key(form): wording} if wording else {}
        return wordings


def _get_forms(english: str, term: GlossaryTerm, language: str) -> tuple[str, ...]:
    return (english, *term.also) if language == ENGLISH_CODE or not term.say else term.say.get(language, ())


def _get_match_key(form: str) -> str:
    """As a form is matched: one with a capital ("IEP", "EL") only so, others in any case."""
    return form if form != form.lower() else form.casefold()


def _compile_pattern(forms: Iterable[str]) -> re.Pattern[str] | None:
    longest_first = sorted(forms, key=len, reverse=True)
    return re.compile("|".join(map(_build_form_pattern, longest_first))) if longest_first else None


def _build_form_pattern(form: str) -> str:
    words = r"\s+".join(map(re.escape, form.split()))
    any_case = words if form != form.lower() else f"(?i:{words})"
    return any_case if UNSPACED_SCRIPT_PATTERN.search(form) else rf"(?<!\w){any_case}(?!\w)"
