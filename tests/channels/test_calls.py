"""Outgoing calls: placed once, whatever Twilio does, and their status only moves forward."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import update

from bot.base.database import now
from bot.channels.base import OutgoingMessage, SendError
from bot.channels.twilio import TwilioChannel
from bot.runtime import Runtime
from bot.store.cases.deliveries import deliveries
from tests.conftest import PUBLIC, Family
from tests.stand_in import TwilioStandIn
from tests.voice.calling import URGENT, Pager, app_of, emergency

LINE = "+12175550100"


@pytest.fixture
def pager(family: Family, twilio: TwilioStandIn) -> Iterator[Pager]:
    with app_of(family.client.application, twilio):
        yield emergency(family, twilio)


def test_call_goes_to_staff_number_and_plays_nothing_before_answer(pager: Pager) -> None:
    for _ in range(3):
        pager.deliver()
    (call,) = pager.calls()
    own = f"m={pager.rows[0]}"
    assert (call.sender, call.timeout) == (LINE, 25)
    assert (call.url, call.status_callback) == (
        f"{PUBLIC}/webhooks/twilio/voice?{own}",
        f"{PUBLIC}/webhooks/twilio/status?{own}",
    )
    assert call.events == ["initiated", "ringing", "answered", "completed"]
    assert call.twiml == "" and "Riverbend" not in str(call.params)
    assert pager.row()["state"] == "queued"


# ---- Twilio's status reports


@pytest.mark.parametrize(
    ("how", "state"),
    [("busy", "undelivered"), ("no-answer", "undelivered"), ("failed", "failed"), ("canceled", "canceled")],
)
def test_unanswered_call_does_not_alert_anyone_by_itself(pager: Pager, how: str, state: str) -> None:
    pager.twilio.miss(pager.rung(), how)
    assert pager.row()["state"] == state
    assert pager.runtime.redis.llen(URGENT) == 0, "the next round is the paging's to start"
    pager.deliver(seconds=600)
    assert len(pager.calls()) == 1


def test_call_status_only_moves_forward(pager: Pager) -> None:
    call, seen = pager.rung(), []
    for status in ("initiated", "ringing", "in-progress", "ringing", "completed", "in-progress", "no-answer"):
        pager.twilio.line.report(call, status)
        seen.append(pager.row()["state"])
    assert seen == ["sending", "sending", "sent", "sent", "delivered", "delivered", "delivered"]


def test_status_of_another_call_changes_nothing(pager: Pager) -> None:
    call = pager.rung()
    pager.twilio.line.report(replace(call, sid="CA" + "f" * 32), "completed")
    assert pager.row()["state"] == "queued"


# ---- failures


def test_too_many_requests_delays_the_call_once(pager: Pager) -> None:
    pager.twilio.fail_next("429", on="call")
    pager.deliver()
    assert pager.calls() == [] and pager.row()["state"] == "waiting"
    for seconds in (180, 240, 300):
        pager.deliver(seconds=seconds)
    assert len(pager.calls()) == 1


@pytest.mark.parametrize(("fault", "rung"), [("500", 0), ("hang", 0), ("drop_before", 0), ("drop_after_accept", 1)])
def test_unknown_outcome_is_not_called_again(
    pager: Pager, fault: str, rung: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pager.runtime.channel._client.http_client, "timeout", 0.5)  # type: ignore[attr-defined]
    pager.twilio.fail_next(fault, seconds=1, on="call")
    pager.deliver()
    assert pager.row()["state"] == "failed", "at once: nobody waits for a list that does not exist"
    for seconds in (180, 600, 3600):
        pager.deliver(seconds=seconds)
    assert len(pager.calls()) == rung and pager.row()["state"] == "failed"


def test_call_with_lost_response_can_still_be_claimed(pager: Pager) -> None:
    pager.twilio.fail_next("drop_after_accept", on="call")
    call = pager.rung()
    heard, after = pager.twilio.answer(call, press="1")
    assert f"Case {pager.case}." in heard.words and "You have case" in after.words
    assert (pager.row()["state"], pager.row()["sid"]) == ("delivered", call.sid)


def test_killed_caller_process_does_not_call_again(pager: Pager) -> None:
    with pager.runtime.database.write() as db:
        key = deliveries.c.id == pager.rows[0]
        db.execute(update(deliveries).where(key).values(state="claimed", claimed_at=now()))
    pager.deliver(seconds=10)
    assert pager.row()["state"] == "claimed", "its process may still be alive"
    pager.deliver(seconds=31)
    assert pager.row()["state"] == "failed" and pager.calls() == []


def test_refused_number_is_not_called_again(pager: Pager) -> None:
    pager.twilio.number(pager.phones[0], error_code=21217, at="request")
    for seconds in (90, 180):
        pager.deliver(seconds=seconds)
    assert pager.row()["state"] == "failed" and pager.row()["error_code"] == 21217
    assert pager.runtime.redis.llen(URGENT) == 0


@pytest.mark.parametrize("sender", ["55501", ""])
def test_short_code_cannot_call(runtime: Runtime, twilio: TwilioStandIn, sender: str) -> None:
    channel = TwilioChannel(runtime.settings.model_copy(update={"twilio_sms_from": sender}))
    with pytest.raises(SendError) as caught:
        channel.call(OutgoingMessage("d" * 32, "+12175550141", "Case 7."))
    assert caught.value.outcome == "refused" and twilio.requests == []


def test_whatsapp_staff_are_called_on_their_number(runtime: Runtime, twilio: TwilioStandIn) -> None:
    runtime.channel.call(OutgoingMessage("d" * 32, "whatsapp:+12175550141", "Case 7."))
    assert len(twilio.calls_to("+12175550141")) == 1


def test_call_needs_a_public_address(runtime: Runtime, twilio: TwilioStandIn) -> None:
    """Nobody could press a key. The failure is immediate, and the alert text remains."""
    channel = TwilioChannel(runtime.settings.model_copy(update={"public_url": ""}))
    with pytest.raises(SendError) as caught:
        channel.call(OutgoingMessage("d" * 32, "+12175550141", "Case 7."))
    assert caught.value.outcome == "refused" and twilio.requests == []
