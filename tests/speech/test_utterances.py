"""Written text becomes speech."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.twiml.voice_response import VoiceResponse

from bot.content.library import Library
from bot.speech.twilio_voices import TWILIO_VOICES, find_recognition_locale
from bot.speech.utterances import (
    Utterance,
    compute_recording_key,
    has_visual_content,
    prepare_machine_text,
    split_utterances,
)
from bot.web.webhooks.twiml_speech import Speaker, split_into_parts, split_sentences
from tests.twiml.checking import find_problems


def test_choices_keep_numbers_and_links_are_not_spoken() -> None:
    reply = "Here is help: https://a.example/x\n\nHow can I help?\n1. Is it safe?\n12. A person"
    assert split_utterances(reply) == (
        Utterance("Here is help:"),
        Utterance("How can I help?"),
        Utterance("Is it safe?", "1"),
        Utterance("A person", "12"),
    )
    assert has_visual_content(reply) and not has_visual_content("Hello.")


@given(st.text())
def test_any_text_can_be_split_without_silent_parts(text: str) -> None:
    for piece in split_utterances(text):
        assert any(char.isalnum() or char == "_" for char in piece.text)


def test_changed_text_has_another_recording_key() -> None:
    assert compute_recording_key("so", "Hello  there") == compute_recording_key("so", "Hello there")
    assert compute_recording_key("so", "Hello there") != compute_recording_key("so", "Hello there.")
    assert compute_recording_key("so", "Hello") != compute_recording_key("ps", "Hello")


def test_each_language_uses_only_its_own_voice(library: Library) -> None:
    for language in library.district.languages:
        speaks = Speaker(language).can_say(["x"])
        assert speaks == (language in TWILIO_VOICES)
    assert [language for language in library.district.languages if language not in TWILIO_VOICES] == [
        "ht",
        "fa",
        "ps",
        "so",
    ]
    assert find_recognition_locale("ht") == "" and find_recognition_locale("fa") == "fa-IR"


@given(st.sampled_from(sorted(TWILIO_VOICES)), st.text(max_size=4000), st.booleans())
@settings(deadline=None)
def test_any_text_is_spoken_completely_in_parts_twilio_accepts(language: str, text: str, slowly: bool) -> None:
    for parts in (split_into_parts(text), split_sentences(text)):
        assert re.findall(r"\w", "".join(parts)) == re.findall(r"\w", text)
    document = VoiceResponse()
    Speaker(language, is_slow=slowly).say_text(document, re.sub(r"[^\w\s.,!?።。؟]", "", text))
    assert not [one for one in find_problems(str(document), "Voice") if "too long" in one or "says nothing" in one]


def test_long_text_is_split_between_sentences() -> None:
    sentence = "ትምህርት ቤቱ ክፍት ነው። "
    parts = split_into_parts(sentence * 60)
    assert len(parts) > 1 and all(part.rstrip().endswith("።") for part in parts)
    assert split_sentences("Hello. Bye!") == ["Hello.", "Bye!"] and split_into_parts("Hello. Bye!") == ["Hello. Bye!"]


def test_slow_speech_uses_slower_rate_or_pauses() -> None:
    polly, google = VoiceResponse(), VoiceResponse()
    Speaker("es", is_slow=True).say_text(polly, "Hola. Adiós.")
    Speaker("uk", is_slow=True).say_text(google, "Добрий день. До побачення.")
    assert str(polly).count("<prosody") == 2 and "<prosody" not in str(google)
    assert str(google).count("<Say") == 2 and str(google).count("<Pause") == 2


def test_phone_numbers_are_read_as_digits_and_symbols_skipped() -> None:
    assert prepare_machine_text("In danger, call 911. 988, 211.") == "In danger, call 9 1 1. 9 8 8, 2 1 1."
    assert (
        prepare_machine_text("$411 in room 12 at 9:11, 2026-11-28, 1911 and 911%")
        == "$411 in room 12 at 9:11, 2026-11-28, 1911 and 911%"
    )
    assert prepare_machine_text("危险时请拨打911。") == "危险时请拨打9 1 1。"
    assert prepare_machine_text("The bus \U0001f68c\ufe0f comes\x0b at 7. \u2705") == "The bus comes at 7."
