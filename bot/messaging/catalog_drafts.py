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
"""Texts in one job, so that it ends within its minute even if each takes seconds."""
DRAFT_LEASE = timedelta(minutes=2)
RETRY_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
MAX_FAILED_BATCHES = 3
"""So often in a row a batch may bring nothing before the language is used without the texts that fail."""

log = logging.getLogger(__name__)


def get_localized_library(runtime: Runtime, language: str) -> Library:
    """The library with the wordings of `language`: as read from the files, or with the drafts of the database."""
    library = runtime.library
    if language not in library.machine_languages:
        return library
    with runtime.database.read() as db:
        version = catalog_drafts.get_ready_version(db, language)
    return _load_drafted_library(runtime, language, version) if version else library


@lru_cache(maxsize=64)
def _load_drafted_library(runtime: Runtime, language: str, version: str) -> Library:
    """Read once for each version of the drafts, not for each message."""
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
    return 0 if count == 1 else 1


def draft_next_batch(runtime: Runtime, language: str) -> None:
    """Draft the next batch of a language, and queue the one after it.  Safe to run at any time, any number of times."""
    current_time = now()
    with runtime.database.write() as db:
        if runtime.translator is None or not catalog_drafts.claim_language(
            db, language, current_time, current_time + DRAFT_LEASE
        ):
            return
        existing_translations, failures = (
            catalog_drafts.get_translations(db, language),
            catalog_drafts.count_failures(db, language),
        )
    missing_texts = [
        text for text in _list_plain_texts(runtime.library) if compute_text_id(text) not in existing_translations
    ]
    start = (
        failures * BATCH_SIZE % len(missing_texts) if missing_texts else 0
    )  # not the same ones again after they all failed
    batch = missing_texts[start : start + BATCH_SIZE]
    new_translations = dict(_translate_batch(runtime, language, batch))
    _save_batch(runtime, language, new_translations, len(missing_texts), failures)


def _translate_batch(runtime: Runtime, language: str, batch: list[str]) -> Iterator[tuple[str, str]]:
    assert runtime.translator is not None, "asked for by draft() only"
    results = runtime.translator.translate(batch, SOURCE_LANGUAGE, language)
    for english, result in zip(batch, results, strict=True):
        if isinstance(result, TranslationError):
            log.warning("not drafted: language=%s text=%s reason=%s", language, compute_text_id(english), result.reason)
        else:
            yield english, result


def _save_batch(
    runtime: Runtime, language: str, translations: dict[str, str], missing_count: int, failures: int
) -> None:
    current_time, provider = now(), runtime.translator.name if runtime.translator else ""
    remaining_count, failures = missing_count - len(translations), 0 if translations else failures + 1
    with runtime.database.write() as db:
        catalog_drafts.save(db, language, translations, provider, current_time)
        if remaining_count == 0 or (
            failures > MAX_FAILED_BATCHES and _is_nearly_complete(runtime.library, remaining_count)
        ):
            catalog_drafts.mark_ready(db, language, compute_texts_version(runtime.library), current_time)
            log.info("drafted: language=%s left_in_english=%s", language, remaining_count)
            return
        catalog_drafts.reschedule(
            db,
            language,
            current_time if translations else current_time + RETRY_DELAYS[min(failures, len(RETRY_DELAYS)) - 1],
            failures,
        )
    if translations:
        enqueue(runtime.redis, "bulk", DRAFT_LANGUAGE_JOB, language)


def _is_nearly_complete(library: Library, remaining_count: int) -> bool:
    """A few texts that a machine cannot do must not keep the others from the family: these stay English."""
    return remaining_count * 20 <= len(_list_plain_texts(library))


def list_translatable_texts(library: Library) -> Iterator[str | Plural]:
    """Every text that a family may read, as the catalogs hold it; what the program says by itself first."""
    yield from library.texts.values()
    for flow in library.flows.flows.values():
        yield from (text for _, text in list_flow_texts(flow))
    yield from (fact.text for fact in library.facts.values())


def _list_plain_texts(library: Library) -> tuple[str, ...]:
    """Each once, the forms of a plural one by one."""
    texts: dict[str, None] = {}
    for text in list_translatable_texts(library):
        texts |= dict.fromkeys((text.one, text.other) if isinstance(text, Plural) else (text,))
    return tuple(texts)


def compute_texts_version(library: Library) -> str:
    """Changes when any text changes: a language that was ready is drafted again where texts are new."""
    return sha256("\0".join(_list_plain_texts(library)).encode()).hexdigest()[:12]
