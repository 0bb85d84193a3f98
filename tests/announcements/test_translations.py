"""Translation drafts, reviews, and the memory of approved sentences; the composed message."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.announcements import translation_drafts
from bot.announcements.preview import build_preview
from bot.announcements.text import compose_body, split_sentences
from bot.announcements.translation_drafts import TranslationApprovalError
from bot.base.database import now
from bot.content.library import Library
from bot.runtime import Runtime
from bot.store.announcements import translations
from bot.store.announcements.announcements import Announcement, Audience
from bot.store.announcements.translations import AnnouncementTranslation, TranslationReview
from tests.announcements.conftest import District
from tests.conftest import NOW
from tests.stand_in.google import GoogleStandIn

pytestmark = pytest.mark.long

REVIEW = TranslationReview("Ana Ruiz", "ana_ruiz", NOW)


@pytest.fixture
def google() -> Iterator[GoogleStandIn]:
    with GoogleStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def translated(district: District, google: GoogleStandIn) -> District:
    given = district.runtime.settings.model_copy(update={"translator": "googletrans", "googletrans_base": google.url})
    runtime = Runtime(given, district.runtime.library, district.runtime.redis, district.runtime.database)
    return replace(district, runtime=runtime)


def create_machine_draft(district: District, text: str, language: str = "es") -> Announcement:
    draft = district.draft(text)
    translation_drafts.request_drafts(district.runtime, draft)
    translation_drafts.create_draft(district.runtime, draft.id, language)
    return draft


def get_translation(district: District, number: int, language: str = "es") -> AnnouncementTranslation:
    with district.runtime.database.read() as db:
        found = translations.find(db, number, language)
    assert found is not None
    return found


def test_each_sentence_is_drafted_with_its_placeholders(translated: District, google: GoogleStandIn) -> None:
    draft = create_machine_draft(translated, "There is a fair. Call {office_phone} on Friday.")
    first, second = get_translation(translated, draft.id).parts
    assert first.machine == "yes" and first.wording and first.back
    assert "{office_phone}" in second.wording
    assert not any("office_phone" in asked[0] for asked in google.asked), "no machine sees it"


def test_failed_translation_is_left_to_a_person(translated: District, google: GoogleStandIn) -> None:
    google.mood = "broken"
    draft = create_machine_draft(translated, "There is a fair.")
    found = get_translation(translated, draft.id)
    assert found.state == "draft" and found.failed and not found.is_complete
    translation_drafts.approve(translated.runtime, draft.id, "es", ["Hay una feria."], REVIEW)
    assert get_translation(translated, draft.id).state == "approved"


def test_approved_sentence_is_offered_again(translated: District, google: GoogleStandIn) -> None:
    first = create_machine_draft(translated, "There is no school on Friday.")
    translation_drafts.approve(translated.runtime, first.id, "es", ["El viernes no hay clases."], REVIEW)
    google.asked.clear()
    second = create_machine_draft(translated, "There is no school on Friday. There is no school on Monday.")
    same, other = get_translation(translated, second.id).parts
    assert (same.wording, same.machine) == ("El viernes no hay clases.", "no")
    offered = translation_drafts.find_similar_phrases(translated.runtime, second.id, "es")[other.english]
    assert [one.wording for one in offered] == ["El viernes no hay clases."]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["", "Llame al {office_phone}."], "has no translation"),
        (["Hay una feria.", "Llame a la oficina."], "{office_phone}"),
        (["Hay una feria."], "changed in the meantime"),
    ],
)
def test_translation_missing_a_placeholder_cannot_be_approved(
    district: District, given: list[str], message: str
) -> None:
    draft = create_machine_draft(district, "There is a fair. Call {office_phone}.")
    with pytest.raises(TranslationApprovalError, match=message):
        translation_drafts.approve(district.runtime, draft.id, "es", given, REVIEW)
    assert get_translation(district, draft.id).state == "draft"


def test_changed_text_is_drafted_again(district: District) -> None:
    draft = create_machine_draft(district, "There is a fair.")
    translation_drafts.approve(district.runtime, draft.id, "es", ["Hay una feria."], REVIEW)
    changed = replace(draft, text="There is no fair.")
    translation_drafts.request_drafts(district.runtime, changed)
    assert get_translation(district, draft.id).state == "waiting"


@given(st.text(max_size=200).filter(str.strip))
def test_joined_sentences_equal_the_text(text: str) -> None:
    assert "".join(part.english + part.after for part in split_sentences(text)) == text.strip()


def test_preview_lists_recipients_and_exclusions(district: District) -> None:
    district.family("+12175550201", language="es")
    district.family("+12175550202")
    district.family("+12175550203", consent=False)
    draft = district.draft("Fair on Friday.")
    translation_drafts.request_drafts(district.runtime, draft)
    shown = build_preview(district.runtime, draft)
    by_language = {one.language: one for one in shown.languages}
    assert by_language["en"].sms_count == 1 and by_language["es"].held == 1 and by_language["es"].sms_count == 0
    assert shown.unreached_by_reason == {"no consent": 1} and shown.family_count == 3
    assert [one.language for one in shown.unapproved_languages] == ["es"]
    assert by_language["en"].segments == 1 and by_language["en"].dollars == pytest.approx(0.0113)


def test_message_fits_and_is_complete_in_every_language(library: Library) -> None:
    one = Announcement(
        "general", "dana_cole", "Fair at {website}.", Audience(), NOW, "https://example.org/x", code="K7Q2MX"
    )
    for language in library.district.languages:
        text = compose_body(library, one, language, None, "https://puente.test")
        assert "https://puente.test/m/K7Q2MX" in text and "https://example.org/x" in text
        assert "riverbend.example.org" in text and "{" not in text
    assert now() > NOW
