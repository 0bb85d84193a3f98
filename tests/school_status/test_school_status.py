"""School status: who may set it, what families read and until when, and who gets the result."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from bot.base.database import now
from bot.content.library import Library
from bot.runtime import Runtime
from bot.school_status.sms_commands import SchoolStatusCommand, parse
from bot.school_status.status_change import (
    SchoolStatusError,
    SchoolStatusRequest,
    can_set_status,
    set_status,
    withdraw_school_status,
)
from bot.store import audit_log
from bot.store.cases import case_messages
from bot.store.families import contacts
from bot.store.schools import school_statuses
from bot.store.schools.school_statuses import SCHOOL_STATUS_KINDS, SchoolStatus
from tests.cases.test_paging import send_all
from tests.conftest import NOW, Family
from tests.stand_in import TwilioStandIn

DANA, SAM, KIM = "+12175550143", "+12175550144", "+12175550149"
ASKS = "Is ICE at the school?"
CLEAR = "There were no immigration agents there."


def post_status(runtime: Runtime, school: str = "lincoln", kind: str = "no_agents", **more: object) -> SchoolStatus:
    wish = {"checked_at": now(), "validity": timedelta(hours=2), "by": "dana_cole", "cause": f"{school} {kind} {now()}"}
    return set_status(runtime, SchoolStatusRequest(school, kind, **{**wish, **more}))  # type: ignore[arg-type]


@pytest.fixture
def at_lincoln(new_family: Callable[[str], Family]) -> Callable[[str, str], Family]:
    """A family of Lincoln that writes in this language."""

    def made(address: str, language: str = "English") -> Family:
        family = new_family(address)
        family.text(language)
        family.text("JOIN lincoln")
        return family

    return made


def test_question_gets_status_with_time_until_it_ends(runtime: Runtime, at_lincoln) -> None:  # type: ignore[no-untyped-def]
    family, later = at_lincoln("+12175550170"), at_lincoln("+12175550171")
    post_status(runtime)
    reply = family.text(ASKS)
    assert "We checked Lincoln Elementary on Tuesday, November 24, 10:00 AM." in reply and CLEAR in reply
    assert "After Tuesday, November 24, 12:00 PM, please ask again." in reply
    assert reply.index("Thank you") < reply.index("We checked") < reply.index("I do not know")
    with time_machine.travel(NOW + timedelta(hours=2, minutes=1)):
        after = later.text(ASKS)
        assert "We checked" not in after and "I am asking people at the school" in after


def test_named_school_overrides_own_school(runtime: Runtime, at_lincoln, family: Family) -> None:  # type: ignore[no-untyped-def]
    post_status(runtime, "harbor")
    assert "We checked" not in at_lincoln("+12175550170").text(ASKS)
    assert "We checked Harbor Middle School" in at_lincoln("+12175550171").text("did ICE come to Harbor today?")
    family.text("English")
    assert "We checked" not in family.text(ASKS), "it does not know the school yet"
    assert "We checked Harbor Middle School" in family.text("somebody said it was at Harbor at nine")


def test_status_is_sent_once_per_conversation(runtime: Runtime, at_lincoln) -> None:  # type: ignore[no-untyped-def]
    family = at_lincoln("+12175550170")
    post_status(runtime)
    assert "We checked" in family.text(ASKS) and "We checked" not in family.text("my cousin saw it at Lincoln")


def test_policy_page_includes_the_status(runtime: Runtime, at_lincoln) -> None:  # type: ignore[no-untyped-def]
    post_status(runtime, kind="normal_day")
    reply = at_lincoln("+12175550170").text("what does the school do if ICE agents come")
    assert "It is a normal school day there." in reply and reply.index("normal to worry") < reply.index("We checked")


def test_status_is_in_family_language_or_marked(runtime: Runtime, at_lincoln) -> None:  # type: ignore[no-untyped-def]
    post_status(runtime)
    reply = at_lincoln("+12175550170", "español").text("¿es verdad que la migra estuvo en la escuela?")
    assert "Lincoln Elementary" in reply and "martes 24 de noviembre" in reply


def test_emergency_is_not_answered_with_status(runtime: Runtime, at_lincoln) -> None:  # type: ignore[no-untyped-def]
    post_status(runtime)
    reply = at_lincoln("+12175550170").text("ICE is at Lincoln right now, they are at the door of the school")
    assert "911" in reply and "We checked" not in reply


def list_texts(runtime: Runtime, twilio: TwilioStandIn, number: str) -> list[str]:
    send_all(runtime)
    return [one.body for one in twilio.sent_to(number)]


def test_rumor_reporter_gets_the_result_once(runtime: Runtime, twilio: TwilioStandIn, at_lincoln) -> None:  # type: ignore[no-untyped-def]
    reporter, other, stopped = (
        at_lincoln("+12175550170", "español"),
        at_lincoln("+12175550171"),
        at_lincoln("+12175550172"),
    )
    reporter.text("¿es verdad que la migra estuvo en la escuela?")
    stopped.text(ASKS)
    stopped.text("STOP")
    other.text("my child will be absent tomorrow")
    post_status(runtime, kind="checking")
    assert list_texts(runtime, twilio, "+12175550170") == [], "that somebody looks is no finding"
    post_status(runtime)
    (text,) = list_texts(runtime, twilio, "+12175550170")
    assert "Lincoln Elementary" in text and "martes 24 de noviembre" in text
    assert list_texts(runtime, twilio, "+12175550171") == [] and list_texts(runtime, twilio, "+12175550172") == []
    post_status(runtime, kind="normal_day")
    assert len(list_texts(runtime, twilio, "+12175550170")) == 1
    with runtime.database.read() as db:
        notes = [one for one in case_messages.list_for_case(db, 1) if one.author == "note"]
    assert (
        len(notes) == 1
        and notes[0].original.startswith("To the family: We checked Lincoln")
        and notes[0].staff == "dana_cole"
    )


def test_rumor_about_another_school_is_not_answered(runtime: Runtime, twilio: TwilioStandIn, at_lincoln) -> None:  # type: ignore[no-untyped-def]
    at_lincoln("+12175550170").text(ASKS)
    post_status(runtime, "harbor")
    assert list_texts(runtime, twilio, "+12175550170") == []


def test_family_with_two_addresses_gets_status_once(runtime: Runtime, twilio: TwilioStandIn, at_lincoln) -> None:  # type: ignore[no-untyped-def]
    at_lincoln("+12175550170").text(ASKS)
    at_lincoln("whatsapp:+12175550170").text(ASKS)
    post_status(runtime)
    send_all(runtime)
    everybody = [one.body for one in twilio.sent_to("+12175550170") + twilio.sent_to("whatsapp:+12175550170")]
    assert len([one for one in everybody if CLEAR in one]) == 1


def test_status_waits_for_morning(runtime: Runtime, twilio: TwilioStandIn, at_lincoln) -> None:  # type: ignore[no-untyped-def]
    at_lincoln("+12175550170").text(ASKS)
    with time_machine.travel(NOW + timedelta(hours=13)):
        at_lincoln("+12175550171").text(ASKS)
        post_status(runtime)
        assert list_texts(runtime, twilio, "+12175550170") == [], "it asked in the morning, and it is eleven at night"
        assert len(list_texts(runtime, twilio, "+12175550171")) == 1, "it asked a minute ago"


def test_withdrawn_status_is_retracted_from_recipients(runtime: Runtime, twilio: TwilioStandIn, at_lincoln) -> None:  # type: ignore[no-untyped-def]
    family = at_lincoln("+12175550170")
    family.text(ASKS)
    first = post_status(runtime)
    assert len(list_texts(runtime, twilio, "+12175550170")) == 1
    assert withdraw_school_status(runtime, first.id, "dana_cole") and not withdraw_school_status(
        runtime, first.id, "dana_cole"
    )
    assert "does not count any more" in list_texts(runtime, twilio, "+12175550170")[1]
    assert "We checked" not in at_lincoln("+12175550171").text(ASKS)
    post_status(runtime)
    assert len(list_texts(runtime, twilio, "+12175550170")) == 3, "and what is found next is told"
    post_status(runtime, kind="checking")
    assert "does not count any more" in list_texts(runtime, twilio, "+12175550170")[3]


def test_unsent_status_is_not_sent_after_withdrawal(runtime: Runtime, twilio: TwilioStandIn, at_lincoln) -> None:  # type: ignore[no-untyped-def]
    at_lincoln("+12175550170").text(ASKS)
    withdraw_school_status(runtime, post_status(runtime).id, "dana_cole")
    assert list_texts(runtime, twilio, "+12175550170") == []


def test_delayed_status_is_not_sent_after_it_ends(runtime: Runtime, twilio: TwilioStandIn, at_lincoln) -> None:  # type: ignore[no-untyped-def]
    """The provider or our workers were down for hours: "no agents this morning" is no news in the afternoon."""
    at_lincoln("+12175550170").text(ASKS)
    post_status(runtime)
    with time_machine.travel(NOW + timedelta(hours=2, minutes=1)):
        assert list_texts(runtime, twilio, "+12175550170") == []
        with runtime.database.read() as db:
            notes = [one for one in case_messages.list_for_case(db, 1) if one.author == "note"]
        assert "Not sent to the family" in notes[-1].original
        post_status(runtime)
        assert CLEAR in list_texts(runtime, twilio, "+12175550170")[0], "what is found next is told"


def test_older_status_does_not_return(runtime: Runtime) -> None:
    post_status(runtime, validity=timedelta(hours=4))
    newer = post_status(runtime, kind="normal_day", validity=timedelta(minutes=10))
    withdraw_school_status(runtime, newer.id, "dana_cole")
    assert runtime.statuses.get_current(now()) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"school": "hogwarts"}, {"kind": "agents_there_now"}, {"validity": timedelta(hours=5)}, {"validity": timedelta()},
        {"checked_at": NOW - timedelta(hours=2)}, {"checked_at": NOW + timedelta(hours=1)},
    ],
)  # fmt: skip
def test_invalid_status_is_refused(runtime: Runtime, wrong: dict[str, object]) -> None:
    with pytest.raises(SchoolStatusError):
        post_status(runtime, **wrong)  # type: ignore[arg-type]


def test_no_status_kind_reveals_where_agents_are() -> None:
    assert set(SCHOOL_STATUS_KINDS) == {"no_agents", "checking", "normal_day"}


def test_only_safety_lead_chain_can_set_status(library: Library) -> None:
    may = {who for who in library.district.staff if can_set_status(library.district, who, "lincoln")}
    assert may == {"dana_cole", "sam_ortiz"}
    assert not can_set_status(library.district, "sam_ortiz", "harbor"), "who works at one school speaks for that one"
    assert not can_set_status(library.district, None, "lincoln") and not can_set_status(
        library.district, "dana_cole", "hogwarts"
    )


# By text


def test_status_by_text_is_set_and_confirmed_with_its_wording(
    runtime: Runtime, twilio: TwilioStandIn, new_family: Callable[[str], Family], at_lincoln
) -> None:  # type: ignore[no-untyped-def]
    family = at_lincoln("+12175550170")
    reply = new_family(DANA).text("STATUS LINCOLN CLEAR")
    assert "Until Tuesday, November 24, 12:00 PM" in reply and CLEAR in reply and "STATUS LINCOLN OFF" in reply
    assert CLEAR in family.text(ASKS)
    assert any("Dana Cole texted a new status for Lincoln" in one for one in list_texts(runtime, twilio, SAM))
    assert new_family(SAM).text("status lincoln off").startswith("Withdrawn")
    assert "read nothing" in new_family(DANA).text("STATUS Lincoln")
    with runtime.database.read() as db:
        did = [(one.who, one.what) for one in audit_log.list_newest(db, 5, "school lincoln")]
    assert did == [("sam_ortiz", "withdrew a school status"), ("dana_cole", "set a school status")]


def test_repeated_text_sets_and_sends_once(
    runtime: Runtime, twilio: TwilioStandIn, new_family: Callable[[str], Family]
) -> None:
    for _ in range(2):
        new_family(DANA).text("STATUS LINCOLN CLEAR", MessageSid="SM" + "a" * 32)
    with runtime.database.read() as db:
        assert len(school_statuses.list_newest(db, "lincoln", 9)) == 1
    assert len(list_texts(runtime, twilio, SAM)) == 1


def test_staff_outside_the_chain_set_nothing(runtime: Runtime, new_family: Callable[[str], Family]) -> None:
    assert "Only the safety lead" in new_family(KIM).text("STATUS LINCOLN CLEAR")
    assert "Only the safety lead" in new_family(SAM).text("STATUS HARBOR CLEAR")
    new_family("+12175550188").text("STATUS LINCOLN CLEAR")
    assert runtime.statuses.get_current(now()) == {}


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("STATUS LINCOLN CLEAR", SchoolStatusCommand("lincoln", "no_agents")),
        ("status Harbor Middle School normal", SchoolStatusCommand("harbor", "normal_day")),
        ("Estado Lincoln revisando", SchoolStatusCommand("lincoln", "checking")),
        ("STATUS LINCOLN OFF", SchoolStatusCommand("lincoln", "off")),
        ("STATUS LINCOLN", SchoolStatusCommand("lincoln", "")),
        ("STATUS CLEAR", None), ("STATUS SCHOOL CLEAR", None), ("status of my application", None),
        ("STATUS LINCOLN 3 AGENTS AT MAIN STREET", None), ("Lincoln clear", None), ("", None),
    ],
)  # fmt: skip
def test_only_the_exact_form_counts(library: Library, text: str, asked: SchoolStatusCommand | None) -> None:
    assert parse(library.district, text) == asked


@given(st.text(max_size=80))
def test_any_text_is_parsed_without_error(library: Library, text: str) -> None:
    parse(library.district, text)


# Without delay


def test_messages_do_not_query_the_database_for_status(
    runtime: Runtime, at_lincoln, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    family, asked = at_lincoln("+12175550170"), []
    monkeypatch.setattr(school_statuses, "find_current_by_school", lambda db, at: asked.append(at) or {})
    for text in ("hello", "what time does school start", ASKS, "at nine", ASKS, "at ten"):
        family.text(text)
    assert len(asked) == 1


def test_unreachable_database_gives_no_status(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    post_status(runtime)

    def away(db: object, at: object) -> None:
        raise OperationalError("", {}, Exception())

    monkeypatch.setattr(school_statuses, "find_current_by_school", away)
    assert runtime.statuses.get_current(now()) == {}


def test_opted_out_family_gets_no_status(runtime: Runtime, at_lincoln) -> None:  # type: ignore[no-untyped-def]
    family = at_lincoln("+12175550170")
    family.text(ASKS)
    family.text("STOP")
    post_status(runtime)
    with runtime.database.read() as db:
        contact = contacts.find(db, family.address)
    assert contact and contact.opted_out_at
