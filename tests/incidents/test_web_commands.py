"""The page "Agents at school": a tap with a confirming step, the record, drill participants, the quiz, the samples."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from bot.base import settings
from bot.cases import assignment
from bot.cases.paging import page_staff
from bot.content.lint import find_content_problems
from bot.content.review_queue import list_tasks
from bot.content_review.overdue_reminders import remind_owners
from bot.incidents import samples
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.schools import protocol_quizzes
from tests.cases.test_paging import send_all
from tests.conftest import Family
from tests.incidents.conftest import IRIS, NORA, SAM, case_of, entries, incident
from tests.stand_in import TwilioStandIn
from tests.web.console.conftest import member
from tests.web.console.test_console import token

HOME = "/console/agents"


@pytest.fixture
def iris(live: Runtime, serve: Callable[[Runtime], Flask]) -> FlaskClient:
    """A browser of the front office of Lincoln, in a district with an active protocol."""
    return member(live, serve(live), "staff", "iris_vega")


def send(client: FlaskClient, path: str, **form: str) -> str:
    given = {"csrf_token": token(client.get("/console/account").text), **form}
    answer = client.post(path, data=given, follow_redirects=True)
    assert answer.status_code < 400, answer.text
    return answer.text


def test_tap_and_confirmation_start_the_record(live: Runtime, iris: FlaskClient, twilio: TwilioStandIn) -> None:
    home = iris.get(HOME).text
    assert "The protocol is active" in home and "school=lincoln" in home and "school=harbor" not in home
    asked = iris.get(f"{HOME}/start?school=lincoln").text
    assert "Sam Ortiz, Ruth Adams, Nora Feld" in asked and "911" in asked
    once = re.findall(r'name="once" value="(\w+)"', asked)[0]
    for _ in range(2):
        shown = send(iris, f"{HOME}/start", school="lincoln", drill="no", once=once)
    assert incident(live).drill is False and len(entries(live)) == 1, "a form that is sent twice begins one"
    page_staff(live, 1)
    assert "URGENT" in twilio.sent_to(SAM)[0].body
    assert "Step 1 of 9" in shown and "How many are they" in shown
    shown = send(iris, f"{HOME}/1/do", word="write", text="two <b>men</b>", once="a")
    assert "Step 2 of 9" in shown and "two &lt;b&gt;men" in shown
    assignment.take_case(live, 1, "sam_ortiz", "by text")
    part = iris.get(f"{HOME}/1/part").text
    assert "Assigned to Sam Ortiz" in part and "two &lt;b&gt;men" in part
    assert "Step 3 of 9" in send(iris, f"{HOME}/1/do", word="next", once="b")
    over = send(iris, f"{HOME}/1/do", word="over", once="c")
    assert "<b>ended</b>" in over and 'name="word"' not in over and "keep a paper record" in over
    assert "Nothing was saved" in send(iris, f"{HOME}/1/do", word="write", text="late", once="d")
    assert case_of(live).is_open
    with live.database.read() as db:
        assert {"started an incident", "read an incident", "ended an incident"} <= {
            one.what for one in audit_log.list_newest(db, 99, "incident 1")
        }
    assert "record" in member(live, iris.application, "staff", "sam_ortiz").get("/console/cases/1").text


def test_drill_participants_and_quiz_are_listed(live: Runtime, iris: FlaskClient) -> None:
    send(iris, f"{HOME}/start", school="lincoln", drill="yes", once="d1")
    row = re.compile(r'row">Iris Vega.*?</tr>', re.DOTALL)
    assert "1 of 9" in row.findall(iris.get(HOME).text)[0] and "Lincoln Elementary · 0 of 2" in iris.get(HOME).text
    for number in range(8):
        send(iris, f"{HOME}/1/do", word="next", once=f"n{number}")
    send(iris, f"{HOME}/1/do", word="over", once="o")
    right = [str(one.right) for one in live.library.district.protocol.quiz]  # type: ignore[union-attr]
    answers = {f"q{number}": one for number, one in enumerate(["1", *right[1:]], 1)}
    for _ in range(2):
        assert "4 of 5 correct" in send(iris, f"{HOME}/quiz", once="q", **answers)
    home = iris.get(HOME).text
    assert "9 of 9" in row.findall(home)[0] and "4 of 5" in row.findall(home)[0]
    assert "Lincoln Elementary · 1 of 2" in home and "DRILL, not real" in home
    with live.database.read() as db:
        assert db.execute(protocol_quizzes.quizzes.select()).all().__len__() == 1
    form = {"csrf_token": token(iris.get("/console/account").text), "q1": "1", "once": "z"}
    left_open = iris.post(f"{HOME}/quiz", data=form)
    assert left_open.status_code == 400 and "Answer every question." in left_open.text


def test_inactive_protocol_is_labeled_and_sample_can_be_opened(runtime: Runtime, client: FlaskClient) -> None:
    pat = member(runtime, client.application, "staff", "pat_moore")
    for path in (HOME, f"{HOME}/start?school=harbor", f"{HOME}/protocol"):
        shown = pat.get(path).text
        assert (
            "The protocol is not active." in shown
            and "Legal counsel hasn&#39;t signed it" in shown
            and "Ruth Adams" in shown
        ), path
    library = pat.get(f"{HOME}/protocol").text
    assert (
        "sample, not district policy" in library
        and "checked on November 23, 2026" in library
        and "westportps.org" in library
    )
    assert "The protocol is not active" in send(pat, f"{HOME}/start", school="harbor", drill="no", once="r")
    assert incident(runtime).live is False and case_of(runtime).topic == "agents_at_school"


def test_example_district_uses_the_bundled_sample(runtime: Runtime) -> None:
    assert runtime.library.district.protocol == samples.load_samples()["front_office.yaml"]
    assert all(one.sample and one.sources for one in samples.load_samples().values())


def test_record_is_visible_only_to_permitted_staff(live: Runtime, iris: FlaskClient) -> None:
    send(iris, f"{HOME}/start", school="lincoln", drill="no", once="s")
    app = iris.application
    for staff, status in (("sam_ortiz", 200), ("nora_feld", 200), ("pat_moore", 200), ("mia_strand", 404)):
        assert member(live, app, "staff", staff).get(f"{HOME}/1").status_code == status, staff
    officer = member(live, app, "records_officer", "rosa_lind")
    assert officer.get(f"{HOME}/1").status_code == 200 and 'name="word"' not in officer.get(f"{HOME}/1").text
    assert iris.get(f"{HOME}/99").status_code == 404


def test_login_without_a_phone_can_start_an_incident(live: Runtime, iris: FlaskClient, twilio: TwilioStandIn) -> None:
    admin = member(live, iris.application, "administrator")
    assert "Step 1 of 9" in send(admin, f"{HOME}/start", school="harbor", drill="no", once="t")
    page_staff(live, 1)
    assert "Harbor Middle School" in twilio.sent_to("+12175550182")[0].body


def test_incident_started_in_console_continues_by_text(live: Runtime, iris: FlaskClient) -> None:
    send(iris, f"{HOME}/start", school="lincoln", drill="no", once="u")
    assert "Step 2 of 9" in Family(live, iris, IRIS).text("NEXT")


def test_counsel_is_reminded_before_review_date_and_page_shows_it(live: Runtime, iris: FlaskClient, twilio: TwilioStandIn) -> None:  # fmt: skip
    assert "protocol for agents" not in iris.get("/console/content").text
    with time_machine.travel(datetime(2027, 7, 20, 16, tzinfo=UTC), tick=True):
        for _ in range(2):
            remind_owners(live)
        send_all(live)
        told = [one.body for one in twilio.sent_to(NORA) if "protocol for agents" in one.body]
        assert len(told) == 1 and "not live from 2027-08-01 on" in told[0]
    subjects = {one.subject: one for one in list_tasks(live.library, date(2027, 8, 2))}
    assert subjects["protocol for agents at school"].is_overdue(date(2027, 8, 2))


def test_sample_protocol_is_listed_for_counsel_review(runtime: Runtime, client: FlaskClient) -> None:
    page_ = member(runtime, client.application, "viewer").get("/console/content").text
    assert "protocol for agents at school" in page_ and "not active now" in page_
    _, soft = find_content_problems(settings.ROOT, runtime.library, date(2026, 11, 24))
    assert any("protocol for agents at school is not live now" in line for line in soft)


def test_only_participants_or_alerted_staff_can_end_an_incident(live: Runtime, iris: FlaskClient) -> None:
    """Staff of another office can read along. A wrong click of theirs must not end the alert."""
    send(iris, f"{HOME}/start", school="lincoln", drill="no", once="a1")
    kim = member(live, iris.application, "staff", "kim_novak")
    page = kim.get(f"{HOME}/1").text
    assert "Report a false alarm" not in page and "Save note" in page
    form = {"csrf_token": token(kim.get("/console/account").text), "once": "b1"}
    for word in ("mistake", "over"):
        assert kim.post(f"{HOME}/1/do", data={**form, "word": word}).status_code == 403
    assert incident(live).ended_at is None
    nora = member(live, iris.application, "staff", "nora_feld")
    assert "Report a false alarm" in nora.get(f"{HOME}/1").text
    send(nora, f"{HOME}/1/do", word="over", once="c1")
    assert incident(live).ended_by == "nora_feld"
