"""A family chooses a language without a catalog: English with a notice, then the machine's draft, marked."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from bot.base.database import now
from bot.base.language_names import get_english_name, get_own_name
from bot.content import other_languages
from bot.messaging import catalog_drafts
from bot.runtime import Runtime, open_runtime
from bot.store.families import catalog_drafts as families_catalog_drafts
from tests.conftest import Family
from tests.stand_in.google import GoogleStandIn

pytestmark = pytest.mark.long


def test_language_name_table_matches_babel() -> None:
    told = {code: (get_english_name(code), get_own_name(code)) for code in other_languages.OTHER_LANGUAGE_CODES}
    assert told == other_languages.OTHER_LANGUAGE_NAMES


DRAFTED_NOTICE = "sw: THIS WAS TRANSLATED BY MACHINE"
SOON = "A machine is preparing your language"


@pytest.fixture
def google() -> Iterator[GoogleStandIn]:
    with GoogleStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def translating(runtime: Runtime, google: GoogleStandIn) -> Runtime:
    given = runtime.settings.model_copy(update={"translator": "googletrans", "googletrans_base": google.url})
    return open_runtime(given, runtime.library)


@pytest.fixture
def family(translating: Runtime, serve: Callable[[Runtime], Flask]) -> Family:
    return Family(translating, serve(translating).test_client(), "whatsapp:+12175550133")


def draft_all(runtime: Runtime, language: str = "sw", most: int = 40) -> int:
    """Run the worker's jobs until none is left."""
    for batches in range(most):
        with runtime.database.read() as db:
            if families_catalog_drafts.get_ready_version(db, language):
                return batches
        catalog_drafts.draft_next_batch(runtime, language)
    return most


def test_english_is_used_until_draft_with_notice_is_ready(family: Family, translating: Runtime) -> None:
    family.text("hello")
    first = family.text("Kiswahili")
    assert SOON in first and "sw:" not in first
    assert SOON not in family.text("menu"), "once a conversation"
    assert draft_all(translating) > 3, "in batches"
    menu = family.text("menu")
    assert "sw: " in menu and DRAFTED_NOTICE in menu
    assert DRAFTED_NOTICE not in family.text("menu"), "once a conversation"


def test_answer_by_drafted_label_is_understood(family: Family, translating: Runtime) -> None:
    family.text("LANG sw")
    draft_all(translating)
    menu = family.text("menu")
    label = next(line for line in menu.splitlines() if line.startswith("1. ")).removeprefix("1. ")
    by_label = family.text(label)
    family.text("menu")
    assert by_label == family.text("1") and by_label.startswith("sw: ")


def test_family_data_is_never_sent_to_the_provider(family: Family, translating: Runtime, google: GoogleStandIn) -> None:
    family.text("swahili")
    family.text("my phone is 217 555 0199 and I am afraid of zebras")
    draft_all(translating)
    sent = " ".join(text for text, _, _ in google.asked)
    assert "zebras" not in sent and "0199" not in sent
    assert {target for _, _, target in google.asked} == {"sw"}


def test_emergencies_are_answered_in_english_meanwhile(family: Family) -> None:
    family.text("swahili")
    assert "911" in family.text("there are ICE agents at my door right now")


def test_failing_provider_leaves_english_and_is_retried_later(
    family: Family, translating: Runtime, google: GoogleStandIn
) -> None:
    google.mood = "busy"
    family.text("swahili")
    catalog_drafts.draft_next_batch(translating, "sw")
    asked = len(google.asked)
    catalog_drafts.draft_next_batch(translating, "sw")
    assert len(google.asked) == asked, "it waits before it tries again"
    with translating.database.read() as db:
        assert families_catalog_drafts.list_progress(db) == [("sw", 0, 1)]
        assert not families_catalog_drafts.list_due_languages(
            db, "any", now()
        ) and families_catalog_drafts.list_due_languages(db, "any", now() + 2 * catalog_drafts.RETRY_DELAYS[0])


def test_sweep_finds_a_waiting_language(family: Family, translating: Runtime) -> None:
    family.text("swahili")
    with translating.database.read() as db:
        assert families_catalog_drafts.list_due_languages(
            db, catalog_drafts.compute_texts_version(translating.library), now()
        ) == ["sw"]
    draft_all(translating)
    with translating.database.read() as db:
        assert not families_catalog_drafts.list_due_languages(
            db, catalog_drafts.compute_texts_version(translating.library), now()
        )
        assert families_catalog_drafts.list_due_languages(db, "another version", now()) == ["sw"], (
            "new texts are drafted again"
        )


def test_family_keeps_its_language_after_redis_flush(family: Family, translating: Runtime) -> None:
    family.text("swahili")
    draft_all(translating)
    translating.redis.flushall()
    assert "sw:" in family.text("menu")


def test_without_translator_an_interpreter_is_offered(runtime: Runtime, new_family: Callable[[str], Family]) -> None:
    assert runtime.translator is None
    answer = new_family("whatsapp:+12175550135").text("swahili")
    assert SOON not in answer


@pytest.mark.long
def test_texts_the_provider_cannot_translate_stay_english(
    family: Family, translating: Runtime, google: GoogleStandIn
) -> None:
    google.cannot = "interpreter"
    family.text("swahili")
    start = now()
    for hours in range(0, 40):
        with time_machine.travel(start + timedelta(hours=hours), tick=False):
            catalog_drafts.draft_next_batch(translating, "sw")
    with translating.database.read() as db:
        assert families_catalog_drafts.get_ready_version(db, "sw")


def test_office_hours_use_day_names_of_each_language() -> None:
    """A Korean family read Pashto days: Babel gave every language without "stand-alone" days the first language's."""
    from datetime import time

    from bot.content import dates

    hours = {code: dates.format_hours(time(7), time(16), (0, 4), code) for code in ("ps", "ko", "so", "am", "tl")}
    assert hours["ko"].startswith("월-금") and hours["am"].startswith("ሰኞ") and hours["so"].startswith("Isn")
    assert len(set(hours.values())) == len(hours)
