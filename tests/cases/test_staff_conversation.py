"""A family and a member of staff converse through a translator that may fail in every possible way."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bot.cases import assignment, staff_conversation
from bot.cases.conversation_text import can_send_as_one_message
from bot.cases.paging import page_staff
from bot.cases.staff_conversation import StaffMessage
from bot.runtime import Runtime, open_runtime
from bot.store.cases import case_messages, cases
from bot.store.cases.case_messages import CaseMessage
from bot.store.families import contacts
from tests.cases.test_paging import send_all
from tests.conftest import Family
from tests.stand_in import TwilioStandIn
from tests.stand_in.google import GoogleStandIn, Mood

ANA = "+12175550141"
FAMILY = "whatsapp:+12175550133"


@pytest.fixture
def google() -> Iterator[GoogleStandIn]:
    with GoogleStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def line(runtime: Runtime, google: GoogleStandIn) -> Runtime:
    given = runtime.settings.model_copy(update={"translator": "googletrans", "googletrans_base": google.url})
    return open_runtime(given, runtime.library)


@pytest.fixture
def page_client(line: Runtime, serve: Callable[[Runtime], Flask]) -> FlaskClient:
    return serve(line).test_client()


@pytest.fixture
def parent(line: Runtime, page_client: FlaskClient) -> Family:
    """A Spanish-speaking family whose case 1 Ana has claimed."""
    parent = Family(line, page_client, FAMILY)
    parent.text("quiero hablar con una persona")
    parent.text("después de las tres")
    parent.text("es sobre el autobús")
    page_staff(line, 1)
    assert assignment.take_case(line, 1, "ana_ruiz", "by text").outcome == "yours"
    return parent


def list_messages(line: Runtime) -> list[CaseMessage]:
    with line.database.read() as db:
        return case_messages.list_for_case(db, 1)


def translate_all(line: Runtime) -> None:
    for message in list_messages(line):
        staff_conversation.translate_message(line, message.id)


def send_staff_message(line: Runtime, text: str, cause: str = "form:1") -> int:
    number = staff_conversation.draft_message(line, StaffMessage(1, "ana_ruiz", text, cause))
    assert staff_conversation.send_message(line, number)
    send_all(line)
    return number


def test_family_reads_translation_with_the_original(line: Runtime, parent: Family, twilio: TwilioStandIn) -> None:
    send_staff_message(line, "The bus comes at 8:15 tomorrow.")
    body = twilio.sent_to(FAMILY)[-1].body
    assert "Ana Ruiz" in body and "es: " in body and "8:15" in body
    assert body.endswith("The bus comes at 8:15 tomorrow.")
    assert line.library.catalogs.translate("es", line.library.texts["by_machine"]) in body


def test_bot_stays_silent_except_for_emergencies_and_commands(
    line: Runtime, parent: Family, twilio: TwilioStandIn
) -> None:
    send_staff_message(line, "The bus comes at 8:15.")
    assert parent.text("gracias, y a qué hora regresa?") == ""
    translate_all(line)
    last = list_messages(line)[-1]
    assert last.author == "family" and last.original == "gracias, y a qué hora regresa?"
    assert last.translation.startswith("en: ") and last.machine == "yes"
    send_all(line)
    assert twilio.sent_to(ANA)[-1].body.startswith("Riverbend Public Schools: the family has written in case 1.")
    assert "regresa" not in twilio.sent_to(ANA)[-1].body
    assert "911" in parent.text("la migra está en mi puerta ahorita")
    parent.text("en mi casa")
    assert parent.text("ok") == "" and list_messages(line)[-1].original == "ok", "the person reads on"
    assert any("migra" in one.original for one in list_messages(line)), "the emergency too"
    assert parent.text("menu") != "", "a command is still obeyed"


def test_repeated_message_is_stored_once(line: Runtime, parent: Family) -> None:
    send_staff_message(line, "The bus comes at 8:15.")
    for _ in range(3):
        assert parent.text("gracias", MessageSid="SM" + "c" * 32) == ""
    assert [one.original for one in list_messages(line)].count("gracias") == 1


def test_conversation_continues_after_redis_flush(line: Runtime, parent: Family) -> None:
    send_staff_message(line, "The bus comes at 8:15.")
    line.redis.flushall()
    assert parent.text("gracias") == "" and list_messages(line)[-1].original == "gracias"


def test_bot_announces_its_return(line: Runtime, parent: Family, twilio: TwilioStandIn) -> None:
    send_staff_message(line, "The bus comes at 8:15.")
    assert assignment.resolve_case(line, 1, "ana_ruiz", "answered")
    send_all(line)
    told = twilio.sent_to(FAMILY)[-1].body
    assert line.library.catalogs.translate("es", line.library.texts["talk_ends"])[:20] in told
    assert parent.text("hola") != ""
    with line.database.read() as db:
        contact = contacts.find(db, FAMILY)
        assert contact and contact.active_case_id is None


def test_staff_can_hand_back_to_bot_while_case_stays_open(line: Runtime, parent: Family) -> None:
    send_staff_message(line, "The bus comes at 8:15.")
    assert staff_conversation.hand_back_to_bot(line, 1) and not staff_conversation.hand_back_to_bot(line, 1)
    assert parent.text("hola") != ""


def test_draft_is_checked_by_back_translation(line: Runtime, parent: Family, google: GoogleStandIn) -> None:
    number = staff_conversation.draft_message(line, StaffMessage(1, "ana_ruiz", "Do not come at 3.", "form:2"))
    draft = staff_conversation.get_message(line, number)
    assert draft.state == "draft" and draft.translation.startswith("es: ") and draft.back
    assert draft.delivery_id is None, "nothing is sent before somebody has looked"


def test_form_sent_twice_creates_one_message(line: Runtime, parent: Family, twilio: TwilioStandIn) -> None:
    number = staff_conversation.draft_message(line, StaffMessage(1, "ana_ruiz", "Hello there.", "form:3"))
    assert staff_conversation.draft_message(line, StaffMessage(1, "ana_ruiz", "Hello there.", "form:3")) == number
    assert staff_conversation.send_message(line, number) and not staff_conversation.send_message(line, number)
    send_all(line)
    assert len(twilio.sent_to(FAMILY)) == 1


@pytest.mark.parametrize("mood", ["busy", "broken", "garbage", "unchanged", "slow"])
def test_failed_translation_sends_original_and_flags_the_case(
    line: Runtime, parent: Family, google: GoogleStandIn, twilio: TwilioStandIn, mood: Mood,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("bot.translation.google.TEXT_TIMEOUT_SECONDS", 0.5)
    google.mood = mood
    send_staff_message(line, "The zebra comes at 8:15.")
    body = twilio.sent_to(FAMILY)[-1].body
    assert "The zebra comes at 8:15." in body and "es: " not in body
    assert line.library.catalogs.translate("es", line.library.texts["not_translated"])[:20] in body
    parent.text("no entiendo nada de esto")
    translate_all(line)
    assert (
        list_messages(line)[-1].state == "untranslated"
        and list_messages(line)[-1].original == "no entiendo nada de esto"
    )
    with line.database.read() as db:
        assert cases.get(db, 1).flagged == staff_conversation.NOT_TRANSLATED_FLAG


def test_reviewed_answer_needs_no_machine_translation(line: Runtime, parent: Family, google: GoogleStandIn) -> None:
    from bot.base.database import now
    from bot.store.announcements import approved_phrases
    from bot.store.announcements.approved_phrases import ApprovedPhrase

    asked = len(google.asked)
    with line.database.write() as db:
        approved_phrases.approve(
            db, ApprovedPhrase("en", "es", "The office opens at eight.", "La oficina abre a las ocho.", "ana"), now()
        )
    draft = staff_conversation.get_message(
        line,
        staff_conversation.draft_message(line, StaffMessage(1, "ana_ruiz", "The office opens at eight.", "form:4")),
    )
    assert draft.translation == "La oficina abre a las ocho." and draft.machine == "no"
    assert len(google.asked) == asked


def test_clear_staff_text_is_sent_and_ambiguous_one_waits(
    line: Runtime, parent: Family, page_client: FlaskClient, twilio: TwilioStandIn, google: GoogleStandIn
) -> None:
    ana = Family(line, page_client, ANA)
    assert "goes to the family now" in ana.text("1 The bus comes at 8:15.")
    translate_all(line)
    send_all(line)
    assert "8:15" in twilio.sent_to(FAMILY)[-1].body
    before = len(twilio.sent_to(FAMILY))
    wrong = "Wait at the corner on Monday."
    google.says = {
        "Do not wait at the corner on Monday.": "Espere en la esquina el lunes.",
        "Espere en la esquina el lunes.": wrong,
    }
    ana.text("1 Do not wait at the corner on Monday.")
    translate_all(line)
    send_all(line)
    last = list_messages(line)[-1]
    assert last.back == wrong and last.warnings == ("negation",) and last.state == "draft"
    assert len(twilio.sent_to(FAMILY)) == before and "was not sent" in twilio.sent_to(ANA)[-1].body


def test_messages_before_the_case_are_stored_masked(line: Runtime, page_client: FlaskClient) -> None:
    parent = Family(line, page_client, FAMILY)
    parent.text("hola")
    parent.text("soy indocumentada, mi numero A es A123456789, quiero hablar con una persona")
    words = [(one.author, one.original) for one in list_messages(line)]
    assert ("family", "hola") in words and any(author == "helper" for author, _ in words)
    assert not any("123456789" in text or "indocumentada" in text for _, text in words)


def test_undelivered_message_can_be_resent_once(line: Runtime, parent: Family, twilio: TwilioStandIn) -> None:
    twilio.number(FAMILY, error_code=63016, at="request")
    number = send_staff_message(line, "The bus comes at 8:15.")
    assert twilio.sent_to(FAMILY) == []
    twilio.number(FAMILY, error_code=None)
    assert staff_conversation.resend_message(line, number)
    send_all(line)
    assert len(twilio.sent_to(FAMILY)) == 1 and not staff_conversation.resend_message(line, number)


def test_unreadable_message_and_message_after_stop_reach_staff(line: Runtime, parent: Family) -> None:
    send_staff_message(line, "The bus comes at 8:15.")
    told = parent.text("", NumMedia="1", MediaContentType0="audio/ogg", MessageType="audio")
    assert told != "" and list_messages(line)[-1].original == "[voice message]"
    parent.text("STOP")
    assert parent.text("llámeme por favor") == "" and list_messages(line)[-1].original == "llámeme por favor"


def test_conversation_continues_while_redis_is_down(
    line: Runtime, parent: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redis import RedisError

    send_staff_message(line, "The bus comes at 8:15.")

    def away(*_: object, **__: object) -> None:
        raise RedisError("away")

    monkeypatch.setattr(line.conversations, "acquire", away)
    assert parent.text("gracias") == "" and list_messages(line)[-1].original == "gracias"


def test_undelivered_text_reactivates_case_and_informs_its_author(
    line: Runtime, parent: Family, twilio: TwilioStandIn
) -> None:
    twilio.number(FAMILY, error_code=63033, at="request")
    number = send_staff_message(line, "The bus comes at 8:15.")
    staff_conversation.handle_undelivered_message(line, staff_conversation.get_message(line, number).delivery_id or "")
    send_all(line)
    assert "your text in case 1 did not arrive" in twilio.sent_to(ANA)[-1].body
    with line.database.read() as db:
        case = cases.get(db, 1)
    assert case.state == "claimed" and case.page_at is not None


def test_console_draft_is_never_sent_by_a_job(line: Runtime, parent: Family, twilio: TwilioStandIn) -> None:
    number = staff_conversation.draft_message(line, StaffMessage(1, "ana_ruiz", "Hello there.", "form:9"))
    staff_conversation.translate_message(line, number)
    send_all(line)
    assert twilio.sent_to(FAMILY) == [] and staff_conversation.get_message(line, number).state == "draft"


def test_nothing_is_sent_for_a_closed_case(line: Runtime, parent: Family, twilio: TwilioStandIn) -> None:
    number = staff_conversation.draft_message(line, StaffMessage(1, "ana_ruiz", "Hello there.", "form:8"))
    assignment.resolve_case(line, 1, "ana_ruiz")
    assert not staff_conversation.send_message(line, number)
    with line.database.read() as db:
        contact = contacts.find(db, FAMILY)
    assert contact and contact.active_case_id is None


def test_text_too_long_for_one_message_is_not_sent(line: Runtime, parent: Family) -> None:
    assert can_send_as_one_message(
        line,
        staff_conversation.get_message(
            line, staff_conversation.draft_message(line, StaffMessage(1, "ana_ruiz", "short", "form:6"))
        ),
    )
    long = " ".join(["word"] * 160)
    assert not can_send_as_one_message(
        line,
        staff_conversation.get_message(
            line, staff_conversation.draft_message(line, StaffMessage(1, "ana_ruiz", long, "form:7"))
        ),
    )


def test_lost_redis_entry_is_restored_when_text_is_sent(line: Runtime, parent: Family) -> None:
    number = staff_conversation.draft_message(line, StaffMessage(1, "ana_ruiz", "Hello.", "form:5"))
    staff_conversation.send_message(line, number)
    line.conversations.set_active_case(
        line.compute_lookup_hash(FAMILY), None
    )  # the state after a kill -9 right after the commit
    send_all(line)
    assert parent.text("gracias") == ""


def test_conversation_text_is_not_kept_in_translation_cache(
    line: Runtime, parent: Family, google: GoogleStandIn
) -> None:
    """They would outlive the case, and erasure would not find them."""
    parent.text("mi hijo tiene miedo de ir a la escuela por lo de ayer")
    translate_all(line)
    send_staff_message(line, "Dear parent, the bus waits for your son at the corner")
    assert len(google.asked) >= 3, "there, there and back"
    assert list(line.redis.scan_iter("puente:translated:*")) == []


def test_conversation_lost_by_redis_continues_for_several_messages(line: Runtime, parent: Family) -> None:
    """Redis was flushed, or the numbers were rehashed (`bot keys reindex`)."""
    send_staff_message(line, "I can help you. What happened?")
    line.redis.flushall()
    assert [parent.text("el bus no vino"), parent.text("y hoy tampoco"), parent.text("que hago")] == ["", "", ""]
    assert [one.original for one in list_messages(line)][-3:] == ["el bus no vino", "y hoy tampoco", "que hago"]
