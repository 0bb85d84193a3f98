"""googletrans with a stand-in over HTTP, in each way it can fail; and the placeholders that protect data."""

from collections.abc import Iterator

import googletrans
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.content import other_languages
from bot.pii.placeholders import insert_placeholders, restore_text
from bot.translation import TranslationError, google
from bot.translation.google import GoogleTranslator
from tests.stand_in.google import GoogleStandIn, Mood


@pytest.fixture
def stand_in() -> Iterator[GoogleStandIn]:
    with GoogleStandIn() as one:
        yield one


def translate(stand_in: GoogleStandIn, *texts: str, target: str = "sw") -> list[str]:
    answers = GoogleTranslator(stand_in.url).translate(texts, "en", target)
    return [answer.reason if isinstance(answer, TranslationError) else answer for answer in answers]


def test_placeholders_and_numbers_stay_local_and_are_restored(stand_in: GoogleStandIn) -> None:
    answers = translate(stand_in, "Call {office_phone} by {due}, or 988.", "Please wait.")
    assert answers == ["sw: CALL {office_phone} BY {due}, OR 988.", "sw: PLEASE WAIT."]
    sent = " ".join(text for text, _, _ in stand_in.asked)
    assert "{" not in sent and "988" not in sent and "office" not in sent


def test_text_without_words_is_not_sent(stand_in: GoogleStandIn) -> None:
    assert translate(stand_in, "{date}", "911") == ["{date}", "911"]
    assert not stand_in.asked


@pytest.mark.parametrize(
    ("mood", "reason"),
    [
        ("busy", "busy"),
        ("broken", "broken"),
        ("garbage", "garbage"),
        ("unchanged", "unchanged"),
        ("loses_marks", "lost words"),
        ("slow", "time-out"),
    ],
)
def test_each_failure_has_its_reason(
    stand_in: GoogleStandIn, mood: Mood, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google, "TEXT_TIMEOUT_SECONDS", 0.5)
    stand_in.mood = mood
    assert translate(stand_in, "Call {office_phone} now.") == [reason]


def test_unreachable_server_is_reported(stand_in: GoogleStandIn) -> None:
    answers = GoogleTranslator("http://127.0.0.1:9").translate(["Hello there"], "en", "sw")
    assert isinstance(answers[0], TranslationError) and answers[0].reason == "unreachable"


def test_google_codes_are_used(stand_in: GoogleStandIn) -> None:
    translate(stand_in, "Hello there", target="wo")
    assert stand_in.asked[0][2] == "wol"


@pytest.mark.parametrize("code", other_languages.OTHER_LANGUAGE_CODES)
def test_every_selectable_language_is_known_to_google(code: str) -> None:
    assert google.GOOGLE_LANGUAGE_CODES.get(code, code) in googletrans.LANGUAGES


@given(st.text(), st.lists(st.sampled_from(["{due}", "911", "https://x.test/a", "+1 217 555 0110", "a@b.test"])))
def test_placeholders_round_trip(text: str, parts: list[str]) -> None:
    whole = " ".join([text.replace("[", "").replace("［", ""), *parts])
    bare, kept = insert_placeholders(whole)
    assert restore_text(bare, kept) == whole
    assert not any(part in bare for part in parts)
    if kept:
        assert restore_text(bare.replace("[[0]]", ""), kept) is None
