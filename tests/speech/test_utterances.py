"""What is written becomes what is said."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.twiml.voice_response import VoiceResponse

from bot.content.library import Library
from bot.speech.twilio_voices import VOICES, hears
from bot.speech.utterances import Piece, aloud, has_more, pieces, recording_key
from bot.web.webhooks.twiml_speech import Speaker, in_parts, sentences
from tests.twiml.checking import problems


def test_choices_keep_their_numbers_and_addresses_are_for_the_eye() -> None:
    reply = "Here is help: https://a.example/x\n\nHow can I help?\n1. Is it safe?\n12. A person"
    assert pieces(reply) == (
        Piece("Here is help:"),
        Piece("How can I help?"),
        Piece("Is it safe?", "1"),
        Piece("A person", "12"),
    )
    assert has_more(reply) and not has_more("Hello.")


@given(st.text())
def test_any_text_can_be_cut_and_no_piece_is_silent(text: str) -> None:
    for piece in pieces(text):
        assert any(char.isalnum() or char == "_" for char in piece.text)


def test_a_changed_text_has_another_recording() -> None:
    assert recording_key("so", "Hello  there") == recording_key("so", "Hello there")
    assert recording_key("so", "Hello there") != recording_key("so", "Hello there.")
    assert recording_key("so", "Hello") != recording_key("ps", "Hello")


def test_no_language_is_read_by_another_ones_voice(library: Library) -> None:
    for language in library.district.languages:
        speaks = Speaker(language).can_say(["x"])
        assert speaks == (language in VOICES)
    assert [language for language in library.district.languages if language not in VOICES] == ["ht", "fa", "ps", "so"]
    assert hears("ht") == "" and hears("fa") == "fa-IR"


@given(st.sampled_from(sorted(VOICES)), st.text(max_size=4000), st.booleans())
@settings(deadline=None)
def test_a_text_of_any_length_and_script_is_said_whole_in_parts_that_twilio_takes(
    language: str, text: str, slowly: bool
) -> None:
    for parts in (in_parts(text), sentences(text)):
        assert re.findall(r"\w", "".join(parts)) == re.findall(r"\w", text)
    document = VoiceResponse()
    Speaker(language, slowly=slowly).say(document, re.sub(r"[^\w\s.,!?።。؟]", "", text))
    assert not [one for one in problems(str(document), "Voice") if "too long" in one or "says nothing" in one]


def test_a_long_text_is_cut_between_sentences() -> None:
    sentence = "ትምህርት ቤቱ ክፍት ነው። "
    parts = in_parts(sentence * 60)
    assert len(parts) > 1 and all(part.rstrip().endswith("።") for part in parts)
    assert sentences("Hello. Bye!") == ["Hello.", "Bye!"] and in_parts("Hello. Bye!") == ["Hello. Bye!"]


def test_slowly_is_slower_words_or_a_breath_after_each_sentence() -> None:
    polly, google = VoiceResponse(), VoiceResponse()
    Speaker("es", slowly=True).say(polly, "Hola. Adiós.")
    Speaker("uk", slowly=True).say(google, "Добрий день. До побачення.")
    assert str(polly).count("<prosody") == 2 and "<prosody" not in str(google)
    assert str(google).count("<Say") == 2 and str(google).count("<Pause") == 2


def test_numbers_that_one_calls_are_digits_and_nothing_is_said_that_is_no_word() -> None:
    assert aloud("In danger, call 911. 988, 211.") == "In danger, call 9 1 1. 9 8 8, 2 1 1."
    assert (
        aloud("$411 in room 12 at 9:11, 2026-11-28, 1911 and 911%")
        == "$411 in room 12 at 9:11, 2026-11-28, 1911 and 911%"
    )
    assert aloud("危险时请拨打911。") == "危险时请拨打9 1 1。"
    assert aloud("The bus \U0001f68c\ufe0f comes\x0b at 7. \u2705") == "The bus comes at 7."
