"""Families find organizations by need, language, and place. Wrong numbers are omitted, and nothing is stored."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from bot.base.database import now
from bot.content.facts import PARTNER_CHECK_VALID_DAYS, Partner
from bot.content.library import Library
from bot.content.partners import MAX_PARTNERS_SHOWN, HelpSeeker, apply_checks, find_matching, order_by_turn
from bot.content.review_queue import list_tasks
from bot.messaging import partner_directory
from bot.runtime import Runtime
from bot.store.community import partner_suggestions
from bot.store.community.partner_checks import PartnerCheck
from tests.conftest import NOW
from tests.conftest import Family as Phone
from tests.databases import values

TODAY = NOW.date()
LEGAL = {
    "a": Partner(name="A", kind="legal", phone="555-0160", languages=("en", "es"), cost="free", checked_on=TODAY),
    "b": Partner(name="B", kind="legal", phone="555-0161", languages=("ar",), cost="low", checked_on=TODAY, area=("62702", "Pine Hill")),
    "c": Partner(name="C", kind="needs", phone="555-0162", languages=("en",), cost="free", checked_on=TODAY, services=("food",)),
}  # fmt: skip


def list_partner_names(need: str = "legal", language: str = "en", near: str = "", **changed: Partner) -> list[str]:
    found = find_matching({**LEGAL, **changed}.values(), need, HelpSeeker(language, near), TODAY)  # type: ignore[arg-type]
    return [one.name for one in found]


def build_check(name: str, right: bool, on: date = TODAY, phone: str | None = None) -> PartnerCheck:
    return PartnerCheck(name, phone or LEGAL[name].phone, right, on, "ana_ruiz", NOW)


def test_partner_speaking_the_language_comes_first() -> None:
    assert list_partner_names(language="ar")[0] == "B" and list_partner_names(language="es")[0] == "A"
    assert list_partner_names("food") == ["C"] and list_partner_names("health") == []


@pytest.mark.parametrize("near", ["62702", "in 62702 please", "pine hill", "Pine Hill, near the park"])
def test_partner_serving_the_place_comes_before_others(near: str) -> None:
    assert set(list_partner_names(near=near)) == {"A", "B"}


def test_partner_not_serving_the_place_is_omitted_unless_none_does() -> None:
    assert list_partner_names(near="62799") == ["A"]
    only = {"a": LEGAL["a"].model_copy(update={"area": ("62703",)})}
    assert set(list_partner_names(near="62799", **only)) == {"A", "B"}, "a place that nobody serves leaves nobody out"


def test_partners_take_turns_being_first() -> None:
    both = [LEGAL["a"], LEGAL["a"].model_copy(update={"name": "Z"})]
    assert {order_by_turn(both, "en", TODAY + timedelta(days=n))[0].name for n in range(2)} == {"A", "Z"}


@given(
    st.lists(st.sampled_from(["en", "es", "ar", "zh"]), max_size=8), st.sampled_from(["en", "ar"]), st.text(max_size=30)
)
def test_at_most_three_partners_and_no_expired_one(languages: list[str], language: str, near: str) -> None:
    old = TODAY - timedelta(days=PARTNER_CHECK_VALID_DAYS + 1)
    listed = [
        LEGAL["b"].model_copy(update={"languages": (one,), "checked_on": old if number % 3 else TODAY})
        for number, one in enumerate(languages)
    ]
    found = find_matching(listed, "legal", HelpSeeker(language, near), TODAY)
    assert len(found) <= MAX_PARTNERS_SHOWN and all(one.is_recently_checked(TODAY) for one in found)
    speak = [language in one.languages for one in found]
    assert speak == sorted(speak, reverse=True)


def test_check_applies_only_to_the_called_number() -> None:
    later = TODAY + timedelta(days=30)
    assert apply_checks(LEGAL, [build_check("a", True, later)])["a"].checked_on == later
    assert "a" not in apply_checks(LEGAL, [build_check("a", False)])
    assert "a" in apply_checks(LEGAL, [build_check("a", False, phone="555-0199")]), "the file has another number now"
    assert "a" in apply_checks(LEGAL, [build_check("a", False, TODAY - timedelta(days=1))]), "the file is newer"
    assert "a" in apply_checks(LEGAL, [build_check("a", False), build_check("a", True)]), "the last call counts"


def test_owner_is_reminded_by_the_newer_check(library: Library) -> None:
    partner = library.district.partners["river_rights"]
    late = partner.checked_on + timedelta(days=PARTNER_CHECK_VALID_DAYS + 1)
    found = {task.subject: task for task in list_tasks(library, late)}
    assert found["partner river_rights"].is_overdue(late) and found["partner river_rights"].owner == "social worker"
    right = PartnerCheck("river_rights", partner.phone, True, late - timedelta(days=20), "ana_ruiz", NOW)
    assert "partner river_rights" not in {task.subject for task in list_tasks(library, late, [right])}
    wrong = PartnerCheck("river_rights", partner.phone, False, TODAY, "ana_ruiz", NOW)
    told = {task.subject: task for task in list_tasks(library, TODAY, [wrong])}["partner river_rights"]
    assert told.is_overdue(TODAY) and "wrong" in told.todo


def ask_for_partner(phone: Phone, kind: str, place: str) -> str:
    phone.text("we need a lawyer, who can help us")
    phone.text("3")  # find an organization
    phone.text(kind)
    return phone.text(place)


def test_family_finds_nearby_help_and_place_is_not_stored(runtime: Runtime, family: Phone) -> None:
    family.text("hello")
    found = ask_for_partner(family, "1", "62702 Oak Street")
    assert "Prairie Legal Aid, 217-555-0160 (free; English" in found and "217-555-0161" in found
    assert "A notario may not" in found and found.count("(Checked on November 20, 2026.)") == 2
    kept = runtime.conversations.acquire(runtime.compute_lookup_hash(family.address), "SM-look", "test").conversation
    assert "62702" not in str(kept) and "Oak" not in str(kept)
    runtime.conversations.release(runtime.compute_lookup_hash(family.address), "test")
    assert "should write or call you" in family.text("1")
    dump = "".join(str(row) for row in _everything(runtime))
    assert "62702" not in dump


def _everything(runtime: Runtime) -> list[object]:
    """Return every row, and the decrypted messages of the case."""
    from bot.store.cases import case_messages, cases

    with runtime.database.read() as db:
        rows = list(values(runtime.database.engine))
        return [*rows, cases.get(db, 1), *case_messages.list_for_case(db, 1)]


def test_wrong_number_is_omitted_from_the_next_message(runtime: Runtime, new_family: Callable[[str], Phone]) -> None:
    phone = runtime.library.district.partners["prairie_legal"].phone
    assert "Prairie" in ask_for_partner(new_family("+12175550171"), "1", "all")
    assert partner_directory.record_call(runtime, "prairie_legal", phone, False, "ana_ruiz", now())
    found = ask_for_partner(new_family("+12175550172"), "1", "all")
    assert "Prairie" not in found and "River Immigrant Rights" in found
    assert "Prairie" not in new_family("+12175550173").text("we need a lawyer, who can help us")
    assert not partner_directory.record_call(runtime, "prairie_legal", "217-555-0199", True, "ana_ruiz", now())


def test_emergency_is_not_read_as_a_place(runtime: Runtime, family: Phone) -> None:
    family.text("we need a lawyer, who can help us")
    family.text("3")
    family.text("1")
    assert "911" in family.text("ICE is at my door right now")


def test_suggestion_is_stored_encrypted_for_review(runtime: Runtime, family: Phone) -> None:
    family.text("we need a lawyer, who can help us")
    family.text("3")
    family.text("6")
    reply = family.text("Casa Amiga gives food on Saturdays. Write to me at ana@example.org")
    assert "look at it first" in reply
    with runtime.database.read() as db:
        (found,) = partner_suggestions.list_to_review(db)
        raw = str(db.execute(text("SELECT * FROM partner_suggestions")).all())
    assert "Casa Amiga" in found.text and "example.org" not in found.text
    assert "Casa" not in raw and found.from_whom == "family"
