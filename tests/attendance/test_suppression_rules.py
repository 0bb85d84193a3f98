"""Check-in texts, and what a verified event holds: families get no truancy texts in the days after it."""

from collections.abc import Callable
from datetime import date, timedelta
from io import BytesIO

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import text

from bot.announcements import launch
from bot.announcements.approval import ReleaseError
from bot.announcements.sweep import sweep_announcements
from bot.attendance import check_ins
from bot.base.database import now
from bot.cases import follow_ups as following
from bot.messaging import suppression_rules
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.families import contacts, follow_ups
from bot.store.schools import verified_events
from tests.announcements.conftest import District
from tests.attendance.conftest import As
from tests.cases.test_paging import send_all
from tests.conftest import Family
from tests.stand_in import TwilioStandIn
from tests.web.console.test_console import post, token


@pytest.fixture
def district(runtime: Runtime, twilio: TwilioStandIn) -> District:
    return District(runtime, twilio)


def run_follow_ups(runtime: Runtime) -> None:
    """Run the jobs of all due follow-ups, then send."""
    with runtime.database.read() as db:
        due = follow_ups.list_due(db, now(), 100)
    for one in due:
        following.start(runtime, one)
    send_all(runtime)


def verify_event(runtime: Runtime, school: str = "lincoln", days_ago: int = 0) -> None:
    with runtime.database.write() as db:
        today = runtime.library.district.to_local_time(now()).date()
        verified_events.add(db, school, today - timedelta(days=days_ago), "dana_cole", now())


def list_results(page: str) -> dict[str, int]:
    """Return the results as the page words them."""
    part = page.split(">Results</h2>")[1].split("</dl>", maxsplit=1)[0] if ">Results</h2>" in page else ""
    return {one.split("</dt>")[0]: int(one.split("<b>")[1].split("</b>")[0]) for one in part.split("<dt>")[1:]}


def test_known_families_are_asked_once_a_day_and_list_is_not_stored(
    runtime: Runtime, twilio: TwilioStandIn, district: District, logged_in: As
) -> None:
    district.family("+12175550201", "harbor", language="es")
    district.family("+12175550202", "harbor", consent=False)
    stopped = district.family("+12175550203", "harbor")
    with runtime.database.write() as db:
        contact = contacts.find(db, "+12175550203")
        assert contact and contact.family_id == stopped
        contacts.set_opted_out(db, contact.id, now())
    pat = logged_in("pat_moore")
    pasted = "217-555-0201\n(217) 555-0202\n2175550203\n217 555 0299\n217-555-0201\nno number\n"
    counted = list_results(post(pat, "/console/check-ins", school="harbor", phones=pasted))
    assert [counted[one] for one in counted] == [1, 1, 1, 1, 1], counted
    run_follow_ups(runtime)
    (sent,) = twilio.sent_to("+12175550201")
    assert "Riverbend Public Schools" in sent.body and twilio.sent_to("+12175550202") == []
    assert list_results(post(pat, "/console/check-ins", school="harbor", phones="2175550201")) == {
        "Already got a check-in text today": 1
    }
    with runtime.database.read() as db:
        whole = " ".join(str(row) for row in db.execute(text("SELECT message_sid FROM follow_ups")))
        logged = [one for one in audit_log.list_newest(db, 20) if one.what == "asked for check-in texts"]
    assert "5550299" not in whole and "5550201" not in whole
    assert [(one.who, one.subject, one.why) for one in logged][-1] == ("pat_moore", "school harbor", "1 texts")


def test_file_with_phone_column_is_read_and_long_file_is_refused(
    runtime: Runtime, district: District, logged_in: As
) -> None:
    district.family("+12175550201", "harbor")
    pat = logged_in("pat_moore")
    form = {"csrf_token": token(pat.get("/console/check-ins").text), "school": "harbor"}
    data = {**form, "file": (BytesIO(b"student;phone\nx;217-555-0201\n"), "list.csv")}
    page = pat.post("/console/check-ins", data=data, content_type="multipart/form-data").text
    assert list(list_results(page).values()) == [1]
    many = "\n".join(f"217-555-{number:04}" for number in range(501))
    assert "up to 500 numbers" in post(pat, "/console/check-ins", school="harbor", phones=many)
    assert check_ins.parse_list("\ufeffphone,name\n2175550201,a\n").numbers == ("+12175550201",)


def test_check_in_at_night_waits_for_morning(runtime: Runtime, twilio: TwilioStandIn, district: District) -> None:
    district.family("+12175550201", "harbor")
    with time_machine.travel("2026-11-25T04:00:00Z"):  # 10 PM in the district
        check_ins.plan_texts(runtime, "harbor", check_ins.PhoneNumberList(("+12175550201",), 0), "pat_moore")
        run_follow_ups(runtime)
        assert twilio.sent_to("+12175550201") == []
    with time_machine.travel("2026-11-25T15:00:00Z"):
        run_follow_ups(runtime)
        assert len(twilio.sent_to("+12175550201")) == 1


