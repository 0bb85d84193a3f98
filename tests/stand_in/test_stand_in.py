"""The stand-in's API, with the real Twilio client."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from .process import TwilioProcess
from .receiver import Client, Receiver, TwilioRestException, aimed_client
from .sms_text import segments
from .twilio import TwilioStandIn

MARTA, LINE, SERVICE = "+12065550143", "+12065550100", "MG" + "a1" * 16
TEMPLATE = "HX" + "a1" * 16


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    with TwilioStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def client(twilio: TwilioStandIn) -> Client:
    return aimed_client(twilio.url, twilio.account_sid, twilio.auth_token)


def refusal(client: Client, **given: Any) -> tuple[int, int | None]:
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(**{"to": MARTA, "from_": LINE, "body": "hola", **given})
    return caught.value.status, caught.value.code


def test_a_message_is_accepted_and_lives_on(twilio: TwilioStandIn, client: Client) -> None:
    made = client.messages.create(to=MARTA, from_=LINE, body="Mañana no hay clases á")
    assert (made.status, made.num_segments, made.date_sent) == ("queued", "1", None)
    accepted = twilio.sent_to(MARTA)[0]
    assert (accepted.sid, accepted.body, accepted.sender) == (made.sid, "Mañana no hay clases á", LINE)
    twilio.idle()
    later = client.messages(made.sid or "").fetch()
    assert later.status == "delivered"
    assert later.date_sent is not None
    assert [(r.method, r.status) for r in twilio.requests] == [("POST", 201), ("GET", 200)]


def test_a_service_chooses_its_sender_later(twilio: TwilioStandIn, client: Client) -> None:
    made = client.messages.create(to="whatsapp:US.1234", messaging_service_sid=SERVICE, body="hola")
    assert (made.status, made.from_) == ("accepted", None)
    twilio.idle()
    assert client.messages(made.sid or "").fetch().from_ == "whatsapp:" + twilio.service_sender


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"to": "2065550143"}, 21211),
        ({"to": "US.1234"}, 21211),
        ({"to": "+15005550009"}, 21614),
        ({"to": ""}, 21604),
        ({"from_": ""}, 21603),
        ({"from_": "Puente"}, 21212),
        ({"from_": MARTA}, 21266),
        ({"to": "whatsapp:" + MARTA}, 21910),
        ({"body": ""}, 21602),
        ({"body": "🤒" * 800 + "."}, 21617),
        ({"status_callback": "https://my_app/status"}, 21609),
        ({"status_callback": "/status"}, 21609),
        ({"status_callback": "https://app.example/a b"}, 21609),
        ({"media_url": ["a.jpg"]}, 21620),
        ({"media_url": ["https://a.example/1.jpg"] * 11}, 21623),
        ({"content_variables": "{}"}, 21654),
        ({"content_sid": "HX1"}, 21655),
        ({"content_sid": TEMPLATE, "content_variables": '{"1": 2}'}, 21656),
        ({"validity_period": 36_001}, 20001),
        ({"schedule_type": "fixed"}, 20001),
    ],
)
def test_what_is_wrong_is_refused(twilio: TwilioStandIn, client: Client, given: dict[str, Any], code: int) -> None:
    assert refusal(client, **given) == (400, code)
    assert not twilio.messages


def test_the_longest_body_and_the_error_document(twilio: TwilioStandIn, client: Client) -> None:
    client.messages.create(to=MARTA, from_=LINE, body="🤒" * 800)
    url = f"{twilio.url}/2010-04-01/Accounts/{twilio.account_sid}/Messages.json"
    answer = requests.post(url, {"To": MARTA}, auth=(twilio.account_sid, "wrong"), timeout=2)
    assert (answer.status_code, answer.json()) == (
        401,
        {
            "code": 20003,
            "message": "Authenticate",
            "status": 401,
            "more_info": "https://www.twilio.com/docs/errors/20003",
        },
    )
    assert refusal(client, messaging_service_sid="MG1") == (404, 21701)


def test_numbers_senders_and_opt_outs(twilio: TwilioStandIn, client: Client) -> None:
    twilio.opt_out(MARTA)
    assert refusal(client) == (400, 21610)
    twilio.opt_out(MARTA, False)
    twilio.number(MARTA, error_code=21408, at="request")
    assert refusal(client) == (400, 21408)
    twilio.number(MARTA, error_code=30003)
    sid = client.messages.create(to=MARTA, from_=LINE, body="hola").sid or ""
    twilio.idle()
    lost = client.messages(sid).fetch()
    assert (lost.status, lost.error_code) == ("undelivered", 30003)
    twilio.senders = {"+12065550101"}
    assert refusal(client) == (400, 21606)


def test_templates_and_the_closed_window(twilio: TwilioStandIn, client: Client) -> None:
    twilio.templates[TEMPLATE] = "Hola {{1}}, mañana {{2}}"
    to, sender = "whatsapp:" + MARTA, "whatsapp:" + LINE
    twilio.close_window(to)
    free = client.messages.create(to=to, from_=sender, body="hola")
    made = client.messages.create(
        to=to, from_=sender, content_sid=TEMPLATE, content_variables='{"1": "Marta", "2": "no hay clases"}'
    )
    twilio.idle()
    assert made.body == "Hola Marta, mañana no hay clases"
    assert [(m.status, m.error_code) for m in twilio.messages] == [("undelivered", 63016), ("delivered", None)]
    assert free.sid == twilio.messages[0].sid


def test_the_list_is_newest_first_in_steady_pages(twilio: TwilioStandIn, client: Client) -> None:
    for n in range(5):
        client.messages.create(to=MARTA, from_=LINE, body=str(n))
    client.messages.create(to="+12065550144", from_=LINE, body="other")
    seen = []
    for message in client.messages.stream(to=MARTA, page_size=2):
        seen.append(message.body)
        if len(seen) < 3:
            client.messages.create(to=MARTA, from_=LINE, body="late")
    assert seen == ["4", "3", "2", "1", "0"]
    now = datetime.now(UTC)
    assert len(client.messages.list(from_=LINE, date_sent_after=now - timedelta(minutes=1))) == 8
    assert client.messages.list(date_sent_after=now + timedelta(days=1)) == []


def test_a_redaction_empties_the_body(twilio: TwilioStandIn, client: Client) -> None:
    sid = client.messages.create(to=MARTA, from_=LINE, body="secreto").sid or ""
    assert client.messages(sid).update(body="").body == ""
    assert client.messages.list()[0].body == ""
    assert (twilio.messages[0].redacted, twilio.messages[0].body) == (True, "secreto")
    with pytest.raises(TwilioRestException):
        client.messages(sid).update(body="other")


@pytest.mark.parametrize(("kind", "http"), [("429", 429), ("500", 500), ("503", 503)])
def test_an_answered_fault_accepts_nothing(twilio: TwilioStandIn, client: Client, kind: str, http: int) -> None:
    twilio.fail_next(kind, to="+12065550144")
    twilio.fail_next(kind)
    assert refusal(client)[0] == http
    assert not twilio.messages
    client.messages.create(to=MARTA, from_=LINE, body="hola")


@pytest.mark.parametrize(
    ("kind", "accepted"), [("drop_before", 0), ("hang", 0), ("drop_after_accept", 1), ("slow_after_accept", 1)]
)
def test_a_lost_answer_leaves_it_open(twilio: TwilioStandIn, kind: str, accepted: int) -> None:
    impatient = aimed_client(twilio.url, twilio.account_sid, twilio.auth_token, timeout=0.1)
    twilio.fail_next(kind, seconds=0.2)
    with pytest.raises(requests.RequestException):
        impatient.messages.create(to=MARTA, from_=LINE, body="hola")
    assert len(twilio.sent_to(MARTA)) == accepted
    assert len(impatient.messages.list(to=MARTA)) == accepted  # a reconciliation finds the same messages


def test_closing_it_is_an_outage_that_ends_a_hang_too() -> None:
    with TwilioStandIn() as twilio:
        client = aimed_client(twilio.url, twilio.account_sid, twilio.auth_token)
        client.messages.create(to=MARTA, from_=LINE, body="hola")
    started = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        client.messages.create(to=MARTA, from_=LINE, body="hola")
    assert time.monotonic() - started < 1


def test_it_runs_as_its_own_process() -> None:
    with TwilioProcess() as twilio, Receiver(twilio.auth_token) as app:
        client = aimed_client(twilio.url, twilio.account_sid, twilio.auth_token)
        twilio.arrange("fail_next", kind="503")
        assert refusal(client)[0] == 503
        twilio.arrange("plan", delay=0, out_of_order=True)
        sid = client.messages.create(to=MARTA, from_=LINE, body="hola", status_callback=app.url + "/s").sid
        twilio.idle()
        assert [m.sid for m in twilio.sent_to(MARTA)] == [sid]
        assert [c.status for c in twilio.callbacks] == [200, 200]
        assert [r.status for r in twilio.requests] == [503, 201]
        assert app.statuses() == ["delivered", "sent"]
        assert twilio.inbound(app.url + "/in", From=MARTA, OptOutType="STOP", Body="STOP").status == 200
        assert refusal(client) == (400, 21610)
        with pytest.raises(ValueError, match="no such fault"):
            twilio.arrange("fail_next", kind="flood")


@pytest.mark.parametrize(
    ("body", "count"),
    [("ñ" * 160, 1), ("ñ" * 161, 2), ("€" * 80, 1), ("€" * 81, 2), ("á" * 70, 1), ("á" * 71, 2), ("🤒" * 67, 2)],
)
def test_segments(body: str, count: int) -> None:
    assert segments(body) == count
