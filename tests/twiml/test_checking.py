"""The TwiML checker itself: it finds everything outside Twilio's lists."""

import pytest
from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import VoiceResponse

from bot.speech.twilio_voices import RECOGNITION_ONLY_LOCALES, TWILIO_VOICES
from tests.twiml.checking import check, find_problems, lists

SAY = '<Say voice="Polly.Mia" language="es-MX">Hola</Say>'


def test_twiml_of_twilio_library_is_accepted() -> None:
    document = VoiceResponse()
    gather = document.gather(action="https://a.example", input="dtmf speech", language="es-MX", finish_on_key="")
    gather.say(voice="Polly.Mia", language="es-MX").prosody("Hola", rate="75%")
    gather.play("https://a.example/x.mp3")
    document.dial("+12175550100")
    document.hangup()
    check(str(document), "Voice")
    texts = MessagingResponse()
    texts.message("Hola")
    check(str(texts), "Messaging")


@pytest.mark.parametrize(
    ("inside", "wrong"),
    [
        ("<Shout/>", "may not stand in"),
        (f'<Gather action="x"><Hangup/>{SAY}</Gather>', "may not stand in"),
        (SAY.replace("<Say ", '<Say loud="1" '), "no attribute loud"),
        (SAY.replace("Polly.Mia", "Polly.Nobody"), "not a SayVoice"),
        (SAY.replace("es-MX", "ht-HT"), "not a SayLanguage"),
        (SAY.replace("Polly.Mia", "Google.vi-VN-Standard-A"), "does not speak es-MX"),
        (SAY.replace(' voice="Polly.Mia"', ""), "without voice"),
        (SAY.replace("Hola", " ... "), "says nothing"),
        (SAY.replace("Hola", "ú" * 1501), "too long"),
        (SAY.replace("Hola", "ሰ" * 600), "too long"),
        ('<Gather action="x" input="dtmf shouts"/>', r"not a GatherInput\[\]"),
        ('<Gather action="x" language="ht-HT"/>', "not a GatherLanguage"),
        ('<Gather action="x" numDigits="one"/>', "not a number"),
        ('<Gather action="x" actionOnEmptyResult="yes"/>', "not a boolean"),
        ("<Gather/>", "without action"),
        ("<Play>x.mp3</Play>", "without an address"),
        ("<Dial>217-555-0100</Dial>", "that can be called"),
        (SAY * 1500, "over 64 kB"),
        ("<Say", "not XML"),
    ],
)
def test_element_outside_the_lists_is_found(inside: str, wrong: str) -> None:
    with pytest.raises(AssertionError, match=wrong):
        check(f"<Response>{inside}</Response>", "Voice")


def test_voice_twiml_is_invalid_for_messaging_and_vice_versa() -> None:
    assert list(find_problems(f"<Response>{SAY}</Response>", "Messaging"))
    assert list(find_problems("<Response><Message>x</Message></Response>", "Voice"))


def test_every_voice_and_recognized_language_is_supported_by_twilio() -> None:
    values = lists()["Voice"]["values"]
    for voice in TWILIO_VOICES.values():
        assert voice.name in values["SayVoice"] and voice.locale in values["SayLanguage"]
        assert not voice.recognition_locale or voice.recognition_locale in values["GatherLanguage"]
    assert set(RECOGNITION_ONLY_LOCALES.values()) <= set(values["GatherLanguage"])


def test_four_languages_have_no_twilio_voice() -> None:
    """Fails if Twilio adds one (after `read_lists.py` of a newer version)."""
    for code in ("ht", "so", "fa", "ps"):
        assert not [one for one in lists()["Voice"]["values"]["SayLanguage"] if one.startswith(f"{code}-")]
