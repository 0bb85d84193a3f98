"""Languages without a catalog: drafted in the background from a family's first wish for one, used once all is there.

Until then, and for a text that the machine failed at, the family reads English; a draft is marked as every draft is.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256

from bot.base.database import now
from bot.base.queues import DRAFT, enqueue
from bot.content.catalog import SOURCE_LANGUAGE, Catalogs, CatalogText, PluralForms
from bot.content.library import Library
from bot.flows.loader import texts_of
from bot.flows.model import Plural
from bot.runtime import Services
from bot.store.families import catalog_drafts
from bot.store.families.sent_texts import compute_text_id
from bot.translation import TranslationError

BATCH = 40
"""Texts in one job, so that it ends within its minute even if each takes seconds."""
LEASE = timedelta(minutes=2)
BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
STUBBORN = 3
"""So often in a row a batch may bring nothing before the language is used without the texts that fail."""

log = logging.getLogger(__name__)


def library_for(services: Services, language: str) -> Library:
    """The library with the wordings of `language`: as read from the files, or with the drafts of the database."""
    library = services.library
    if language not in library.machine_languages:
        return library
    with services.database.read() as db:
        version = catalog_drafts.get_ready_version(db, language)
    return _drafted(services, language, version) if version else library


@lru_cache(maxsize=64)
def _drafted(services: Services, language: str, version: str) -> Library:
    """Read once for each version of the drafts, not for each message."""
    with services.database.read() as db:
        found = catalog_drafts.get_translations(db, language)
    catalogs = services.library.catalogs
    texts, plurals = {}, {}
    for text in translatable(services.library):
        if isinstance(text, Plural):
            forms = tuple(found.get(compute_text_id(form), form) for form in (text.one, text.other))
            plurals[text.one] = PluralForms(forms, _one_or_other, is_draft=True)
        elif wording := found.get(compute_text_id(text)):
            texts[text] = CatalogText(wording, is_draft=True)
    more = Catalogs({**catalogs.texts, language: texts}, {**catalogs.plurals, language: plurals})
    return replace(services.library, catalogs=more)


def _one_or_other(count: int) -> int:
    return 0 if count == 1 else 1


def draft(services: Services, language: str) -> None:
    """Draft the next batch of a language, and queue the one after it.  Safe to run at any time, any number of times."""
    at = now()
    with services.database.write() as db:
        if services.translator is None or not catalog_drafts.claim_language(db, language, at, at + LEASE):
            return
        there, failures = catalog_drafts.get_translations(db, language), catalog_drafts.count_failures(db, language)
    missing = [text for text in _plain_texts(services.library) if compute_text_id(text) not in there]
    start = failures * BATCH % len(missing) if missing else 0  # not the same ones again after they all failed
    batch = missing[start : start + BATCH]
    done = dict(_translated(services, language, batch))
    _settle(services, language, done, len(missing), failures)


def _translated(services: Services, language: str, batch: list[str]) -> Iterator[tuple[str, str]]:
    assert services.translator is not None, "asked for by draft() only"
    answers = services.translator.translate(batch, SOURCE_LANGUAGE, language)
    for english, answer in zip(batch, answers, strict=True):
        if isinstance(answer, TranslationError):
            log.warning("not drafted: language=%s text=%s reason=%s", language, compute_text_id(english), answer.reason)
        else:
            yield english, answer


def _settle(services: Services, language: str, done: dict[str, str], missing: int, failures: int) -> None:
    at, provider = now(), services.translator.name if services.translator else ""
    left, failures = missing - len(done), 0 if done else failures + 1
    with services.database.write() as db:
        catalog_drafts.save(db, language, done, provider, at)
        if left == 0 or (failures > STUBBORN and _nearly_all(services.library, left)):
            catalog_drafts.mark_ready(db, language, version_of(services.library), at)
            log.info("drafted: language=%s left_in_english=%s", language, left)
            return
        catalog_drafts.reschedule(db, language, at if done else at + BACKOFF[min(failures, len(BACKOFF)) - 1], failures)
    if done:
        enqueue(services.redis, "bulk", DRAFT, language)


def _nearly_all(library: Library, left: int) -> bool:
    """A few texts that a machine cannot do must not keep the others from the family: these stay English."""
    return left * 20 <= len(_plain_texts(library))


def translatable(library: Library) -> Iterator[str | Plural]:
    """Every text that a family may read, as the catalogs hold it; what the program says by itself first."""
    yield from library.texts.values()
    for flow in library.flows.flows.values():
        yield from (text for _, text in texts_of(flow))
    yield from (fact.text for fact in library.facts.values())


@lru_cache(maxsize=8)
def _plain_texts(library: Library) -> tuple[str, ...]:
    """Each once, the forms of a plural one by one."""
    found: dict[str, None] = {}
    for text in translatable(library):
        found |= dict.fromkeys((text.one, text.other) if isinstance(text, Plural) else (text,))
    return tuple(found)


@lru_cache(maxsize=8)
def version_of(library: Library) -> str:
    """Changes when any text changes: a language that was ready is drafted again where texts are new."""
    return sha256("\0".join(_plain_texts(library)).encode()).hexdigest()[:12]
