"""Outgoing calls to a phone-only family: a person or a machine answers, in each language."""

from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import select

from bot.base.database import now
from bot.cases.conversation_text import build_family_text
from bot.messaging import delivery_status
from bot.messaging.delivery import deliver
from bot.runtime import Runtime
from bot.store.cases import case_messages
from bot.store.cases import cases as cases_of
from bot.store.cases import deliveries as deliveries_of
from bot.store.cases.deliveries import deliveries
from bot.store.families import contacts
from bot.store.lifecycle import erasure
from tests.conftest import PUBLIC
from tests.stand_in import TwilioStandIn
from tests.voice.phone import Phone
from tests.voice.test_incoming_calls import raise_database_error

WRITTEN = "Marta,\n\n1. The bus comes at 7:15.\n2. Bring the form."
OUTGOING_FIELDS = {"Direction": "outbound-api", "From": "+12175550100"}


@pytest.fixture
def phone(client: FlaskClient, runtime: Runtime) -> Phone:
    return Phone(client, runtime)


def call_family(phone: Phone, translation: str = "", machine: str = "yes", language: str = "es") -> str:
    """Call a Spanish-speaking, phone-only family with a staff message; return the delivery."""
    runtime = phone.runtime
    phone.ring()
    phone.press("2")
    phone.press("0")
    with runtime.database.write() as db:
        contacts.set_language(db, 1, language)
    written = case_messages.NewCaseMessage(1, "form:1", "staff", "en", WRITTEN, "ana_ruiz", "es", "waiting")
    with runtime.database.write() as db:
        number = case_messages.add(db, written, now())
        made = case_messages.MessageTranslation(translation, machine=machine if translation else "")
        assert case_messages.save_translation(db, number, made, "to_send")
        message, case = case_messages.get(db, number), cases_of.get(db, 1)
        body = build_family_text(runtime, case, message, contacts.get(db, case.contact_id), is_first=True)
        row = deliveries_of.plan_staff_message(db, case.contact_id, body, now())
        assert case_messages.set_delivery(db, number, None, row)
    deliver(runtime, row)
    return row


def answer_call(phone: Phone, twilio: TwilioStandIn, **more: str) -> str:
    """Answer our call to this phone."""
    call = twilio.calls_to(phone.number)[-1]
    phone.sid = call.sid
    return phone.ask(call.url.removeprefix(PUBLIC), To=phone.number, **OUTGOING_FIELDS, **more)


def test_staff_original_is_not_read_by_the_family_voice(phone: Phone, twilio: TwilioStandIn) -> None:
    """The phone shows the original next to the translation. A caller hears the translation and that a machine made it."""
    call_family(phone, "Marta: el autobús llega a las 7:15.")
    heard = answer_call(phone, twilio)
    assert "el autobús" in heard and "The bus" not in heard and phone.voices == {"es-MX"}
    assert "máquina" in heard and "oprima 9" in heard, "the list in the original is no question"


def test_untranslated_text_uses_its_own_voice(phone: Phone, twilio: TwilioStandIn) -> None:
    call_family(phone)
    assert "The bus comes at 7:15." in answer_call(phone, twilio)
    said = {one.get("language"): "".join(one.itertext()) for one in phone.root.iter("Say")}
    assert phone.voices == {"es-MX", "en-US"} and said["en-US"] == "Bring the form."


def finish_call(phone: Phone, row: str, answered_by: str) -> str:
    """Return the delivery's state after Twilio reports the end of the call."""
    report = delivery_status.parse_report(
        {"CallSid": phone.sid, "CallStatus": "completed", "AnsweredBy": answered_by}, row
    )
    assert report
    delivery_status.record_report(phone.runtime, report)
    with phone.runtime.database.read() as db:
        return str(db.execute(select(deliveries.c.state).where(deliveries.c.id == row)).scalar_one())


def test_answering_machine_gets_no_private_message(phone: Phone, twilio: TwilioStandIn) -> None:
    """It hears who called. Staff learn that the family wasn't reached, although the call was "completed"."""
    row = call_family(phone, "Marta: el autobús llega a las 7:15.", "no")
    assert twilio.calls_to(phone.number)[-1].params["MachineDetection"] == ["DetectMessageEnd"]
    heard = answer_call(phone, twilio, AnsweredBy="machine_end_beep")
    assert "Marta" not in heard and "autobús" not in heard and phone.has("Hangup") and not phone.goes_on
    assert "Riverbend" in heard and "2 1 7, 5 5 5, 0 1 0 0" in heard and phone.voices == {"es-MX"}
    assert finish_call(phone, row, "machine_end_beep") == "undelivered"
    assert "handle_undelivered_message" in str(phone.runtime.redis.hgetall("rq:job:" + list_urgent_jobs(phone)[-1]))


