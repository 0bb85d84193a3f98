"""Translating what people write: approved phrases first, then a machine that sees no name, number or address.

The one way by which a family's or a staff member's words may leave.  Nothing here raises for a text: what could not be
translated says why, and whoever asked delivers the original, marked, and tells staff.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from redis import Redis

from bot.base import metrics
from bot.pii.personal_names import names
from bot.pii.placeholders import has_words, same_marks, shield, unshield
from bot.pii.street_addresses import addresses
from bot.translation.back_translation import warnings
from bot.translation.circuit_breaker import Breaker
from bot.translation.provider import Failed, Reason, Translator
from bot.translation.term_glossary import Glossary
from bot.translation.translation_cache import KEPT_SECONDS, Memory, Vault, key_of

Approved = Callable[[str, str, str], str | None]
"""(source, target, text) → the wording that a person approved for it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Translated:
    """What became of a text.  `text` is empty if no translation could be had; `failed` says why."""

    text: str
    machine: str
    """"yes": by a machine; "no": a person's wording; "": nothing was translated."""
    back: str = ""
    """The translation, translated back by the machine; empty if that failed, was not asked for, or not needed."""
    warnings: tuple[str, ...] = ()
    """Of "numbers", "dates", "names", "negation": what differs between the original and `back`."""
    failed: Reason | None = None


class CarefulTranslator:
    """Shield, glossary, cache, circuit breaker and check around a provider (None: no machine may translate)."""

    def __init__(
        self, provider: Translator | None, redis: Redis, vault: Vault, glossary: Glossary, approved: Approved
    ) -> None:
        self._provider, self._glossary, self._approved = provider, glossary, approved
        self._memory = Memory(redis, vault)
        self._breaker = Breaker(self._memory, provider.name if provider else "none")

    def translate(
        self, text: str, source: str, target: str, *, check: bool = True, kept: int = KEPT_SECONDS
    ) -> Translated:
        """`text` in `target`.  `check`: also translate it back, and say what differs.

        `kept`: so many seconds the machine's answer is kept; 0 for what a family tells or is told, which nothing but
        its own records may hold: erasing would not find it here.
        """
        if source == target:
            return Translated(text, "")
        approved = self._of_a_person(text, source, target)
        if approved:
            return Translated(approved, "no")
        return self._by_machine(text, _Way(source, target, kept), check)

    def _of_a_person(self, text: str, source: str, target: str) -> str | None:
        try:
            return self._approved(source, target, text)
        except Exception as error:  # a database that is away: the machine may still be there
            log.warning("no approved phrases: %s", type(error).__name__)
            return None

    def _by_machine(self, text: str, way: "_Way", check: bool) -> Translated:
        bare, kept = self._shielded(text, way.source, way.target)
        ours = [self._glossary.instead(one, way.source, way.target) for one in kept]
        if not has_words(bare):
            terms = unshield(bare, ours) or text
            return Translated(terms, "" if terms == text else "no")
        said = self._ask(bare, way)
        if isinstance(said, Failed):
            return Translated("", "", failed=said.reason)
        made = Translated(unshield(said, ours) or "", "yes")
        return self._checked(made, text, said, kept, way) if check else made

    def _shielded(self, text: str, source: str, target: str) -> tuple[str, list[str]]:
        """Without anything that tells whom it is about, and without the terms that are said as agreed."""
        own = self._glossary.spans(text, source, target)
        return shield(text, [*own, *addresses(text), *names(text, source)])

    def _checked(self, made: Translated, text: str, said: str, kept: list[str], way: "_Way") -> Translated:
        """The marks stay in while it goes back: the names in a translation are not told to the machine either."""
        came = self._ask(said, _Way(way.target, way.source, way.kept))
        back = None if isinstance(came, Failed) else unshield(came, kept)
        if back is None:
            return made
        must_stay = [*self._glossary.names, *(one for one in kept if has_words(one))]
        return replace(made, back=back, warnings=warnings(text, back, must_stay, way.source))

    def _ask(self, bare: str, way: "_Way") -> str | Failed:
        """The machine's answer to a shielded text: the kept one, or a new one if the breaker lets it through."""
        if self._provider is None:
            return Failed("off")
        key = key_of(self._provider.name, way.source, way.target, bare)
        known = self._memory.find(key)
        if known:
            return known
        if not self._breaker.lets_through():
            return Failed("resting")
        answer = _machine(self._provider, bare, way.source, way.target)
        self._breaker.told(answer.reason if isinstance(answer, Failed) else None)
        if isinstance(answer, str):
            if way.kept:
                self._memory.keep(key, answer, way.kept)
            metrics.count(self._memory.redis, "translations")
        else:
            metrics.count(self._memory.redis, "translation_failures", answer.reason)
        return answer


@dataclass(frozen=True)
class _Way:
    """From which language to which, and how long the machine's answer is kept."""

    source: str
    target: str
    kept: int


def _machine(provider: Translator, bare: str, source: str, target: str) -> str | Failed:
    """What the provider says; one that breaks its promises costs no message."""
    try:
        answer = provider.translate([bare], source, target)[0]
    except Exception as error:
        log.warning("the translator raised %s", type(error).__name__)
        return Failed("broken")
    if isinstance(answer, str) and not same_marks(bare, answer):
        return Failed("lost words")
    return answer


def personal(text: str, language: str) -> bool:
    """Whether a text holds a name, an address or any number: then it is no general sentence."""
    return bool([*addresses(text), *names(text, language)]) or any(char.isdigit() for char in text)
