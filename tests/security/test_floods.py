"""One phone that never stops writing, or ten thousand phones at once: no emergency waits, costs stay limited, and the
database doesn't grow.
"""

from collections.abc import Callable
from typing import Any

import pytest
from limits import RateLimitItemPerDay
from redis import Redis
from sqlalchemy import func, select, text

from bot.base.database import now
from bot.base.phone_numbers import is_high_cost_number
from bot.messaging import delivery
from bot.runtime import Runtime
from bot.store.cases import cases, deliveries
from bot.store.families import contacts, rate_limits
from tests.conftest import Family
from tests.stand_in import TwilioStandIn

SENTENCE, CROWD = "very many messages in a short time", "Very many people are writing"


@pytest.fixture
def low_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits of a day, small enough for a test."""
    monkeypatch.setattr(rate_limits, "MAX_MESSAGES_PER_TEN_MINUTES", 5)
    monkeypatch.setattr(rate_limits, "MAX_STRANGERS_PER_MINUTE", 3)


def count_rows(runtime: Runtime, table: Any) -> int:
    with runtime.database.read() as db:
        return int(db.execute(select(func.count()).select_from(table)).scalar_one())


def test_one_phone_gets_one_notice_then_nothing(family: Family, low_limits: None) -> None:
    family.text("hello, good morning")
    said = [family.text("is it safe at school?") for _ in range(12)]
    assert all(said[:4]) and not any(SENTENCE in one for one in said[:4])
    assert SENTENCE in said[4] and "reply 0" in said[4] and "911" in said[4]
    assert set(said[5:]) == {""}


def test_notice_is_in_the_family_language(family: Family, low_limits: None, runtime: Runtime) -> None:
    family.text("hola, buenos días")
    for _ in range(4):
        family.text("¿es segura la escuela?")
    told = family.text("¿es segura la escuela?")
    assert runtime.library.catalogs.find_text("es", runtime.library.texts["too_many"]).text.split("{")[0] in told


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("La migra está en mi puerta ahorita", {}),
        ("ICE is at my door right now", {}),
        ("STOP", {}),
        ("alto", {}),
        ("0", {}),
        ("I want to talk to a person", {}),
        ("", {"OptOutType": "STOP"}),
        ("", {"MessageType": "audio", "MediaContentType0": "audio/ogg", "MediaUrl0": "https://api.twilio.com/x"}),
    ],
)
def test_emergencies_stop_and_person_requests_are_never_limited(
    runtime: Runtime, family: Family, low_limits: None, body: str, fields: dict[str, str]
) -> None:
    family.text("hello, good morning")
    for _ in range(10):
        family.text("is it safe at school?")
    reply = family.text(body, **fields)
    with runtime.database.read() as db:
        contact = contacts.find(db, family.address)
        opened = bool(cases.list_for_contact(db, contact.id)) if contact else False
    stopped = bool(contact and contact.opted_out_at)
    assert stopped or (reply and SENTENCE not in reply and opened)


def test_messages_after_an_emergency_are_not_limited(runtime: Runtime, family: Family, low_limits: None) -> None:
    for _ in range(10):
        family.text("hello, good morning")
    family.text("La migra está en mi puerta ahorita")
    assert all(family.text(word) for word in ("2", "sí", "son tres hombres"))


def test_staff_conversation_is_never_limited(runtime: Runtime, family: Family, low_limits: None) -> None:
    family.text("I want to talk to a person")
    with runtime.database.write() as db:
        contact = contacts.find(db, family.address)
        assert contact
        db.execute(text("UPDATE contacts SET active_case_id = 1"))
    runtime.conversations.set_active_case(runtime.compute_lookup_hash(family.address), 1)
    for number in range(12):
        family.text(f"and then the {number}th thing happened")
    with runtime.database.read() as db:
        kept = db.execute(text("SELECT count(*) FROM case_messages WHERE author = 'family'")).scalar_one()
    assert kept >= 12


def test_limit_expires(family: Family, low_limits: None, clean_redis: Redis) -> None:
    family.text("hello, good morning")
    for _ in range(8):
        family.text("is it safe at school?")
    left = [clean_redis.ttl(key) for key in clean_redis.keys("puente:pace:*")]
    assert left and all(0 < one <= 24 * 3600 for one in left), "every count runs out by itself"
    clean_redis.delete(*clean_redis.keys("puente:pace:soon:*"))
    assert family.text("is it safe at school?")


def test_repeated_message_counts_once_and_gets_same_reply(family: Family, low_limits: None) -> None:
    first = family.text("hello, good morning", MessageSid="SM1")
    assert all(family.text("hello, good morning", MessageSid="SM1") == first for _ in range(20))
    assert SENTENCE not in family.text("is it safe at school?")


def test_code_guessing_is_limited(family: Family, low_limits: None) -> None:
    said = [family.text(f"CHECK AAAA{number}2") for number in range(2, 10)]
    assert all(said[:6]) and set(said[6:]) == {""}


def test_crowd_of_strangers_leaves_no_row_and_blocks_no_known_family(
    runtime: Runtime, new_family: Callable[[str], Family], low_limits: None
) -> None:
    known = new_family("+12175550111")
    known.text("hello, good morning")
    with runtime.database.read() as db:
        assert contacts.find(db, known.address)
    crowd = [new_family(f"+1217555{number:04d}") for number in range(3000, 3010)]
    said = [one.text("hello, good morning") for one in crowd]
    assert [CROWD in one for one in said] == [False] * 2 + [True] * 8
    assert count_rows(runtime, contacts.contacts) == 3
    assert CROWD in crowd[-1].text("hello again"), "a second message makes no acquaintance"
    assert known.text("is it safe at school?") and CROWD not in known.text("is it safe at school?")
    runtime.conversations.discard(runtime.compute_lookup_hash(known.address))
    assert CROWD not in known.text("hello, good morning"), "the database knows it too"
    danger = crowd[5].text("La migra está en mi puerta ahorita")
    assert danger and CROWD not in danger and count_rows(runtime, cases.cases) == 1


@pytest.mark.long
def test_ten_thousand_phones_in_a_minute_are_limited(runtime: Runtime, new_family: Callable[[str], Family]) -> None:
    """The real limit: a thousand strangers are served, the others get a notice, and every fiftieth is an emergency."""
    said = []
    for number in range(10_000):
        phone = new_family(f"+1312{5550000 + number}")
        said.append(phone.text("La migra está en mi puerta ahorita" if number % 50 == 49 else "hello, good morning"))
    told = [number for number, one in enumerate(said) if CROWD in one]
    assert all(said) and len(told) > 1000
    assert not [number for number in told if number % 50 == 49], "no emergency was put off"
    assert count_rows(runtime, cases.cases) == 200
    assert count_rows(runtime, contacts.contacts) <= 10_000 - len(told)


def test_foreign_number_has_lower_sms_limit_than_whatsapp(
    new_family: Callable[[str], Family],
) -> None:
    usual, few = rate_limits.get_default_limit(), rate_limits.FOREIGN_RATE_LIMIT
    assert (
        rate_limits.get_message_rate_limit("+12175550177") == usual
        and rate_limits.get_message_rate_limit("+17875550123") == usual
    )
    assert (
        rate_limits.get_message_rate_limit("+525512345678") == few
        and rate_limits.get_message_rate_limit("+18765550123") == few
    )
    assert rate_limits.get_message_rate_limit("whatsapp:+525512345678") == usual
    abroad = new_family("+525512345678")
    said = [abroad.text("hola, buenos días") for _ in range(16)]
    assert all(said[:12]) and set(said[13:]) == {""}


@pytest.mark.parametrize("number", ["+19005550123", "+881612345678", "+883510012345", "+979123456789"])
def test_high_cost_numbers_get_nothing(runtime: Runtime, twilio: TwilioStandIn, number: str) -> None:
    assert is_high_cost_number(number) and is_high_cost_number(f"voice:{number}")
    assert not is_high_cost_number("+12175550177") and not is_high_cost_number(f"whatsapp:{number}")
    assert not is_high_cost_number("whatsapp:US.1234") and not is_high_cost_number("voice:CA1")
    assert plan_messages(runtime, number, 1) == ["held"] and twilio.sent_to(number) == []


def test_daily_text_limit_per_phone_is_enforced(
    runtime: Runtime, twilio: TwilioStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "SENT_RATE_LIMIT", RateLimitItemPerDay(3, namespace="sent"))
    states = plan_messages(runtime, "+12175550166", 5, kind="event")
    assert states.count("held") == 2 and len(twilio.sent_to("+12175550166")) == 3
    assert "held" not in plan_messages(runtime, "+12175550166", 2, kind="talk"), "what a person writes goes out"


def test_erasing_a_family_deletes_its_counters(
    runtime: Runtime, family: Family, twilio: TwilioStandIn, clean_redis: Redis
) -> None:
    family.text("hello, good morning")
    plan_messages(runtime, family.address, 1)
    family_hash = runtime.compute_lookup_hash(family.address)
    assert clean_redis.keys(f"puente:limits:sent/{family_hash}/*") and clean_redis.keys(f"puente:pace:*:{family_hash}")
    runtime.conversations.erase(family_hash)
    assert not clean_redis.keys(f"puente:limits:*{family_hash}*") and not clean_redis.keys(
        f"puente:pace:*:{family_hash}"
    )


def plan_messages(runtime: Runtime, number: str, times: int, kind: str = "event") -> list[str]:
    """Return the states of this many messages of ours to this phone, after one attempt each."""
    at = now()
    with runtime.database.write() as db:
        contact = contacts.find(db, number) or contacts.add(db, number, "sms", at)
        ids = [deliveries.plan_staff_message(db, contact.id, f"text {one}", at, kind=kind) for one in range(times)]
    for one in ids:
        delivery.deliver(runtime, one)
    with runtime.database.read() as db:
        found = [deliveries.find(db, one) for one in ids]
    return [one.state for one in found if one]
