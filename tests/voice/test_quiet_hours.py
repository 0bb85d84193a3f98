"""A family's phone doesn't ring at night, except for an ongoing emergency."""

from datetime import UTC, datetime, timedelta

import time_machine
from flask.testing import FlaskClient

from bot.base.database import now
from bot.messaging.delivery import deliver
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.families import contacts
from tests.conftest import Family
from tests.stand_in import TwilioStandIn
from tests.voice.phone import Phone

NIGHT = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)
"""11 PM in the example district."""
MORNING = datetime(2026, 11, 25, 14, 0, tzinfo=UTC)


def plan_message(runtime: Runtime, address: str, at: datetime) -> str:
    with runtime.database.write() as db:
        contact = contacts.find(db, address)
        assert contact is not None
        return deliveries.plan_staff_message(db, contact.id, "The bus comes at 7:15.", at)


def call_in(client: FlaskClient, runtime: Runtime, says: str = "") -> Phone:
    phone = Phone(client, runtime)
    phone.ring()
    phone.press("1")
    if says:
        phone.speak(says)
    return phone


def test_reply_waits_for_morning(client: FlaskClient, runtime: Runtime, twilio: TwilioStandIn) -> None:
    phone = call_in(client, runtime)
    with time_machine.travel(NIGHT):
        row = plan_message(runtime, f"voice:{phone.number}", now())
        for _ in range(2):
            deliver(runtime, row)
        assert twilio.calls_to(phone.number) == []
    with runtime.database.read() as db:
        waiting = deliveries.find(db, row)
        due = deliveries.list_unfinished(db, MORNING, MORNING, 10)
    assert waiting is not None and waiting.state == "waiting" and (row, "talk") in due, "the sweep finds it at eight"
    with time_machine.travel(MORNING):
        for _ in range(2):
            deliver(runtime, row)
    assert len(twilio.calls_to(phone.number)) == 1


def test_ongoing_emergency_calls_at_night(client: FlaskClient, runtime: Runtime, twilio: TwilioStandIn) -> None:
    with time_machine.travel(NIGHT - timedelta(hours=1)):
        phone = call_in(client, runtime, "ICE is at our door right now")
    with time_machine.travel(NIGHT):
        deliver(runtime, plan_message(runtime, f"voice:{phone.number}", now()))
    assert len(twilio.calls_to(phone.number)) == 1


def test_emergency_from_the_afternoon_does_not_call_at_night(
    client: FlaskClient, runtime: Runtime, twilio: TwilioStandIn
) -> None:
    with time_machine.travel(NIGHT - timedelta(hours=6)):
        phone = call_in(client, runtime, "ICE is at our door right now")
    with time_machine.travel(NIGHT):
        deliver(runtime, plan_message(runtime, f"voice:{phone.number}", now()))
    assert twilio.calls_to(phone.number) == []


def test_text_is_sent_at_any_hour(family: Family, runtime: Runtime, twilio: TwilioStandIn) -> None:
    family.text("hola")
    with time_machine.travel(NIGHT):
        deliver(runtime, plan_message(runtime, family.address, now()))
    assert len(twilio.messages) == 1
