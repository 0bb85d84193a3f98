"""Conversations as families have them, from the first word on."""

from collections.abc import Callable, Iterator

import pytest
import time_machine
from sqlalchemy import select

from bot.store.cases.cases import cases, get
from bot.store.families.consent_events import consent_events
from bot.store.families.contacts import find
from bot.store.families.follow_ups import follow_ups
from tests.conftest import NOW, Family

EMERGENCIES = {
    "en": "There are ICE agents at my door right now",
    "es": "la migra esta afuera de mi casa ahorita",
    "ht": "ICE nan pòt kay mwen kounye a",
    "pt": "a imigração está na porta da minha casa agora",
    "ar": "رجال الهجرة على باب البيت الان",
    "uk": "імміграційна служба зараз біля моїх дверей",
    "zh": "移民局的人现在在我家门口",
    "vi": "cảnh sát di trú đang ở trước cửa nhà tôi",
}
DRAFT_NOTICE = {"es": "máquina", "ht": "machin", "pt": "máquina", "ar": "0", "uk": "0", "zh": "0", "vi": "0"}


@pytest.fixture(autouse=True)
def the_day_after_the_facts_were_checked() -> Iterator[None]:
    with time_machine.travel(NOW):
        yield


def case_of(family: Family, number: int = -1) -> object:
    with family.runtime.database.read() as db:
        ids = db.execute(select(cases.c.id).order_by(cases.c.id)).scalars().all()
        return get(db, ids[number])


def test_hello_introduces_the_sender_and_shows_the_menu(family: Family) -> None:
    reply = family.text("Hello, who is this?")
    assert "automated helper of Riverbend Public Schools" in reply
    assert "1. Is it safe at school?" in reply and "5. Talk to a person" in reply


def test_choice_by_number_label_and_other_digits(family: Family) -> None:
    for answer in ("2", "٢", "2️⃣", "May my child come without papers?", "without papers"):
        family.text("menu")
        assert "free public school" in family.text(answer), answer


def test_facts_show_the_day_they_were_checked(family: Family) -> None:
    family.text("menu")
    assert "(Checked on November 23, 2026.)" in family.text("2")


def test_expired_fact_is_not_sent_and_a_person_is_offered(family: Family) -> None:
    with time_machine.travel(NOW.replace(year=2028)):
        family.text("menu")
        reply = family.text("2")
    assert "free public school" not in reply and "reply 0" in reply


@pytest.mark.parametrize("language", sorted(EMERGENCIES))
def test_emergency_is_answered_first_in_its_language_and_escalated(family: Family, language: str) -> None:
    reply = family.text(EMERGENCIES[language])
    assert reply.index("911") < 200
    case = case_of(family)
    assert (case.topic, case.severity) == ("enforcement_now", "escalate_now")  # type: ignore[attr-defined]
    assert case.language == language  # type: ignore[attr-defined]
    assert DRAFT_NOTICE.get(language, "") in reply


def test_emergency_takes_priority_over_a_waiting_question(family: Family) -> None:
    family.text("I want to report an absence")
    assert "911" in family.text("agents are at the school right now")
    assert case_of(family).topic == "enforcement_now"  # type: ignore[attr-defined]


def test_answer_to_an_emergency_question_joins_its_case(family: Family) -> None:
    family.text("ICE is at my door right now")
    reply = family.text("12 Oak Street, ICE is at the door, my two children are inside")
    assert "I added this for the staff" in reply
    with family.runtime.database.read() as db:
        assert len(db.execute(select(cases.c.id)).all()) == 1
    assert "Oak Street" in case_of(family).answers["where"]  # type: ignore[attr-defined]


def test_immigration_status_is_not_stored(family: Family) -> None:
    family.text("I want to talk to a person")
    family.text("we are undocumented, my A-number is A123456789, call after 3")
    kept = case_of(family).answers["time"]  # type: ignore[attr-defined]
    assert "undocumented" not in kept and "123456789" not in kept and "call after 3" in kept


