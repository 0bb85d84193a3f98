"""What is written becomes what is said."""

from hypothesis import given
from hypothesis import strategies as st

from bot.content.library import Library
from bot.voice.ear import Piece, has_more, pieces, recording_key
from bot.voice.voices import VOICES, hears
from bot.web.speaking import Speaker


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
