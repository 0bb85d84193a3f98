"""Alerts: who is alerted, more people each round until somebody claims the case, honest updates for the family."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from bot.base.database import now
from bot.cases import assignment
from bot.cases.paging import page_staff
from bot.jobs.sweeper import sweep_all
from bot.messaging.delivery import deliver
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import cases, deliveries
from tests.conftest import NOW, Family
from tests.stand_in import TwilioStandIn
from tests.store.reading import newest_cases

DANA, SAM, ANA, JEAN, RUTH = (f"+121755501{end}" for end in (43, 44, 41, 42, 51))
AT_THE_DOOR = "ICE agents are at my door right now"
SATURDAY_NIGHT = datetime(2026, 12, 6, 5, 0, tzinfo=UTC)
"""Saturday, 11 PM in the district."""


def send_all(runtime: Runtime) -> None:
    """Send what the workers would send now."""
    with runtime.database.read() as db:
        due = deliveries.list_unfinished(db, now(), now() - timedelta(seconds=30), 500)
    for delivery_id, _ in due:
        deliver(runtime, delivery_id)


def send_alerts_at(runtime: Runtime, minutes: float, case: int = 1) -> None:
    """Run the sweep's alerts and the workers' sending this many minutes after `NOW`."""
    with time_machine.travel(NOW + timedelta(minutes=minutes), tick=True):
        page_staff(runtime, case)
        send_all(runtime)


def case_of(runtime: Runtime, number: int = 1) -> cases.Case:
    with runtime.database.read() as db:
        return cases.get(db, number)


def test_emergency_is_texted_at_night_and_called_after_a_minute(
    runtime: Runtime, family: Family, twilio: TwilioStandIn
) -> None:
    with time_machine.travel(SATURDAY_NIGHT, tick=True):
        family.text(AT_THE_DOOR)
        page_staff(runtime, 1)
        send_all(runtime)
    assert len(twilio.sent_to(DANA)) == 1 and len(twilio.sent_to(SAM)) == 1
    with runtime.database.read() as db:
        calls = [one for one in deliveries.list_for_case(db, 1) if one.transport == "call"]
    assert {one.staff for one in calls} == {"dana_cole", "sam_ortiz"}
    assert all(one.due_at - SATURDAY_NIGHT >= timedelta(seconds=60) for one in calls)


def test_alerts_widen_until_claimed_and_family_is_informed(
    runtime: Runtime, family: Family, twilio: TwilioStandIn
) -> None:
    family.text(AT_THE_DOOR)
    send_alerts_at(runtime, 0.1)
    assert twilio.sent_to(ANA) == [] and len(twilio.sent_to(DANA)) == 1
    send_alerts_at(runtime, 1)
    assert len(twilio.sent_to(DANA)) == 1, "not before five minutes are over"
    send_alerts_at(runtime, 5.2)
    assert len(twilio.sent_to(ANA)) == 1 and twilio.sent_to(RUTH) == []
    assert twilio.sent_to(family.address) == []
    send_alerts_at(runtime, 10.4)
    assert len(twilio.sent_to(RUTH)) == 1 and len(twilio.sent_to(DANA)) == 3
    told = twilio.sent_to(family.address)[0].body
    assert "Nobody at the school has taken this yet" in told and "911" in told and "217-555-0100" in told
    send_alerts_at(runtime, 15.6)
    assert len(twilio.sent_to(family.address)) == 1, "once"


def test_claim_stops_alerts_and_informs_everyone(runtime: Runtime, family: Family, twilio: TwilioStandIn) -> None:
    family.text(AT_THE_DOOR)
    send_alerts_at(runtime, 0)
    assert assignment.take_case(runtime, 1, "sam_ortiz", "by phone").outcome == "yours"
    assert assignment.take_case(runtime, 1, "dana_cole", "by text") == assignment.ClaimResult("theirs", "Sam Ortiz")
    assert assignment.take_case(runtime, 1, "sam_ortiz", "by text").outcome == "yours"
    send_all(runtime)
    assert "was taken by Sam Ortiz" in twilio.sent_to(DANA)[-1].body
    assert "Sam Ortiz has read your message" in twilio.sent_to(family.address)[0].body
    send_alerts_at(runtime, 6)
    assert len(twilio.sent_to(DANA)) == 2 and len(twilio.sent_to(SAM)) == 1


def test_silent_claimant_and_colleagues_are_reminded(runtime: Runtime, family: Family, twilio: TwilioStandIn) -> None:
    family.text(AT_THE_DOOR)
    send_alerts_at(runtime, 0)
    assignment.take_case(runtime, 1, "sam_ortiz", "by text")
    send_alerts_at(runtime, 31)
    assert "taken by Sam Ortiz, has had no answer yet" in twilio.sent_to(SAM)[-1].body
    assert "taken by Sam Ortiz, has had no answer yet" in twilio.sent_to(DANA)[-1].body
    before = len(twilio.sent_to(SAM))
    assignment.resolve_case(runtime, 1, "sam_ortiz")
    send_alerts_at(runtime, 62)
    assert len(twilio.sent_to(SAM)) == before


def test_domestic_violence_case_sends_nothing_unasked(runtime: Runtime, family: Family, twilio: TwilioStandIn) -> None:
    family.text("my husband is beating me")
    for minutes in (0.1, 5.2, 10.4, 15.6):
        send_alerts_at(runtime, minutes)
    assignment.take_case(runtime, 1, "lee_tran", "by text")
    assignment.resolve_case(runtime, 1, "lee_tran")
    with time_machine.travel(NOW + timedelta(days=2), tick=True):
        sweep_all(runtime)
        send_all(runtime)
    assert twilio.sent_to(family.address) == []


def test_nonurgent_case_waits_for_school_hours_and_family_learns_when(
    runtime: Runtime, family: Family, twilio: TwilioStandIn
) -> None:
    with time_machine.travel(SATURDAY_NIGHT, tick=True):
        reply = family.text("I want to talk to a person")
        page_staff(runtime, 1)
        send_all(runtime)
    assert "after school hours" in reply and "Monday, December 7, 7:30 AM" in reply
    assert [twilio.sent_to(phone) for phone in (ANA, JEAN)] == [[], []]
    with time_machine.travel(SATURDAY_NIGHT + timedelta(hours=33), tick=True):  # Monday, 8 AM
        send_all(runtime)
    assert len(twilio.sent_to(ANA)) == 1
    assert "after school hours" not in family.text("after three")


def test_school_has_own_on_call_staff_and_weekly_rotation(runtime: Runtime) -> None:
    district = runtime.library.district
    week, next_week = (NOW + timedelta(days=days) for days in (0, 7))
    assert district.list_on_call("safety_lead", None, week) != district.list_on_call("safety_lead", None, next_week)
    assert district.list_on_call("safety_lead", "lincoln", week)[0] == "sam_ortiz"
    assert district.list_on_call("safety_lead", "lincoln", next_week)[0] == "sam_ortiz"


def test_alert_names_the_school_from_the_message(runtime: Runtime, family: Family, twilio: TwilioStandIn) -> None:
    family.text("there are ICE agents at Lincoln right now")
    send_alerts_at(runtime, 0)
    assert "School: Lincoln Elementary." in twilio.sent_to(SAM)[0].body


def test_family_has_one_open_case_per_topic(runtime: Runtime, family: Family) -> None:
    family.text("I want to talk to a person")
    family.text("after three")
    family.text("it is about the bus")
    family.text("0")
    assert case_of(runtime).answers["wish"] == "it is about the bus"
    with runtime.database.read() as db:
        assert len(newest_cases(db, 10)) == 1


def test_emergency_reported_again_later_alerts_again(runtime: Runtime, family: Family, twilio: TwilioStandIn) -> None:
    family.text(AT_THE_DOOR)
    send_alerts_at(runtime, 0)
    assignment.take_case(runtime, 1, "sam_ortiz", "by text")
    with time_machine.travel(NOW + timedelta(minutes=20), tick=True):
        family.text("menu")
        family.text("ICE agents are at my door again right now, help")
        assert case_of(runtime).state == "new" and case_of(runtime).claimed_by is None
        page_staff(runtime, 1)
        send_all(runtime)
    assert len([one for one in twilio.sent_to(DANA) if "URGENT" in one.body]) == 2


def test_no_reopens_the_case_and_yes_closes_it(
    runtime: Runtime, family: Family, new_family: Callable[[str], Family]
) -> None:
    for phone, answer, state in ((family, "no", "new"), (new_family("+12175550178"), "yes", "closed")):
        phone.text("I want to talk to a person")
        phone.text("after three")
        phone.text("the bus")
        number = 1 if phone is family else 2
        send_alerts_at(runtime, 0, number)
        assignment.take_case(runtime, number, "ana_ruiz", "by text")
        assert assignment.resolve_case(runtime, number, "ana_ruiz", "called")
        with time_machine.travel(NOW + timedelta(days=1, hours=1), tick=True):
            start_follow_ups(runtime)
            phone.text(answer)
        assert case_of(runtime, number).state == state
    assert case_of(runtime).severity == "escalate_day"


def start_follow_ups(runtime: Runtime) -> None:
    from bot.cases.follow_ups import start
    from bot.store.families import follow_ups

    with runtime.database.read() as db:
        due = follow_ups.list_due(db, now(), 50)
    for number in due:
        start(runtime, number)


def test_three_unanswered_follow_ups_end_the_questions(runtime: Runtime, family: Family, twilio: TwilioStandIn) -> None:
    from bot.store.families import contacts, follow_ups
    from bot.store.families.follow_ups import FollowUpTarget

    family.text("hello")
    with runtime.database.write() as db:
        contact = contacts.find(db, family.address)
        assert contact
        for day in range(1, 6):
            due = NOW + timedelta(days=day)
            follow_ups.plan(db, (f"test:{day}", 0), contact.id, FollowUpTarget("was_it_solved"), due)
    for day in range(1, 6):
        with time_machine.travel(NOW + timedelta(days=day, minutes=1), tick=True):
            runtime.redis.flushall()  # the day's conversation is over
            start_follow_ups(runtime)
            send_all(runtime)
    bodies = [one.body for one in twilio.sent_to(family.address.removeprefix("whatsapp:"))]
    assert len(bodies) == 3 and "I will not ask you about this again" in bodies[-1]
    with runtime.database.read() as db:
        assert audit_log.find_broken_row(db) is None


def test_every_step_is_audited_and_tampering_is_detected(runtime: Runtime, family: Family) -> None:
    from sqlalchemy import update

    family.text("I want to talk to a person")
    send_alerts_at(runtime, 0)
    assignment.take_case(runtime, 1, "ana_ruiz", "by text")
    assignment.hand_over_case(runtime, 1, "ana_ruiz", "jean_pierre")
    assignment.resolve_case(runtime, 1, "jean_pierre", "called")
    with runtime.database.write() as db:
        told = [(one.who, one.what) for one in audit_log.list_newest(db, 10, "case 1")]
        assert told == [
            ("jean_pierre", "resolved"), ("ana_ruiz", "handed over"), ("ana_ruiz", "took"), ("family", "opened"),
        ]  # fmt: skip
        assert audit_log.find_broken_row(db) is None
        db.execute(update(audit_log.audit).where(audit_log.audit.c.who == "ana_ruiz").values(who="somebody"))
        assert audit_log.find_broken_row(db) == 2


def test_silent_claimant_can_be_replaced_and_is_informed(
    runtime: Runtime, family: Family, twilio: TwilioStandIn
) -> None:
    family.text(AT_THE_DOOR)
    send_alerts_at(runtime, 0)
    assignment.take_case(runtime, 1, "dana_cole", "by phone")
    assert assignment.take_case(runtime, 1, "sam_ortiz", "by text").outcome == "theirs"
    send_alerts_at(runtime, 31)  # Dana did not react
    assert assignment.take_case(runtime, 1, "sam_ortiz", "by text").outcome == "yours"
    send_all(runtime)
    assert "Sam Ortiz has taken over case 1" in twilio.sent_to(DANA)[-1].body
    assert case_of(runtime).claimed_by == "sam_ortiz" and case_of(runtime).chased_at is None


def test_lead_can_claim_and_hand_over_any_case(runtime: Runtime, family: Family) -> None:
    family.text("I want to talk to a person")
    send_alerts_at(runtime, 0)
    assignment.take_case(runtime, 1, "somebody who left", "in the console")
    assert assignment.take_case(runtime, 1, "ana_ruiz", "by text").outcome == "yours", (
        "nobody of the district file has it"
    )
    assert assignment.take_case(runtime, 1, "principal login", "in the console", is_lead=True).outcome == "yours"
    assert not assignment.hand_over_case(runtime, 1, "ana_ruiz", "jean_pierre")
    assert assignment.hand_over_case(runtime, 1, "ana_ruiz", "jean_pierre", is_lead=True)
    assert case_of(runtime).page_at is not None, "a new claimant is reminded too"


def test_escalation_restarts_when_emergency_recurs(runtime: Runtime, family: Family, twilio: TwilioStandIn) -> None:
    family.text(AT_THE_DOOR)
    for minutes in (0, 5.2, 10.4):
        send_alerts_at(runtime, minutes)
    assert len(twilio.sent_to(family.address)) == 1
    with time_machine.travel(NOW + timedelta(hours=3), tick=True):
        family.text("menu")
        family.text("ICE agents are at my door again right now, help")
    before = len(twilio.sent_to(RUTH))
    send_alerts_at(runtime, 181)
    again = case_of(runtime)
    assert again.rounds_since_opened == 1 and again.page_at is not None and len(twilio.sent_to(RUTH)) == before, (
        "the first people first"
    )
    assert len(twilio.sent_to(family.address)) == 1, "nobody says at once that nobody came"


def test_no_reopens_the_newer_case_on_the_same_topic(runtime: Runtime, family: Family) -> None:
    family.text("I want to talk to a person")
    family.text("after three")
    family.text("the bus")
    send_alerts_at(runtime, 0)
    assignment.take_case(runtime, 1, "ana_ruiz", "by text")
    assignment.resolve_case(runtime, 1, "ana_ruiz")
    family.text("0")  # a new case on the same topic
    family.text("now")
    family.text("the bus again")
    with time_machine.travel(NOW + timedelta(days=1, hours=1), tick=True):
        start_follow_ups(runtime)
        assert "number 2" in family.text("no")
    assert case_of(runtime, 2).severity == "escalate_day" and case_of(runtime, 1).state == "resolved"


@pytest.mark.long
def test_unclaimed_case_keeps_alerting_and_family_is_informed(
    runtime: Runtime, family: Family, twilio: TwilioStandIn
) -> None:
    family.text("I want to talk to a person")
    at = NOW
    for _ in range(12):
        with time_machine.travel(at, tick=True):
            page_staff(runtime, 1)
            send_all(runtime)
        following = case_of(runtime).page_at
        assert following is not None, "there is always a next time"
        at = following + timedelta(minutes=1)
    told = [one.body for one in twilio.sent_to(family.address.removeprefix("whatsapp:"))]
    told += [one.body for one in twilio.sent_to(family.address)]
    assert len([one for one in told if "Nobody at the school has taken this yet" in one]) == 1


def test_failing_texts_do_not_cause_endless_calls(runtime: Runtime, family: Family, twilio: TwilioStandIn) -> None:
    for person in runtime.library.district.staff.values():
        twilio.number(person.phone, error_code=30007, at="request")
    family.text(AT_THE_DOOR)
    for _ in range(20):
        page_staff(runtime, 1)
    assert case_of(runtime).rounds <= 3, "as many as there are others to ask"


def test_no_about_an_old_case_does_not_unassign_an_emergency(runtime: Runtime, family: Family) -> None:
    from bot.store.cases import case_transitions

    family.text(AT_THE_DOOR)
    assignment.take_case(runtime, 1, "dana_cole", "by text")
    assignment.resolve_case(runtime, 1, "dana_cole")
    family.text("menu")
    family.text("ICE agents are at my door again right now, help")
    old = case_of(runtime)
    with runtime.database.write() as db:
        assert case_transitions.reopen(db, old, "no:1", now(), "escalate_day") == 2
    assert case_of(runtime, 2).severity == "escalate_now", "as urgent as before"
    assignment.take_case(runtime, 2, "sam_ortiz", "by text")
    with runtime.database.write() as db:
        assert case_transitions.reopen(db, old, "no:2", now(), "escalate_day") == 2
    assert case_of(runtime, 2).claimed_by == "sam_ortiz"
