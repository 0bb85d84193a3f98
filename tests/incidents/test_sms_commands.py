"""The front office by text: the steps, the replies, the on-call chain; what never starts an incident."""

import time
from collections.abc import Callable
from datetime import date, timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text as sql

from bot.base.database import now
from bot.cases import assignment
from bot.cases.paging import page_staff
from bot.incidents import command_parser
from bot.incidents.end import end_idle_incidents
from bot.jobs.sweeper import sweep_all
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import case_stats, deliveries
from bot.store.families import contacts
from bot.store.schools import incidents
from bot.web.app import create_app
from tests.cases.test_paging import send_alerts_at, send_all
from tests.conftest import NOW, Family
from tests.incidents.conftest import DANA, IRIS, MIA, NORA, PAT, RUTH, SAM, case_of, entries, incident, sign_protocol
from tests.stand_in import TwilioStandIn
from tests.store.reading import newest_cases

Phone = Callable[[str], Family]
SCHOOLS = {"lincoln": "Lincoln Elementary", "harbor": "Harbor Middle School", "riverbend": "Riverbend High School"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ICE", command_parser.IncidentStartCommand(False, "en")), ("ice!", command_parser.IncidentStartCommand(False, "en")), ("La migra", command_parser.IncidentStartCommand(False, "es")),
        ("ICE Lincoln", command_parser.IncidentStartCommand(False, "en", "lincoln")), ("migra en Harbor", command_parser.IncidentStartCommand(False, "es", "harbor")),
        ("ICE at Harbor Middle School", command_parser.IncidentStartCommand(False, "en", "harbor")), ("DRILL", command_parser.IncidentStartCommand(True, "en")),
        ("simulacro lincoln", command_parser.IncidentStartCommand(True, "es", "lincoln")),
        ("I.C.E.", command_parser.IncidentStartCommand(False, "en")), ("ICE ICE!!", command_parser.IncidentStartCommand(False, "en")),
        ("ICE lincon", command_parser.IncidentStartCommand(False, "en", "lincoln")), ("ice harbour", command_parser.IncidentStartCommand(False, "en", "harbor")),
        ("ICE Lincoln Elementary School", command_parser.IncidentStartCommand(False, "en", "lincoln")), ("ICE hard", None), ("ICE rink", None),
        ("ICE cream", None), ("ice on the road to Lincoln", None), ("is ICE at Lincoln?", None), ("drill team", None),
        ("ICE Lincoln now please", None), ("", None), ("there is a drill at Lincoln today", None),
    ],
)  # fmt: skip
def test_only_exact_words_start_an_incident(text: str, found: command_parser.IncidentStartCommand | None) -> None:
    assert command_parser.parse_start(text, SCHOOLS) == found


@pytest.mark.long
@given(st.text(max_size=120))
def test_any_text_is_parsed_without_error(text: str) -> None:
    command_parser.parse_start(text, SCHOOLS)
    assert command_parser.parse_command(text) is None or len(text.split()) <= 2


def test_full_protocol_by_text_records_times_and_answers(live: Runtime, phone: Phone) -> None:
    iris = phone(IRIS)
    first = iris.text("ICE")
    assert "agents at Lincoln Elementary" in first and "call 911" in first and "DRILL" not in first
    assert "I am alerting now: Sam Ortiz, Ruth Adams, Nora Feld" in first and "Step 1 of 9. Stay calm" in first
    assert "How many are they" in first and "NEXT" in first and "MISTAKE" in first and "sample" not in first.lower()
    second = iris.text("two men, they wait in the office")
    assert second.startswith("Kept, 10:00") and "Step 2 of 9" in second
    assert "Step 3 of 9" in iris.text("NEXT") and "Step 3 of 9" in iris.text("LAST") and "Step 2" in iris.text("back")
    iris.text("next")
    fourth = iris.text("Agent Tom Reed, ICE, badge 48213")
    assert "Step 4 of 9" in fourth
    fifth = iris.text("3 agents now, one shows a paper")
    assert fifth.startswith("Kept") and "Step 5 of 9" in fifth
    for number in range(6, 10):
        assert f"Step {number} of 9" in iris.text("sigue")
    assert "last step" in iris.text("NEXT")
    said = iris.text("OVER")
    assert "9 of 9 steps" in said and "3 lines kept" in said and "/console/agents/1" in said
    kept = entries(live)
    assert [one.text for one in kept if one.kind == "answer"] == [
        "two men, they wait in the office", "Agent Tom Reed, ICE, badge 48213", "3 agents now, one shows a paper",
    ]  # fmt: skip
    assert [one.step for one in kept if one.kind == "answer"] == [1, 3, 4] and all(one.at >= NOW for one in kept)
    assert incident(live).ending == "ended" and case_of(live).is_open, (
        "a real one stays with the chain until it is done"
    )
    with live.database.read() as db:
        raw = " ".join(str(row) for row in db.execute(sql("SELECT * FROM incident_entries")))
    assert "48213" not in raw and "two men" not in raw, "sealed"


