"""Sending: each alert once, nothing lost, whatever Twilio does."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, text, update
from sqlalchemy.exc import SQLAlchemyError

from bot.base.database import now
from bot.cases.follow_ups import start
from bot.cases.paging import page_staff as alert
from bot.jobs.sweeper import sweep_all
from bot.messaging import delivery as sending
from bot.messaging import delivery_status
from bot.messaging.delivery import deliver
from bot.runtime import Runtime
from bot.store.cases.cases import cases
from bot.store.cases.deliveries import advance, deliveries
from bot.store.families import contacts
from bot.store.families.follow_ups import bring_forward, follow_ups
from tests.conftest import NOW, Family
from tests.stand_in import TwilioStandIn

ANA, JEAN, OMAR = "+12175550141", "+12175550142", "+12175550148"


@pytest.fixture(autouse=True)
def pages_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let paging only write its rows. These tests run the sending jobs themselves."""
    monkeypatch.setattr("bot.cases.paging.INLINE_SEND_SECONDS", -1)


def open_case_with_alerts(family: Family) -> list[str]:
    """Open a case with planned alerts; return the ids of its deliveries."""
    family.text("I want to talk to a person")
    with family.runtime.database.read() as db:
        case = db.execute(select(cases.c.id)).scalar_one()
    alert(family.runtime, case)
    with family.runtime.database.read() as db:
        return list(db.execute(select(deliveries.c.id).order_by(deliveries.c.staff)).scalars())


def states(runtime: Runtime) -> dict[str, str]:
    with runtime.database.read() as db:
        rows = db.execute(select(deliveries.c.id, deliveries.c.state))
        return {row.id: row.state for row in rows}


def deliver_later(runtime: Runtime, delivery: str, seconds: int) -> None:
    """Deliver as if this much time had passed."""
    with time_machine.travel(now() + timedelta(seconds=seconds)):
        deliver(runtime, delivery)


def test_everyone_on_call_gets_the_alert_once(family: Family, twilio: TwilioStandIn) -> None:
    for delivery in open_case_with_alerts(family) * 3:
        deliver(family.runtime, delivery)
    assert [len(twilio.sent_to(phone)) for phone in (ANA, JEAN)] == [1, 1]


def test_alert_contains_no_family_number_name_or_words(family: Family, twilio: TwilioStandIn) -> None:
    for delivery in open_case_with_alerts(family):
        deliver(family.runtime, delivery)
    body = twilio.sent_to(ANA)[0].body
    assert "Language: English" in body and "/console/cases/1" in body
    assert "5550177" not in body and "want to talk" not in body


