"""The stand-in's calls: the real Twilio client makes them, and Twilio's validator checks their signed requests."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from .process import TwilioProcess
from .receiver import Client, Receiver, TwilioRestException, VoiceResponse, aimed_client
from .twilio import TwilioStandIn

ANA, LINE, PUBLIC = "+12065550143", "+12065550100", "https://line.example"
EVENTS = ["initiated", "ringing", "answered", "completed"]


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    with TwilioStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def app(twilio: TwilioStandIn) -> Iterator[Receiver]:
    with Receiver(twilio.auth_token, PUBLIC) as receiver:
        twilio.reach[PUBLIC] = receiver.url
        yield receiver


@pytest.fixture
def client(twilio: TwilioStandIn) -> Client:
    return aimed_client(twilio.url, twilio.account_sid, twilio.auth_token)


def ring(client: Client, **given: Any) -> Any:
    options = {"status_callback": f"{PUBLIC}/status?m=7", "status_callback_event": EVENTS}
    return client.calls.create(**{"to": ANA, "from_": LINE, "url": f"{PUBLIC}/voice?m=7", **options, **given})


def asking() -> str:
    document = VoiceResponse()
    gather = document.gather(num_digits=1, timeout=8, action="/voice?m=7")
    gather.say("Case 7.", voice="Polly.Joanna", language="en-US")
    document.say("Goodbye.", voice="Polly.Joanna", language="en-US")
    document.hangup()
    return str(document)


def test_a_call_is_taken_listed_and_fetched(twilio: TwilioStandIn, client: Client) -> None:
    made = ring(client, timeout=25)
    assert (made.status, made.to, made._from) == ("queued", ANA, LINE)
    assert (twilio.calls_to(ANA)[0].timeout, twilio.calls_to(ANA)[0].events) == (25, EVENTS)
    assert [call.sid for call in client.calls.list(to=ANA)] == [made.sid]
    assert client.calls.list(to=LINE) == []
    assert client.calls(made.sid).fetch().status == "queued"
    with pytest.raises(TwilioRestException):
        client.calls("CA" + "0" * 32).fetch()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"to": ""}, 21201),
        ({"to": "whatsapp:" + ANA}, 21211),
        ({"from_": ""}, 21213),
        ({"from_": "55555"}, 21212),
        ({"url": "/voice"}, 21205),
        ({"twiml": "<Response/>"}, 21205),
        ({"url": "", "twiml": "<Respon"}, 12100),
        ({"url": "", "twiml": f"<Response><Say>{'a' * 4000}</Say></Response>"}, 21218),
        ({"status_callback": "/status"}, 21609),
        ({"status_callback_event": ["hung up"]}, 21626),
        ({"timeout": 1}, 20001),
        ({"record": True}, 20001),
    ],
)
def test_what_is_refused(twilio: TwilioStandIn, client: Client, given: dict[str, Any], code: int) -> None:
    with pytest.raises(TwilioRestException) as caught:
        ring(client, **given)
    assert caught.value.code == code and twilio.calls == []


def test_a_sender_that_is_not_ours_and_a_number_that_fails(twilio: TwilioStandIn, client: Client) -> None:
    twilio.senders = {"+12065550199"}
    with pytest.raises(TwilioRestException, match="not a number of this account"):
        ring(client)
    twilio.senders = set()
    twilio.number(ANA, error_code=21217, at="request")
    with pytest.raises(TwilioRestException, match="Cannot call"):
        ring(client)


def test_a_call_is_picked_up_and_a_key_pressed(twilio: TwilioStandIn, client: Client, app: Receiver) -> None:
    app.answer = (200, "text/xml", asking())
    ring(client)
    heard = twilio.answer(twilio.calls[0], press="1")
    assert (heard[0].asked, heard[0].said, heard[0].seconds) == (["Case 7."], ["Goodbye."], 8)
    assert heard[0].hangs_up and heard[0].words == "Case 7. Goodbye." and heard[0].languages == {"en-US"}
    assert [form.get("Digits") for path, form, _, _ in app.got if path == "/voice?m=7"] == [None, "1"]
    statuses = [form["CallStatus"] for path, form, _, _ in app.got if path == "/status?m=7"]
    assert statuses == ["initiated", "ringing", "in-progress", "completed"]
    assert all(good for _, _, good, _ in app.got) and len(twilio.callbacks) == 4


def test_no_key_and_twiml_of_its_own(twilio: TwilioStandIn, client: Client, app: Receiver) -> None:
    ring(client, url="", twiml=asking(), status_callback_event=["completed"])
    assert [heard.words for heard in twilio.answer(twilio.calls[0])] == ["Case 7. Goodbye."]
    assert [form["CallStatus"] for _, form, _, _ in app.got] == ["completed"]


@pytest.mark.parametrize("how", ["busy", "no-answer", "failed", "canceled"])
def test_nobody_picks_up(twilio: TwilioStandIn, client: Client, app: Receiver, how: str) -> None:
    ring(client)
    twilio.miss(twilio.calls[0], how)
    assert app.got[-1][1]["CallStatus"] == how == twilio.calls[0].status
    with pytest.raises(ValueError, match="no such end"):
        twilio.miss(twilio.calls[0], "asleep")


def test_somebody_rings_the_line(twilio: TwilioStandIn, app: Receiver) -> None:
    app.answer = (200, "text/xml", asking())
    assert twilio.ring_in(f"{PUBLIC}/voice", ANA, LINE).asked == ["Case 7."]
    path, form, good, _ = app.got[0]
    assert (path, form["Direction"], form["From"], good) == ("/voice", "inbound", ANA, True)
    app.answer = (503, "text/plain", "")
    assert twilio.ring_in(f"{PUBLIC}/voice", ANA, LINE).error == 11200
    twilio.line.ask(f"{PUBLIC}/voice", form, signature=None)
    assert app.got[-1][2] is False


@pytest.mark.parametrize(("kind", "accepted"), [("429", 0), ("500", 0), ("hang", 0), ("drop_before", 0), ("drop_after_accept", 1)])  # fmt: skip
def test_faults_of_a_call(twilio: TwilioStandIn, kind: str, accepted: int) -> None:
    impatient = aimed_client(twilio.url, twilio.account_sid, twilio.auth_token, timeout=0.2)
    twilio.fail_next(kind, seconds=0.3, on="call")
    with pytest.raises((requests.RequestException, TwilioRestException)):
        ring(impatient)
    assert len(twilio.calls_to(ANA)) == accepted
    ring(impatient)
    assert len(twilio.calls_to(ANA)) == accepted + 1


def test_its_own_process_has_the_calls_too() -> None:
    with TwilioProcess() as twilio:
        made = ring(aimed_client(twilio.url, twilio.account_sid, twilio.auth_token))
        assert [call.sid for call in twilio.calls] == [made.sid]
