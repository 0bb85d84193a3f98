"""The webhook: only Twilio's messages, each once, none lost, whatever arrives."""

import threading
from collections.abc import Callable
from dataclasses import replace
from unittest.mock import Mock
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis, RedisError
from sqlalchemy import func, select

from bot.channels.base import OutgoingMessage
from bot.messaging.inbound_handler import ServiceUnavailableError
from bot.runtime import Runtime
from bot.store.cases.cases import cases
from bot.store.families import contacts
from bot.store.families.conversations import ConversationStore
from bot.web.app import create_app
from tests.conftest import PUBLIC, Family
from tests.stand_in import KINDS, TwilioStandIn, build, sign

URL = "/webhooks/twilio/messages"


def count_rows(runtime: Runtime, table: object) -> int:
    with runtime.database.read() as db:
        return db.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_message_is_answered(family: Family, kind: str) -> None:
    form = build(kind, account_sid=family.account)
    reply = family.post(form)
    assert family.status == 200
    silent = "OptOutType" in form or form.get("MessageType") == "reaction"
    assert bool(reply) is not silent, (
        "Twilio itself answers STOP, START and HELP; a reaction says nothing; all else is ours"
    )


def test_wrong_or_missing_signature_stores_nothing(runtime: Runtime, client: FlaskClient) -> None:
    form = build("sms_text", account_sid=runtime.settings.account_sid, Body="ICE is at the door right now")
    forged = client.post(URL, data=form, headers={"X-Twilio-Signature": "bm90IHRoaXM="})
    unsigned = client.post(URL, data=form)
    assert (forged.status_code, unsigned.status_code) == (403, 403)
    assert count_rows(runtime, contacts.contacts) == 0 and count_rows(runtime, cases) == 0
    assert runtime.redis.dbsize() == 0


def test_signature_for_another_address_is_refused(runtime: Runtime, client: FlaskClient) -> None:
    form = build("sms_text", account_sid=runtime.settings.account_sid)
    other = sign(runtime.settings.twilio_auth_token, "http://puente.test" + URL, form)
    assert client.post(URL, data=form, headers={"X-Twilio-Signature": other}).status_code == 403


def test_during_token_rotation_both_tokens_verify_and_first_sends(
    runtime: Runtime, serve: Callable[[Runtime], Flask], twilio: TwilioStandIn
) -> None:
    """Twilio doesn't resend a message that was refused with 403."""
    new = runtime.settings.twilio_auth_token
    both = replace(runtime, settings=runtime.settings.model_copy(update={"twilio_auth_token": f"{new}, the old one"}))
    client = serve(both).test_client()
    form = build("sms_text", account_sid=runtime.settings.account_sid)
    answers = [
        client.post(URL, data=form, headers={"X-Twilio-Signature": sign(token, PUBLIC + URL, form)}).status_code
        for token in ("the old one", new, "", f"{new}, the old one", "another")
    ]
    assert answers == [200, 200, 403, 403, 403]
    both.channel.send(OutgoingMessage("1", "+12175550177", "hello"))
    assert len(twilio.sent_to("+12175550177")) == 1


def test_another_account_is_refused(family: Family) -> None:
    family.text("hello", AccountSid="AC" + "9" * 32)
    assert family.status == 403


def test_repeated_message_gets_same_reply_and_one_case(family: Family) -> None:
    first = family.text("I want to talk to a person")
    again = family.text("I want to talk to a person", MessageSid=family.sid)
    assert first == again != ""
    assert count_rows(family.runtime, cases) == 1


def test_redis_flush_cannot_duplicate_a_case(family: Family) -> None:
    family.text("I want to talk to a person")
    family.runtime.redis.flushall()
    family.text("I want to talk to a person", MessageSid=family.sid)
    assert count_rows(family.runtime, cases) == 1