def test_on_call_staff_are_alerted_within_a_minute(
    live: Runtime, phone: Phone, twilio: TwilioStandIn, worker: Callable[[], None]
) -> None:
    """From the webhook to the first alert at Twilio, with the real queue and RQ's worker."""
    started = time.monotonic()
    phone(IRIS).text("ICE")
    worker()
    while not twilio.sent_to(SAM):
        assert time.monotonic() - started < 60
        time.sleep(0.01)
    seconds = time.monotonic() - started
    print(f"\nfrom the text ICE to the first page: {seconds:.2f} s")
    assert seconds < 60
    for number in (SAM, RUTH, NORA, DANA):
        body = twilio.sent_to(number)[0].body
        assert "URGENT, now" in body and "Agents at the school" in body and "DRILL" not in body
        assert "Lincoln Elementary" in body and "+12175550110" in body and "TAKE 1" in body
    assert twilio.sent_to(MIA) == [], "another school's principal"
    assert [one.transport for one in _list_alerts(live)].count("call") == 4, "a call a minute later to each"


def _list_alerts(runtime: Runtime) -> list[deliveries.Delivery]:
    with runtime.database.read() as db:
        return deliveries.list_for_case(db, 1)


def test_every_drill_message_is_marked_as_drill(
    live: Runtime, phone: Phone, twilio: TwilioStandIn, worker: Callable[[], None]
) -> None:
    iris, said = phone(IRIS), []
    said.append(iris.text("DRILL"))
    worker()
    said += [iris.text("one man at the desk"), *(iris.text("next") for _ in range(7))]
    paged = [one.body for number in (SAM, RUTH, NORA, DANA) for one in twilio.sent_to(number)]
    assert len(paged) == 4 and all("(a drill)" in one and "URGENT" not in one for one in paged)
    phone(SAM).text("TAKE 1")
    worker()
    said.append(iris.text("OVER"))
    worker()
    everything = [*said, *(one.body for number in (IRIS, SAM, RUTH, NORA, DANA) for one in twilio.sent_to(number))]
    assert all(one.startswith("DRILL, not real.") for one in everything), everything
    assert "Sam Ortiz took it" in said[-1] and "/console/agents/quiz" in said[-1] and "9 of 9" in said[-1]
    assert any("was taken by Sam Ortiz" in one.body for one in twilio.sent_to(IRIS)), "who stands at the desk hears it"
    assert not case_of(live).is_open and "wants" not in said[0]
    calls = [one for one in _list_alerts(live) if one.transport == "call"]
    assert calls and all(one.state == "canceled" for one in calls)


def test_unclaimed_drill_alerts_only_its_own_on_call_staff(live: Runtime, phone: Phone, twilio: TwilioStandIn) -> None:
    phone(IRIS).text("DRILL")
    for minutes in (0, 5.2, 10.4, 15.6):
        send_alerts_at(live, minutes)
    assert len(twilio.sent_to(SAM)) == 2 and twilio.sent_to("+12175550141") == []


def test_repeated_webhook_changes_nothing_and_gets_same_reply(live: Runtime, phone: Phone) -> None:
    iris = phone(IRIS)
    first = iris.text("ICE", MessageSid="SM1")
    assert iris.text("ICE", MessageSid="SM1") == first
    second = iris.text("two of them", MessageSid="SM2")
    iris.text("next", MessageSid="SM3")
    assert iris.text("two of them", MessageSid="SM2") == second and iris.text("ICE", MessageSid="SM1") == first
    assert "Step 4" in iris.text("NEXT") and len(entries(live)) == 4
    over = iris.text("over", MessageSid="SM5")
    assert iris.text("over", MessageSid="SM5") == over, "also when it is over"
    with live.database.read() as db:
        assert len(newest_cases(db, 9)) == 1


def test_parents_and_ordinary_staff_messages_are_unaffected(live: Runtime, phone: Phone) -> None:
    parent = phone("+12175550199")
    assert "Step 1" not in parent.text("ICE") and "Step 1" not in parent.text("DRILL")
    assert "first name" in phone(IRIS).text("my child will be absent tomorrow")
    assert "Step" not in phone(IRIS).text("NEXT")
    with live.database.read() as db:
        assert incidents.list_running(db) == []