def test_verified_event_holds_truancy_texts(
    runtime: Runtime, twilio: TwilioStandIn, district: District, logged_in: As
) -> None:
    district.family("+12175550201", "lincoln", "harbor")
    dana, pat = logged_in("dana_cole"), logged_in("pat_moore")
    form = {"csrf_token": token(pat.get("/console/check-ins").text), "school": "lincoln", "day": "2026-11-24"}
    assert pat.post("/console/verified-events", data=form).status_code == 403
    assert "Truancy texts are paused." in post(dana, "/console/verified-events", school="lincoln", day="2026-11-24")
    again = date(2026, 12, 4)  # Wed, Mon, Tue, Wed, and Thu are the five school days: Thursday and Friday are closed
    assert suppression_rules.find_hold_end(runtime.library.district, date(2026, 11, 24)) == again
    refused = post(pat, "/console/check-ins", school="lincoln", phones="2175550201")
    assert "They resume on" in refused and "December 4, 2026" in refused
    held = list_results(post(pat, "/console/check-ins", school="harbor", phones="2175550201"))
    assert held == {"The family&#39;s school is paused after a verified event": 1}
    assert "no letters or texts about truancy" in pat.get("/console/attendance").text
    post(dana, "/console/verified-events/1/withdraw")
    assert list_results(post(pat, "/console/check-ins", school="lincoln", phones="2175550201")) != held
    with runtime.database.read() as db:
        did = [one.what for one in audit_log.list_newest(db, 20, "school lincoln")]
    assert {"verified an event", "took a verified event back"} <= set(did)


def test_planned_check_in_waits_until_hold_ends(runtime: Runtime, twilio: TwilioStandIn, district: District) -> None:
    district.family("+12175550201", "lincoln")
    check_ins.plan_texts(runtime, "lincoln", check_ins.PhoneNumberList(("+12175550201",), 0), "pat_moore")
    verify_event(runtime)
    run_follow_ups(runtime)
    assert twilio.sent_to("+12175550201") == []
    with time_machine.travel("2026-12-03T17:00:00Z"):
        run_follow_ups(runtime)
        assert twilio.sent_to("+12175550201") == []
    with time_machine.travel("2026-12-04T15:00:00Z"):
        run_follow_ups(runtime)
        assert len(twilio.sent_to("+12175550201")) == 1


def test_attendance_announcement_is_not_released_to_held_school(
    runtime: Runtime, district: District, logged_in: As
) -> None:
    from bot.store.announcements.announcements import Audience

    district.family("+12175550201", "lincoln")
    verify_event(runtime, days_ago=1)
    to_lincoln = {"kind": "attendance", "audience": Audience(schools=("lincoln",))}
    with pytest.raises(ReleaseError, match="2026-12-03"):
        district.say("Please come to school every day.", **to_lincoln)
    district.say("Please come to school every day.", kind="attendance", audience=Audience(schools=("harbor",)))
    district.say("Please come to school every day.", kind="general")
    later = now() + timedelta(days=12)
    district.say("Please come.", **to_lincoln, send_at=later, until=later + timedelta(days=1))
    page = logged_in("dana_cole").get("/console/announcements/1/preview").text
    assert "attendance announcements are paused until" in page and "December 3, 2026" in page


def test_hold_pauses_sending_announcement_and_keeps_waiting_one(
    runtime: Runtime, twilio: TwilioStandIn, district: District, logged_in: As
) -> None:
    district.family("+12175550201", "lincoln")
    waiting = district.say("Please come to school.", kind="attendance")
    sending = district.say("Please come to school.", kind="attendance")
    launch.start(runtime, sending)
    post(logged_in("dana_cole"), "/console/verified-events", school="lincoln", day="2026-11-24")
    assert district.state(sending) == "paused" and not launch.resume(runtime, sending, "dana_cole")
    launch.start(runtime, waiting)
    assert district.state(waiting) == "ready" and district.got("+12175550201") == []
    with time_machine.travel("2026-12-04T17:00:00Z"):
        assert launch.resume(runtime, sending, "dana_cole")


def test_front_office_report_pauses_attendance_announcement(
    runtime: Runtime, district: District, new_family: Callable[[str], Family]
) -> None:
    """Nobody has to remember it: the next sweep, ten seconds later, pauses the announcement."""
    district.family("+12175550201", "lincoln")
    sending = district.say("Please come to school.", kind="attendance")
    launch.start(runtime, sending)
    sweep_announcements(runtime)
    assert district.state(sending) == "sending"
    new_family("+12175550183").text("ICE")
    sweep_announcements(runtime)
    assert district.state(sending) == "paused" and district.got("+12175550201") == []


