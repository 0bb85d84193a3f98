"""Families say that they come, cancel, and ask anonymously, with one Latin word and a code in any language."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text as sql

from bot.announcements import approval
from bot.meetings import planning
from bot.meetings.rsvp_parser import RsvpReply, parse_reply
from bot.store.meetings import meeting_questions
from tests.announcements.conftest import District
from tests.cases.test_paging import send_all
from tests.conftest import NOW, Family
from tests.meetings.conftest import STARTS, Host
from tests.stand_in import TwilioStandIn
from tests.store.reading import newest_cases

JEAN = "+12175550142"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("GO K7Q2MX", RsvpReply("yes", "K7Q2MX")),
        ("go k7q2mx 3", RsvpReply("yes", "K7Q2MX", 3)),
        ("Go: K7Q2MX.", RsvpReply("yes", "K7Q2MX")),
        ("\u2068GO K7Q2MX\u2069", RsvpReply("yes", "K7Q2MX")),
        ("«GO K7Q2MX»", RsvpReply("yes", "K7Q2MX")),
        ("GO K7Q2MX ٣", RsvpReply("yes", "K7Q2MX", 3)),
        ("ＧＯ Ｋ７Ｑ２ＭＸ", RsvpReply("yes", "K7Q2MX")),
        ("k7q2mx", RsvpReply("yes", "K7Q2MX", has_keyword=False)),
        ("NOGO K7Q2MX", RsvpReply("no", "K7Q2MX")),
        ("no go k7q2mx", RsvpReply("no", "K7Q2MX")),
        ("No K7Q2MX", RsvpReply("no", "K7Q2MX", has_keyword=False)),
        ("ASK K7Q2MX Will there be buses?", RsvpReply("ask", "K7Q2MX", question="Will there be buses?")),
        ("ask k7q2mx", RsvpReply("ask", "K7Q2MX")),
        ("ASK K7Q2MX: ¿Habrá\nautobuses?", RsvpReply("ask", "K7Q2MX", question="¿Habrá\nautobuses?")),
    ],
)
def test_replies_are_parsed(text: str, said: RsvpReply) -> None:
    assert parse_reply(text) == said


@pytest.mark.parametrize(
    "text",
    ["go home", "I go to K7Q2MX school", "GO KQQQMX", "GO K7Q2MX with my mother", "no", "1", "", "🤷", "GO K7Q2M"],
)
def test_ordinary_messages_are_not_replies(text: str) -> None:
    assert parse_reply(text) is None


@given(st.text(max_size=60))
def test_any_text_is_parsed_without_error(text: str) -> None:
    said = parse_reply(text)
    assert said is None or len(said.code) == 6


def test_go_counts_once_and_is_confirmed_in_family_language(host: Host, family: Family) -> None:
    family.text("English")
    code = host.plan().code
    first = family.text(f"GO {code} 2")
    assert "Wednesday, December 2, 6:00 PM" in first and "https://meet.example.org/abc" in first
    assert "217-555-0199, then the code 4711#" in first and f"/g/{code}.ics" in first and f"NOGO {code}" in first
    assert family.text(f"go {code} 2") == first, "said again, nothing is asked and nothing counted twice"
    assert [(one.language, one.families, one.people) for one in host.coming()] == [("en", 1, 2)]
    assert "not on the list" in family.text(f"NOGO {code}")
    assert host.coming() == []


def test_family_with_two_addresses_counts_once(host: Host, new_family: Callable[[str], Family]) -> None:
    code = host.plan().code
    for address in ("+12175550181", "whatsapp:+12175550181"):
        new_family(address).text(f"GO {code}")
    assert [(one.families, one.people) for one in host.coming()] == [(1, 1)]


def test_new_sender_gets_language_list_and_counts_in_chosen_language(host: Host, family: Family) -> None:
    code = host.plan().code
    assert "Kreyòl" in family.text(f"GO {code}")
    assert host.coming()[0].language == ""
    family.text("español")
    assert host.coming()[0].language == "es"


def test_unknown_code_is_reported(host: Host, family: Family) -> None:
    family.text("English")
    code = host.plan().code
    assert "do not know a meeting" in family.text("GO K7Q2MX")
    assert "do not know a meeting" not in family.text("K7Q2MX")
    planning.cancel_meeting(host.runtime, host.get(), "ana_ruiz")
    assert "does not take place" in family.text(f"GO {code}")
    assert host.coming() == []


def test_rsvp_after_the_start_is_refused(host: Host, family: Family) -> None:
    family.text("English")
    code = host.plan().code
    with time_machine.travel(STARTS + timedelta(minutes=1)):
        assert "is over" in family.text(f"GO {code}")


def test_check_confirms_a_genuine_meeting(host: Host, family: Family) -> None:
    family.text("English")
    code = host.plan().code
    assert family.text(f"CHECK {code}").startswith("Yes, this meeting is real.")
    assert "has sent no message" in family.text("CHECK K2Q2MX")


def test_emergency_is_never_stored_as_a_question(host: Host, family: Family) -> None:
    family.text("English")
    code = host.plan().code
    assert "911" in family.text(f"ASK {code} ICE is at my door right now, help")
    with host.runtime.database.read() as db:
        assert meeting_questions.list_for_meeting(db, 1) == []
        assert [one.severity for one in newest_cases(db, 5)] == ["escalate_now"]


def test_question_stores_nothing_about_the_asker(host: Host, family: Family) -> None:
    family.text("español")
    code = host.plan().code
    family.text(
        f"ASK {code} ¿Habrá autobuses? Soy indocumentada, mi número es 217-555-0177", MessageSid="SM" + "1" * 32
    )
    family.text(
        f"ASK {code} ¿Habrá autobuses? Soy indocumentada, mi número es 217-555-0177", MessageSid="SM" + "1" * 32
    )
    with host.runtime.database.read() as db:
        (one,) = meeting_questions.list_for_meeting(db, 1)
        (row,) = db.execute(sql("SELECT * FROM meeting_questions")).mappings().all()
    assert one.language == "es" and "autobuses" in one.text
    assert "217" not in one.text and "indocumentada" not in one.text
    assert set(row) == {"id", "meeting_id", "sealed_text", "place", "language", "day"}
    assert "autobuses" not in str(dict(row)) and str(row["day"]) == "2026-11-24"


def test_ask_without_a_question_explains_how(host: Host, family: Family) -> None:
    family.text("English")
    code = host.plan().code
    assert f"ASK {code} Will there be buses?" in family.text(f"ASK {code}")


def test_language_without_interpreter_alerts_coordinator_once(
    host: Host, new_family: Callable[[str], Family], twilio: TwilioStandIn
) -> None:
    code = host.plan().code
    for number in range(3):
        one = new_family(f"+1217555018{number}")
        one.text("Kreyòl")
        one.text(f"GO {code}")
    send_all(host.runtime)
    told = [message.body for message in twilio.sent_to(JEAN)]
    assert len(told) == 1 and "Haitian Creole" in told[0] and "+1" not in told[0]


def plan_and_invite(host: Host, district: District, address: str, language: str = "en") -> str:
    district.family(address, "lincoln", language=language)
    code = host.plan().code
    host.book("es")
    planning.mark_ready(host.runtime, host.get(), "sam_ortiz")
    draft = planning.draft_invitation(host.runtime, host.get(), "ana_ruiz")
    for person in ("rosa_lind", "lee_tran", "sam_ortiz"):
        approval.approve(host.runtime, draft.id, person)
    approval.release(host.runtime, draft.id, "rosa_lind")
    district.send(draft.id)
    return code


def test_reply_1_accepts_the_invitation(host: Host, district: District, new_family: Callable[[str], Family]) -> None:
    address = "+12175550190"
    code = plan_and_invite(host, district, address)
    (invitation,) = district.got(address)
    assert f"reply GO {code}" in invitation and "217-555-0199, code 4711#" in invitation and "Spanish" in invitation
    assert "You are on the list" in new_family(address).text("1")
    assert host.coming()[0].families == 1


def test_reply_1_answers_a_waiting_question_first(
    host: Host, district: District, new_family: Callable[[str], Family]
) -> None:
    address = "+12175550190"
    plan_and_invite(host, district, address)
    writer = new_family(address)
    assert "2. Harbor" in writer.text("JOIN")
    writer.text("1")
    assert host.coming() == []


def test_reply_1_means_nothing_long_after(host: Host, district: District, new_family: Callable[[str], Family]) -> None:
    address = "+12175550190"
    with time_machine.travel(NOW - timedelta(days=8)):
        plan_and_invite(host, district, address)
    new_family(address).text("1")
    assert host.coming() == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3Z528M GO", RsvpReply("yes", "3Z528M")),
        ("\u200f3Z528M GO 3.", RsvpReply("yes", "3Z528M", 3)),
        ("3z528m nogo", RsvpReply("no", "3Z528M")),
        ("3Z528M ASK is it safe?", RsvpReply("ask", "3Z528M", question="is it safe?")),
    ],
)
def test_code_before_the_word_is_accepted_for_right_to_left(text: str, said: RsvpReply) -> None:
    assert parse_reply(text) == said
