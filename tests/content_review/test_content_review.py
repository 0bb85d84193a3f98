"""The register, reviews, and the weekly digest, with a shifted clock."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from flask.testing import FlaskClient

from bot.content.library import Library
from bot.content.source_register import (
    ENDING_SOON_STATE,
    NOT_STATED_STATE,
    REVIEW_NEEDED_STATE,
    REVIEWED_STATE,
    STATED_STATE,
    build_register,
)
from bot.content_review import weekly_digest
from bot.content_review.reviews import record_review
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.community import digests
from tests.cases.test_paging import send_all
from tests.conftest import NOW, Family
from tests.stand_in import TwilioStandIn
from tests.web.console.conftest import member
from tests.web.console.test_console import post

MONDAY = datetime(2026, 11, 30, 15, 0, tzinfo=UTC)
"""9 AM in the example district."""
TODAY = date(2026, 11, 24)


def get_state(library: Library, today: date, subject: str, **looked: date) -> str:
    seen = {name.replace("__", " "): day for name, day in looked.items()}
    return next(one.state for one in build_register(library, today, seen) if one.subject == subject)


def test_every_item_is_in_the_register_with_its_owner(library: Library) -> None:
    found = {one.subject: one for one in build_register(library, TODAY, {})}
    assert {f"fact {name}" for name in library.facts} <= set(found)
    assert {"policy enforcement_visit", "partner harvest", "watch nilc", "note why_families_fear"} <= set(found)
    assert all(one.owner and library.district.find_owners(one.owner) for one in found.values())
    assert found["watch nilc"].url == "https://www.nilc.org" and found["fact home_entry"].source


def test_expiring_item_is_flagged_then_not_sent(library: Library) -> None:
    due = library.facts["home_entry"].get_review_due_date()
    assert get_state(library, due - timedelta(days=10), "fact home_entry") == ENDING_SOON_STATE
    assert get_state(library, due + timedelta(days=1), "fact home_entry") == NOT_STATED_STATE
    assert get_state(library, TODAY, "partner harvest") == STATED_STATE


def test_source_is_reviewed_weekly(library: Library) -> None:
    assert get_state(library, TODAY, "watch nilc") == REVIEW_NEEDED_STATE
    assert get_state(library, TODAY, "watch nilc", watch__nilc=TODAY - timedelta(days=6)) == REVIEWED_STATE
    assert get_state(library, TODAY, "watch nilc", watch__nilc=TODAY - timedelta(days=7)) == REVIEW_NEEDED_STATE


def list_staff_texts(runtime: Runtime, twilio: TwilioStandIn) -> list[str]:
    send_all(runtime)
    numbers = [one.phone for one in runtime.library.district.staff.values()]
    return [one.body for number in numbers for one in twilio.sent_to(number)]


@pytest.fixture
def digest_texts(runtime: Runtime, twilio: TwilioStandIn) -> list[str]:
    """The texts that the owners got on Monday."""
    with time_machine.travel(MONDAY):
        weekly_digest.create_and_send(runtime)
        weekly_digest.create_and_send(runtime)
        return list_staff_texts(runtime, twilio)


def test_digest_has_five_lines_and_goes_to_each_owner_once(digest_texts: list[str], library: Library) -> None:
    assert len(set(digest_texts)) == 1
    owners = {who for one in build_register(library, TODAY, {}) for who in library.district.find_owners(one.owner)}
    assert len(digest_texts) == len(owners)
    lines = digest_texts[0].split("\n")
    assert len(lines) == 5 and "November 30" in lines[0] and "fact home_entry" in lines[1]
    assert "nothing" in lines[2] and "https://www.nilc.org" in lines[3] and "/console/digest" in lines[4]


def test_digest_waits_for_working_hours_and_open_days(runtime: Runtime, twilio: TwilioStandIn) -> None:
    with time_machine.travel(MONDAY - timedelta(hours=8)):
        weekly_digest.create_and_send(runtime)
        assert list_staff_texts(runtime, twilio) == [], "one in the night"
    with runtime.database.read() as db:
        assert digests.exists_for_week(db, date(2026, 11, 30))


@pytest.mark.parametrize("day", [datetime(2026, 11, 28, 16, tzinfo=UTC), datetime(2026, 11, 26, 16, tzinfo=UTC)])
def test_no_digest_on_a_closed_day(runtime: Runtime, day: datetime) -> None:
    with time_machine.travel(day):
        weekly_digest.create_and_send(runtime)
    with runtime.database.read() as db:
        assert digests.find_newest(db) is None


def test_digest_readers_are_shown_by_role(runtime: Runtime, client: FlaskClient, digest_texts: list[str]) -> None:
    with time_machine.travel(MONDAY):
        grace = member(runtime, client.application, "staff", "grace_wu")
        assert "Nobody yet" in grace.get("/console/digest").text
        for _ in range(2):
            page = post(grace, "/console/digest/read", week="2026-11-30")
        assert "special education</span>: Grace Wu" in page and "You marked this digest as read" in page
        assert page.count("Grace Wu") == 1, "and not among those who have not"
        missing = page.split("Not read by", 1)[1]
        assert "Ana Ruiz (<span" in missing and "family liaison" in missing
        assert "Immigration enforcement has grown" in page
        assert "Nobody yet" not in member(runtime, client.application, "viewer").get("/console/digest").text


def test_review_is_logged_and_changes_no_file(runtime: Runtime, client: FlaskClient, twilio: TwilioStandIn) -> None:
    grace = member(runtime, client.application, "staff", "grace_wu")
    form = {"subject": "watch nilc", "right": "yes"}
    page = post(grace, "/console/register/looked", **form)
    assert "Grace Wu reviewed it" in page and "reviewed recently" in page
    assert list_staff_texts(runtime, twilio) == []
    page = post(
        grace, "/console/register/looked", subject="fact meals_rule", right="no", note="Lunch costs, says A123456789"
    )
    assert "needs a change" in page and "123456789" not in page
    assert any("Grace Wu says that fact meals_rule must change" in one for one in list_staff_texts(runtime, twilio))
    with runtime.database.read() as db:
        assert [one.why for one in audit_log.list_newest(db, 9) if one.what == "looked at content"] == [
            "must change",
            "still right",
        ]
    assert not record_review(runtime, "fact nothing", "grace_wu", True, "")


def test_register_is_filtered_by_owner(runtime: Runtime, client: FlaskClient) -> None:
    ana = member(runtime, client.application, "staff", "ana_ruiz")
    assert "fact meals_rule" in ana.get("/console/register").text
    page = ana.get("/console/register?owner=nutrition").text
    assert "fact meals_rule" in page and "fact home_entry" not in page


def test_staff_notes_are_never_sent_to_families(library: Library, family: Family) -> None:
    family.text("English")
    for asked in ("how many people did ICE arrest this year", "how many arrests were there in our city", "is TPS over"):
        reply = family.text(asked)
        assert "humanitarian parole" not in reply and not any(word in reply for word in ("arrested", "arrests"))
    assert NOW.year == 2026
