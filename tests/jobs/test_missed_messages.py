"""Messages that reached Twilio but not us are found in Twilio's list and handled late: once, and only ours."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis
from sqlalchemy import select

from bot.base.database import now
from bot.jobs import missed_messages
from bot.messaging import provider_redaction
from bot.messaging.delivery import deliver
from bot.messaging.inbound_message import InboundMessage
from bot.runtime import Runtime
from bot.store.cases import deliveries, voice_notes
from bot.store.cases.cases import cases
from bot.store.operations import missed_messages as noted
from bot.web.app import create_app
from tests.conftest import Family
from tests.stand_in import TwilioStandIn
from tests.stand_in.records import Accepted, new_sid

MARTA, OURS = "+12175550188", "+12175550100"


def add_missed_message(
    twilio: TwilioStandIn, sender: str, body: str, sid: str = "", to: str = OURS, **more: object
) -> Accepted:
    """Add a message to Twilio's list, ten minutes after it arrived."""
    at = time.time() - 600
    one = Accepted(sid=sid or new_sid("SM"), to=to, sender=sender, body=body, at=at, sent_at=at, **more)  # type: ignore[arg-type]
    one.status = "received"
    with twilio.changed:
        twilio.messages.append(one)
        twilio._by_sid[one.sid] = one
    return one


@pytest.fixture
def line(runtime: Runtime) -> Runtime:
    """A service that has been running for an hour."""
    noted.start_search(runtime.redis, now() - timedelta(hours=1))
    return runtime


def run_jobs(runtime: Runtime) -> None:
    """Run what waits for the workers."""
    with runtime.database.read() as db:
        waiting = db.execute(select(deliveries.deliveries.c.id).where(deliveries.deliveries.c.kind == "late")).scalars()
        found = waiting.all()
    for one in found:
        deliver(runtime, one)


def open_cases(runtime: Runtime) -> list[str]:
    with runtime.database.read() as db:
        return list(db.execute(select(cases.c.severity)).scalars())


def test_lost_emergency_alerts_staff_and_is_answered_once(line: Runtime, twilio: TwilioStandIn) -> None:
    one = add_missed_message(twilio, MARTA, "ICE is at my door right now")
    for _ in range(3):
        missed_messages.recover(line)
        run_jobs(line)
    assert open_cases(line) == ["escalate_now"]
    assert ["911" in text.body for text in twilio.sent_to(MARTA)] == [True]
    assert line.conversations.is_answered(one.sid) and noted.count_since(line.redis, now() - timedelta(hours=1)) == 1


def test_answered_message_is_not_answered_again(line: Runtime, family: Family, twilio: TwilioStandIn) -> None:
    family.text("I want to talk to a person")
    add_missed_message(twilio, family.address, "I want to talk to a person", family.sid)
    family.text("CHECK ABCDEF")
    add_missed_message(twilio, family.address, "CHECK ABCDEF", family.sid)
    missed_messages.recover(line)
    run_jobs(line)
    assert not twilio.sent_to(family.address) and len(open_cases(line)) == 1


def test_message_answered_during_redis_outage_is_not_answered_again(line: Runtime, twilio: TwilioStandIn) -> None:
    away = replace(line, redis=Redis.from_url("unix:///nowhere/redis.sock"))
    staff = "+12175550143"
    for sender, text in ((MARTA, "ICE is at my door right now"), (MARTA, "what is for lunch?"), (staff, "TAKE 1")):
        family = Family(away, create_app(runtime=away).test_client(), sender)
        assert family.text(text)
        add_missed_message(twilio, sender, text, family.sid)
    missed_messages.recover(line)
    run_jobs(line)
    assert not twilio.sent_to(MARTA) and not twilio.sent_to(staff)
    assert noted.count_since(line.redis, now() - timedelta(hours=1)) == 0


def test_recovered_stop_counts_and_nothing_is_sent_after_it(
    line: Runtime, family: Family, twilio: TwilioStandIn
) -> None:
    family.text("hello, good morning")
    add_missed_message(twilio, family.address, "STOP")
    missed_messages.recover(line)
    run_jobs(line)
    assert not twilio.sent_to(family.address)
    assert family.text("what is for lunch?") == ""


