"""Translate what people write: with approved phrases, or with a machine that gets no names, numbers, or addresses.

All texts of families and staff go to a provider through this module. It never raises for a text. A failed translation
names its reason. The caller then delivers the original with a mark and alerts staff.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from redis import Redis

from bot.base import metrics
from bot.pii.personal_names import find_names
from bot.pii.placeholders import has_same_marks, has_words, insert_placeholders, restore_text
from bot.pii.street_addresses import find_addresses
from bot.translation.back_translation import find_warnings
from bot.translation.circuit_breaker import CircuitBreaker
from bot.translation.provider import TranslationError, TranslationErrorReason, Translator
from bot.translation.term_glossary import TermGlossary
from bot.translation.translation_cache import TRANSLATION_CACHE_SECONDS, CacheVault, TranslationCache, build_cache_key

ApprovedPhraseLookup = Callable[[str, str, str], str | None]
"""(source, target, text) → the translation that a person approved, or None."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TranslatedText:
    """Hold the result of a translation. `text` is empty after a failure, and `failure` says why."""

    text: str
    machine: str
    """ "yes" for a machine translation, "no" for a translation by a person, or "" if the text needed no translation."""
    back: str = ""
    """The back-translation by the machine, or "" after a failure or without a check."""
    warnings: tuple[str, ...] = ()
    """The differences between the original and `back`: "numbers", "dates", "names", or "negation"."""
    failure: TranslationErrorReason | None = None


class SafeTranslator:
    """Add masking, glossary, cache, circuit breaker, and checks to a provider.

    Without a provider, no machine translates.
    """

    def __init__(
        self,
        provider: Translator | None,
        redis: Redis,
        vault: CacheVault,
        glossary: TermGlossary,
        approved_lookup: ApprovedPhraseLookup,
    ) -> None:
        self._provider, self._glossary, self._approved_lookup = provider, glossary, approved_lookup
        self._cache = TranslationCache(redis, vault)
        self._breaker = CircuitBreaker(self._cache, provider.name if provider else "none")

    def translate(
        self,
        text: str,
        source: str,
        target: str,
        *,
        should_check: bool = True,
        cache_seconds: int = TRANSLATION_CACHE_SECONDS,
    ) -> TranslatedText:
        """Translate `text` to `target`.

        If `should_check` is true, also translate it back and list the differences.

        `cache_seconds` is how long the cache holds the machine translation. Use 0 for texts to or from families. Only
        the family's own records may hold these texts, because an erasure doesn't search the cache.
        """
        if source == target:
            return TranslatedText(text, "")
        approved_text = self._find_approved(text, source, target)
        if approved_text:
            return TranslatedText(approved_text, "no")
        return self._translate_by_machine(text, _TranslationRoute(source, target, cache_seconds), should_check)

    def _find_approved(self, text: str, source: str, target: str) -> str | None:
        try:
            return self._approved_lookup(source, target, text)
        except Exception as error:  # without the database, the machine can still translate
            log.warning("could not read approved phrases: %s", type(error).__name__)
            return None

    def _translate_by_machine(self, text: str, route: "_TranslationRoute", should_check: bool) -> TranslatedText:
        protected_text, originals = self._protect_text(text, route.source, route.target)
        replacements = [self._glossary.get_replacement(original, route.source, route.target) for original in originals]
        if not has_words(protected_text):
            text_with_terms = restore_text(protected_text, replacements) or text
            return TranslatedText(text_with_terms, "" if text_with_terms == text else "no")
        answer = self._ask_provider(protected_text, route)
        if isinstance(answer, TranslationError):
            return TranslatedText("", "", failure=answer.reason)
        translated = TranslatedText(restore_text(answer, replacements) or "", "yes")
        if not should_check:
            return translated
        return self._check_back_translation(translated, text, answer, originals, route)

    def _protect_text(self, text: str, source: str, target: str) -> tuple[str, list[str]]:
        """Replace personal details and glossary terms with marks."""
        term_spans = self._glossary.find_spans(text, source, target)
        return insert_placeholders(text, [*term_spans, *find_addresses(text), *find_names(text, source)])

    def _check_back_translation(
        self, translated: TranslatedText, text: str, answer: str, originals: list[str], route: "_TranslationRoute"
    ) -> TranslatedText:
        """Translate the answer back with its marks, so that the provider doesn't get the names either."""
        back_answer = self._ask_provider(answer, _TranslationRoute(route.target, route.source, route.cache_seconds))
        if isinstance(back_answer, TranslationError):
            return translated
        back = restore_text(back_answer, originals)
        if back is None:
            return translated
        required_names = [*self._glossary.names, *(original for original in originals if has_words(original))]
        return replace(translated, back=back, warnings=find_warnings(text, back, required_names, route.source))

    def _ask_provider(self, protected_text: str, route: "_TranslationRoute") -> str | TranslationError:
        """Return the cached translation of a masked text, or a new one if the circuit breaker allows a request."""
        if self._provider is None:
            return TranslationError("off")
        key = build_cache_key(self._provider.name, route.source, route.target, protected_text)
        cached_text = self._cache.find_translation(key)
        if cached_text:
            return cached_text
        if not self._breaker.allow_request():
            return TranslationError("resting")
        answer = _call_provider(self._provider, protected_text, route.source, route.target)
        if isinstance(answer, TranslationError):
            self._breaker.record_result(answer.reason)
            metrics.increment_count(self._cache.redis, "translation_failures", answer.reason)
            return answer
        self._breaker.record_result(None)
        if route.cache_seconds:
            self._cache.save_translation(key, answer, route.cache_seconds)
        metrics.increment_count(self._cache.redis, "translations")
        return answer


@dataclass(frozen=True)
class _TranslationRoute:
    """Hold the languages of a translation, and how long the cache holds it."""

    source: str
    target: str
    cache_seconds: int


def _call_provider(provider: Translator, protected_text: str, source: str, target: str) -> str | TranslationError:
    """Call the provider. An exception of the provider becomes a `TranslationError`."""
    try:
        answer = provider.translate([protected_text], source, target)[0]
    except Exception as error:
        log.warning("the translator raised %s", type(error).__name__)
        return TranslationError("broken")
    if isinstance(answer, str) and not has_same_marks(protected_text, answer):
        return TranslationError("lost words")
    return answer


def has_personal_data(text: str, language: str) -> bool:
    """Return whether a text holds a name, an address, or a number, so that it's no general sentence."""
    return bool([*find_addresses(text), *find_names(text, language)]) or any(char.isdigit() for char in text)
