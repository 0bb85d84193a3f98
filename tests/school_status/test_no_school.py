"""Rumours of families who named no school: told of their own school, or once every school was checked."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine

from bot.runtime import Runtime
from bot.school_status.status_change import withdraw_school_status
from bot.store.families import contacts, families
from tests.conftest import NOW, Family
from tests.school_status.test_school_status import ASKS, CLEAR, set_, told
from tests.stand_in import TwilioStandIn

NUMBER = "+12175550170"
EVERY = "There were no immigration agents at any of them."


@pytest.fixture
def reporter(new_family: Callable[[str], Family]) -> Family:
    """Somebody whose school nobody knows has asked whether a rumour is true."""
    family = new_family(NUMBER)
    family.text("English")
    family.text(ASKS)
    return family


def test_reporter_who_names_school_later_gets_status(
    services: Runtime, twilio: TwilioStandIn, reporter: Family
) -> None:
    set_(services)
    assert told(services, twilio, NUMBER) == [], "it may mean another school"
    reporter.text("JOIN harbor")
    set_(services, "harbor")
    assert [one for one in told(services, twilio, NUMBER) if "We checked Harbor Middle School" in one and CLEAR in one]
    count = len(told(services, twilio, NUMBER))
    set_(services, "riverbend")
    assert len(told(services, twilio, NUMBER)) == count, "once"


def test_reporter_with_one_roster_school_gets_status(
    services: Runtime, twilio: TwilioStandIn, reporter: Family
) -> None:
    with services.database.write() as db:
        known = contacts.find(db, NUMBER)
        assert known is not None
        family = contacts.find_family_id(db, known.id)
        assert family is not None
        families.join_school(db, family, "lincoln", "roster")
    set_(services)
    assert "We checked Lincoln Elementary" in told(services, twilio, NUMBER)[0]


def test_reporter_without_school_gets_status_once_all_are_checked(
    services: Runtime, twilio: TwilioStandIn, reporter: Family
) -> None:
    set_(services)
    set_(services, "harbor", kind="normal_day")
    set_(services, "riverbend")
    assert told(services, twilio, NUMBER) == [], "a normal day says nothing of agents"
    with time_machine.travel(NOW + timedelta(minutes=30)):
        last = set_(services, "harbor")
        (text,) = told(services, twilio, NUMBER)
        assert "Since Tuesday, November 24, 10:00 AM we have checked all our schools." in text and EVERY in text
        assert "After Tuesday, November 24, 12:00 PM, please ask again." in text, "the first that ends counts"
        set_(services, "lincoln")
        assert len(told(services, twilio, NUMBER)) == 1
        withdraw_school_status(services, last.id, "dana_cole")
        back = told(services, twilio, NUMBER)[1]
        assert "What we told you about Harbor Middle School" in back and "does not count any more" in back


def test_unsent_status_does_not_count_as_sent(services: Runtime, twilio: TwilioStandIn, reporter: Family) -> None:
    for school in ("lincoln", "riverbend"):
        set_(services, school)
    withdraw_school_status(services, set_(services, "harbor").id, "dana_cole")
    assert told(services, twilio, NUMBER) == [], "not even that it counts no more"
    set_(services, "harbor")
    assert len(told(services, twilio, NUMBER)) == 1


def test_school_with_ended_status_no_longer_counts_as_checked(
    services: Runtime, twilio: TwilioStandIn, reporter: Family
) -> None:
    for school in ("lincoln", "riverbend"):
        set_(services, school)
    with time_machine.travel(NOW + timedelta(hours=2, minutes=1)):
        set_(services, "harbor")
        assert told(services, twilio, NUMBER) == []
