"""A wrong text is corrected once for everyone who got it; owners of expired texts are reminded once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import time_machine
from click.testing import CliRunner

from bot.base.database import now
from bot.cli import main
from bot.content.catalog import CatalogText
from bot.content_review import overdue_reminders
from bot.messaging import text_corrections
from bot.messaging.delivery import deliver
from bot.runtime import Runtime
from bot.store.cases import deliveries
from tests.conftest import NOW, Family
from tests.stand_in import TwilioStandIn

ENGLISH = "This was translated by machine. No person has checked it yet. Reply"
TEXT = "What do you want to know?"


def correct_text(runtime: Runtime, english: str, wording: str) -> Runtime:
    """The runtime of tomorrow, with a corrected Spanish text."""
    catalogs = runtime.library.catalogs
    spanish = {**catalogs.texts["es"], english: CatalogText(wording)}
    new = replace(catalogs, texts={**catalogs.texts, "es": spanish})
    return replace(runtime, library=replace(runtime.library, catalogs=new))


def list_texts(twilio: TwilioStandIn, address: str) -> list[str]:
    return [message.body for message in twilio.messages if message.to == address]


def deliver_all(runtime: Runtime, at: datetime) -> None:
    with runtime.database.read() as db:
        for one, _ in deliveries.list_unfinished(db, at, at, 100):
            deliver(runtime, one)


@pytest.fixture
def menu_text(runtime: Runtime) -> str:
    return runtime.library.flows.flows["menu"].steps["open"].ask or ""  # type: ignore[return-value]


def test_recipients_of_wrong_text_get_the_correction_once(
    runtime: Runtime, new_family: Callable[[str], Family], twilio: TwilioStandIn, menu_text: str
) -> None:
    with time_machine.travel(NOW, tick=False):
        told, other, stopped = (new_family(f"+1217555014{n}") for n in range(3))
        for family in (told, stopped):
            family.text("español")
            family.text("menú")
        other.text("english")
        other.text("menu")
        stopped.text("alto")
        tomorrow = correct_text(runtime, menu_text, "¿En qué le puedo ayudar hoy?")
        prepared = text_corrections.prepare_correction(tomorrow, "es", menu_text, now())
        assert "¿En qué le puedo ayudar hoy?" in prepared.body and len(prepared.contact_ids) == 2
        assert text_corrections.send_correction(tomorrow, prepared) == 2
        assert text_corrections.send_correction(tomorrow, prepared) == 0, "run again, nothing is planned twice"
        deliver_all(tomorrow, now())
        assert list_texts(twilio, told.address) == [prepared.body]
        assert not list_texts(twilio, other.address) and not list_texts(twilio, stopped.address)
        assert not text_corrections.prepare_correction(tomorrow, "es", menu_text, now()).contact_ids


def test_correction_waits_for_morning(runtime: Runtime, new_family: Callable[[str], Family], menu_text: str) -> None:
    night = NOW + timedelta(hours=14)
    with time_machine.travel(night, tick=False):
        new_family("+12175550145").text("español")
        tomorrow = correct_text(runtime, menu_text, "¿Qué necesita?")
        text_corrections.send_correction(
            tomorrow, text_corrections.prepare_correction(tomorrow, "es", menu_text, now())
        )
        with runtime.database.read() as db:
            assert not deliveries.list_unfinished(db, night, night, 9)
            assert deliveries.list_unfinished(db, night + timedelta(hours=12), night, 9)


@pytest.mark.parametrize(
    ("language", "start", "reason"),
    [
        ("es", "No such text", "No texts match"),
        ("es", "T", "texts match"),
        ("es", "(Checked on", "own answers"),
        ("xx", "This was translated by machine. No person has checked it yet. Reply", "no corrected text in 'xx'"),
    ],
)
def test_refused_correction_states_the_reason(runtime: Runtime, language: str, start: str, reason: str) -> None:
    with pytest.raises(text_corrections.TextCorrectionError, match=reason):
        text_corrections.prepare_correction(runtime, language, start, NOW)


def test_command_previews_before_sending(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.runtime.open_runtime", lambda given: runtime)
    shown = CliRunner().invoke(main.main, ["send-correction", "es", ENGLISH])
    assert shown.exit_code == 0 and "máquina" in shown.output and "0 families" in shown.output
    assert "get this now" in CliRunner().invoke(main.main, ["correct", "es", ENGLISH, "--send"]).output


def test_owner_is_reminded_once_of_an_expired_fact(runtime: Runtime, twilio: TwilioStandIn) -> None:
    with time_machine.travel(NOW, tick=False):
        overdue_reminders.remind_owners(runtime)
        deliver_all(runtime, now())
        assert not twilio.messages
    later = NOW + timedelta(days=20)
    with time_machine.travel(later, tick=False):
        overdue_reminders.remind_owners(runtime)
        overdue_reminders.remind_owners(runtime)
        deliver_all(runtime, now())
    assert any("fact home_entry" in message.body for message in twilio.messages)
    people = [message.to for message in twilio.messages]
    assert len(people) == len(set(people)), "one text each, however many facts"
    staff = {runtime.library.district.get_alert_address(one) for one in runtime.library.district.staff.values()}
    assert set(people) <= staff


def test_owner_is_not_reminded_at_night(runtime: Runtime, twilio: TwilioStandIn) -> None:
    saturday_night = NOW + timedelta(days=18, hours=13)
    with time_machine.travel(saturday_night, tick=False):
        overdue_reminders.remind_owners(runtime)
        deliver_all(runtime, now())
        assert not twilio.messages
    with time_machine.travel(saturday_night + timedelta(days=1, hours=10), tick=False):
        deliver_all(runtime, now())
        assert twilio.messages
