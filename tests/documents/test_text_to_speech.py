"""Synthetic speech: each language by its own voice or none, no addresses, nothing on the command line."""

import subprocess

import pytest

from bot.speech import text_to_speech
from tests.documents.said import BUSES, HOURS, LANGUAGES, translate_text


def measure_seconds(mp3: bytes) -> float:
    """Return the length by decoding it."""
    raw = subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-i", "-", "-ac", "1", "-ar", "8000", "-f", "s16le", "-"],
        input=mp3,
        capture_output=True,
        check=True,
    ).stdout
    return len(raw) / 16000


QUICK = {"am", "es", "zh"}
"""The other languages run in the long tests."""


@pytest.mark.parametrize(
    "language",
    [pytest.param(code, marks=() if code in QUICK else pytest.mark.long) for code in text_to_speech.ESPEAK_VOICES],
)
def test_speech_is_synthesized(speaking: None, language: str) -> None:
    if language not in text_to_speech.find_spoken_languages():
        pytest.skip(f"espeak-ng here has no voice for {language}: newer versions have more.")
    mp3 = text_to_speech.synthesize_speech(translate_text(BUSES, language), language)
    assert mp3 and mp3.startswith((b"ID3", b"\xff\xfb", b"\xff\xf3"))
    assert 4 < measure_seconds(mp3) < 25
    assert len(mp3) < 200_000


@pytest.mark.parametrize("language", ["so", "ps", "tl", "xx", "-w", "cmn"])
def test_language_without_voice_gets_no_recording(speaking: None, language: str) -> None:
    assert language not in text_to_speech.find_spoken_languages()
    assert text_to_speech.synthesize_speech("Waa maxay xuquuqdeennu?", language) is None


@pytest.mark.parametrize("language", ["ru", "uk", "zh", "ar", "fa", "am", "ko"])
def test_no_voice_switches_to_english(speaking: None, language: str) -> None:
    """`cmn` of espeak-ng 1.51 does this with Chinese. It marks each change of language in its phonemes."""
    command = ["espeak-ng", "-q", "-x", "-b", "1", "--stdin", "-v", text_to_speech.ESPEAK_VOICES[language]]
    text = text_to_speech.prepare_spoken_text(translate_text(BUSES, language)).replace("a.m.", "").replace("p.m.", "")
    phonemes = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout.decode()
    assert "(en)" not in phonemes


@pytest.mark.parametrize("language", LANGUAGES)
def test_links_are_not_spoken(language: str) -> None:
    heard = text_to_speech.prepare_spoken_text(f"{translate_text(HOURS, language)} https://puente.test/n/7KQ2-XM4P")
    assert "riverbend" not in heard
    assert "puente" not in heard
    assert "8:15" in heard


def test_links_end_before_chinese_punctuation() -> None:
    assert text_to_speech.prepare_spoken_text("请看https://puente.test/n/7KQ2，谢谢。") == "请看 ，谢谢。"


def test_numbers_are_spoken_digit_by_digit() -> None:
    assert text_to_speech.prepare_spoken_text("Llame al 217-555-0100. 911") == "Llame al 2 1 7, 5 5 5, 0 1 0 0. 911"


def test_link_alone_gives_no_recording(speaking: None) -> None:
    assert text_to_speech.synthesize_speech("https://puente.test/n/7KQ2", "en") is None


def test_text_is_never_read_as_an_option(speaking: None) -> None:
    assert text_to_speech.synthesize_speech("--help", "en")
    assert "[[" not in text_to_speech.prepare_spoken_text("[[h@loU]]")


def test_missing_programs_give_no_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert text_to_speech.find_spoken_languages() == frozenset()
    assert text_to_speech.synthesize_speech("Hello", "en") is None


def test_text_is_not_passed_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []
    monkeypatch.setattr(text_to_speech, "find_spoken_languages", lambda: frozenset({"en"}))
    monkeypatch.setattr(
        text_to_speech, "_run_command", lambda command, given: commands.append((command, given)) or b"RIFF"
    )
    assert text_to_speech.synthesize_speech("my secret", "en") == b"RIFF"
    assert [given for _, given in commands] == [b"my secret", b"RIFF"]
    assert not any("secret" in word for command, _ in commands for word in command)


def test_hanging_command_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_to_speech, "TIMEOUT_SECONDS", 0.1)
    assert text_to_speech._run_command(("sleep", "5"), b"") is None
    assert text_to_speech._run_command(("false",), b"") is None