def test_school_sends_check_ins_to_own_families_only(runtime: Runtime, logged_in: As) -> None:
    iris = logged_in("iris_vega")
    page = iris.get("/console/check-ins").text
    assert 'value="lincoln"' in page and 'value="harbor"' not in page
    form = {"csrf_token": token(page), "school": "harbor", "phones": "2175550201"}
    assert iris.post("/console/check-ins", data=form).status_code == 403
    assert iris.post("/console/check-ins", data={**form, "school": "lincoln"}).status_code == 200


def test_only_permitted_staff_can_verify_an_event(runtime: Runtime, logged_in: As) -> None:
    for staff, role, may in (
        ("sam_ortiz", "staff", True),
        ("ana_ruiz", "staff", False),
        ("ana_ruiz", "approver", True),
    ):
        page = logged_in(staff, role).get("/console/check-ins").text
        assert ("Verify event and pause truancy texts" in page) is may, (staff, role)


Typed = Callable[[FlaskClient, str], str]


def test_needs_are_listed_resolved_and_reminded_once_when_late(
    runtime: Runtime, twilio: TwilioStandIn, family: Family, logged_in: As
) -> None:
    from bot.attendance import overdue_needs

    family.text("I am afraid to send my child to school")
    family.text("5")
    family.text("someone to walk with us from Oak street")
    ana, grace = logged_in("ana_ruiz"), logged_in("grace_wu")
    assert "walk with us" in ana.get("/console/needs").text and "walk with us" not in grace.get("/console/needs").text
    form = {"csrf_token": token(grace.get("/console/needs").text), "outcome": "arranged"}
    assert grace.post("/console/needs/1/done", data=form).status_code == 404
    overdue_needs.remind_owners(runtime)
    assert twilio.sent_to("+12175550141") == []
    with time_machine.travel("2026-12-02T16:00:00Z"):
        for _ in range(2):
            overdue_needs.remind_owners(runtime)
        send_all(runtime)
        told = [one.body for one in twilio.sent_to("+12175550141") if "past the promised day" in one.body]
        assert len(told) == 1 and "Oak" not in told[0]
        assert "overdue since" in logged_in("ana_ruiz", "approver").get("/console/needs").text
    refused = post(ana, "/console/needs/1/done", outcome="arranged", words="they are undocumented")
    assert "Not saved." in refused and "walk with us" in refused
    post(ana, "/console/needs/1/done", outcome="arranged", words="A neighbor walks with them.")
    assert "walk with us" not in ana.get("/console/needs").text
    page = ana.get("/console/cases/1").text
    assert "Arranged" in page and "A neighbor walks with them." in page


def test_call_note_keeps_reason_and_refuses_immigration_status(runtime: Runtime, family: Family, logged_in: As) -> None:
    family.text("I am afraid to send my child to school")
    family.text("1")
    ana = logged_in("ana_ruiz")
    page = ana.get("/console/cases/1").text
    guide = page.split("Call guide")[1].split("</ol>")[0]
    assert (
        guide.index("your worry makes sense") < guide.index("What makes it hard")
        and "This family reads English" in page
    )
    assert "You can ask the school for a free interpreter." in page and "IDRA, 9 October 2025" in page
    assert "checked on November 23, 2026" in page, "the note on language rights has its source and its day"
    noted = {"reason": "transport", "interpreter": "yes", "need": "together", "once": "a"}
    for words in ("the father has no papers", "he is from Honduras, no visa", "A123456789"):
        assert "Not saved." in post(ana, "/console/cases/1/call", **{**noted, "note": words})
    for _ in range(2):
        page = post(ana, "/console/cases/1/call", **noted, words="an older child to walk with", note="call on Friday")
    assert page.count("· with an interpreter") == 1 and "an older child to walk with" in page
    with runtime.database.read() as db:
        rows = db.execute(text("SELECT reason, outcome FROM absences")).all()
        assert db.execute(text("SELECT count(*) FROM support_needs")).scalar_one() == 2
    assert [tuple(row) for row in rows] == [("transport", None)], "the call is the report where there was none"
    empty = {"csrf_token": token(ana.get("/console/needs").text), "reason": "status", "interpreter": "yes"}
    assert ana.post("/console/cases/1/call", data=empty).status_code == 400


def test_expired_language_rights_fact_is_not_shown(runtime: Runtime, family: Family, logged_in: As) -> None:
    family.text("I am afraid to send my child to school")
    family.text("1")
    with time_machine.travel("2027-06-01T15:00:00Z"):
        page = logged_in("ana_ruiz").get("/console/cases/1").text
    assert "IDRA" not in page and "overdue for review" in page
