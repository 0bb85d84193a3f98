"""While the front office has agents on record nothing that families read says the opposite, and truancy texts wait."""

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
from tests.school_status.test_school_status import ASKS, set_, told
from tests.stand_in import TwilioStandIn

Phone = Callable[[str], Family]


@pytest.fixture
def parent(live: Runtime, phone: Phone) -> Family:
    """A family of Lincoln that has asked about a rumor."""
    family = phone("+12175550170")
    family.text("English")
    family.text("JOIN lincoln")
    family.text(ASKS)
    return family


def held(services: Runtime) -> list[str]:
    with services.database.read() as db:
        return sorted(suppression_rules.find_held_schools(db, services.library.district, now()))


def test_a_statement_counts_no_more_once_agents_are_at_the_desk(
    live: Runtime, phone: Phone, parent: Family, twilio: TwilioStandIn
) -> None:
    set_(live)
    assert "There were no immigration agents there." in told(live, twilio, parent.address)[0]
    phone(IRIS).text("ICE")
    back = told(live, twilio, parent.address)[1]
    assert "does not count any more" in back and "agents at" not in back.split("If you see")[0]
    other = phone("+12175550171")
    other.text("English")
    assert "We checked" not in other.text("is ICE at Lincoln?"), "nor does anybody who asks read it, at once"
    with live.database.read() as db:
        assert school_statuses.find_current_by_school(db, now()) == {}


def test_a_drill_takes_nothing_back(live: Runtime, phone: Phone, parent: Family, twilio: TwilioStandIn) -> None:
    set_(live)
    phone(IRIS).text("DRILL")
    assert len(told(live, twilio, parent.address)) == 1 and held(live) == []


def test_nobody_says_that_no_agents_were_there_while_the_desk_says_they_are(live: Runtime, phone: Phone) -> None:
    phone(IRIS).text("ICE")
    for kind in ("no_agents", "normal_day"):
        with pytest.raises(SchoolStatusError, match="agents on record"):
            set_(live, kind=kind)
    assert "agents on record" in phone(DANA).text("STATUS LINCOLN CLEAR")
    set_(live, kind="checking")
    set_(live, "harbor")
    phone(IRIS).text("OVER")
    assert set_(live, kind="no_agents").school == "lincoln"


def test_whose_word_it_is_says_it_in_the_middle_of_an_incident(live: Runtime, phone: Phone) -> None:
    """The principal stands in the record and still says how another school is; it is no line of the record."""
    phone(DANA).text("ICE LINCOLN")
    assert "Families who ask read" in phone(DANA).text("STATUS HARBOR CHECKING")
    assert "Kept" in phone(DANA).text("the status of Lincoln is unclear")


def test_texts_about_truancy_wait_from_the_first_minute_on(live: Runtime, phone: Phone) -> None:
    phone(PAT).text("ICE")
    assert held(live) == [], "the school is not known yet"
    phone(PAT).text("2")
    assert held(live) == ["harbor"]
    with time_machine.travel(NOW + timedelta(days=1)):
        phone(PAT).text("OVER")
        assert held(live) == ["harbor"], "the days after it too"


def test_a_mistake_gives_them_free_but_not_what_the_safety_lead_has_verified(live: Runtime, phone: Phone) -> None:
    phone(IRIS).text("ICE")
    phone(IRIS).text("MISTAKE")
    assert held(live) == []
    with live.database.write() as db:
        verified_events.add(db, "lincoln", live.library.district.to_local_time(now()).date(), "sam_ortiz", now())
    with time_machine.travel(NOW + timedelta(minutes=5)):
        phone(SAM).text("ICE")
        phone(SAM).text("MISTAKE")
        assert held(live) == ["lincoln"]
