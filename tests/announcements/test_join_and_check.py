"""Families join with a text, check whether a message is genuine, and reply to announcements."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine

from bot.announcements import launch, translation_drafts
from bot.base.database import now
from bot.store.announcements import announcements
from bot.store.announcements.translations import TranslationReview
from bot.store.cases import cases
from bot.store.families import consent_events, contacts, families
from tests.announcements.conftest import District
from tests.conftest import NOW, Family
from tests.store.reading import newest_cases

A = "+12175550201"


def family_of(family: Family):  # type: ignore[no-untyped-def]
    with family.runtime.database.read() as db:
        contact = contacts.find(db, family.address)
        assert contact and contact.family_id
        return families.get(db, contact.family_id), families.list_schools(db, contact.family_id), contact


def code_of(district: District, number: int) -> str:
    with district.runtime.database.read() as db:
        found = announcements.find(db, number)
    assert found
    return found.code


def test_join_with_school_name_records_consent(family: Family, district: District) -> None:
    asked = family.text("JOIN Lincoln")
    assert "Español" in asked, "the language is asked for first"
    assert "Lincoln Elementary" in family.text("español")
    found, schools, contact = family_of(family)
    assert schools == ["lincoln"] and found.consent_basis and contact.language == "es"
    family.text("join harbor")
    assert family_of(family)[1] == ["harbor", "lincoln"]
    district.send(district.say())
    assert district.states(1) == {"queued": 1} or district.states(1)["held language"] == 1


def test_join_without_school_asks_for_school(family: Family) -> None:
    family.text("English")
    assert "2. Harbor Middle School" in family.text("join")
    assert "Harbor Middle School" in family.text("2")
    assert family_of(family)[1] == ["harbor"]


def test_join_after_stop_opts_back_in(family: Family) -> None:
    family.text("English")
    family.text("STOP")
    family.text("JOIN lincoln")
    found, _, contact = family_of(family)
    assert contact.opted_out_at is None and found.consent_at is not None


def test_join_with_unknown_word_is_an_ordinary_message(family: Family) -> None:
    family.text("English")
    family.text("join the meeting on monday")
    assert family_of(family)[0].consent_at is None


def test_consent_history_lists_every_step(family: Family) -> None:
    family.text("English")
    for text in ("JOIN lincoln", "STOP", "START"):
        family.text(text)
    with family.runtime.database.read() as db:
        told = consent_events.list_history(db, [family.address])
    assert [one.kind for one in told] == ["joined", "stop", "start"]
    assert all(one.basis == "word" and one.message_sid for one in told)


def test_check_distinguishes_genuine_from_fake(district: District, family: Family) -> None:
    family.text("English")
    district.family(A)
    number = district.say()
    code = code_of(district, number)
    assert "has sent no message" in family.text(f"check {code}"), "not before it was sent"
    district.send(number)
    genuine = family.text(f"Check {code.lower()}")
    assert genuine.startswith("Yes, this is a message from Riverbend") and "no school on Friday" in genuine
    assert "has sent no message" in family.text("CHECK K2Q2MX")
    assert "like this" in family.text("check")
    with time_machine.travel(NOW + timedelta(days=4)):
        assert "It is over now" in family.text(f"check {code}")
    launch.stop(district.runtime, number, "ana_ruiz")
    assert "took it back" in family.text(f"check {code}")


def test_check_answers_in_family_language(district: District, family: Family) -> None:
    family.text("español")
    district.family(A)
    draft = district.draft("There is a fair.")
    translation_drafts.request_drafts(district.runtime, draft)
    translation_drafts.approve(
        district.runtime, draft.id, "es", ["Hay una feria."], TranslationReview("Ana", "ana_ruiz", now())
    )
    from bot.announcements import approval

    approval.approve(district.runtime, draft.id, "rosa_lind")
    approval.release(district.runtime, draft.id, "rosa_lind")
    district.send(draft.id)
    assert "Hay una feria." in family.text(f"CHECK {draft.code}")


def test_forwarded_announcement_is_checked_not_treated_as_emergency(district: District, family: Family) -> None:
    family.text("English")
    district.family(A)
    district.send(district.say("ICE agents were at the door of the school. They have left.", kind="emergency"))
    (text,) = district.got(A)
    assert family.text(text).startswith("Yes, this is a message from Riverbend")
    with family.runtime.database.read() as db:
        assert newest_cases(db, 5) == []
    family.text(f"{text} ICE is at my door right now, please help us, my children are alone")
    with family.runtime.database.read() as db:
        assert {one.severity for one in newest_cases(db, 5)} == {"escalate_now"}


def test_reply_is_linked_to_its_announcement(district: District, new_family: Callable[[str], Family]) -> None:
    writer = new_family(A)
    writer.text("English")
    district.family(A)
    number = district.say()
    district.send(number)
    writer.text("I want to talk to a person")
    with district.runtime.database.read() as db:
        assert len(cases.list_ids_for_announcement(db, number)) == 1


def test_late_reply_is_a_new_question(district: District, new_family: Callable[[str], Family]) -> None:
    writer = new_family(A)
    writer.text("English")
    district.family(A)
    number = district.say()
    district.send(number)
    with time_machine.travel(NOW + timedelta(days=5)):
        writer.text("I want to talk to a person")
    with district.runtime.database.read() as db:
        assert cases.list_ids_for_announcement(db, number) == []


@pytest.mark.parametrize("text", ["check the bus", "verificar placas", "check on my son please"])
def test_check_word_followed_by_other_words_is_not_a_check(family: Family, text: str) -> None:
    family.text("English")
    assert "no message with this code" not in family.text(text)


@pytest.mark.parametrize(
    "own",
    [
        "my child is sick and stays at home today",
        "please stop sending me these messages",
        "ICE took my husband this morning",
    ],
)
def test_own_words_beside_a_forwarded_message_are_handled(district: District, family: Family, own: str) -> None:
    family.text("English")
    district.family(A)
    district.send(district.say())
    answer = family.text(f"{district.got(A)[0]} {own}")
    assert "Yes, this is a message from" not in answer


def test_is_this_true_with_forwarded_message_is_a_check(district: District, family: Family) -> None:
    family.text("English")
    district.family(A)
    district.send(district.say())
    assert "Yes, this is a message from" in family.text(f"Hello, is this true? {district.got(A)[0]}")


def test_join_by_sms_after_whatsapp_stop_opts_in_both_channels(
    district: District, new_family: Callable[[str], Family]
) -> None:
    by_whatsapp, by_sms = new_family(f"whatsapp:{A}"), new_family(A)
    by_whatsapp.text("English")
    by_whatsapp.text("STOP")
    by_sms.text("JOIN lincoln")
    number = district.say()
    district.send(number)
    assert "held stopped" not in district.states(number)
    assert len(district.got(A)) + len(district.got(f"whatsapp:{A}")) == 1
    assert by_whatsapp.text("is it safe at school?")


def test_sms_stop_also_blocks_whatsapp_messages(district: District, new_family: Callable[[str], Family]) -> None:
    from bot.messaging.contact_policy import find_delivery_route

    by_sms = new_family(A)
    by_sms.text("English")
    district.family(f"whatsapp:{A}")
    by_sms.text("STOP")
    with district.runtime.database.read() as db:
        contact = contacts.find(db, f"whatsapp:{A}")
    assert contact and find_delivery_route(district.runtime, contact).address is None
