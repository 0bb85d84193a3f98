"""While agents are on record, families read nothing that contradicts it, and truancy texts are held."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine

from bot.base.database import now
from bot.messaging import suppression_rules
from bot.runtime import Runtime
from bot.school_status.status_change import SchoolStatusError
from bot.store.schools import school_statuses, verified_events
from tests.conftest import NOW, Family
from tests.incidents.conftest import DANA, IRIS, PAT, SAM
from tests.school_status.test_school_status import ASKS, list_texts, post_status
from tests.stand_in import TwilioStandIn

Phone = Callable[[str], Family]


@pytest.fixture
def parent(live: Runtime, phone: Phone) -> Family:
    """A family of Lincoln that asked about a rumor."""
    family = phone("+12175550170")
    family.text("English")
    family.text("JOIN lincoln")
    family.text(ASKS)
    return family


def list_held_schools(runtime: Runtime) -> list[str]:
    with runtime.database.read() as db:
        return sorted(suppression_rules.find_held_schools(db, runtime.library.district, now()))


def test_school_status_ends_once_agents_are_at_the_desk(
    live: Runtime, phone: Phone, parent: Family, twilio: TwilioStandIn
) -> None:
    post_status(live)
    assert "There were no immigration agents there." in list_texts(live, twilio, parent.address)[0]
    phone(IRIS).text("ICE")
    back = list_texts(live, twilio, parent.address)[1]
    assert "does not count any more" in back and "agents at" not in back.split("If you see")[0]
    other = phone("+12175550171")
    other.text("English")
    assert "We checked" not in other.text("is ICE at Lincoln?"), "nor does anybody who asks read it, at once"
    with live.database.read() as db:
        assert school_statuses.find_current_by_school(db, now()) == {}


def test_drill_withdraws_no_school_status(live: Runtime, phone: Phone, parent: Family, twilio: TwilioStandIn) -> None:
    post_status(live)
    phone(IRIS).text("DRILL")
    assert len(list_texts(live, twilio, parent.address)) == 1 and list_held_schools(live) == []


def test_all_clear_is_refused_while_agents_are_at_the_desk(live: Runtime, phone: Phone) -> None:
    phone(IRIS).text("ICE")
    for kind in ("no_agents", "normal_day"):
        with pytest.raises(SchoolStatusError, match="active incident"):
            post_status(live, kind=kind)
    assert "active incident" in phone(DANA).text("STATUS LINCOLN CLEAR")
    post_status(live, kind="checking")
    post_status(live, "harbor")
    phone(IRIS).text("OVER")
    assert post_status(live, kind="no_agents").school == "lincoln"


def test_principal_can_set_status_of_another_school_during_incident(live: Runtime, phone: Phone) -> None:
    """The principal is part of the incident and can still set another school's status. It is no line of the record."""
    phone(DANA).text("ICE LINCOLN")
    assert "families who ask read" in phone(DANA).text("STATUS HARBOR CHECKING")
    assert "Kept" in phone(DANA).text("the status of Lincoln is unclear")


def test_truancy_texts_are_held_from_the_first_minute(live: Runtime, phone: Phone) -> None:
    phone(PAT).text("ICE")
    assert list_held_schools(live) == [], "the school is not known yet"
    phone(PAT).text("2")
    assert list_held_schools(live) == ["harbor"]
    with time_machine.travel(NOW + timedelta(days=1)):
        phone(PAT).text("OVER")
        assert list_held_schools(live) == ["harbor"], "the days after it too"


def test_mistake_ends_the_hold_but_not_a_verified_event(live: Runtime, phone: Phone) -> None:
    phone(IRIS).text("ICE")
    phone(IRIS).text("MISTAKE")
    assert list_held_schools(live) == []
    with live.database.write() as db:
        verified_events.add(db, "lincoln", live.library.district.to_local_time(now()).date(), "sam_ortiz", now())
    with time_machine.travel(NOW + timedelta(minutes=5)):
        phone(SAM).text("ICE")
        phone(SAM).text("MISTAKE")
        assert list_held_schools(live) == ["lincoln"]