def test_opt_out_while_ringing_plays_nothing_and_informs_staff(phone: Phone, twilio: TwilioStandIn) -> None:
    """Whatever status Twilio reports for the end of the call, the family didn't hear the message."""
    row = call_family(phone, "Marta: el autobús llega a las 7:15.")
    with phone.runtime.database.write() as db:
        contacts.set_opted_out(db, 1, now())
    assert answer_call(phone, twilio) == "" and [one.tag for one in phone.root] == ["Hangup"]
    assert finish_call(phone, row, "human") == "canceled"
    assert "handle_undelivered_message" in str(phone.runtime.redis.hgetall("rq:job:" + list_urgent_jobs(phone)[-1]))


def test_erased_family_is_not_pointed_to_the_console(phone: Phone, twilio: TwilioStandIn) -> None:
    """Its row was deleted; a key pressed anyway is a request for a person."""
    call_family(phone, "Marta: el autobús llega a las 7:15.")
    with phone.runtime.database.write() as db:
        erasure.erase_family(db, contacts.find_family_id(db, 1) or 0, now())
    assert answer_call(phone, twilio) == "" and [one.tag for one in phone.root] == ["Hangup"]
    answer_call(phone, twilio, Digits="2")
    assert phone.root.findtext("Dial") == "+12175550100"


def test_family_that_changed_language_hears_the_original_wording(phone: Phone, twilio: TwilioStandIn) -> None:
    """That language's voice reads it and its keys; the answer to a key is in the new language."""
    call_family(phone, "Marta: el autobús llega a las 7:15.")
    with phone.runtime.database.write() as db:
        contacts.set_language(db, 1, "en")
    assert "el autobús" in answer_call(phone, twilio) and "The bus" not in phone.words and phone.voices == {"es-MX"}
    phone.ask(phone.on, To=phone.number, Digits="9", **OUTGOING_FIELDS)
    assert phone.voices == {"en-US"}


def test_family_is_called_only_while_calls_are_its_channel(phone: Phone, twilio: TwilioStandIn) -> None:
    """Twilio refused a call, which is retried; meanwhile the family chose a language without a voice."""
    twilio.fail_next("429", on="call")
    row = call_family(phone, "Marta: otobis la ap vini a 7:15.")
    with phone.runtime.database.write() as db:
        contacts.set_language(db, 1, "ht")
    with time_machine.travel(now() + timedelta(seconds=60)):
        deliver(phone.runtime, row)
    assert twilio.calls_to(phone.number) == [] and [one.to for one in twilio.messages] == [phone.number]


def list_urgent_jobs(phone: Phone) -> list[str]:
    return [job.decode() for job in phone.runtime.redis.lrange("rq:queue:urgent", 0, -1)]


def test_hello_does_not_restart_the_call(phone: Phone, twilio: TwilioStandIn) -> None:
    call_family(phone, "Marta: el autobús llega a las 7:15.")
    answer_call(phone, twilio)
    gather = phone.root.find("Gather")
    assert gather is not None and gather.get("input") == "dtmf"


def test_star_after_a_key_repeats_that_answer(phone: Phone, twilio: TwilioStandIn) -> None:
    call_family(phone, "Marta: el autobús llega a las 7:15.")
    answer_call(phone, twilio)
    answer = phone.ask(phone.on, To=phone.number, Digits="2", **OUTGOING_FIELDS)
    assert phone.ask(phone.on, To=phone.number, Digits="*", **OUTGOING_FIELDS) == answer


def test_called_family_is_not_pointed_to_the_console(phone: Phone, twilio: TwilioStandIn) -> None:
    """The database fails during ringing, or between two keys: the spoken error is meant for a family."""
    call_family(phone, "Marta: el autobús llega a las 7:15.")
    answer_call(phone, twilio)
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr("bot.messaging.inbound_turn.persist_effects", raise_database_error)
        assert "oprima" not in phone.ask(phone.on, To=phone.number, Digits="2", **OUTGOING_FIELDS)
        assert "9 1 1" in phone.words and phone.voices == {"es-MX"} and phone.has("Hangup")
    with phone.runtime.database.engine.begin() as db:
        db.exec_driver_sql("ALTER TABLE deliveries RENAME TO gone")
    assert "console" not in answer_call(phone, twilio) and "9 1 1" in phone.words


def test_language_without_voice_gets_a_text_instead_of_a_silent_call(phone: Phone, twilio: TwilioStandIn) -> None:
    """A Haitian family answered and was connected to the office without a word, and it counted as heard."""
    call_family(phone, "Marta: otobis la ap vini a 7:15.", language="ht")
    assert twilio.calls_to(phone.number) == []
    (sent,) = [one for one in twilio.messages if one.to == phone.number]
    assert "otobis la" in sent.body


def test_author_learns_when_call_outcome_is_unknown(phone: Phone, twilio: TwilioStandIn) -> None:
    twilio.fail_next("drop_before", on="call")
    row = call_family(phone, "Marta: el autobús llega a las 7:15.")
    with time_machine.travel(now() + timedelta(seconds=60)):
        deliver(phone.runtime, row)
        deliver(phone.runtime, row)
    assert twilio.calls_to(phone.number) == []
    assert (
        sum(
            "handle_undelivered_message" in str(phone.runtime.redis.hgetall(f"rq:job:{job}"))
            for job in list_urgent_jobs(phone)
        )
        == 1
    )
