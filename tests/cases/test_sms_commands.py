"""Staff commands by text: what a registered phone may do, and what it never shows."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.base.database import now
from bot.cases import sms_commands
from bot.cases.paging import page_staff
from bot.cases.sms_commands import CaseCommand, parse
from bot.runtime import Runtime
from bot.store.cases import cases, one_time_links
from tests.conftest import Family

ANA, JEAN, DANA, KIM = (f"+121755501{end}" for end in (41, 42, 43, 49))


@pytest.fixture
def phones(new_family: Callable[[str], Family]) -> Callable[[str], Family]:
    return new_family


@pytest.fixture
def open_case(runtime: Runtime, family: Family) -> Family:
    """A family that waits for a person, in case 1."""
    family.text("I want to talk to a person, we live on Elm Street")
    page_staff(runtime, 1)
    return family


def get_case(runtime: Runtime) -> cases.Case:
    with runtime.database.read() as db:
        return cases.get(db, 1)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("TAKE 42", CaseCommand("take", 42)), ("take #42 ", CaseCommand("take", 42)), ("Tomo 42", CaseCommand("take", 42)),
        ("42?", CaseCommand("ask", 42)), ("#42 ?", CaseCommand("ask", 42)),
        ("42 we will call at 3", CaseCommand("write", 42, "we will call at 3")), ("42: ok", CaseCommand("write", 42, "ok")),
        ("GIVE 42 to Jean", CaseCommand("give", 42, "Jean")), ("pasar 42 a Jean", CaseCommand("give", 42, "Jean")),
        ("DONE 42", CaseCommand("done", 42)), ("Listo 42", CaseCommand("done", 42)),
        ("42", None), ("take", None), ("my son is sick", None), ("STOP", None), ("0", None), ("I have 2 children", None),
    ],
)  # fmt: skip
def test_text_is_parsed_into_a_command(text: str, asked: CaseCommand | None) -> None:
    assert parse(text) == asked


@given(st.text(max_size=200))
def test_any_text_is_parsed_without_error(text: str) -> None:
    parse(text)


def test_take_replies_with_a_one_time_link(runtime: Runtime, open_case: Family, phones) -> None:  # type: ignore[no-untyped-def]
    reply = phones(ANA).text("take 1")
    assert "You have case 1" in reply and "/console/open/" in reply
    assert get_case(runtime).claimed_by == "ana_ruiz"
    secret = reply.rsplit("/", 1)[1]
    with runtime.database.write() as db:
        assert one_time_links.find_case_id(db, secret, now()) == 1 and one_time_links.use(db, secret, now())
        assert one_time_links.find_case_id(db, secret, now()) is None and not one_time_links.use(db, secret, now())
        assert one_time_links.find_case_id(db, "guess", now()) is None and not one_time_links.use(db, "guess", now())
    assert phones(JEAN).text("TAKE 1") == "Case 1 was taken by Ana Ruiz."


def test_replies_contain_no_family_words_or_number(open_case: Family, phones) -> None:  # type: ignore[no-untyped-def]
    said = [phones(ANA).text(text) for text in ("1?", "take 1", "1?", "give 1 jean", "1 hello", "done 1")]
    assert not any("Elm" in one or "5550177" in one for one in said), said
    assert said[0].startswith("Case 1: nobody has it, 0 min old. Talk to a person.")
    assert "Jean Pierre has case 1 now" in said[3] and "is not yours" in said[4] and "is not yours" in said[5]


def test_done_plans_a_follow_up_and_says_so(runtime: Runtime, open_case: Family, phones) -> None:  # type: ignore[no-untyped-def]
    phones(ANA).text("TAKE 1")
    assert "done" in phones(ANA).text("DONE 1") and get_case(runtime).state == "resolved"
    assert phones(ANA).text("DONE 1") == "Case 1 is already done."
    assert phones(ANA).text("TAKE 1") == "Case 1 is already done."


@pytest.mark.parametrize("number", [KIM, "+12175550199"])
def test_staff_outside_the_case_learn_nothing(
    runtime: Runtime,
    open_case: Family,
    phones,
    number: str,  # type: ignore[no-untyped-def]
) -> None:
    for text in ("TAKE 1", "1?", "1 hello there", "DONE 1"):
        reply = phones(number).text(text)
        assert "nobody has it" not in reply and "Language: English" not in reply
        if number == KIM:
            assert reply == phones(KIM).text(text.replace("1", "99")).replace("99", "1"), "as if there was no such case"
    assert get_case(runtime).state == "alerted"


def test_staff_can_write_as_parents(phones) -> None:  # type: ignore[no-untyped-def]
    assert "first name" in phones(KIM).text("my child will be absent tomorrow")


def test_every_command_word_has_a_handler() -> None:
    assert set(sms_commands.CASE_COMMAND_WORDS.values()) | {"ask", "write"} == set(sms_commands._COMMAND_HANDLERS)


def test_staff_emergency_is_not_sent_to_a_case(phones) -> None:  # type: ignore[no-untyped-def]
    assert "911" in phones(KIM).text("911 help, someone has a gun at the school")
