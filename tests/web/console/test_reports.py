"""The report pages: counts, who is on call, own alerts, the audit log, interpreters, phrases."""

from datetime import date, timedelta

from flask.testing import FlaskClient
from sqlalchemy import text

from bot.base.database import now
from bot.content.library import Library
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.announcements import approved_phrases
from bot.store.cases import case_stats, case_transitions, cases, deliveries, interpreter_requests
from bot.store.cases.cases import NewCase
from bot.web.console.cases import my_lists, on_call_page
from bot.web.console.oversight import reports
from tests.conftest import Family
from tests.web.console.conftest import member
from tests.web.console.test_console import token

CASE_AGE = timedelta(days=9)


def add_cases(runtime: Runtime, contact: int, count: int, severity: str, school: str | None) -> list[int]:
    """Add this many cases, opened nine days ago, claimed after 10, 20, 30 … minutes, then handed over."""
    at = now() - CASE_AGE
    made = []
    with runtime.database.write() as db:
        for number in range(count):
            new = NewCase(contact, f"t{number}{severity}{school}", severity, "default", "", "es", {}, school)
            case = cases.open_or_join(db, f"SM{number}{severity}{school}", 0, new, at).id
            case_transitions.claim(db, case, "ana_ruiz", None, at + timedelta(minutes=10 * (number + 1)), "by text")
            taken = cases.get(db, case)
            case_transitions.hand_over(db, taken, "dana_cole", None, at + timedelta(days=2), "ana_ruiz")
            made.append(case)
    return made


def get_case_counts(page: str) -> str:
    """Return the part with the opened cases."""
    return page.split("<h2>Cases opened</h2>")[1].split("<h2>", maxsplit=1)[0]


def get_medians(page: str) -> str:
    """Return the part with the medians."""
    return page.split("<h2>Cases opened</h2>", maxsplit=1)[0]


def get_row(page: str, row: str) -> list[str]:
    """Return the counts of one row of the last table that has it."""
    found = page.rsplit(f'<th scope="row">{row}</th>', maxsplit=1)[-1].split("</tr>", maxsplit=1)[0]
    return ["–" if "hidden" in one else one.split("</td>")[0] for one in found.split("<td>")[1:]]


def test_small_cells_and_medians_of_few_are_hidden(runtime: Runtime, ana: FlaskClient, family: Family) -> None:
    family.text("I want to talk to a person")
    add_cases(runtime, 1, 30, "escalate_day", "lincoln")
    add_cases(runtime, 1, 20, "escalate_day", "harbor")
    add_cases(runtime, 1, 25, "follow_up", "lincoln")
    add_cases(runtime, 1, 9, "follow_up", "harbor")
    page = ana.get("/console/figures").text
    counted = get_case_counts(page)
    assert get_row(get_medians(page), "Today") == ["2 h", "–"], (
        "130 minutes until the first took it; nothing is done yet"
    )
    assert get_row(counted, "Harbor Middle School")[2] == "–" and get_row(counted, "Riverbend High School")[0] == "–"
    assert get_row(counted, "Lincoln Elementary")[1] == "30"
    with runtime.database.read() as db:
        assert len(case_stats.list_timings(db, now() - timedelta(days=30), now())) == 85
    assert get_row(get_medians(ana.get("/console/figures?days=7").text), "Today") == ["–", "–"]


def test_median_needs_ten_values(runtime: Runtime, ana: FlaskClient, family: Family) -> None:
    family.text("I want to talk to a person")
    made = add_cases(runtime, 1, 10, "follow_up", None)
    with runtime.database.write() as db:
        for case in made[:9]:
            case_transitions.resolve(db, case, "ana_ruiz", now(), "called")
    page = get_medians(ana.get("/console/figures").text)
    assert get_row(page, "Follow-up") == ["55 min", "–"]


def test_on_call_page_names_the_first_person_for_every_day(library: Library, ana: FlaskClient) -> None:
    district, today = library.district, date(2026, 11, 24)
    for chain in on_call_page.build_schedules(district, today):
        days = [chain.turns[0].first, *(turn.last + timedelta(days=1) for turn in chain.turns)]
        assert days[0] == today and days[-1] == today + timedelta(days=14)
        assert [turn.first for turn in chain.turns] == days[:-1], "no day is left out, none is there twice"
    weekly = on_call_page.build_periods(district, "safety_lead", None, today)
    assert [turn.people[0] for turn in weekly] in (
        ["dana_cole", "sam_ortiz", "dana_cole"],
        ["sam_ortiz", "dana_cole", "sam_ortiz"],
    )
    page = ana.get("/console/on-call").text
    assert "Ana Ruiz (you)" in page and "Thursday, November 26" in page and "For Harbor Middle School" in page