def test_messages_of_one_family_are_handled_in_order(runtime: Runtime, client: FlaskClient, family: Family) -> None:
    """The second text answers the question in the first reply, although both arrive at once."""
    family.text("hello")
    replies: list[str] = []
    owner = "a slow message"
    assert runtime.conversations.lock_for_outgoing(runtime.compute_lookup_hash(family.address), owner) is not None
    waiting = threading.Thread(target=lambda: replies.append(family.text("menu")))
    waiting.start()
    waiting.join(0.3)
    assert replies == []
    runtime.conversations.release(runtime.compute_lookup_hash(family.address), owner)
    waiting.join(10)
    assert "1." in replies[0]


@pytest.mark.parametrize("missing", ["MessageSid", "From"])
def test_form_without_required_field_is_a_bad_request(family: Family, missing: str) -> None:
    form = build("sms_text", account_sid=family.account)
    del form[missing]
    family.post(form)
    assert family.status == 400


def test_ten_megabytes_are_refused(family: Family) -> None:
    family.text("a" * 10_000_000)
    assert family.status == 413


def test_nul_bytes_and_control_characters_are_removed(family: Family) -> None:
    assert family.text("hel\x00lo\x07 \x1b[31m") != ""
    assert family.status == 200


def test_invalid_utf8_is_a_bad_request(runtime: Runtime, client: FlaskClient) -> None:
    form = build("sms_text", account_sid=runtime.settings.account_sid)
    body = urlencode({**form, "Body": ""}).encode() + b"%FF%FE\xc3"
    headers = {"X-Twilio-Signature": sign(runtime.settings.twilio_auth_token, PUBLIC + URL, form)}
    answer = client.post(URL, data=body, headers=headers, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400


def test_emergencies_and_person_requests_work_while_redis_is_down(runtime: Runtime) -> None:
    away = replace(runtime, redis=Redis.from_url("unix:///nowhere/redis.sock"))
    family = Family(away, create_app(runtime=away).test_client(), "whatsapp:+12175550177")
    assert "911" in family.text("ICE is at our door right now")
    assert "should write or call you" in family.text("0")
    assert "few minutes" in family.text("what is for lunch")
    assert count_rows(runtime, cases) == 2


@pytest.mark.parametrize("again", [False, True])
def test_stop_or_start_is_confirmed_if_redis_fails_after_saving(
    family: Family, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """Like a full disk: the database has it, Redis refuses writes; or the process ended there and Twilio retries."""
    family.text("hello, good morning")

    def while_redis_is_away(word: str) -> str:
        error = ServiceUnavailableError if again else RedisError
        with monkeypatch.context() as patched:
            patched.setattr(ConversationStore, "save_and_release", Mock(side_effect=error))
            said = family.text(word)
        family.runtime.redis.delete(*family.runtime.redis.keys("puente:lock:*"))  # eight seconds later
        return family.text(word, MessageSid=family.sid) if again else said

    assert "START" in while_redis_is_away("STOP")
    assert family.text("what is for lunch?") == ""
    assert while_redis_is_away("START") != ""
    assert "1." in family.text("menu")


def test_database_outage_gives_503_and_retry_is_answered(family: Family, runtime: Runtime) -> None:
    with runtime.database.engine.begin() as db:
        db.exec_driver_sql("ALTER TABLE contacts RENAME TO gone")
    family.text("I want to talk to a person")
    assert family.status == 503
    with runtime.database.engine.begin() as db:
        db.exec_driver_sql("ALTER TABLE gone RENAME TO contacts")
    family.text("I want to talk to a person", MessageSid=family.sid)
    assert family.status == 200 and count_rows(runtime, cases) == 1


def test_sender_without_a_number_is_recognized_again(new_family: Callable[[str], Family]) -> None:
    nobody = new_family("whatsapp:US.1234567890")
    nobody.text("hello")
    nobody.text("0")
    assert count_rows(nobody.runtime, contacts.contacts) == 1 and count_rows(nobody.runtime, cases) == 1
