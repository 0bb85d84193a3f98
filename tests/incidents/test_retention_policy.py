"""How long records are kept, and the export of who has drilled."""

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient

from bot import jobs
from bot.base.database import now
from bot.content.district import IncidentRecordPolicy
from bot.retention import job
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.schools import incidents, protocol_quizzes
from bot.store.schools.protocol_quizzes import QuizResult
from bot.web.app import create_app
from tests.conftest import NOW, Family
from tests.incidents.conftest import IRIS, MIA, entries
from tests.web.console.conftest import member

Phone = Callable[[str], Family]


def _list_records(runtime: Runtime) -> tuple[list[int], int, int]:
    """Return the incidents, their lines, and the results of the quiz."""
    with runtime.database.read() as db:
        over = [one.id for one in incidents.list_ended(db, 99)]
        results = len(protocol_quizzes.list_newest_by_staff(db))
    return sorted(over), len(entries(runtime)) + len(entries(runtime, 2)), results


@pytest.fixture
def stored_records(live: Runtime, phone: Phone) -> Runtime:
    """A real incident (1), a drill (2), and a quiz, all over on the same day; a real incident (3) still in progress."""
    for word in ("ICE", "DRILL"):
        phone(IRIS).text(word)
        phone(IRIS).text("one man at the desk")
        phone(IRIS).text("OVER")
    phone(MIA).text("ICE Harbor")
    with live.database.write() as db:
        protocol_quizzes.save(db, "q", QuizResult("iris_vega", "1", 4, 5, now()))
    return live


def test_drills_are_deleted_after_one_year_and_incidents_after_three(
    stored_records: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "get_runtime", lambda: stored_records)
    assert _list_records(stored_records) == ([1, 2], 6, 1)
    with time_machine.travel(NOW + timedelta(days=365)):
        jobs.delete_expired_records()
        assert _list_records(stored_records) == ([1, 2], 6, 1), "who drilled a school year ago still counts"
    with time_machine.travel(NOW + timedelta(days=367)):
        jobs.delete_expired_records()
        assert _list_records(stored_records) == ([1], 3, 0), "only the real one"
    with time_machine.travel(NOW + timedelta(days=3 * 366 + 1)):
        job.delete_expired(stored_records, "helper")
    assert _list_records(stored_records) == ([], 0, 0)
    with stored_records.database.read() as db:
        assert [one.id for one in incidents.list_running(db)] == [3], "what has not ended is never deleted"
        assert "deleted records past their time" in {one.what for one in audit_log.list_newest(db, 20)}


def test_legal_hold_prevents_deletion(stored_records: Runtime) -> None:
    district = stored_records.library.district.model_copy(update={"records": IncidentRecordPolicy(hold=True)})
    held = replace(stored_records, library=replace(stored_records.library, district=district))
    with time_machine.travel(NOW + timedelta(days=4000)):
        job.delete_expired(held, "helper")
    assert _list_records(held) == ([1, 2], 6, 1)
    client = member(held, create_app(runtime=held), "staff", "iris_vega")
    assert "No records are deleted" in client.get("/console/agents").text
    assert "This record is deleted after" not in client.get("/console/agents/1").text


def test_pages_state_the_retention_period(stored_records: Runtime) -> None:
    client = member(stored_records, create_app(runtime=stored_records), "staff", "iris_vega")
    assert "deleted: 3 for incidents, 1 for drills and quizzes." in client.get("/console/agents").text
    record = client.get("/console/agents/1").text
    assert "This record is deleted after November 26, 2029" in record and "November 24, 2026, 10:00" in record, (
        "a record has a year"
    )


def test_drill_list_names_people_without_numbers_or_formulas(live: Runtime, phone: Phone) -> None:
    phone(IRIS).text("DRILL")
    for _ in range(9):
        phone(IRIS).text("next")
    people = {**live.library.district.staff}
    people["mia_strand"] = people["mia_strand"].model_copy(update={"name": '=HYPERLINK("x")'})
    district = live.library.district.model_copy(update={"staff": people})
    here = replace(live, library=replace(live.library, district=district))
    client: FlaskClient = member(here, create_app(runtime=here), "staff", "iris_vega")
    answer = client.get("/console/agents/drilled.csv")
    rows = list(csv.DictReader(answer.text.splitlines()))
    iris = next(one for one in rows if one["Who"] == "Iris Vega")
    assert (iris["School"], iris["Drill"], iris["Whole drill"]) == ("Lincoln Elementary", "2026-11-24", "Yes")
    assert next(one for one in rows if one["Who"] == "Sam Ortiz")["Drill"] == "not yet"
    assert (
        "'=HYPERLINK" in answer.text
        and "+1217" not in answer.text
        and "attachment" in answer.headers["Content-Disposition"]
    )
    assert "drilled.csv" in client.get("/console/agents").text
    assert member(here, create_app(runtime=here), "viewer", None).get("/console/agents/drilled.csv").status_code == 403