def test_my_alerts_page_lists_only_own_alerts_in_plain_words(runtime: Runtime, busy: None, ana: FlaskClient) -> None:
    with runtime.database.read() as db:
        sent_to = {one.staff for one in deliveries.list_for_case(db, 1)}
    assert "ana_ruiz" in sent_to and "grace_wu" not in sent_to
    page = ana.get("/console/alerts").text
    assert "New case" in page and "/console/cases/1" in page
    for state, words in (("waiting", "Scheduled"), ("failed", "Not delivered"), ("read", "Read")):
        with runtime.database.write() as db:
            db.execute(text("UPDATE deliveries SET state = :state"), {"state": state})
        assert f"<span>{words}</span>" in ana.get("/console/alerts").text
    assert all(state in my_lists.STAFF_TEXT_STATE_LABELS for state in (*deliveries.DELIVERY_STATE_RANKS, "held"))
    other = member(runtime, ana.application, "staff", "grace_wu")
    assert "No alerts in the last 30 days" in other.get("/console/alerts").text
    nobody = member(runtime, ana.application, "approver")
    assert "linked to a person in the district file" in nobody.get("/console/alerts").text
    with runtime.database.write() as db:
        db.execute(text("UPDATE deliveries SET due_at = '2026-10-24 15:00:00'"))
    assert "No alerts in the last 30 days" in ana.get("/console/alerts").text


def test_audit_log_page_reports_tampering(runtime: Runtime, busy: None, client: FlaskClient) -> None:
    office = member(runtime, client.application, "records_officer")
    with runtime.database.write() as db:
        audit_log.record(db, "somebody else", "took", "case 2", now())
    whole = office.get("/console/audit").text
    assert "The audit log is complete" in whole and "case 1" in whole and "case 2" in whole
    of_one = office.get("/console/audit?subject=case+1").text
    assert "family" in of_one and "somebody else" not in of_one
    with runtime.database.write() as db:
        db.execute(text("UPDATE audit SET who = 'nobody' WHERE id = 1"))
    assert "damaged from entry 1 on" in office.get("/console/audit").text


def test_interpreter_is_booked_once_and_time_is_restricted(runtime: Runtime, busy: None, ana: FlaskClient) -> None:
    assert "Tuesday at 3" in ana.get("/console/interpreters").text
    other = member(runtime, ana.application, "staff", "grace_wu")
    page = other.get("/console/interpreters").text
    assert "Haitian Creole" in page and "Ana Ruiz" in page
    assert "Tuesday at 3" not in page and "/console/cases/1" not in page
    form = {"csrf_token": token(page), "id": "1"}
    assert other.post("/console/interpreters", data=form).status_code == 403, "neither hers nor her case"
    rosa = member(runtime, ana.application, "staff", "rosa_lind")  # she gets the interpreter requests
    form = {"csrf_token": token(rosa.get("/console/interpreters").text), "id": "1"}
    for _ in range(2):
        assert rosa.post("/console/interpreters", data=form).status_code == 302
    assert "No open requests" in ana.get("/console/interpreters").text
    with runtime.database.read() as db:
        booked = [one for one in audit_log.list_newest(db, 100, "case 1") if one.what == "booked an interpreter"]
        assert [one.who for one in booked] == ["rosa_lind"]
        (request,) = interpreter_requests.list_for_case(db, 1)
    assert request.booked_by == "rosa_lind"
    assert ana.post("/console/interpreters", data={"id": "1"}).status_code == 400, "no form without its token"


def test_phrase_can_be_removed_from_the_list(runtime: Runtime, busy: None, ana: FlaskClient) -> None:
    page = ana.get("/console/phrases").text
    assert page.index("Arabic") < page.index("Spanish") and "La oficina abre a las 8." in page
    form = {"csrf_token": token(page), "source": "en", "target": "es", "original": "The office opens at 8."}
    assert ana.post("/console/phrases", data=form).status_code == 302
    assert ana.post("/console/phrases", data=form).status_code == 404
    with runtime.database.read() as db:
        assert approved_phrases.find(db, "en", "es", "The office opens at 8.") is None
        assert approved_phrases.find(db, "en", "ar", "The office opens at 8.") is not None
        log = [one for one in audit_log.list_newest(db, 100) if one.what == "removed a phrase"]
    assert [(one.who, one.subject) for one in log] == [("ana_ruiz", "phrases en es")]


def test_removed_school_is_counted_under_no_school(library: Library) -> None:
    everywhere = [*library.district.schools, "closed_long_ago"]
    places = [(school, severity) for school in everywhere for severity in reports.SEVERITY_LABELS for _ in range(11)]
    table = reports.build_count_table("Cases", library.district, [*places, (None, "info")])
    assert table.cells[reports.NO_SCHOOL_ROW, "info"] == 12 and table.cells[reports.NO_SCHOOL_ROW, "follow_up"] == 11
    assert "closed_long_ago" not in table.rows
