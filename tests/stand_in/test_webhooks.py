"""The stand-in's webhooks: status callbacks and inbound messages, checked with Twilio's own validator."""

import json
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from .payloads import KINDS, STATUSES, build
from .receiver import MessagingResponse, Receiver, RequestValidator, TwilioRestException, aimed_client
from .records import CallbackPlan
from .signing import sign
from .twilio import TwilioStandIn

MARTA, LINE, PUBLIC = "+12065550143", "+12065550100", "https://line.example"


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    with TwilioStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def app(twilio: TwilioStandIn) -> Iterator[Receiver]:
    with Receiver(twilio.auth_token, PUBLIC) as receiver:
        twilio.reach[PUBLIC] = receiver.url
        yield receiver


def send(twilio: TwilioStandIn, to: str = MARTA, path: str = "/status?m=7") -> None:
    channel = "whatsapp:" if to.startswith("whatsapp:") else ""
    client = aimed_client(twilio.url, twilio.account_sid, twilio.auth_token)
    client.messages.create(to=to, from_=channel + LINE, body="hola", status_callback=PUBLIC + path)


@pytest.mark.parametrize(
    ("plan", "statuses"),
    [
        (CallbackPlan(), ["sent", "delivered"]),
        (CallbackPlan(out_of_order=True), ["delivered", "sent"]),
        (CallbackPlan(copies=2), ["sent", "sent", "delivered", "delivered"]),
        (CallbackPlan(none=True), []),
    ],
)
def test_callbacks_come_as_planned(
    twilio: TwilioStandIn, app: Receiver, plan: CallbackPlan, statuses: list[str]
) -> None:
    twilio.plan = plan
    send(twilio)
    twilio.idle()
    assert app.statuses() == statuses
    assert all(good and path == "/status?m=7" for path, _, good, _ in app.got)
    assert [c.status for c in twilio.callbacks] == [200] * len(statuses)
    assert len({token for *_, token in app.got}) == len(set(statuses))
    assert twilio.messages[0].status == "delivered"


def test_whatsapp_callbacks_can_be_read_and_hide_the_number(twilio: TwilioStandIn, app: Receiver) -> None:
    twilio.plans["whatsapp:" + MARTA] = CallbackPlan(read=True, together=True, delay=0)
    send(twilio, "whatsapp:" + MARTA)
    twilio.idle()
    assert sorted(app.statuses()) == ["delivered", "read", "sent"]
    assert {form["ChannelToAddress"] for _, form, _, _ in app.got} == {"+1206555XXXX"}


def test_failures_and_lost_callbacks(twilio: TwilioStandIn, app: Receiver) -> None:
    twilio.number(MARTA, error_code=30005, status="failed")
    app.answer = (500, "text/plain", "broken")
    send(twilio)
    twilio.idle()
    assert [(form["MessageStatus"], form["ErrorCode"]) for _, form, _, _ in app.got] == [("failed", "30005")]
    assert (twilio.callbacks[0].status, twilio.callbacks[0].text) == (500, "broken")
    app.__exit__()
    send(twilio)
    twilio.idle()
    assert twilio.callbacks[-1].status is None


def test_a_callback_may_come_before_the_answer(twilio: TwilioStandIn, app: Receiver) -> None:
    twilio.plan = CallbackPlan(delay=0)
    twilio.fail_next("slow_after_accept", seconds=0.2)
    send(twilio)
    assert twilio.callbacks[-1].at < twilio.requests[0].at + 0.2


def test_an_inbound_message_is_signed_for_the_public_address(twilio: TwilioStandIn, app: Receiver) -> None:
    answer = MessagingResponse()
    answer.message("Recibido & anotado")
    answer.message("Gracias")
    app.answer = (200, "text/xml; charset=utf-8", str(answer))
    got = twilio.inbound(PUBLIC + "/in?x=1#rc=2", From=MARTA, Body="¿qué hora? ")
    assert (got.status, got.messages, got.error) == (200, ["Recibido & anotado", "Gracias"], None)
    path, form, good, token = app.got[0]
    assert (path, good, token) == ("/in?x=1", True, got.token)
    assert (form["Body"], form["MessageSid"]) == ("¿qué hora? ", got.sid)
    assert form["AccountSid"] == twilio.account_sid
    assert app.hosts == {"line.example"}


