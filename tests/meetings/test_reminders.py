"""Participants get two reminders, learn of changes, and are asked once afterward; in their language, in waking hours."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import delete, select

from bot.base.database import now
from bot.cases import follow_ups as starting
from bot.meetings import planning
from bot.retention import after_restore
from bot.store import audit_log
from bot.store.families import contacts, follow_ups
from bot.store.meetings import rsvps
from tests.conftest import Family
from tests.meetings.conftest import PLAN, STARTS, Host
from tests.stand_in import TwilioStandIn
from tests.store.reading import newest_cases

A = "+12175550181"


@pytest.fixture
def participant(host: Host, new_family: Callable[[str], Family]) -> Family:
    one = new_family(A)
    one.text("English")
    one.text(f"GO {host.plan().code}")
    return one


def list_texts(twilio: TwilioStandIn, number: str = A) -> list[str]:
    return [message.body for message in twilio.sent_to(number)]


def test_reminders_are_sent_a_day_and_an_hour_before(host: Host, participant: Family, twilio: TwilioStandIn) -> None:
    host.sweep()
    assert list_texts(twilio) == []
    for before, count in ((24.1, 0), (23.9, 1), (10, 1), (1.1, 1), (0.9, 2), (0.2, 2)):
        with time_machine.travel(STARTS - timedelta(hours=before)):
            host.sweep()
            assert len(list_texts(twilio)) == count, before
    for text in list_texts(twilio):
        assert "6:00 PM" in text and "meet.example.org/abc" in text and "217-555-0199" in text


def test_restore_does_not_repeat_reminders(host: Host, participant: Family, twilio: TwilioStandIn) -> None:
    with time_machine.travel(STARTS - timedelta(hours=23)):
        assert after_restore.hold_family_messages(host.runtime, "theo_lang").reminders == 1
        host.sweep()
        assert list_texts(twilio) == []
    with time_machine.travel(STARTS - timedelta(minutes=50)):
        host.sweep()
        assert len(list_texts(twilio)) == 1, "whose hour had not come leaves"


def test_canceled_rsvp_or_opt_out_gets_no_reminder(
    host: Host, participant: Family, new_family: Callable[[str], Family], twilio: TwilioStandIn
) -> None:
    other = new_family("+12175550182")
    other.text("English")
    other.text(f"GO {host.get().code}")
    participant.text(f"NOGO {host.get().code}")
    new_family("whatsapp:+12175550182").text("STOP")  # on another address of the same person
    with time_machine.travel(STARTS - timedelta(hours=23)):
        host.sweep()
    assert list_texts(twilio) == [] and list_texts(twilio, "+12175550182") == []


def test_late_rsvp_gets_no_immediate_second_text(
    host: Host, new_family: Callable[[str], Family], twilio: TwilioStandIn
) -> None:
    code = host.plan().code
    with time_machine.travel(STARTS - timedelta(hours=5)):
        one = new_family(A)
        one.text("English")
        one.text(f"GO {code}")
        host.sweep()
    assert list_texts(twilio) == []


def test_reminder_waits_for_morning(host: Host, new_family: Callable[[str], Family], twilio: TwilioStandIn) -> None:
    morning = STARTS + timedelta(hours=13)  # 7 AM
    code = host.plan(starts_at=morning, ends_at=morning + timedelta(hours=1)).code
    one = new_family(A)
    one.text("English")
    one.text(f"GO {code}")
    for before in (24, 23.5):
        with time_machine.travel(morning - timedelta(hours=before)):
            host.sweep()
    assert list_texts(twilio) == []
    with time_machine.travel(morning - timedelta(hours=22.9)):
        host.sweep()
    assert len(list_texts(twilio)) == 1


def test_change_is_announced_once_and_reminders_use_the_new_time(
    host: Host, participant: Family, twilio: TwilioStandIn
) -> None:
    later = STARTS + timedelta(days=1)
    planning.save_plan(host.runtime, replace(PLAN, title="Another title"), "ana_ruiz", host.get())
    host.sweep()
    assert list_texts(twilio) == [], "a title is not worth a text"
    changed = replace(PLAN, starts_at=later, ends_at=later + timedelta(hours=1))
    planning.save_plan(host.runtime, changed, "ana_ruiz", host.get())
    host.sweep()
    (text,) = list_texts(twilio)
    assert "has changed" in text and "Thursday, December 3, 6:00 PM" in text
    with time_machine.travel(STARTS - timedelta(hours=23)):
        host.sweep()
    assert len(list_texts(twilio)) == 1
    with time_machine.travel(later - timedelta(hours=23)):
        host.sweep()
    assert len(list_texts(twilio)) == 2


def test_cancellation_is_announced_and_nothing_more_is_sent(
    host: Host, participant: Family, twilio: TwilioStandIn
) -> None:
    assert planning.cancel_meeting(host.runtime, host.get(), "ana_ruiz")
    host.sweep()
    with time_machine.travel(STARTS - timedelta(hours=23)):
        host.sweep()
    (text,) = list_texts(twilio)
    assert "does not take place" in text


def test_night_cancellation_is_announced_in_the_morning_even_after_start(
    host: Host, participant: Family, twilio: TwilioStandIn
) -> None:
    early = STARTS.replace(hour=13, minute=30)  # 7:30 AM
    planning.save_plan(
        host.runtime, replace(PLAN, starts_at=early, ends_at=early + timedelta(hours=2)), "ana_ruiz", host.get()
    )
    host.sweep()
    with time_machine.travel(early - timedelta(hours=1), tick=True):
        planning.cancel_meeting(host.runtime, host.get(), "ana_ruiz")
        host.sweep()
        assert not any("does not take place" in one for one in list_texts(twilio)), "it is night"
    with time_machine.travel(early + timedelta(minutes=45), tick=True):
        host.sweep()
    assert "does not take place" in list_texts(twilio)[-1]


def run_follow_up(host: Host) -> None:
    host.sweep()
    with host.runtime.database.read() as db:
        due = list(follow_ups.list_due(db, now(), 100))
    for number in due:
        starting.start(host.runtime, number)
    host.sweep()


def test_each_family_is_asked_once_afterward_and_staff_read_the_answer(
    host: Host, participant: Family, twilio: TwilioStandIn
) -> None:
    with time_machine.travel(STARTS + timedelta(hours=2)):
        host.sweep()
        assert host.get().state == "over"
    host.runtime.conversations.discard(host.runtime.compute_lookup_hash(A))  # a week has passed for Redis too
    with time_machine.travel(STARTS + timedelta(hours=15)):  # 9 AM
        run_follow_up(host)
        run_follow_up(host)
        (text,) = list_texts(twilio)
        assert "What does your family need" in text
        assert "will read this" in participant.text("A bus that stops near our street")
    with host.runtime.database.read() as db:
        (case,) = newest_cases(db, 5)
    assert (case.topic, case.severity) == ("after_gathering", "info") and "bus" in str(case.answers)


def test_meeting_is_not_ready_without_trained_interpreters(host: Host, participant: Family) -> None:
    participant.text("Kreyòl")
    for language, kind in ((None, ""), ("es", "trained"), ("ht", "bilingual")):
        if language:
            host.book(language, kind)
        with pytest.raises(planning.MeetingPlanError, match="Haitian Creole"):
            planning.mark_ready(host.runtime, host.get(), "sam_ortiz")
    host.book("ht")
    planning.mark_ready(host.runtime, host.get(), "sam_ortiz")
    assert host.get().state == "ready"


def test_new_language_returns_ready_meeting_to_planned(host: Host, new_family: Callable[[str], Family]) -> None:
    code = host.plan().code
    host.book("es")
    planning.mark_ready(host.runtime, host.get(), "sam_ortiz")
    one = new_family(A)
    one.text("Kreyòl")
    one.text(f"GO {code}")
    assert host.get().state == "planned"
    with pytest.raises(planning.MeetingPlanError):
        planning.draft_invitation(host.runtime, host.get(), "ana_ruiz")


def test_concurrent_edits_do_not_overwrite_each_other(host: Host) -> None:
    before = host.plan()
    changed = replace(PLAN, link="https://meet.example.org/xyz")
    planning.save_plan(host.runtime, changed, "ana_ruiz", before)
    with pytest.raises(planning.MeetingPlanError, match="just changed"):
        planning.save_plan(host.runtime, PLAN, "sam_ortiz", before)


def test_staff_actions_are_audited(host: Host) -> None:
    host.plan()
    host.book("es")
    planning.mark_ready(host.runtime, host.get(), "sam_ortiz")
    planning.cancel_meeting(host.runtime, host.get(), "sam_ortiz")
    with host.runtime.database.read() as db:
        told = [(one.who, one.what) for one in audit_log.list_newest(db, 9, "gathering 1")]
    assert told == [
        ("sam_ortiz", "canceled a gathering"), ("sam_ortiz", "marked a gathering ready"),
        ("ana_ruiz", "booked an interpreter"), ("ana_ruiz", "planned a gathering"),
    ]  # fmt: skip


def test_erasing_a_family_deletes_its_rsvp(host: Host) -> None:
    host.plan()
    with host.runtime.database.write() as db:
        contact = contacts.add(db, A, "sms", now())
        rsvps.set_response(db, (1, 0), (contact.family_id or 0, contact.id), "es", 2, now())
    assert len(host.coming()) == 1
    with host.runtime.database.write() as db:
        db.execute(delete(contacts.contacts))
    with host.runtime.database.read() as db:
        assert db.execute(select(rsvps.rsvps)).all() == []
