"""What a call says: staff hear an emergency and claim it with 1; callers get the language menu."""

import logging
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from bot.cases import assignment
from bot.runtime import Runtime
from bot.store.cases.deliveries import deliveries
from bot.store.families import contacts
from tests.conftest import PUBLIC, Family
from tests.stand_in import Heard, TwilioStandIn
from tests.voice.calling import Pager, app_of, emergency

LINE = "+12175550100"
URL = "/webhooks/twilio/voice"


@pytest.fixture
def pager(family: Family, twilio: TwilioStandIn) -> Iterator[Pager]:
    with app_of(family.client.application, twilio):
        yield emergency(family, twilio)


@pytest.fixture
def served(client: FlaskClient, twilio: TwilioStandIn) -> Iterator[None]:
    with app_of(client.application, twilio):
        yield


def test_alert_is_read_twice_and_1_claims_it(pager: Pager) -> None:
    heard, after = pager.twilio.answer(pager.rung(), press="1")
    first = " ".join(heard.asked[: len(heard.asked) // 2])
    assert " ".join(heard.asked) == f"{first} {first}" and first.endswith("Press 1 to take it.")
    assert f"Case {pager.case}." in first and "Language: English." in first
    assert heard.seconds == 8 and heard.languages == {"en-US"} and heard.hangs_up
    assert f"TAKE {pager.case}" in " ".join(heard.said)
    assert f"You have case {pager.case}." in after.words and after.hangs_up
    assert pager.claimed_by() == pager.row()["staff"]
    assert pager.row()["state"] == "delivered"
    assert pager.row()["sealed_body"] is None, "the call is over: its words are not kept"


def test_family_data_is_neither_spoken_nor_logged(pager: Pager, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    spoken = " ".join(heard.text for heard in pager.twilio.answer(pager.rung(), press="1"))
    for secret in ("5550177", "Marta", "at our door"):
        assert secret not in spoken and secret not in caplog.text
    assert pager.phones[0] not in spoken + caplog.text
    assert "Language: English" not in caplog.text, "the words of an alert stay out of the logs"


def test_link_in_an_alert_is_not_read_out(pager: Pager) -> None:
    call = pager.rung()
    with pager.runtime.database.write() as db:
        sealed = pager.runtime.database.vault.encrypt(
            "Case 7. See https://a.example/7", f"delivery:body:{pager.rows[0]}"
        )
        db.execute(update(deliveries).where(deliveries.c.id == pager.rows[0]).values(sealed_body=sealed))
    (heard,) = pager.twilio.answer(call)
    assert "Case 7. See Press 1" in heard.words and "example" not in heard.words


def test_second_key_press_names_the_claimant(pager: Pager) -> None:
    first, second = pager.rung(0), pager.rung(1)
    pager.twilio.answer(first, press="1")
    name = pager.runtime.library.district.staff[pager.claimed_by() or ""].name
    assert f"Case {pager.case} was taken by {name}." in pager.twilio.answer(second, press="1")[-1].words
    assert pager.takings() == 1


def test_key_press_after_closing_says_closed(pager: Pager) -> None:
    call = pager.rung()
    assignment.resolve_case(pager.runtime, pager.case, "ana_ruiz")
    assert f"Case {pager.case} is closed." in pager.twilio.answer(call, press="1")[-1].words


@pytest.mark.parametrize("digit", ["2", "9", "0", "#", "", "11"])
def test_other_key_claims_nothing(pager: Pager, digit: str) -> None:
    after = pager.twilio.answer(pager.rung(), press=digit)[-1]
    assert f"reply TAKE {pager.case}" in after.words and after.hangs_up and pager.claimed_by() is None


def test_repeated_webhook_claims_once(pager: Pager) -> None:
    call = pager.rung()
    form = {"CallSid": call.sid, "CallStatus": "in-progress", "Digits": "1", "To": call.to, "From": call.sender}
    answers = {pager.twilio.line.ask(call.url, form).text for _ in range(3)}
    assert len(answers) == 1 and "You have case" in answers.pop()
    assert pager.takings() == 1
    heard = {pager.twilio.line.ask(call.url, {"CallSid": call.sid}).text for _ in range(2)}
    assert len(heard) == 1 and pager.row()["state"] == "sent"


@pytest.mark.parametrize("signature", [None, "bm90IHRoaXM="])
def test_forged_key_claims_nothing(pager: Pager, signature: str | None) -> None:
    call = pager.rung()
    answer = pager.twilio.line.ask(call.url, {"CallSid": call.sid, "Digits": "1"}, signature)
    assert answer.status == 403 and pager.claimed_by() is None and pager.row()["state"] == "queued"


def test_row_of_a_text_is_not_read_out(pager: Pager) -> None:
    with pager.runtime.database.read() as db:
        text = db.execute(select(deliveries.c.id).where(deliveries.c.transport == "text").limit(1)).scalar_one()
    to = pager.phones[0]
    for own in (text, "0" * 32):
        heard = pager.twilio.line.ask(f"{PUBLIC}{URL}?m={own}", {"CallSid": "CA" + "1" * 32, "Digits": "1", "To": to})
        assert "This alert is over." in heard.words and heard.hangs_up
    assert pager.claimed_by() is None


def test_database_outage_is_spoken(pager: Pager) -> None:
    call = pager.rung()
    with pager.runtime.database.engine.begin() as db:
        db.exec_driver_sql("ALTER TABLE deliveries RENAME TO gone")
    heard = pager.twilio.answer(call)[0]
    assert heard.status == 200 and "nothing was saved" in heard.words


# ---- incoming calls


def call_in(twilio: TwilioStandIn) -> Heard:
    return twilio.ring_in(f"{PUBLIC}{URL}", "+12175550177", LINE)


def test_new_caller_is_asked_for_a_language_in_each_voice(twilio: TwilioStandIn, served: None) -> None:
    heard = call_in(twilio)
    assert {"en-US", "es-MX"} <= heard.languages and "For a person, press 0." in heard.words
    assert heard.action is not None and not heard.hangs_up


def test_nothing_is_stored_before_a_key_is_pressed(
    runtime: Runtime, twilio: TwilioStandIn, served: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot")
    call_in(twilio)
    with runtime.database.read() as db:
        assert db.execute(select(func.count()).select_from(contacts.contacts)).scalar_one() == 0
    assert runtime.redis.dbsize() == 0 and "5550177" not in caplog.text


def test_unsigned_call_is_refused(client: FlaskClient) -> None:
    assert client.post(URL, data={"CallSid": "CA" + "1" * 32}).status_code == 403
