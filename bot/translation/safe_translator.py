"""Translating what people write: approved phrases first, then a machine that sees no name, number or address.

The one way by which a family's or a staff member's words may leave.  Nothing here raises for a text: what could not be
translated says why, and whoever asked delivers the original, marked, and tells staff.
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
"""(source, target, text) → the wording that a person approved for it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TranslatedText:
    """What became of a text.  `text` is empty if no translation could be had; `failed` says why."""

    text: str
    machine: str
    """"yes": by a machine; "no": a person's wording; "": nothing was translated."""
    back: str = ""
    """The translation, translated back by the machine; empty if that failed, was not asked for, or not needed."""
    warnings: tuple[str, ...] = ()
    """Of "numbers", "dates", "names", "negation": what differs between the original and `back`."""
    failed: TranslationErrorReason | None = None


class SafeTranslator:
    """Shield, glossary, cache, circuit breaker and check around a provider (None: no machine may translate)."""

    def __init__(
        self,
        provider: Translator | None,
        redis: Redis,
        vault: CacheVault,
        glossary: TermGlossary,
        approved: ApprovedPhraseLookup,
    ) -> None:
        self._provider, self._glossary, self._approved = provider, glossary, approved
        self._memory = TranslationCache(redis, vault)
        self._breaker = CircuitBreaker(self._memory, provider.name if provider else "none")

    def translate(
        self, text: str, source: str, target: str, *, check: bool = True, cache_seconds: int = TRANSLATION_CACHE_SECONDS
    ) -> TranslatedText:
        """`text` in `target`.  `check`: also translate it back, and say what differs.

        `kept`: so many seconds the machine's answer is kept; 0 for what a family tells or is told, which nothing but
        its own records may hold: erasing would not find it here.
        """
        if source == target:
            return TranslatedText(text, "")
        approved = self._find_approved(text, source, target)
        if approved:
            return TranslatedText(approved, "no")
        return self._translate_by_machine(text, _TranslationRoute(source, target, cache_seconds), check)

    def _find_approved(self, text: str, source: str, target: str) -> str | None:
        try:
            return self._approved(source, target, text)
        except Exception as error:  # a database that is away: the machine may still be there
            log.warning("no approved phrases: %s", type(error).__name__)
            return None

    def _translate_by_machine(self, text: str, route: "_TranslationRoute", check: bool) -> TranslatedText:
        bare, kept = self._protect_text(text, route.source, route.target)
        ours = [self._glossary.get_replacement(one, route.source, route.target) for one in kept]
        if not has_words(bare):
            terms = restore_text(bare, ours) or text
            return TranslatedText(terms, "" if terms == text else "no")
        said = self._ask_provider(bare, route)
        if isinstance(said, TranslationError):
            return TranslatedText("", "", failed=said.reason)
        made = TranslatedText(restore_text(said, ours) or "", "yes")
        return self._check_back_translation(made, text, said, kept, route) if check else made

    def _protect_text(self, text: str, source: str, target: str) -> tuple[str, list[str]]:
        """Without anything that tells whom it is about, and without the terms that are said as agreed."""
        own = self._glossary.find_spans(text, source, target)
        return insert_placeholders(text, [*own, *find_addresses(text), *find_names(text, source)])

    def _check_back_translation(
        self, made: TranslatedText, text: str, said: str, kept: list[str], route: "_TranslationRoute"
    ) -> TranslatedText:
        """The marks stay in while it goes back: the names in a translation are not told to the machine either."""
        came = self._ask_provider(said, _TranslationRoute(route.target, route.source, route.cache_seconds))
        back = None if isinstance(came, TranslationError) else restore_text(came, kept)
        if back is None:
            return made
        must_stay = [*self._glossary.names, *(one for one in kept if has_words(one))]
        return replace(made, back=back, warnings=find_warnings(text, back, must_stay, route.source))

    def _ask_provider(self, bare: str, route: "_TranslationRoute") -> str | TranslationError:
        """The machine's answer to a shielded text: the kept one, or a new one if the breaker lets it through."""
        if self._provider is None:
            return TranslationError("off")
        key = build_cache_key(self._provider.name, route.source, route.target, bare)
        known = self._memory.find(key)
        if known:
            return known
        if not self._breaker.allow_request():
            return TranslationError("resting")
        answer = _call_provider(self._provider, bare, route.source, route.target)
        self._breaker.record_result(answer.reason if isinstance(answer, TranslationError) else None)
        if isinstance(answer, str):
            if route.cache_seconds:
                self._memory.save(key, answer, route.cache_seconds)
            metrics.count(self._memory.redis, "translations")
        else:
            metrics.count(self._memory.redis, "translation_failures", answer.reason)
        return answer


@dataclass(frozen=True)
class _TranslationRoute:
    """From which language to which, and how long the machine's answer is kept."""

    source: str
    target: str
    cache_seconds: int


def _call_provider(provider: Translator, bare: str, source: str, target: str) -> str | TranslationError:
    """What the provider says; one that breaks its promises costs no message."""
    try:
        answer = provider.translate([bare], source, target)[0]
    except Exception as error:
        log.warning("the translator raised %s", type(error).__name__)
        return TranslationError("broken")
    if isinstance(answer, str) and not has_same_marks(bare, answer):
        return TranslationError("lost words")
    return answer


def has_personal_data(text: str, language: str) -> bool:
    """Whether a text holds a name, an address or any number: then it is no general sentence."""
    return bool([*find_addresses(text), *find_names(text, language)]) or any(char.isdigit() for char in text)