@pytest.mark.parametrize(
    ("said", "shown"),
    [("español", "1. "), ("kreyòl", "1. "), ("العربية", "1. "), ("LANG vi", "1. "), ("in ukrainian please", "1. ")],
)
def test_language_can_be_changed_at_any_time(family: Family, said: str, shown: str) -> None:
    english = family.text("menu")
    changed = family.text(said)
    assert shown in changed and changed.splitlines()[-1] != english.splitlines()[-1]


def test_unknown_language_gets_the_list_then_first_message_is_answered(family: Family) -> None:
    listed = family.text("👋")
    assert "2. Español" in listed and "6. العربية" in listed
    assert "1. " in family.text("2")
    with family.runtime.database.read() as db:
        contact = find(db, family.address)
    assert contact is not None and contact.language == "es"


def test_changing_language_repeats_the_open_question(family: Family) -> None:
    family.text("I want to report an absence")
    assert "nombre" in family.text("español")


@pytest.mark.parametrize("word", ["STOP", "alto", "kanpe", "parar", "توقف", "стоп", "停止", "dừng"])
def test_stop_works_in_every_language_and_blocks_all_but_emergencies(family: Family, word: str) -> None:
    family.text("hello, good morning")
    assert "START" in family.text(word)
    assert family.text("what is for lunch?") == ""
    assert "911" in family.text("agents are at the school right now")
    assert family.text("START") != ""
    assert "1." in family.text("menu")
    with family.runtime.database.read() as db:
        kinds = db.execute(select(consent_events.c.kind).order_by(consent_events.c.id)).scalars().all()
    assert kinds == ["stop", "start"]


def test_opt_out_in_own_words_counts(family: Family) -> None:
    assert "START" in family.text("ya no me mande más mensajes por favor")
    assert family.text("hola") == ""


def test_message_answered_by_twilio_is_not_answered_again(family: Family) -> None:
    assert family.text("STOP", OptOutType="STOP") == ""
    assert family.text("is school open") == ""


def test_two_unclear_messages_offer_a_person(family: Family) -> None:
    family.text("hello, good morning")
    family.text("8")
    assert "should write or call you" in family.text("9")


def test_absence_report_reaches_the_attendance_office(family: Family) -> None:
    family.text("my child will be absent tomorrow")
    family.text("Mia, Lincoln")
    family.text("tomorrow")
    assert "attendance office" in family.text("sick")
    case = case_of(family)
    assert case.role == "attendance_office"  # type: ignore[attr-defined]
    assert case.answers == {"child": "Mia, Lincoln", "days": "tomorrow", "reason": "Sick"}  # type: ignore[attr-defined]


def test_person_is_promised_by_a_date_with_a_follow_up(family: Family) -> None:
    reply = family.text("I need to talk to a person")
    assert "by Monday, November 30" in reply and "Ana Ruiz" in reply
    with family.runtime.database.read() as db:
        planned = db.execute(select(follow_ups)).one()
    assert planned.flow == "was_it_solved" and (planned.due_at - NOW).days == 3


def test_right_to_left_and_emoji_arrive_intact(family: Family) -> None:
    reply = family.text("مرحبا، من انتم؟ 👨‍👩‍👧")
    assert "\u2068217-555-0100\u2069" in reply
    family.text("0")
    family.text("أمي ተማሪ 👩🏽‍🎓 tiếng Việt")
    assert case_of(family).answers["time"] == "أمي ተማሪ 👩🏽‍🎓 tiếng Việt"  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["image/jpeg", "application/pdf"])
def test_unreadable_message_gets_a_clear_reply(new_family: Callable[[str], Family], kind: str) -> None:
    family = new_family("+12175550178")
    family.text("hello, good morning")
    assert "reply 0" in family.text("", NumMedia="1", MediaContentType0=kind)
