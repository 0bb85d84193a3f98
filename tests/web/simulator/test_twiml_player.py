"""What a phone does with TwiML: read into steps, without a browser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import VoiceResponse

from bot.web.simulator.twiml_player import CALL_WEBHOOK_PATH, InvalidTwimlError, parse_steps

BASE = "https://puente.test"


def read(document: VoiceResponse | str, here: str = CALL_WEBHOOK_PATH) -> list[dict[str, object]]:
    return parse_steps(str(document), here, BASE)


def test_gather_speaks_first_then_waits() -> None:
    document = VoiceResponse()
    gather = document.gather(
        num_digits=1, timeout=7, action=f"{BASE}{CALL_WEBHOOK_PATH}?turn=1", input="dtmf speech", language="es-MX",
        finish_on_key="", action_on_empty_result=True,
    )  # fmt: skip
    gather.say("Hola", voice="Polly.Mia", language="es-MX")
    gather.play(f"{BASE}/recordings/1.mp3")
    gather.pause(length=2)
    said, played, paused, waits, end = read(document)
    assert said == {"does": "say", "text": "Hola", "voice": "Polly.Mia", "lang": "es-MX"}
    assert played == {"does": "play", "url": f"{BASE}/recordings/1.mp3"} and paused["seconds"] == 2
    assert (
        waits["action"] == f"{CALL_WEBHOOK_PATH}?turn=1"
        and waits["speech"]
        and waits["empty"]
        and waits["finish"] == ""
    )
    assert (waits["digits"], waits["seconds"], waits["lang"]) == (1, 7, "es-MX") and end == {"does": "hangup"}


def test_twilio_defaults_are_used() -> None:
    [waits, _] = read("<Response><Gather/></Response>", f"{CALL_WEBHOOK_PATH}?m=1")
    assert waits["action"] == f"{CALL_WEBHOOK_PATH}?m=1" and waits["finish"] == "#" and waits["digits"] == 0
    assert waits["keys"] and not waits["speech"] and not waits["empty"] and waits["seconds"] == 5


def test_slow_speech_dial_record_and_redirect_are_read() -> None:
    document = VoiceResponse()
    document.say(voice="Polly.Mia", language="es-MX").prosody("Despacio", rate="75%")
    document.record(action=f"{BASE}{CALL_WEBHOOK_PATH}?turn=2", finish_on_key="#")
    document.dial("+12175550110")
    document.redirect(f"{BASE}{CALL_WEBHOOK_PATH}?turn=3")
    said, record, dial, redirect = read(document)
    assert said["text"] == "Despacio" and said["slowly"] and record["finish"] == "#"
    assert (
        dial == {"does": "dial", "to": "+12175550110", "action": ""}
        and redirect["action"] == f"{CALL_WEBHOOK_PATH}?turn=3"
    )


@pytest.mark.parametrize("action", ["https://elsewhere.test/webhooks/twilio/voice", "/console/", "//evil.test/x"])
def test_foreign_address_is_not_followed(action: str) -> None:
    assert read(f"<Response><Redirect>{action}</Redirect></Response>")[0]["action"] == ""


@pytest.mark.parametrize("document", ["", "sorry", "<html/>"])
def test_invalid_twiml_is_reported(document: str) -> None:
    with pytest.raises(InvalidTwimlError):
        read(document)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=40), max_size=5))
def test_sentences_are_shown_in_order(texts: list[str]) -> None:
    document = VoiceResponse()
    for text in texts:
        document.say(text)
    said = [step["text"] for step in read(document) if step["does"] == "say"]
    assert said == [" ".join(text.split()) for text in texts] and read(document)[-1] == {"does": "hangup"}
