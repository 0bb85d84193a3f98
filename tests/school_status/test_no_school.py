"""Rumors from families without a known school: they learn of their own school, or once every school was checked."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine

from bot.runtime import Runtime
from bot.school_status.status_change import withdraw_school_status
from bot.store.families import contacts, families
from tests.conftest import NOW, Family
from tests.school_status.test_school_status import ASKS, CLEAR, list_texts, post_status
from tests.stand_in import TwilioStandIn

NUMBER = "+12175550170"
NO_AGENTS_ANYWHERE = "There were no immigration agents at any of them."


@pytest.fixture
def rumor_reporter(new_family: Callable[[str], Family]) -> Family:
    """A family without a known school that asked whether a rumor is true."""
    family = new_family(NUMBER)
    family.text("English")
    family.text(ASKS)
    return family


def test_reporter_who_names_school_later_gets_status(
    runtime: Runtime, twilio: TwilioStandIn, rumor_reporter: Family
) -> None:
    post_status(runtime)
    assert list_texts(runtime, twilio, NUMBER) == [], "it may mean another school"
    rumor_reporter.text("JOIN harbor")
    post_status(runtime, "harbor")
    assert [
        one for one in list_texts(runtime, twilio, NUMBER) if "We checked Harbor Middle School" in one and CLEAR in one
    ]
    count = len(list_texts(runtime, twilio, NUMBER))
    post_status(runtime, "riverbend")
    assert len(list_texts(runtime, twilio, NUMBER)) == count, "once"


def test_reporter_with_one_roster_school_gets_status(
    runtime: Runtime, twilio: TwilioStandIn, rumor_reporter: Family
) -> None:
    with runtime.database.write() as db:
        known = contacts.find(db, NUMBER)
        assert known is not None
        family = contacts.find_family_id(db, known.id)
        assert family is not None
        families.join_school(db, family, "lincoln", "roster")
    post_status(runtime)
    assert "We checked Lincoln Elementary" in list_texts(runtime, twilio, NUMBER)[0]


def test_reporter_without_school_gets_status_once_all_are_checked(
    runtime: Runtime, twilio: TwilioStandIn, rumor_reporter: Family
) -> None:
    post_status(runtime)
    post_status(runtime, "harbor", kind="normal_day")
    post_status(runtime, "riverbend")
    assert list_texts(runtime, twilio, NUMBER) == [], "a normal day says nothing of agents"
    with time_machine.travel(NOW + timedelta(minutes=30)):
        last = post_status(runtime, "harbor")
        (text,) = list_texts(runtime, twilio, NUMBER)
        assert (
            "Since Tuesday, November 24, 10:00 AM we have checked all our schools." in text
            and NO_AGENTS_ANYWHERE in text
        )
        assert "After Tuesday, November 24, 12:00 PM, please ask again." in text, "the first that ends counts"
        post_status(runtime, "lincoln")
        assert len(list_texts(runtime, twilio, NUMBER)) == 1
        withdraw_school_status(runtime, last.id, "dana_cole")
        back = list_texts(runtime, twilio, NUMBER)[1]
        assert "What we told you about Harbor Middle School" in back and "does not count any more" in back


def test_unsent_status_does_not_count_as_sent(runtime: Runtime, twilio: TwilioStandIn, rumor_reporter: Family) -> None:
    for school in ("lincoln", "riverbend"):
        post_status(runtime, school)
    withdraw_school_status(runtime, post_status(runtime, "harbor").id, "dana_cole")
    assert list_texts(runtime, twilio, NUMBER) == [], "not even that it counts no more"
    post_status(runtime, "harbor")
    assert len(list_texts(runtime, twilio, NUMBER)) == 1


def test_school_with_ended_status_no_longer_counts_as_checked(
    runtime: Runtime, twilio: TwilioStandIn, rumor_reporter: Family
) -> None:
    for school in ("lincoln", "riverbend"):
        post_status(runtime, school)
    with time_machine.travel(NOW + timedelta(hours=2, minutes=1)):
        post_status(runtime, "harbor")
        assert list_texts(runtime, twilio, NUMBER) == []
