"""A warm referral: the family reads it in its language, no one else gets a message, and one follow-up asks if it
helped.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import func, select

from bot.base.database import now
from bot.cases import assignment, follow_ups, paging
from bot.cases import referrals as cases_referrals
from bot.cases.referrals import (
    REFERRAL_QUESTION_DELAY,
    ReferralRequest,
    build_referral_text,
    list_available_partners,
    refer_family,
)
from bot.channels.message_parts import MAX_MESSAGE_UNITS, count_utf16_units
from bot.jobs.sweeper import sweep_all
from bot.messaging import partner_directory
from bot.runtime import Runtime
from bot.store.cases import cases, referrals
from bot.store.families import contacts
from bot.store.families import follow_ups as planned
from tests.cases.test_paging import send_all
from tests.conftest import NOW, Family
from tests.stand_in import TwilioStandIn
from tests.web.console.test_console import log_in_as, post


@pytest.fixture
def claimed_case(runtime: Runtime, family: Family) -> Family:
    """Case 1 of a Spanish-speaking family, claimed by Ana."""
    family.text("Quiero hablar con una persona de la escuela por favor")
    family.text("mañana")
    family.text("es sobre el autobús")
    paging.page_staff(runtime, 1)
    assignment.take_case(runtime, 1, "ana_ruiz", "in the console")
    return family


def list_texts(twilio: TwilioStandIn, family: Family) -> list[str]:
    return [message.body for message in twilio.sent_to(family.address)]


def list_referrals(runtime: Runtime) -> list[referrals.Referral]:
    with runtime.database.read() as db:
        return list(referrals.list_for_case(db, 1))


def count_follow_ups(runtime: Runtime) -> int:
    with runtime.database.read() as db:
        waiting = (planned.follow_ups.c.flow == "did_partner_help") & (planned.follow_ups.c.state == "waiting")
        return int(db.execute(select(func.count()).where(waiting)).scalar_one())


def run_follow_up(runtime: Runtime) -> None:
    """Run the follow-up on its due date."""
    with runtime.database.read() as db:
        due = [one for one in planned.list_due(db, now(), 50) if planned.get(db, one).flow == "did_partner_help"]
    for one in due:
        follow_ups.start(runtime, one)
    send_all(runtime)


def test_family_gets_the_number_and_partner_gets_nothing(
    runtime: Runtime, client: FlaskClient, claimed_case: Family, twilio: TwilioStandIn
) -> None:
    log_in_as(runtime, client, "ana_ruiz")
    assert "Prairie Legal Aid (English, Spanish" in client.get("/console/cases/1").text
    page = post(client, "/console/cases/1/refer", partner="prairie_legal", once="a")
    assert "In five days, we ask whether it helped." in page and "has not answered yet" in page
    send_all(runtime)
    (text,) = [one for one in list_texts(twilio, claimed_case) if "Prairie" in one]
    assert "217-555-0160" in text and "Ana Ruiz" in text and "{" not in text
    assert twilio.sent_to("+12175550160") == [] and "217-555-0160" in client.get("/console/cases/1/talk").text
    assert "referred to a partner" in client.get("/console/cases/1").text


def test_form_sent_twice_sends_one_text_and_one_follow_up(
    runtime: Runtime, claimed_case: Family, twilio: TwilioStandIn
) -> None:
    for _ in range(3):
        assert refer_family(runtime, ReferralRequest(1, "prairie_legal", "ana_ruiz", "a"))
        sweep_all(runtime)
        send_all(runtime)
    assert len([one for one in list_texts(twilio, claimed_case) if "Prairie" in one]) == 1
    assert len(list_referrals(runtime)) == 1 and count_follow_ups(runtime) == 1
    assert refer_family(runtime, ReferralRequest(1, "river_rights", "ana_ruiz", "b"))
    assert len(list_referrals(runtime)) == 2 and count_follow_ups(runtime) == 1, "asked about the newest only"


@pytest.mark.parametrize(("answer", "outcome", "again"), [("1", "helped", False), ("2", "not_helped", True), ("3", "not_reached", True)])  # fmt: skip
def test_follow_up_comes_after_five_days_and_no_reopens_the_case(
    runtime: Runtime, claimed_case: Family, twilio: TwilioStandIn, answer: str, outcome: str, again: bool
) -> None:
    refer_family(runtime, ReferralRequest(1, "prairie_legal", "ana_ruiz", "a"))
    assignment.resolve_case(runtime, 1, "ana_ruiz", "referred")
    send_all(runtime)
    with time_machine.travel(NOW + REFERRAL_QUESTION_DELAY - timedelta(hours=1), tick=True):
        run_follow_up(runtime)
        assert count_follow_ups(runtime) == 1
    with time_machine.travel(NOW + REFERRAL_QUESTION_DELAY + timedelta(hours=1), tick=True):
        run_follow_up(runtime)
        assert count_follow_ups(runtime) == 0
        claimed_case.text(answer)
    assert [one.outcome for one in list_referrals(runtime)] == [outcome]
    with runtime.database.read() as db:
        case = cases.get(db, 1)
        assert referrals.count_by_outcome(db) == {("prairie_legal", outcome): 1}
    assert case.is_open is again


def test_only_case_owner_refers_and_only_to_available_partner(runtime: Runtime, claimed_case: Family) -> None:
    assert not refer_family(runtime, ReferralRequest(1, "prairie_legal", "jean_pierre", "a"))
    assert not refer_family(runtime, ReferralRequest(1, "nobody", "ana_ruiz", "a"))
    phone = runtime.library.district.partners["prairie_legal"].phone
    partner_directory.record_call(runtime, "prairie_legal", phone, False, "ana_ruiz", now())
    assert not refer_family(runtime, ReferralRequest(1, "prairie_legal", "ana_ruiz", "a"))
    assert list_referrals(runtime) == [] and count_follow_ups(runtime) == 0
    claimed_case.text("STOP")
    assert not refer_family(runtime, ReferralRequest(1, "river_rights", "ana_ruiz", "b"))


def test_no_text_is_sent_when_home_phone_is_unsafe(
    runtime: Runtime, new_family: Callable[[str], Family], monkeypatch: pytest.MonkeyPatch
) -> None:
    new_family("+12175550179").text("my husband hits me and the kids")
    assignment.take_case(runtime, 1, "lee_tran", "in the console", is_lead=True)
    with runtime.database.read() as db:
        assert cases.get(db, 1).topic in cases_referrals.TOPICS_WITHOUT_REFERRAL_TEXT
    assert not refer_family(runtime, ReferralRequest(1, "prairie_legal", "lee_tran", "a"))


def test_text_fits_one_message_in_every_language(runtime: Runtime) -> None:
    for language in runtime.library.district.languages:
        for partner in list_available_partners(runtime, language, now()).values():
            text = build_referral_text(runtime, partner, "ana_ruiz", language, now())
            assert count_utf16_units(text) <= MAX_MESSAGE_UNITS and partner.phone in text, language


def test_partner_speaking_the_language_is_offered_first(runtime: Runtime) -> None:
    assert next(iter(list_available_partners(runtime, "ar", now()))) == "river_rights"


def test_english_phrase_is_given_when_partner_speaks_only_english(runtime: Runtime) -> None:
    partner = runtime.library.district.partners["prairie_legal"]
    assert "I speak Chinese." in build_referral_text(runtime, partner, "ana_ruiz", "zh", now())
    with runtime.database.read() as db:
        assert contacts.find(db, "+12175550160") is None
