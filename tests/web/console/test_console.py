"""The console: cases are seen, claimed, answered, and closed; hidden ones look missing."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from bot.base.database import now
from bot.cases import assignment
from bot.cases.paging import page_staff
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import cases, interpreter_requests
from bot.store.cases.cases import NewCase
from bot.store.families import contacts
from bot.store.staff import staff_accounts
from bot.translation.safe_translator import has_personal_data
from bot.web.console.core.inbox import MAX_INBOX_ROWS
from bot.web.console.registration import create_first_account, issue_password
from tests.cases.test_paging import send_all
from tests.conftest import Family
from tests.stand_in import TwilioStandIn

ANA = "+12175550141"


def token(page: str) -> str:
    return page.split('name="csrf_token" value="')[1].split('"', maxsplit=1)[0]


def log_in(client: FlaskClient, name: str, password: str) -> int:
    form = {"name": name, "password": password, "csrf_token": token(client.get("/console/login").text)}
    return client.post("/console/login", data=form).status_code


def log_in_as(runtime: Runtime, client: FlaskClient, staff: str, role: str = "staff") -> None:
    """Log in a member of staff with the role."""
    password = issue_password(runtime, staff)
    with runtime.database.write() as db:
        found = staff_accounts.find_by_name(db, staff)
        assert found
        db.execute(
            update(staff_accounts.staff_accounts)
            .where(staff_accounts.staff_accounts.c.id == found.id)
            .values(role=role, staff=staff)
        )
    assert log_in(client, staff, password) == 302


def post(client: FlaskClient, path: str, **form: str) -> str:
    """Post a form of the case page; return the page after it."""
    token_ = token(client.get("/console/account").text)
    answer = client.post(path, data={"csrf_token": token_, **form}, follow_redirects=True)
    assert answer.status_code < 400, answer.text
    return answer.text


@pytest.fixture
def opened(runtime: Runtime, family: Family) -> Family:
    """A family that waits for a person in case 1."""
    family.text("I want to talk to a person")
    family.text("after <script>alert(1)</script> three")
    page_staff(runtime, 1)
    return family


def add_newer_cases(runtime: Runtime, school: str | None, many: int, **change: object) -> None:
    """Add this many newer cases of the lowest severity, of one family."""
    with runtime.database.write() as db:
        for n in range(many):
            new = NewCase(1, f"t{n}", "info", "default", "", "en", {}, school)
            cases.open_or_join(db, "SMcrowd", n, new, now())
        db.execute(update(cases.cases).where(cases.cases.c.message_sid == "SMcrowd").values(school=school, **change))


def test_urgent_case_is_listed_above_newer_ones(runtime: Runtime, client: FlaskClient, opened: Family) -> None:
    opened.text("La migra está en mi puerta ahorita")
    add_newer_cases(runtime, None, MAX_INBOX_ROWS)
    log_in_as(runtime, client, "rosa_lind", "approver")
    listed = re.findall(r'href="/console/cases/(\d+)"', client.get("/console/").text)
    assert listed[:2] == ["2", "1"] and len(listed) == MAX_INBOX_ROWS
    assignment.resolve_case(runtime, 1, "ana_ruiz", "called")
    assert "/console/cases/1" in client.get("/console/?show=done").text


def test_own_cases_are_listed_among_many_others(runtime: Runtime, client: FlaskClient, opened: Family) -> None:
    assignment.take_case(runtime, 1, "dana_cole", "in the console")
    add_newer_cases(runtime, "riverside", MAX_INBOX_ROWS, severity="escalate_now")
    log_in_as(runtime, client, "dana_cole")
    assert re.findall(r'href="/console/cases/(\d+)"', client.get("/console/?show=mine").text) == ["1"]


def test_viewer_sees_case_count_but_no_family_data(runtime: Runtime, client: FlaskClient, opened: Family) -> None:
    with runtime.database.write() as db:
        db.execute(update(cases.cases).values(school="lincoln", language="ht"))
    pages = []
    for who, role in (("ana_ruiz", "approver"), ("kim_novak", "viewer")):
        log_in_as(runtime, client, who, role)
        pages.append(client.get("/console/inbox/rows").text)
        post(client, "/console/logout")
    told = ("Lincoln", "Haitian", "person", "/console/cases/1")
    assert all(one in pages[0] for one in told) and not any(one in pages[1] for one in told)
    assert "<strong>1</strong>" in pages[1] and "Unassigned" in pages[1]


def test_first_account_is_created_once(runtime: Runtime) -> None:
    assert create_first_account(runtime) is not None and create_first_account(runtime) is None


def test_case_is_claimed_answered_and_resolved(
    runtime: Runtime, client: FlaskClient, opened: Family, twilio: TwilioStandIn
) -> None:
    log_in_as(runtime, client, "ana_ruiz")
    assert "Unassigned" in client.get("/console/").text
    read = client.get("/console/cases/1").text
    assert opened.address in read and "<script>alert" not in read and 'name="text"' not in read
    assert "Assigned to you" in post(client, "/console/cases/1/take")
    assert "Sent by WhatsApp until Wednesday, November 25" in client.get("/console/cases/1").text
    checked = post(client, "/console/cases/1/draft", text="The bus comes at 8:15.", once="a1")
    assert "Not sent yet" in checked and twilio.sent_to(opened.address) == []
    assert "Sending" in post(client, f"/console/cases/1/messages/{message_id(checked)}/send")
    send_all(runtime)
    assert twilio.sent_to(opened.address)[-1].body.endswith("The bus comes at 8:15.")
    assert opened.text("thank you") == "" and "thank you" in client.get("/console/cases/1/talk").text
    assert "Closed" in post(client, "/console/cases/1/resolve", why="answered")
    assert "The bus" in client.get("/console/cases/1").text
    assert "/console/cases/1" in client.get("/console/?show=done").text
    assert "/console/cases/1" not in client.get("/console/").text


def message_id(page: str) -> str:
    found = re.search(r"/messages/(\d+)/send", page)
    assert found, page
    return found[1]


def test_conversation_updates_are_sent_only_when_changed(runtime: Runtime, client: FlaskClient, opened: Family) -> None:
    log_in_as(runtime, client, "ana_ruiz")
    seen = re.search(r"seen=([0-9a-f]{16})", client.get("/console/cases/1").text)
    assert seen and client.get(f"/console/cases/1/talk?seen={seen[1]}").status_code == 204
    post(client, "/console/cases/1/note", note="She works until three.", once="n1")
    assert "She works until three." in client.get(f"/console/cases/1/talk?seen={seen[1]}").text


def test_reply_box_is_closed_when_texts_cannot_arrive(runtime: Runtime, client: FlaskClient, opened: Family) -> None:
    log_in_as(runtime, client, "ana_ruiz")
    post(client, "/console/cases/1/take")
    runtime.redis.flushall()  # the window of 24 hours is over
    log_in_as(runtime, client, "ana_ruiz")
    assert "WhatsApp is closed, so your message is sent by SMS." in client.get("/console/cases/1").text
    opened.text("STOP")
    read = client.get("/console/cases/1").text
    assert "The family opted out of texts (STOP). Call instead." in read and 'name="text"' not in read
    assert "Call instead." in post(client, "/console/cases/1/draft", text="Hello?", once="b1")
    assert "Hello?" not in client.get("/console/cases/1/talk").text


def refused_text(runtime: Runtime, client: FlaskClient, opened: Family, twilio: TwilioStandIn) -> str:
    """Send a text to the family that Twilio refuses; return its number. Ana has the case."""
    log_in_as(runtime, client, "ana_ruiz")
    post(client, "/console/cases/1/take")
    twilio.number(opened.address, error_code=63033, at="request")
    number = message_id(post(client, "/console/cases/1/draft", text="Hello.", once="c1"))
    post(client, f"/console/cases/1/messages/{number}/send")
    send_all(runtime)
    return number


def test_undelivered_text_shows_reason_and_can_be_resent(
    runtime: Runtime, client: FlaskClient, opened: Family, twilio: TwilioStandIn
) -> None:
    number = refused_text(runtime, client, opened, twilio)
    assert "The family blocked us on WhatsApp." in client.get("/console/cases/1").text
    twilio.number(opened.address, error_code=None)
    post(client, f"/console/cases/1/messages/{number}/again")
    send_all(runtime)
    assert len(twilio.sent_to(opened.address)) == 1


def test_stale_page_cannot_change_a_case_claimed_by_another(
    runtime: Runtime, client: FlaskClient, opened: Family, twilio: TwilioStandIn
) -> None:
    number = refused_text(runtime, client, opened, twilio)
    twilio.number(opened.address, error_code=None)
    assert assignment.hand_over_case(runtime, 1, "ana_ruiz", "jean_pierre")
    for action in ("resolve", "hand-back", f"messages/{number}/again"):
        assert "This case isn&#39;t assigned to you. Claim it first." in post(
            client, f"/console/cases/1/{action}", why="called"
        ), action
    send_all(runtime)
    with runtime.database.read() as db:
        one = cases.get(db, 1)
        assert one.is_open and contacts.get(db, one.contact_id).active_case_id == 1
    assert twilio.sent_to(opened.address) == []


def test_canned_answer_takes_one_tap(runtime: Runtime, client: FlaskClient, opened: Family) -> None:
    log_in_as(runtime, client, "ana_ruiz")
    post(client, "/console/cases/1/take")
    assert "Which phone number may we call?" in post(client, "/console/cases/1/draft", answer="which_number", once="d1")


def test_interpreter_is_requested_once_and_coordinator_informed(
    runtime: Runtime, client: FlaskClient, opened: Family, twilio: TwilioStandIn
) -> None:
    log_in_as(runtime, client, "ana_ruiz")
    post(client, "/console/cases/1/take")
    for _ in range(2):
        post(client, "/console/cases/1/interpreter", when="Tuesday at 3", how="phone", kind="trained", once="e1")
    send_all(runtime)
    with runtime.database.read() as db:
        assert len(interpreter_requests.list_for_case(db, 1)) == 1
    told = [one.body for one in twilio.sent_to("+12175550142") if "interpreter" in one.body]
    assert len(told) == 1 and "English, phone, trained" in told[0] and "Tuesday" not in told[0]


def test_case_can_be_handed_over_and_back_to_bot(
    runtime: Runtime, client: FlaskClient, opened: Family, twilio: TwilioStandIn
) -> None:
    log_in_as(runtime, client, "ana_ruiz")
    assert "This case isn&#39;t assigned to you." in post(client, "/console/cases/1/give", to="jean_pierre")
    post(client, "/console/cases/1/take")
    assert "Assigned to Jean Pierre" in post(client, "/console/cases/1/give", to="jean_pierre")
    send_all(runtime)
    assert "gives you case 1" in twilio.sent_to("+12175550142")[-1].body


def test_case_is_found_by_number_or_typed_phone(runtime: Runtime, client: FlaskClient, opened: Family) -> None:
    log_in_as(runtime, client, "ana_ruiz")
    for asked in ("1", "#1", "217-555-0177", "+1 217 555 0177"):
        assert "/console/cases/1" in post(client, "/console/search", **{"for": asked}), asked
    for asked in ("2", "217-555-0178", "5550177"):
        assert "No case found that you can open." in post(client, "/console/search", **{"for": asked}), asked


def test_one_time_link_opens_the_case_once(
    runtime: Runtime, client: FlaskClient, opened: Family, new_family: Callable[[str], Family]
) -> None:
    link = new_family(ANA).text("TAKE 1").rsplit("/", 1)[1]
    assert "/login" in client.get(f"/console/open/{link}").headers["Location"], "after login"
    log_in_as(runtime, client, "ana_ruiz")
    assert client.get(f"/console/open/{link}").headers["Location"].endswith("/console/cases/1")
    assert client.get(f"/console/open/{link}").status_code == 404


def test_reading_a_case_is_audited(runtime: Runtime, client: FlaskClient, opened: Family) -> None:
    log_in_as(runtime, client, "ana_ruiz")
    client.get("/console/cases/1")
    with runtime.database.read() as db:
        assert ("ana_ruiz", "read") in [(one.who, one.what) for one in audit_log.list_newest(db, 10, "case 1")]


def test_translation_approval_needs_a_speaker_of_the_language(
    runtime: Runtime, client: FlaskClient, opened: Family
) -> None:
    log_in_as(runtime, client, "ana_ruiz")
    post(client, "/console/cases/1/take")
    number = message_id(post(client, "/console/cases/1/draft", text="Hello.", once="f1"))
    token_ = token(client.get("/console/cases/1").text)
    answer = client.post(f"/console/cases/1/messages/{number}/approve", data={"csrf_token": token_})
    assert answer.status_code == 400, "nothing was translated"


def test_only_general_sentences_can_be_approved() -> None:
    assert has_personal_data("Señora Gómez, José was absent", "en") and has_personal_data("call 217-555-0100", "en")
    assert not has_personal_data("The office opens in the morning.", "en")


def test_wrong_topic_is_added_masked_to_the_review_list(runtime: Runtime, client: FlaskClient, family: Family) -> None:
    family.text("I want to talk to a person, my number is A123456789")
    log_in(client, "ana", issue_password(runtime, "ana"))
    page = client.get("/console/cases/1").text
    assert "First message" in page and "123456789" not in page
    form = {"csrf_token": token(page), "topic": "legal_help"}
    client.post("/console/cases/1/topic", data=form)
    client.post("/console/cases/1/topic", data=form | {"topic": "immigration_case"})
    listed = client.get("/console/review").text
    assert listed.count("I want to talk to a person") == 1
    assert "Questions about an immigration case" in listed and "ana" in listed and "123456789" not in listed
    assert client.post("/console/cases/1/topic", data=form | {"topic": "no such"}).status_code == 400
    client.post("/console/review/1", data={"csrf_token": token(listed)})
    assert "Nothing to review" in client.get("/console/review").text


def test_missing_case_is_not_found(runtime: Runtime, client: FlaskClient) -> None:
    log_in(client, "ana", issue_password(runtime, "ana"))
    assert client.get("/console/cases/99").status_code == 404
    with runtime.database.read() as db:
        assert cases.find(db, 99) is None


def test_review_list_shows_only_cases_in_scope(runtime: Runtime, client: FlaskClient, family: Family) -> None:
    family.text("I want to talk to a person about the bus")
    log_in_as(runtime, client, "ana_ruiz")
    post(client, "/console/cases/1/topic", topic="transport_bus")
    assert "about the bus" in client.get("/console/review").text
    post(client, "/console/logout")
    log_in_as(runtime, client, "grace_wu")
    assert "about the bus" not in client.get("/console/review").text
    form = {"csrf_token": token(client.get("/console/account").text)}
    assert client.post("/console/review/1", data=form).status_code == 404