def test_number_in_an_incident_is_not_a_case_message(
    live: Runtime, phone: Phone, family: Family, twilio: TwilioStandIn
) -> None:
    """ "1 paper with a blue stamp" must never be translated and sent to the family of case 1."""
    family.text("I want to talk to a person")
    assignment.take_case(live, 1, "ana_ruiz", "by text")
    ana = phone("+12175550141")
    ana.text("ICE LINCOLN")
    assert "Kept" in ana.text("1 paper with a blue stamp")
    send_all(live)
    assert not any("stamp" in one.body for one in twilio.sent_to(family.address))
    assert "Case 1: Ana Ruiz has it" in ana.text("1?"), "what is unmistakable still works"


def test_district_wide_staff_alert_first_and_name_school_later(
    live: Runtime, phone: Phone, twilio: TwilioStandIn
) -> None:
    pat = phone(PAT)
    first = pat.text("ICE")
    assert "Which school is it?" in first and "2. Harbor Middle School" in first and "Step 1" not in first
    page_staff(live, 1)
    assert len(twilio.sent_to(RUTH)) == 1 and twilio.sent_to(MIA) == [], "nobody waits for the school's name"
    then = pat.text("2")
    assert then.startswith("Harbor Middle School.") and "Step 1 of 9" in then
    send_all(live)
    assert "case 1 is at Harbor Middle School" in twilio.sent_to(MIA)[0].body and case_of(live).school == "harbor"
    assert "Step 2" in pat.text("3"), "now a number is an answer"
    assert assignment.take_case(live, 1, "mia_strand", "by text").outcome == "yours"


def test_colleagues_of_one_school_share_one_record(live: Runtime, phone: Phone, twilio: TwilioStandIn) -> None:
    phone(IRIS).text("ICE")
    page_staff(live, 1)
    joined = phone(PAT).text("ICE Lincoln")
    assert "Iris Vega started this" in joined and "Step 1 of 9" in joined
    phone(PAT).text("I stand at the side door")
    assert {one.staff for one in entries(live)} == {"iris_vega", "pat_moore"}
    page_staff(live, 1)
    assert len(twilio.sent_to(SAM)) == 1, "one incident, one page"
    with live.database.read() as db:
        assert len(incidents.list_running(db)) == 1


def test_drill_can_become_a_real_incident(live: Runtime, phone: Phone, twilio: TwilioStandIn) -> None:
    iris = phone(IRIS)
    iris.text("DRILL")
    phone(PAT).text("DRILL LINCOLN")
    page_staff(live, 1)
    assert "reply REAL" in iris.text("ICE"), "step 1 asks something: an agency's name may be an answer"
    real = iris.text("REAL")
    assert real.startswith("Riverbend") and "Step 1 of 9" in real
    page_staff(live, case_of(live, 2).id)
    send_all(live)
    assert "URGENT" in twilio.sent_to(SAM)[-1].body and incident(live, 1).ending == "real"
    assert "THIS IS REAL" in twilio.sent_to(PAT)[-1].body
    assert "no drill now" in phone(PAT).text("DRILL LINCOLN")
    assert "Iris Vega started" in phone(PAT).text("ICE LINCOLN")


def test_mistake_is_retracted_everywhere(live: Runtime, phone: Phone, twilio: TwilioStandIn) -> None:
    phone(IRIS).text("ICE")
    page_staff(live, 1)
    assert "as a mistake" in phone(IRIS).text("mistake")
    send_all(live)
    assert "it was a mistake, nobody came" in twilio.sent_to(SAM)[-1].body and not case_of(live).is_open
    send_alerts_at(live, 6)
    assert len(twilio.sent_to(SAM)) == 2, "nobody is paged any more"


def test_returning_agents_alert_everyone_again(live: Runtime, phone: Phone, twilio: TwilioStandIn) -> None:
    iris = phone(IRIS)
    iris.text("ICE")
    page_staff(live, 1)
    assignment.take_case(live, 1, "ruth_adams", "by text")
    iris.text("OVER")
    iris.text("ICE")
    page_staff(live, 1)
    assert "TAKE 1" in twilio.sent_to(SAM)[-1].body and case_of(live).claimed_by is None
    assert incident(live, 2).case_id == 1 and incident(live, 2).ended_at is None


def test_danger_takes_priority_over_the_protocol(phone: Phone) -> None:
    phone(IRIS).text("ICE")
    said = phone(IRIS).text("one of them has a gun and is shooting")
    assert said.startswith("If anyone is in danger, call 911 now")