def test_staff_messages_are_recovered_too(line: Runtime, family: Family, twilio: TwilioStandIn) -> None:
    family.text("ICE is at my door right now")
    staff = "+12175550143"
    add_missed_message(twilio, staff, "TAKE 1")
    missed_messages.recover(line)
    run_jobs(line)
    with line.database.read() as db:
        assert db.execute(select(cases.c.claimed_by)).scalar() == line.library.district.find_staff_by_address(staff)
    assert len(twilio.sent_to(staff)) == 1


def test_voice_note_is_fetched(line: Runtime, twilio: TwilioStandIn) -> None:
    sound = twilio.media.put(b"a voice", "audio/ogg")
    one = add_missed_message(twilio, f"whatsapp:{MARTA}", "", to=f"whatsapp:{OURS}", media=[sound.url])
    sound.url = sound.url.replace(sound.url.split("/Messages/")[1].split("/")[0], one.sid)
    missed_messages.recover(line)
    with line.database.read() as db:
        found = db.execute(select(voice_notes.voice_notes.c.content_type)).scalars().all()
    assert found == ["audio/ogg"]


def test_messages_before_a_redis_reset_are_left_alone(runtime: Runtime, twilio: TwilioStandIn) -> None:
    """A new Redis doesn't know who was answered, so older messages are left alone."""
    add_missed_message(twilio, MARTA, "I want to talk to a person")
    missed_messages.recover(runtime)
    missed_messages.recover(runtime)
    assert open_cases(runtime) == []


def test_message_to_another_number_of_the_account_is_ignored(line: Runtime, twilio: TwilioStandIn) -> None:
    add_missed_message(twilio, MARTA, "I want to talk to a person", to="+12175550999")
    missed_messages.recover(line)
    assert open_cases(line) == []


def test_message_text_stays_at_twilio_until_recovery(
    line: Runtime, twilio: TwilioStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = add_missed_message(twilio, MARTA, "I want to talk to a person")
    monkeypatch.setattr(provider_redaction, "now", lambda: now() + timedelta(hours=3))
    provider_redaction.redact_stored_messages(line)
    assert not one.redacted
    missed_messages.recover(line)
    noted.set_checked_until(line.redis, now() + timedelta(hours=3))
    provider_redaction.redact_stored_messages(line)
    assert one.redacted


def test_twilio_or_database_failure_is_retried_on_next_run(line: Runtime, twilio: TwilioStandIn) -> None:
    add_missed_message(twilio, MARTA, "I want to talk to a person")
    twilio.fail_next("503", on="list")
    with pytest.raises(Exception, match="away"):
        missed_messages.recover(line)
    missed_messages.recover(line)
    assert len(open_cases(line)) == 1


def test_worker_killed_before_reply_loses_no_message(
    line: Runtime, twilio: TwilioStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """An exception that no handler catches."""

    def killed(*told: object) -> None:
        raise Killed

    add_missed_message(twilio, MARTA, "ICE is at my door right now")
    with monkeypatch.context() as patched:
        patched.setattr(missed_messages, "_send_late_reply", killed)
        with pytest.raises(Killed):
            missed_messages.recover(line)
    for _ in range(2):
        missed_messages.recover(line)
        run_jobs(line)
    assert open_cases(line) == ["escalate_now"]
    assert ["911" in text.body for text in twilio.sent_to(MARTA)] == [True]


def test_message_that_raises_does_not_block_others(
    line: Runtime, twilio: TwilioStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, whole = (
        add_missed_message(twilio, "+12175550189", "hello"),
        add_missed_message(twilio, MARTA, "I want to talk to a person"),
    )
    real = missed_messages.answer_message

    def breaks(runtime: Runtime, message: InboundMessage) -> str:
        if message.sid == broken.sid:
            raise KeyError("a fault of ours")
        return real(runtime, message)

    with monkeypatch.context() as patched:
        patched.setattr(missed_messages, "answer_message", breaks)
        missed_messages.recover(line)
    assert line.conversations.is_answered(whole.sid) and not line.conversations.is_answered(broken.sid)
    missed_messages.recover(line)
    assert line.conversations.is_answered(broken.sid)