def test_retries_forgeries_and_raw_bodies(twilio: TwilioStandIn, app: Receiver) -> None:
    url = PUBLIC + "/in"
    assert len(twilio.inbound(url, From="whatsapp:" + MARTA, times=3).replies) == 3
    assert len({(form["MessageSid"], token) for _, form, _, token in app.got}) == 1
    twilio.inbound(url, bad_signature=True)
    twilio.inbound(url, signature=None)
    twilio.inbound(url, signature="x")
    assert [good for _, _, good, _ in app.got] == [True] * 3 + [False] * 3
    twilio.inbound(url, raw=urlencode({"Body": "a b", "Empty": ""}).encode())
    assert app.got[-1][1:3] == ({"Body": "a b", "Empty": ""}, True)
    twilio.inbound(url, raw=b"Body=\xff%00", From=MARTA)
    assert app.got[-1][2] is False


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, "text/xml", "<Response>"), 12100),
        ((200, "text/html", "<p>"), 12300),
        ((503, "text/xml", ""), 11200),
        ((302, "text/xml", "<Response/>"), 11200),
        ((204, "text/plain", ""), None),
        ((200, "text/xml", f"<Response><Message><Body>{'a' * 1601}</Body></Message></Response>"), 21617),
        ((200, "text/xml", f"<Response><!--{'a' * 65_536}--></Response>"), 11750),
    ],
)
def test_an_answer_twilio_would_not_take(
    twilio: TwilioStandIn, app: Receiver, answer: tuple[int, str, str], error: int | None
) -> None:
    app.answer = answer
    assert twilio.inbound(PUBLIC + "/in").error == error


def test_a_stop_on_the_line_takes_effect(twilio: TwilioStandIn, app: Receiver) -> None:
    twilio.inbound(PUBLIC + "/in", kind="sms_stop", From=MARTA)
    with pytest.raises(TwilioRestException, match="unsubscribed"):
        send(twilio)
    twilio.inbound(PUBLIC + "/in", kind="sms_start", From=MARTA)
    send(twilio)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_hangs_together(kind: str) -> None:
    form = build(kind, AccountSid="AC1", MessageSid="SM9") if kind == "sms_text" else KINDS[kind]
    assert form["MessageSid"] == form["SmsSid"] == form["SmsMessageSid"]
    assert ("WaId" in form) == form["From"].startswith("whatsapp:+")
    assert all(isinstance(value, str) for value in form.values())
    if kind.startswith("whatsapp"):
        context = json.loads(form["ChannelMetadata"])["data"]["context"]
        assert all(form[name] == value for name, value in context.items())
    if form["NumMedia"] == "1":
        assert form["MessageSid"].startswith("MM")
        assert form["MessageSid"] in form["MediaUrl0"]


def test_status_forms_and_signatures_of_repeated_fields() -> None:
    assert STATUSES["sms_failed_21610"]["ErrorCode"] == "21610"
    assert STATUSES["sms_undelivered_30003"]["MessageStatus"] == "undelivered"
    assert "RawDlrDoneDate" in STATUSES["sms_delivered"]
    assert "ErrorCode" not in STATUSES["whatsapp_read"]
    repeated = _Multi({"b": ["2", "1", "2"], "a": ["é"]})
    assert sign("t", PUBLIC, repeated) == RequestValidator("t").compute_signature(PUBLIC, repeated)


class _Multi(dict[str, list[str]]):
    def getlist(self, name: str) -> list[str]:
        """Return all values of a name, as Flask's form does."""
        return self[name]