def test_pictures_are_not_stored_and_status_words_are_masked(live: Runtime, phone: Phone) -> None:
    iris = phone(IRIS)
    iris.text("ICE")
    assert "no pictures" in iris.text("", MediaContentType0="image/jpeg", NumMedia="1")
    iris.text("they say that a father is undocumented")
    assert "undocumented" not in entries(live)[-1].text and "a father is" in entries(live)[-1].text


def test_protocol_works_in_spanish(phone: Phone) -> None:
    iris = phone(IRIS)
    said = iris.text("MIGRA")
    assert "Paso 1 de 9. Con calma" in said and "Responda SIGUE" in said
    assert "Paso 2 de 9" in iris.text("SIGUE") and "Terminado" in iris.text("FIN")
    assert iris.text("SIMULACRO").startswith("SIMULACRO, no es real.")


def test_stop_opts_out_and_end_warns_about_it(live: Runtime, phone: Phone) -> None:
    iris = phone(IRIS)
    iris.text("DRILL")
    assert "no more messages" in iris.text("STOP")
    with live.database.read() as db:
        found = contacts.find(db, IRIS)
    assert found and found.opted_out_at
    iris.text("START")
    assert "text START" in iris.text("END") and incident(live).ended_at


@pytest.mark.parametrize("reason", ["sample", "past"])
def test_unsigned_or_expired_protocol_is_inactive_and_says_so(
    runtime: Runtime, twilio: TwilioStandIn, reason: str
) -> None:
    from dataclasses import replace

    library = runtime.library if reason == "sample" else sign_protocol(runtime.library, date(2026, 11, 23))
    here = replace(runtime, library=library)
    iris = Family(here, create_app(runtime=here).test_client(), IRIS)
    said = iris.text("ICE")
    assert "Not live" in said and "Step 1" not in said and "Ruth Adams (superintendent's office) +12175550151" in said
    assert "217-555-0100" in said and "call 911" in said
    page_staff(here, 1)
    assert "URGENT" in twilio.sent_to(SAM)[0].body, "the chain is paged all the same"
    assert "Not live" in iris.text("NEXT") and "Kept" in iris.text("two men in vests")
    iris.text("MISTAKE")
    drill = iris.text("DRILL")
    assert drill.startswith("DRILL, not real. (Sample, not policy.)") and "Step 1 of 9" in drill
    assert incident(here, 2).live is False


def test_idle_incident_ends_by_itself(live: Runtime, phone: Phone, twilio: TwilioStandIn) -> None:
    phone(IRIS).text("ICE")
    phone(MIA).text("DRILL HARBOR")
    with time_machine.travel(NOW + timedelta(minutes=50), tick=True):
        end_idle_incidents(live)
        assert incident(live, 1).ended_at is None and incident(live, 2).ending == "idle"
        assert not case_of(live, 2).is_open
    with time_machine.travel(NOW + timedelta(hours=7), tick=True):
        sweep_all(live)
        assert incident(live, 1).ending == "idle" and case_of(live, 1).is_open
        assert "Step" not in phone(IRIS).text("NEXT")


def test_unanswered_on_call_list_names_someone_for_the_desk_to_call(
    live: Runtime, phone: Phone, twilio: TwilioStandIn
) -> None:
    phone(IRIS).text("ICE")
    for minutes in (0, 5.2, 10.4, 15.6):
        send_alerts_at(live, minutes)
    told = [one.body for one in twilio.sent_to(IRIS)]
    assert len(told) == 1 and "nobody has taken case 1" in told[0] and f"Sam Ortiz {SAM}" in told[0]


def test_staff_opened_cases_are_excluded_from_stats_and_follow_ups(live: Runtime, phone: Phone) -> None:
    phone(IRIS).text("DRILL")
    phone(MIA).text("ICE HARBOR")
    assignment.resolve_case(live, 2, "mia_strand", "met")
    with live.database.read() as db:
        assert (
            case_stats.list_timings(db, NOW - timedelta(1), now() + timedelta(1))
            == []
            == case_stats.list_unassigned(db)
        )
        assert db.execute(sql("SELECT count(*) FROM follow_ups")).scalar_one() == 0
        assert {one.what for one in audit_log.list_newest(db, 9, "incident 2")} == {"started an incident"}


def test_sweep_alerts_after_process_is_killed_before_its_job(live: Runtime, phone: Phone, worker: Callable[[], None], twilio: TwilioStandIn, client: FlaskClient) -> None:  # fmt: skip
    phone(IRIS).text("ICE")
    live.redis.flushall()
    with time_machine.travel(NOW + timedelta(seconds=20), tick=True):
        sweep_all(live)
        worker()
    assert len(twilio.sent_to(SAM)) == 1
