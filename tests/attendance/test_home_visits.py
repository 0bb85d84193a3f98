"""Home visits: off unless the school has them; they need a reason, a leader, and the family's own yes by text."""

import pytest
from flask.testing import FlaskClient

from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.families import contacts
from bot.store.schools import home_visits
from bot.store.schools.home_visits import HomeVisit
from tests.attendance.conftest import As
from tests.attendance.test_suppression_rules import run_follow_ups
from tests.conftest import Family
from tests.stand_in import TwilioStandIn
from tests.web.console.test_console import post, token

VISIT_FORM = {
    "reason": "homework packets",
    "visitor": "Jean Pierre",
    "leader": "Pastor Luc",
    "agreed": "yes",
    "day": "2026-12-01",
    "once": "v1",
}


@pytest.fixture
def at_harbor(family: Family) -> Family:
    family.text("I want to talk to a person at Harbor")
    family.text("about the homework")
    return family


@pytest.fixture
def ana(logged_in: As) -> FlaskClient:
    return logged_in("ana_ruiz")


def list_visits(runtime: Runtime, case_id: int = 1) -> list[HomeVisit]:
    with runtime.database.read() as db:
        return home_visits.list_for_case(db, case_id)


def end_conversation(runtime: Runtime, family: Family) -> None:
    """End the family's conversation with the bot, as if Redis had lost it."""
    runtime.conversations.discard(runtime.compute_lookup_hash(family.address))


def test_school_with_visits_off_offers_other_options_only(runtime: Runtime, family: Family, ana: FlaskClient) -> None:
    family.text("I want to talk to a person at Lincoln")
    family.text("soon")
    page = ana.get("/console/cases/1").text
    assert "Home visits are turned off" in page and "neutral place" in page and 'name="leader"' not in page
    assert "Call, offer a video call" in post(ana, "/console/cases/1/visit", **VISIT_FORM)
    assert list_visits(runtime) == []
    with runtime.database.read() as db:
        assert "was refused a visit" in [one.what for one in audit_log.list_newest(db, 20, "case 1")]


@pytest.mark.parametrize("missing", ["reason", "visitor", "leader", "agreed", "day"])
def test_visit_needs_reason_leader_and_day(runtime: Runtime, at_harbor: Family, ana: FlaskClient, missing: str) -> None:
    form = {**VISIT_FORM, missing: "", "csrf_token": token(ana.get("/console/account").text)}
    assert ana.post("/console/cases/1/visit", data=form).status_code == 400
    assert list_visits(runtime) == []


def test_only_a_yes_from_the_family_approves(
    runtime: Runtime, at_harbor: Family, ana: FlaskClient, twilio: TwilioStandIn
) -> None:
    for _ in range(2):
        page = post(ana, "/console/cases/1/visit", **VISIT_FORM)
    assert "We asked the family. Don&#39;t visit yet" in page and [one.state for one in list_visits(runtime)] == [
        "asked"
    ]
    other = post(ana, "/console/cases/1/visit", **{**VISIT_FORM, "visitor": "Somebody else", "once": "v9"})
    assert "We are asking the family by text" not in other, "another plan stands: it was not asked about this one"
    end_conversation(runtime, at_harbor)
    run_follow_ups(runtime)
    asked = twilio.sent_to(at_harbor.address)[-1].body
    assert "Jean Pierre, Pastor Luc" in asked and "Tuesday, December 1" in asked and "unless you say yes" in asked
    assert [one.state for one in list_visits(runtime)] == ["asked"]
    assert "school badge" in at_harbor.text("yes")
    assert [one.state for one in list_visits(runtime)] == ["approved"]
    run_follow_ups(runtime)
    told = twilio.sent_to("+12175550141")[-1].body
    assert "the visit is welcome" in told and "Pastor" not in told
    assert "The family says yes" in ana.get("/console/cases/1").text


@pytest.mark.parametrize(("said", "state"), [("2", "refused"), ("3", "elsewhere"), ("hmm", "asked")])
def test_any_other_answer_does_not_approve(
    runtime: Runtime, at_harbor: Family, ana: FlaskClient, said: str, state: str
) -> None:
    post(ana, "/console/cases/1/visit", **VISIT_FORM)
    end_conversation(runtime, at_harbor)
    run_follow_ups(runtime)
    for _ in range(2 if said == "hmm" else 1):
        at_harbor.text(said)
    assert [one.state for one in list_visits(runtime)] == [state]
    page = ana.get("/console/cases/1").text
    assert ("DO NOT COME" in page) is (said == "2")
    if said == "2":
        assert page.index("want home visits") < page.index("The family says no")
        again = post(ana, "/console/cases/1/visit", **{**VISIT_FORM, "once": "v2"})
        assert "DO NOT COME" in again and len(list_visits(runtime)) == 1


def test_do_not_come_stops_an_approved_visit(runtime: Runtime, at_harbor: Family, ana: FlaskClient) -> None:
    post(ana, "/console/cases/1/visit", **VISIT_FORM)
    end_conversation(runtime, at_harbor)
    run_follow_ups(runtime)
    at_harbor.text("yes")
    at_harbor.text("please do not come to my home for a visit")
    at_harbor.text("1")
    with runtime.database.read() as db:
        assert contacts.get_attributes(db, 1)["home_visit"] == "not_now"
    assert [one.state for one in list_visits(runtime)] == ["stopped"]


def test_staff_stop_cancels_the_plan_and_its_question(
    runtime: Runtime, at_harbor: Family, ana: FlaskClient, twilio: TwilioStandIn
) -> None:
    post(ana, "/console/cases/1/visit", **VISIT_FORM)
    assert "Canceled: don&#39;t visit" in post(ana, "/console/cases/1/visit/stop")
    end_conversation(runtime, at_harbor)
    run_follow_ups(runtime)
    assert "visit you at home" not in " ".join(one.body for one in twilio.sent_to(at_harbor.address))


def test_plan_is_encrypted_and_immigration_status_is_refused(
    runtime: Runtime, at_harbor: Family, ana: FlaskClient
) -> None:
    assert "Not saved." in post(ana, "/console/cases/1/visit", **{**VISIT_FORM, "reason": "undocumented family"})
    post(ana, "/console/cases/1/visit", **VISIT_FORM)
    with runtime.database.read() as db:
        raw = " ".join(map(str, db.exec_driver_sql("SELECT * FROM home_visits").all()))
        whole = " ".join(str(row) for row in db.exec_driver_sql("SELECT * FROM audit").all())
    assert "Luc" not in raw + whole and "homework" not in raw + whole
