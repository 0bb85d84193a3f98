"""A meeting in the console, from the form to the themes; its public page and calendar file."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient

from bot.announcements import approval
from bot.announcements.approval import ReleaseError
from bot.base.database import now
from bot.cases import follow_ups as starting
from bot.meetings import planning
from bot.runtime import Runtime
from bot.store.announcements import announcements
from bot.store.families import contacts, follow_ups
from bot.store.meetings import meeting_questions, meetings, rsvps
from bot.store.meetings.meeting_interpreters import BookedInterpreter
from tests.conftest import Family
from tests.meetings.conftest import STARTS, Host
from tests.web.console.conftest import member
from tests.web.console.test_console import token
from tests.web.console.test_login import cheap_passwords

__all__ = ["cheap_passwords"]  # this fixture also applies here

HOME = "/console/gatherings"
FORM: dict[str, Any] = {
    "title": "Your questions about school", "host": "sam_ortiz", "helpers": ["ana_ruiz"], "where": "online",
    "starts_at": "2026-12-02T18:00", "ends_at": "2026-12-02T19:00", "link": "https://meet.example.org/abc",
    "dial_in": "217-555-0199", "dial_code": "4711#", "place": "", "schools": ["lincoln"], "languages": ["es"],
}  # fmt: skip


def send(client: FlaskClient, path: str, **form: Any) -> Any:
    given = {"csrf_token": token(client.get("/console/account").text), **form}
    return client.post(path, data=given, follow_redirects=True)


@pytest.fixture
def ana(runtime: Runtime, client: FlaskClient) -> FlaskClient:
    return member(runtime, client.application, "staff", "ana_ruiz")


def test_meeting_goes_from_form_to_invitation(ana: FlaskClient, host: Host) -> None:
    assert 'value="online" checked' in ana.get(f"{HOME}/new").text, "online unless somebody says otherwise"
    page = send(ana, f"{HOME}/new", **FORM).text
    found = host.get()
    assert found.starts_at == STARTS and found.dial_in == "+12175550199" and f"GO {found.code}" in page
    refused = send(ana, f"{HOME}/1/ready")
    assert refused.status_code == 409 and "no trained interpreter is booked for Spanish" in refused.text
    send(ana, f"{HOME}/1/interpreters", language="es", kind="trained", name="Maria")
    send(ana, f"{HOME}/1/ready")
    page = send(ana, f"{HOME}/1/invite").text
    assert "Get each language approved" in page
    with host.runtime.database.read() as db:
        draft = announcements.find(db, host.get().announcement_id or 0)
    assert draft and draft.state == "draft" and draft.audience.schools == ("lincoln",) and draft.kind == "event"
    assert draft.sender == "sam_ortiz" and draft.link.endswith(f"/g/{found.code}")
    assert "2026-12-02T18:00" in ana.get(f"{HOME}/1/edit").text


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("host", "grace_wu", "cannot host it alone"),
        ("dial_in", "", "Some families have no internet"),
        ("dial_in", "12", "Enter a phone number"),
        ("link", "http://x", "starts with https"),
        ("starts_at", "2026-11-01T18:00", "The start is in the past"),
        ("starts_at", "", "The start is in the past"),
        ("starts_at", "9999-12-31T20:00", "The start is in the past"),
    ],
)
def test_invalid_form_shows_errors_and_saves_nothing(
    ana: FlaskClient, runtime: Runtime, field: str, value: str, says: str
) -> None:
    answer = send(ana, f"{HOME}/new", **{**FORM, field: value})
    assert answer.status_code == 422 and says in answer.text and "Your questions about school" in answer.text
    with runtime.database.read() as db:
        assert meetings.list_newest(db, 5) == []


def test_export_of_meeting_without_rsvps_works(ana: FlaskClient, host: Host) -> None:
    host.plan()
    answer = ana.get(f"{HOME}/1/families.csv")
    assert answer.status_code == 200 and "all (numbers under 10" in answer.text


def test_exports_contain_no_number_and_no_small_count(ana: FlaskClient, host: Host) -> None:
    code = host.plan().code
    with host.runtime.database.write() as db:
        for number in range(13):
            contact = contacts.add(db, f"+1217555{200 + number:04}", "sms", now())
            contacts.set_language(db, contact.id, "es" if number < 12 else "ht")
            rsvps.set_response(db, (1, 0), (contact.family_id or 0, contact.id), "", 1, now())
        meeting_questions.add(db, 1, "=HYPERLINK(1) buses?", "en", now().date())
    page = ana.get(f"{HOME}/1").text
    assert "<td>12</td>" in page and "<td>1</td>" in page, "staff book interpreters by these"
    rows = list(csv.reader(io.StringIO(ana.get(f"{HOME}/1/families.csv").text)))
    assert ["Haitian Creole", ""] in rows and not any(row[-1] == "1" for row in rows)
    asked = list(csv.reader(io.StringIO(ana.get(f"{HOME}/1/questions.csv").text)))
    assert asked[1] == ["English", "'=HYPERLINK(1) buses?", "", "2026-11-24"]
    assert "555" not in ana.get(f"{HOME}/1/questions.csv").text and code


def test_sheet_is_public_after_approval_by_another_person(ana: FlaskClient, host: Host, client: FlaskClient) -> None:
    code = host.plan().code
    send(ana, f"{HOME}/1/sheet", sheet="Will there be buses?\r\nYes.")
    assert "not approved" in send(ana, f"{HOME}/1/sheet/approve", sheet="Will there be buses?\nYes.").text.casefold()
    assert "buses" not in client.get(f"/g/{code}?lang=en").text
    sam = member(host.runtime, client.application, "staff", "sam_ortiz")
    assert "Not approved" in send(sam, f"{HOME}/1/sheet/approve", sheet="Something else.").text
    send(sam, f"{HOME}/1/sheet/approve", sheet="Will there be buses?\r\nYes.")
    assert "Will there be buses?" in client.get(f"/g/{code}?lang=en").text
    send(ana, f"{HOME}/1/sheet", sheet="Will there be buses? No.")
    assert "buses" not in client.get(f"/g/{code}?lang=en").text


def test_translated_sheet_is_shown_after_approval_with_notice_before(
    ana: FlaskClient, host: Host, client: FlaskClient
) -> None:
    code, sheet = host.plan().code, "Will there be buses?\nYes. Call 217-555-0100."
    send(ana, f"{HOME}/1/sheet", sheet=sheet)
    assert ana.get(f"{HOME}/1/sheet/es").status_code == 404, "nobody has approved the English"
    sam = member(host.runtime, client.application, "staff", "sam_ortiz")
    assert "English only" in send(sam, f"{HOME}/1/sheet/approve", sheet=sheet).text
    page = client.get(f"/g/{code}?lang=es").text
    assert "Will there be buses?" in page and 'class="notice" lang="es"' in page
    assert 'class="notice"' not in client.get(f"/g/{code}?lang=en").text
    english = ["Your questions about school", "Will there be buses?", "Yes.", "Call 217-555-0100."]
    texts = ["Sus preguntas", "¿Habrá autobuses?", "Sí.", "Llame al 217-555-0100."]
    wrong = send(sam, f"{HOME}/1/sheet/es", english=english, text=[*texts[:3], "Llame."], reviewed_by="Ana")
    assert wrong.status_code == 422 and "217-555-0100" in wrong.text.split('role="alert"', 1)[1].split("</p>", 1)[0]
    assert "has no translation yet" in send(sam, f"{HOME}/1/sheet/es", english=english, text=["", *texts[1:]]).text
    send(sam, f"{HOME}/1/sheet/es", english=english, text=texts, reviewed_by="Ana")
    page = client.get(f"/g/{code}?lang=es").text
    assert "¿Habrá autobuses?" in page and "Sus preguntas" in page and 'class="notice"' not in page
    assert "buses?" not in page.replace("autobuses?", "")
    assert 'class="notice"' in client.get(f"/g/{code}?lang=ar").text
    sheet = sheet.replace("Yes.", "No.")
    send(ana, f"{HOME}/1/sheet", sheet=sheet)
    send(sam, f"{HOME}/1/sheet/approve", sheet=sheet)
    assert 'class="notice"' in client.get(f"/g/{code}?lang=es").text, "a new sentence is English again"


def plan_and_invite(ana: FlaskClient) -> None:
    send(ana, f"{HOME}/new", **FORM)
    send(ana, f"{HOME}/1/interpreters", language="es", kind="trained", name="Maria")
    send(ana, f"{HOME}/1/ready")
    send(ana, f"{HOME}/1/invite")


def test_canceled_or_changed_meeting_cannot_be_announced(ana: FlaskClient, host: Host) -> None:
    plan_and_invite(ana)
    page = send(ana, f"{HOME}/1/edit", **{**FORM, "starts_at": "2026-12-02T17:00", "revision": "0"}).text
    assert "draft the invitation again" in page and "Mark as ready" in page
    with pytest.raises(ReleaseError, match="changed or canceled"):
        approval.release(host.runtime, 1, "ana_ruiz")
    send(ana, f"{HOME}/1/ready")
    send(ana, f"{HOME}/1/invite")
    assert host.get().announcement_id == 2 and host.get().state == "invited"
    send(ana, f"{HOME}/1/cancel", sure="yes")
    with pytest.raises(ReleaseError, match="changed or canceled"):
        approval.release(host.runtime, 2, "ana_ruiz")


def test_stale_form_does_not_restore_the_old_time(ana: FlaskClient, host: Host) -> None:
    host.plan()
    assert 'name="revision" value="0"' in ana.get(f"{HOME}/1/edit").text
    send(ana, f"{HOME}/1/edit", **{**FORM, "starts_at": "2026-12-02T17:00", "revision": "0"})
    assert 'name="revision" value="1"' in ana.get(f"{HOME}/1/edit").text
    for older in ("0", "-1", ""):
        answer = send(ana, f"{HOME}/1/edit", **{**FORM, "title": "Ask us", "revision": older})
        assert answer.status_code == 422 and "just changed or has ended" in answer.text
    assert (host.get().title, host.get().starts_at) == (FORM["title"], STARTS - timedelta(hours=1))


def test_two_clicks_draft_one_invitation(ana: FlaskClient, host: Host) -> None:
    host.plan(languages=())
    planning.mark_ready(host.runtime, host.get(), "ana_ruiz")
    looked_at = host.get()
    planning.draft_invitation(host.runtime, looked_at, "ana_ruiz")
    with pytest.raises(planning.MeetingPlanError, match="just changed or has ended"):
        planning.draft_invitation(host.runtime, looked_at, "sam_ortiz")
    with host.runtime.database.read() as db:
        assert [one.id for one in announcements.list_newest(db, 9)] == [host.get().announcement_id]


def test_canceling_stops_an_invitation_being_sent(ana: FlaskClient, host: Host) -> None:
    plan_and_invite(ana)
    with host.runtime.database.write() as db:
        announcements.change_state(db, 1, ["draft"], "sending")
    send(ana, f"{HOME}/1/cancel", sure="yes")
    with host.runtime.database.read() as db:
        assert announcements.get_state(db, 1) == "stopped"


def test_canceled_calendar_file_says_so_without_link(ana: FlaskClient, host: Host, client: FlaskClient) -> None:
    code = host.plan().code
    planning.cancel_meeting(host.runtime, host.get(), "ana_ruiz")
    file = client.get(f"/g/{code}.ics?lang=en").text
    description = file.split("DESCRIPTION:", 1)[1].split("LOCATION", 1)[0].replace("\r\n ", "")
    assert "STATUS:CANCELLED" in file and "does not take place" in description and "217" not in description


def test_answers_are_sorted_by_theme(host: Host, new_family: Callable[[str], Family], client: FlaskClient) -> None:
    code = host.plan().code
    one = new_family("+12175550181")
    one.text("English")
    one.text(f"GO {code}")
    with time_machine.travel(STARTS + timedelta(hours=16)):
        host.runtime.conversations.discard(host.runtime.compute_lookup_hash(one.address))
        host.sweep()
        with host.runtime.database.read() as db:
            due = list(follow_ups.list_due(db, now(), 9))
        for number in due:
            starting.start(host.runtime, number)
        one.text("A bus that stops near our street")
        ana = member(host.runtime, client.application, "staff", "ana_ruiz")
        page = ana.get(f"{HOME}/1/themes").text
        assert "A bus that stops near our street" in page
        page = send(ana, f"{HOME}/1/themes", case="1", theme="Buses").text
        assert "buses" in page and "buses: 1" not in page, "one answer is not counted aloud"
        grace = member(host.runtime, client.application, "staff", "grace_wu")
        assert "near our street" not in grace.get(f"{HOME}/1/themes").text
        assert send(grace, f"{HOME}/1/themes", case="1", theme="x").status_code == 404
        for theme in ("buses", "buses"):
            send(grace, f"{HOME}/1/themes", theme=theme)
        assert "buses: 3" in ana.get(f"{HOME}/1/themes").text


def test_public_page_and_calendar_file_show_the_meeting(host: Host, client: FlaskClient) -> None:
    code = host.plan().code
    page = client.get(f"/g/{code.lower()}?lang=en")
    assert page.status_code == 200 and "Wednesday, December 2, 6:00 PM" in page.text
    assert f"text GO {code}" in page.text and "217-555-0100" in page.text and "217-555-0199" in page.text
    assert page.headers["X-Robots-Tag"] == "noindex"
    file = client.get(f"/g/{code}.ics?lang=en")
    assert file.mimetype == "text/calendar" and "DTSTART:20261203T000000Z\r\n" in file.text
    assert client.get("/g/K7Q2MX").status_code == client.get("/g/K7Q2MX.ics").status_code == 404
    planning.cancel_meeting(host.runtime, host.get(), "ana_ruiz")
    assert "does not take place" in client.get(f"/g/{code}?lang=en").text
    assert (
        "STATUS:CANCELLED" in client.get(f"/g/{code}.ics").text and "meet.example" not in client.get(f"/g/{code}").text
    )


def test_canceled_interpreter_returns_meeting_to_planned(ana: FlaskClient, host: Host) -> None:
    host.plan()
    planning.book_interpreter(host.runtime, host.get(), BookedInterpreter(0, "es", "trained", "Maria", "ana_ruiz"))
    send(ana, f"{HOME}/1/ready")
    assert host.get().state == "ready"
    send(ana, f"{HOME}/1/interpreters/remove", id="1")
    assert host.get().state == "planned" and "No trained interpreter yet" in ana.get(f"{HOME}/1").text