@pytest.mark.parametrize("fault", ["drop_after_accept", "slow_after_accept", "garbage_after_accept"])
def test_accepted_message_with_lost_response_is_not_resent(
    family: Family, twilio: TwilioStandIn, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(family.runtime.channel._client.http_client, "timeout", 0.5)  # type: ignore[attr-defined]
    first, *_ = open_case_with_alerts(family)
    twilio.fail_next(fault, to=ANA, seconds=2)
    deliver(family.runtime, first)
    for seconds in (1, 20, 60, 120):
        deliver_later(family.runtime, first, seconds)
    assert len(twilio.sent_to(ANA)) == 1
    assert states(family.runtime)[first] not in ("waiting", "claimed", "unknown")


@pytest.mark.parametrize("fault", ["429", "500", "503", "drop_before", "garbage"])
def test_rejected_message_is_eventually_sent_once(family: Family, twilio: TwilioStandIn, fault: str) -> None:
    first, *_ = open_case_with_alerts(family)
    twilio.fail_next(fault, to=ANA)
    deliver(family.runtime, first)
    assert len(twilio.sent_to(ANA)) == 0
    for seconds in (60, 120, 180):
        deliver_later(family.runtime, first, seconds)
    assert len(twilio.sent_to(ANA)) == 1


def test_unreadable_message_list_sends_nothing(family: Family, twilio: TwilioStandIn) -> None:
    first, *_ = open_case_with_alerts(family)
    twilio.fail_next("drop_after_accept", to=ANA)
    deliver(family.runtime, first)
    twilio.fail_next("500", on="list", count=2)
    for seconds in (60, 120, 240, 480):
        deliver_later(family.runtime, first, seconds)
    assert len(twilio.sent_to(ANA)) == 1


def test_delivery_of_sender_killed_before_the_call_is_retried(family: Family, twilio: TwilioStandIn) -> None:
    first, *_ = open_case_with_alerts(family)
    with family.runtime.database.write() as db:
        db.execute(update(deliveries).where(deliveries.c.id == first).values(state="claimed", claimed_at=now()))
    deliver(family.runtime, first)
    assert len(twilio.sent_to(ANA)) == 0, "its sender may still be alive"
    deliver_later(family.runtime, first, 31)
    assert len(twilio.sent_to(ANA)) == 1


def test_sender_that_outlives_its_claim_does_not_send(
    family: Family, twilio: TwilioStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = open_case_with_alerts(family)
    send = vars(sending)["_send_delivery"]

    def asleep(*given: object) -> None:
        monkeypatch.setattr(sending, "_send_delivery", send)
        with time_machine.travel(now() + timedelta(seconds=40)):
            deliver(family.runtime, first)  # another worker finds the claim, and nothing in the list
            send(*given)

    monkeypatch.setattr(sending, "_send_delivery", asleep)
    deliver(family.runtime, first)
    assert len(twilio.sent_to(ANA)) == 1


def test_message_is_found_among_hundreds_of_later_ones(family: Family, twilio: TwilioStandIn) -> None:
    first, *_ = open_case_with_alerts(family)
    twilio.fail_next("drop_after_accept", to=ANA)
    deliver(family.runtime, first)
    for number in range(150):
        twilio.accept({"To": [ANA], "From": ["+12175550100"], "Body": [f"case {number}"]})
    deliver_later(family.runtime, first, 60)
    assert len(twilio.sent_to(ANA)) == 151


def test_database_error_names_no_parameters(family: Family) -> None:
    with pytest.raises(SQLAlchemyError) as raised, family.runtime.database.read() as db:
        db.execute(text("SELECT nothing FROM nowhere WHERE address = :address"), {"address": family.address})
    assert family.address not in str(raised.value)


def test_refused_message_is_not_retried_and_others_are_alerted(family: Family, twilio: TwilioStandIn) -> None:
    first = open_case_with_alerts(family)
    for phone in (ANA, JEAN, OMAR):
        twilio.number(phone, error_code=21211, at="request")
    for delivery in first * 2:
        deliver_later(family.runtime, delivery, 60)
    assert set(states(family.runtime).values()) == {"failed"}
    alert(family.runtime, 1)
    sweep = [one for one in states(family.runtime).values() if one == "waiting"]
    assert len(sweep) == 4, "the safety lead too, who is on call by default"


def test_delivery_status_only_moves_forward(family: Family) -> None:
    first, *_ = open_case_with_alerts(family)
    deliver(family.runtime, first)
    with family.runtime.database.read() as db:
        sid = db.execute(select(deliveries.c.sid).where(deliveries.c.id == first)).scalar_one()
    for word in ("delivered", "sent", "queued", "delivered"):
        report = delivery_status.parse_report({"MessageSid": sid, "MessageStatus": word}, first)
        assert report
        delivery_status.record_report(family.runtime, report)
    assert states(family.runtime)[first] == "delivered"


@pytest.mark.parametrize(("status", "logged"), [("paused", "paused"), ("call +12175550141", "(not a word)")])
def test_unknown_status_changes_no_delivery(
    family: Family, status: str, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, *_ = open_case_with_alerts(family)
    with family.runtime.database.read() as db:
        before = db.execute(select(deliveries).where(deliveries.c.id == first)).one()
    with family.runtime.database.write() as db:
        assert not advance(db, first, status, "SM" + "a" * 32, 30003)
    with family.runtime.database.read() as db:
        assert db.execute(select(deliveries).where(deliveries.c.id == first)).one() == before
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"unknown delivery status ignored: status={logged}"
    ]


def test_early_status_report_settles_an_unknown_outcome(family: Family, twilio: TwilioStandIn) -> None:
    first, *_ = open_case_with_alerts(family)
    twilio.fail_next("drop_after_accept", to=ANA)
    deliver(family.runtime, first)
    sid = twilio.sent_to(ANA)[0].sid
    report = delivery_status.parse_report({"MessageSid": sid, "MessageStatus": "sent"}, first)
    assert report
    delivery_status.record_report(family.runtime, report)
    assert states(family.runtime)[first] == "sent"
    deliver_later(family.runtime, first, 120)
    assert len(twilio.sent_to(ANA)) == 1


def test_status_report_of_another_message_changes_nothing(family: Family) -> None:
    first, *_ = open_case_with_alerts(family)
    deliver(family.runtime, first)
    before = states(family.runtime)
    report = delivery_status.parse_report(
        {"MessageSid": "SM" + "f" * 32, "MessageStatus": "failed", "ErrorCode": "1"}, first
    )
    assert report
    delivery_status.record_report(family.runtime, report)
    assert states(family.runtime) == before


def follow_up(family: Family) -> int:
    with family.runtime.database.write() as db:
        contact = contacts.find(db, family.address)
        assert contact and bring_forward(db, contact.id, now()) == 1
        return db.execute(select(follow_ups.c.id)).scalar_one()


def finish_case_questions(family: Family) -> None:
    family.text("after three")
    family.text("about the bus")


@time_machine.travel(NOW, tick=True)
def test_follow_up_asks_once_and_understands_the_answer(family: Family, twilio: TwilioStandIn) -> None:
    family.text("I want to talk to a person")
    finish_case_questions(family)
    number = follow_up(family)
    for _ in range(3):
        start(family.runtime, number)
    for delivery in states(family.runtime):
        deliver(family.runtime, delivery)
    assert len(twilio.sent_to(family.address)) == 1
    assert "Did a person from the school help you?" in twilio.sent_to(family.address)[0].body
    assert "I am sorry" in family.text("no")


@time_machine.travel(NOW, tick=True)
def test_follow_up_waits_while_a_conversation_is_active(family: Family, twilio: TwilioStandIn) -> None:
    family.text("I want to talk to a person")
    start(family.runtime, follow_up(family))
    assert states(family.runtime) == {}


def test_follow_up_waits_for_morning(family: Family) -> None:
    with time_machine.travel(NOW, tick=True):
        family.text("I want to talk to a person")
        finish_case_questions(family)
    with time_machine.travel(NOW.replace(hour=8), tick=True):  # 2 AM in the district
        number = follow_up(family)
        start(family.runtime, number)
    with family.runtime.database.read() as db:
        row = db.execute(select(follow_ups)).one()
    assert row.state == "waiting" and row.due_at.hour == 14


@time_machine.travel(NOW, tick=True)
def test_opted_out_family_gets_no_follow_up(family: Family, twilio: TwilioStandIn) -> None:
    family.text("I want to talk to a person")
    finish_case_questions(family)
    number = follow_up(family)
    start(family.runtime, number)
    family.text("STOP")
    for delivery in states(family.runtime):
        deliver(family.runtime, delivery)
    assert twilio.sent_to(family.address) == []


@time_machine.travel(NOW, tick=True)
def test_sms_is_used_outside_the_whatsapp_window(family: Family, twilio: TwilioStandIn) -> None:
    family.text("I want to talk to a person")
    finish_case_questions(family)
    number = follow_up(family)
    family.runtime.redis.flushall()  # simulates the end of the 24 hours
    start(family.runtime, number)
    for delivery in states(family.runtime):
        deliver(family.runtime, delivery)
    assert twilio.sent_to(family.address) == [] and len(twilio.sent_to("+12175550177")) == 1


TEMPLATE = "HX" + "a" * 32


@time_machine.travel(NOW, tick=True)
def test_approved_template_is_preferred_outside_the_whatsapp_window(family: Family, twilio: TwilioStandIn) -> None:
    twilio.templates[TEMPLATE] = "{{1}}: did a person help you?"
    district = family.runtime.library.district.model_copy(update={"templates": {"follow_up": {"en": TEMPLATE}}})
    library = replace(family.runtime.library, district=district)
    runtime = replace(family.runtime, library=library)
    family.text("I want to talk to a person")
    finish_case_questions(family)
    number = follow_up(family)
    runtime.redis.flushall()
    start(runtime, number)
    for delivery in states(runtime):
        deliver(runtime, delivery)
    sent = twilio.sent_to(family.address)
    assert len(sent) == 1 and "Riverbend Public Schools" in sent[0].body and twilio.sent_to("+12175550177") == []


@time_machine.travel(NOW, tick=True)
def test_opt_out_known_only_to_twilio_is_recorded(family: Family, twilio: TwilioStandIn) -> None:
    family.text("I want to talk to a person")
    finish_case_questions(family)
    start(family.runtime, follow_up(family))
    twilio.opt_out(family.address)
    for delivery in states(family.runtime):
        deliver(family.runtime, delivery)
    assert family.text("hello again") == ""


def test_sweep_queues_deliveries_without_a_job(family: Family, new_family: Callable[[str], Family]) -> None:
    family.text("I want to talk to a person")
    family.runtime.redis.delete("rq:queue:urgent")  # Redis lost the job
    with time_machine.travel(now() + timedelta(seconds=10)):
        sweep_all(family.runtime)
    assert family.runtime.redis.llen("rq:queue:urgent") == 1
