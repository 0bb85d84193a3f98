"""Draft the texts of a language that has no catalog.

Drafting starts in the background when a family first asks for the language. The drafts are used once all texts are
done. Until then, and for a text that failed, the family reads English. A draft carries the same notice as every draft.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256

from bot.base.database import now
from bot.base.queues import DRAFT_LANGUAGE_JOB, enqueue
from bot.content.catalog import SOURCE_LANGUAGE, Catalogs, CatalogText, PluralForms
from bot.content.library import Library
from bot.flows.loader import list_flow_texts
from bot.flows.model import Plural
from bot.runtime import Runtime
from bot.store.families import catalog_drafts
from bot.store.families.sent_texts import compute_text_id
from bot.translation import TranslationError

BATCH_SIZE = 40
"""Texts per job. A job has one minute, and a translation can take seconds."""
DRAFT_LEASE = timedelta(minutes=2)
RETRY_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
MAX_FAILED_BATCHES = 3
"""After so many failed batches in a row, the language is used without the texts that fail."""

log = logging.getLogger(__name__)


def get_localized_library(runtime: Runtime, language: str) -> Library:
    """Return the library with the texts of this language, from the files or from the saved drafts."""
    library = runtime.library
    if language not in library.machine_languages:
        return library
    with runtime.database.read() as db:
        version = catalog_drafts.get_ready_version(db, language)
    if not version:
        return library
    return _load_drafted_library(runtime, language, version)


@lru_cache(maxsize=64)
def _load_drafted_library(runtime: Runtime, language: str, version: str) -> Library:
    """Build the library once for each version of the drafts, not for each message."""
    with runtime.database.read() as db:
        translations = catalog_drafts.get_translations(db, language)
    catalogs = runtime.library.catalogs
    texts, plurals = {}, {}
    for text in list_translatable_texts(runtime.library):
        if isinstance(text, Plural):
            forms = tuple(translations.get(compute_text_id(form), form) for form in (text.one, text.other))
            plurals[text.one] = PluralForms(forms, _select_plural_form, is_draft=True)
        elif wording := translations.get(compute_text_id(text)):
            texts[text] = CatalogText(wording, is_draft=True)
    extended_catalogs = Catalogs({**catalogs.texts, language: texts}, {**catalogs.plurals, language: plurals})
    return replace(runtime.library, catalogs=extended_catalogs)


def _select_plural_form(count: int) -> int:
    return int(count != 1)


def draft_next_batch(runtime: Runtime, language: str) -> None:
    """Draft the next batch of a language and queue the one after it. Repeating the job is safe."""
    if runtime.translator is None:
        return
    current_time = now()
    with runtime.database.write() as db:
        if not catalog_drafts.claim_language(db, language, current_time, current_time + DRAFT_LEASE):
            return
        translations = catalog_drafts.get_translations(db, language)
        failures = catalog_drafts.count_failures(db, language)
    missing_texts = [text for text in _list_plain_texts(runtime.library) if compute_text_id(text) not in translations]
    batch = _select_batch(missing_texts, failures)
    new_translations = dict(_translate_batch(runtime, language, batch))
    _save_batch(runtime, language, new_translations, len(missing_texts), failures)


def _select_batch(missing_texts: list[str], failures: int) -> list[str]:
    """Return the next texts. After a failed batch, continue behind it instead of repeating the same texts."""
    if not missing_texts:
        return []
    start = failures * BATCH_SIZE % len(missing_texts)
    return missing_texts[start : start + BATCH_SIZE]


def _translate_batch(runtime: Runtime, language: str, batch: list[str]) -> Iterator[tuple[str, str]]:
    assert runtime.translator is not None, "draft_next_batch returns early without a translator"
    results = runtime.translator.translate(batch, SOURCE_LANGUAGE, language)
    for english, result in zip(batch, results, strict=True):
        if isinstance(result, TranslationError):
            log.warning("not drafted: language=%s text=%s reason=%s", language, compute_text_id(english), result.reason)
        else:
            yield english, result


def _save_batch(
    runtime: Runtime, language: str, translations: dict[str, str], missing_count: int, failures: int
) -> None:
    current_time, remaining_count = now(), missing_count - len(translations)
    provider = runtime.translator.name if runtime.translator else ""
    failures = 0 if translations else failures + 1
    with runtime.database.write() as db:
        catalog_drafts.save(db, language, translations, provider, current_time)
        if _is_complete(runtime.library, remaining_count, failures):
            catalog_drafts.mark_ready(db, language, compute_texts_version(runtime.library), current_time)
            log.info("drafted: language=%s left_in_english=%s", language, remaining_count)
            return
        delay = timedelta(0)
        if failures:
            delay = RETRY_DELAYS[min(failures, len(RETRY_DELAYS)) - 1]
        catalog_drafts.reschedule(db, language, current_time + delay, failures)
    if translations:
        enqueue(runtime.redis, "bulk", DRAFT_LANGUAGE_JOB, language)


def _is_complete(library: Library, remaining_count: int, failures: int) -> bool:
    """Say whether the language can be used. A few texts that always fail stay in English (at most 5%)."""
    if remaining_count == 0:
        return True
    return failures > MAX_FAILED_BATCHES and remaining_count * 20 <= len(_list_plain_texts(library))


def list_translatable_texts(library: Library) -> Iterator[str | Plural]:
    """Yield every text that a family may read, as the catalogs hold it. Texts outside flows come first."""
    yield from library.texts.values()
    for flow in library.flows.flows.values():
        yield from (text for _, text in list_flow_texts(flow))
    yield from (fact.text for fact in library.facts.values())


def _list_plain_texts(library: Library) -> tuple[str, ...]:
    """Return each text once, with the two forms of a plural as separate texts."""
    texts: dict[str, None] = {}
    for text in list_translatable_texts(library):
        if isinstance(text, Plural):
            texts |= {text.one: None, text.other: None}
        else:
            texts[text] = None
    return tuple(texts)


def compute_texts_version(library: Library) -> str:
    """Return a hash of all texts. When a text changes, a ready language is drafted again."""
    return sha256("\0".join(_list_plain_texts(library)).encode()).hexdigest()[:12]
