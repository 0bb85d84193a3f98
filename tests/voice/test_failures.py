"""A call during an internal failure: it still says a sentence, never in another language's voice."""

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
"""The star key, which every answer mentions at its end."""


@pytest.fixture
def phone(client: FlaskClient, runtime: Runtime) -> Phone:
    return Phone(client, runtime)


def choose_vietnamese(phone: Phone) -> None:
    """Choose the caller's language in the list."""
    phone.ring()
    for _ in range(3):
        if "Tiếng Việt" not in phone.words:
            phone.press("9")
    phone.press(str(phone.runtime.library.district.languages.index("vi") % 8 + 1))
    assert phone.voices == {"vi-VN"} and VIETNAMESE in phone.words


def test_internal_error_is_not_a_twilio_application_error(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a caller would hear Twilio's English error and then nothing. The technical contact is alerted."""
    phone.ring()
    phone.press("2")
    failed = metrics.WEBHOOK_SECONDS.labels("call", "failed")
    before = failed._sum.get()
    monkeypatch.setattr("bot.messaging.inbound_turn.take_turn", raise_error)
    assert "2 1 7, 5 5 5, 0 1 0 0" in phone.press("1") and phone.voices == {"es-MX"} and phone.has("Hangup")
    assert failed._sum.get() > before


def raise_error(*_: object) -> None:
    raise KeyError("a mistake")


def test_database_outage_is_spoken_in_the_chosen_language(phone: Phone) -> None:
    phone.ring()
    where = phone.on
    with phone.runtime.database.engine.begin() as db:
        db.exec_driver_sql("ALTER TABLE contacts RENAME TO gone")
    assert "9 1 1" in phone.ask(where, Digits="2") and phone.voices == {"es-MX"}


def test_limited_caller_hears_the_language_of_the_call(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is stored for a caller over the limit, not even the language."""
    monkeypatch.setattr(rate_limits, "MAX_STRANGERS_PER_MINUTE", 0)
    choose_vietnamese(phone)
    first = phone.words
    assert phone.press("2") == first and phone.reads() == ""
    phone.press("0")
    assert count_cases(phone) == 1 and "Ana Ruiz hoặc" in phone.words
    assert phone.reads() == "vi", "and is called back in it"


def test_redis_outage_keeps_the_language_of_the_call(runtime: Runtime) -> None:
    away = replace(runtime, redis=Redis.from_url("unix:///nowhere/redis.sock"))
    phone = Phone(create_app(runtime=away).test_client(), away)
    choose_vietnamese(phone)
    first = phone.words
    assert phone.press("2") == first
    phone.press("0")
    assert count_cases(phone) == 1 and "Ana Ruiz hoặc" in phone.words
    assert phone.reads() == "vi", "and is called back in it"


def count_cases(phone: Phone) -> int:
    with phone.runtime.database.read() as db:
        return int(db.execute(select(func.count()).select_from(cases)).scalar_one())
