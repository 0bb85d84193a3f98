"""A call while something is wrong here: a sentence all the same, and never one that another language's voice reads."""

from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import func, select

from bot.base import metrics
from bot.runtime import Runtime
from bot.store.cases.cases import cases
from bot.store.families import rate_limits
from bot.web.app import create_app
from tests.voice.phone import Phone

VIETNAMESE = "phím sao"
"""The star key, in what every answer ends with."""


@pytest.fixture
def phone(client: FlaskClient, services: Runtime) -> Phone:
    return Phone(client, services)


def in_vietnamese(phone: Phone) -> None:
    """The caller finds its language in the list."""
    phone.ring()
    for _ in range(3):
        if "Tiếng Việt" not in phone.words:
            phone.press("9")
    phone.press(str(phone.services.library.district.languages.index("vi") % 8 + 1))
    assert phone.voices == {"vi-VN"} and VIETNAMESE in phone.words


def test_internal_error_is_not_a_twilio_application_error(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which a caller would hear in Twilio's English, and then nothing; the technical contact hears of it."""
    phone.ring()
    phone.press("2")
    failed = metrics.WEBHOOK_SECONDS.labels("call", "failed")
    before = failed._sum.get()
    monkeypatch.setattr("bot.messaging.inbound_turn.take_turn", breaks)
    assert "2 1 7, 5 5 5, 0 1 0 0" in phone.press("1") and phone.voices == {"es-MX"} and phone.has("Hangup")
    assert failed._sum.get() > before


def breaks(*_: object) -> None:
    raise KeyError("a mistake")


def test_database_outage_is_spoken_in_the_chosen_language(phone: Phone) -> None:
    phone.ring()
    where = phone.on
    with phone.services.database.engine.begin() as db:
        db.exec_driver_sql("ALTER TABLE contacts RENAME TO gone")
    assert "9 1 1" in phone.ask(where, Digits="2") and phone.voices == {"es-MX"}


def test_limited_caller_hears_the_language_of_the_call(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept of who is not heard, not even the language; the number of a key is in none."""
    monkeypatch.setattr(rate_limits, "MAX_STRANGERS_PER_MINUTE", 0)
    in_vietnamese(phone)
    first = phone.words
    assert phone.press("2") == first and phone.reads() == ""
    phone.press("0")
    assert count(phone) == 1 and "Ana Ruiz hoặc" in phone.words
    assert phone.reads() == "vi", "and is called back in it"


def test_redis_outage_keeps_the_language_of_the_call(services: Runtime) -> None:
    away = replace(services, redis=Redis.from_url("unix:///nowhere/redis.sock"))
    phone = Phone(create_app(runtime=away).test_client(), away)
    in_vietnamese(phone)
    first = phone.words
    assert phone.press("2") == first
    phone.press("0")
    assert count(phone) == 1 and "Ana Ruiz hoặc" in phone.words
    assert phone.reads() == "vi", "and is called back in it"


def count(phone: Phone) -> int:
    with phone.services.database.read() as db:
        return int(db.execute(select(func.count()).select_from(cases)).scalar_one())
