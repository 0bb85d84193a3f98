"""Sending: one message per family, on the right channel, no duplicates and no omissions, whatever Twilio does."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import Row, select

from bot.announcements import launch
from bot.announcements.approval import ReleaseError
from bot.announcements.sender import broadcast
from bot.base.database import now
from bot.content.district import SendingRate
from bot.jobs.sweeper import sweep_all
from bot.store.announcements import recipients
from bot.store.announcements.announcements import Audience
from bot.store.announcements.recipients import RecipientChange
from bot.store.families import contacts, families
from tests.announcements.conftest import District
from tests.conftest import NOW, Family

A, B, C = "+12175550201", "+12175550202", "+12175550203"


def test_family_with_children_at_two_schools_gets_one_message(district: District) -> None:
    district.family(A, "lincoln", "harbor")
    district.family(B, "harbor")
    number = district.say(audience=Audience(schools=("lincoln", "harbor")))
    district.send(number)
    assert len(district.got(A)) == len(district.got(B)) == 1
    assert district.state(number) == "done"


def test_number_on_sms_and_whatsapp_is_one_family(district: District) -> None:
    first = district.family(A, "lincoln")
    assert district.family(f"whatsapp:{A}") == first
    district.send(district.say())
    assert len(district.got(A)) + len(district.got(f"whatsapp:{A}")) == 1


def test_message_names_sender_and_check_link(district: District) -> None:
    district.family(A)
    district.send(district.say())
    (text,) = district.got(A)
    assert text.startswith("Riverbend Public Schools, Dana Cole:\nThere is no school on Friday.")
    assert "217-555-0100" in text and "https://puente.test/m/" in text


@pytest.mark.parametrize(
    ("kind", "consent", "stopped", "arrives"),
    [
        ("general", True, False, 1),
        ("general", False, False, 0),
        ("event", False, False, 0),
        ("emergency", False, False, 1),
        ("attendance", False, False, 1),
        ("emergency", True, True, 0),
    ],
)
def test_consent_depends_on_kind_and_opt_out_blocks_all(
    district: District, kind: str, consent: bool, stopped: bool, arrives: int
) -> None:
    district.family(A, consent=consent)
    if stopped:
        opt_out(district, A)
    number = district.say(kind=kind)
    district.send(number)
    assert len(district.got(A)) == arrives
    assert arrives or set(district.states(number)) <= {"held no consent", "held stopped"}


def opt_out(district: District, address: str) -> None:
    with district.runtime.database.write() as db:
        contact = contacts.find(db, address)
        assert contact
        contacts.set_opted_out(db, contact.id, now())


def test_opt_out_on_one_address_covers_all_addresses(district: District) -> None:
    district.family(A)
    district.family(f"whatsapp:{A}")
    opt_out(district, f"whatsapp:{A}")
    district.send(district.say(kind="emergency"))
    assert district.got(A) == [] and district.got(f"whatsapp:{A}") == []


def test_opt_out_after_audience_freeze_still_counts(district: District) -> None:
    district.family(A)
    number = district.say()
    launch.start(district.runtime, number)
    opt_out(district, A)
    broadcast(district.runtime, number, 0)
    assert district.got(A) == [] and district.states(number) == {"canceled stopped": 1}


def test_whatsapp_is_used_inside_window_otherwise_sms(district: District, new_family: Callable[[str], Family]) -> None:
    open_, closed = f"whatsapp:{B}", f"whatsapp:{C}"
    new_family(open_).text("hello")
    for address in (open_, closed):
        district.family(address)
    district.twilio.heard_from(open_)
    district.send(district.say())
    assert len(district.got(open_)) == 1 and district.got(closed) == []
    assert len(district.got(C)) == 1


def test_undelivered_whatsapp_falls_back_to_sms_once(district: District, new_family: Callable[[str], Family]) -> None:
    whatsapp = f"whatsapp:{A}"
    new_family(whatsapp).text("hello")
    district.family(whatsapp)
    district.twilio.heard_from(whatsapp)
    number = district.say()
    district.send(number)
    for _ in range(3):
        district.report(number, whatsapp, "undelivered", 63024)
    assert district.state(number) == "sending"
    for _ in range(3):
        broadcast(district.runtime, number, 0)
    assert len(district.got(whatsapp)) == 1 and len(district.got(A)) == 1
    assert district.state(number) == "done"


def test_whatsapp_block_prevents_sms_fallback(district: District, new_family: Callable[[str], Family]) -> None:
    whatsapp = f"whatsapp:{A}"
    new_family(whatsapp).text("hello")
    district.family(whatsapp)
    district.twilio.heard_from(whatsapp)
    number = district.say()
    district.send(number)
    district.report(number, whatsapp, "failed", 63033)
    district.send(number)
    assert district.got(A) == [] and district.states(number) == {"failed": 1}


def test_wrong_number_is_marked_and_others_continue(district: District) -> None:
    wrong = district.family("+15005550001")  # Twilio's own test number: 21211
    district.family(A)
    number = district.say()
    district.send(number)
    assert len(district.got(A)) == 1 and district.state(number) == "done"
    with district.runtime.database.read() as db:
        assert families.get(db, wrong).bad_number == 21211
    second = district.say()
    district.send(second)
    assert district.states(second)["held bad number"] == 1


def test_opt_out_known_only_to_twilio_is_recorded(district: District) -> None:
    district.family(A)
    district.twilio.opt_out(A)
    number = district.say()
    district.send(number)
    with district.runtime.database.read() as db:
        contact = contacts.find(db, A)
    assert contact and contact.opted_out_at is not None


@pytest.mark.parametrize("fault", ["drop_after_accept", "drop_before", "500"])
def test_unknown_outcome_is_looked_up_before_resending(
    district: District, fault: str, quick: Callable[..., None]
) -> None:
    quick(FIRST_LOOKUP_DELAY=0.1, NEXT_LOOKUP_DELAY=0.1)
    district.family(A)
    district.family(B)
    district.twilio.fail_next(fault, to=A)
    number = district.say()
    district.send(number)
    assert len(district.got(A)) == len(district.got(B)) == 1
    assert district.state(number) == "done"


def test_unknown_status_changes_no_recipient(district: District, caplog: pytest.LogCaptureFixture) -> None:
    district.family(A)
    district.family(B)
    district.send(district.say())

    def read_rows() -> list[Row[Any]]:
        with district.runtime.database.read() as db:
            return list(db.execute(select(recipients.recipients).order_by(recipients.recipients.c.contact_id)))

    before = read_rows()
    first, second = (row.id for row in before)
    changes = [
        RecipientChange(first, "paused", NOW, error_code=30003),
        RecipientChange(first, "call +12175550141", NOW),
        RecipientChange(second, "delivered", NOW),
    ]
    with district.runtime.database.write() as db:
        recipients.apply_changes(db, changes, NOW)
    unchanged, changed = read_rows()
    assert unchanged == before[0] and changed.state == "delivered", "the other changes of the batch still apply"
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "unknown delivery status ignored: status=paused",
        "unknown delivery status ignored: status=(not a word)",
    ]


def test_row_of_dead_worker_is_looked_up_and_sent_once(district: District) -> None:
    district.family(A)
    district.family(B)
    number = district.say()
    launch.start(district.runtime, number)
    with district.runtime.database.write() as db:  # a worker takes both, sends one, and is killed
        rows = recipients.claim(db, number, "sms", 10, now())
    assert len(rows) == 2
    first = next(row for row in rows if row.contact_id == 1)
    from bot.announcements.personalization import AnnouncementMessageBuilder
    from bot.channels.base import OutgoingMessage
    from bot.store.announcements import announcements

    with district.runtime.database.read() as db:
        text = AnnouncementMessageBuilder(district.runtime, announcements.find(db, number)).render_body("text", "en")  # type: ignore[arg-type]
    district.runtime.channel.send(OutgoingMessage(first.id, A, text))
    broadcast(district.runtime, number, 0)
    assert len(district.got(A)) == 1 and district.got(B) == [], "the claims are fresh: nobody touches them"
    for seconds in (31, 70, 110):
        with time_machine.travel(NOW + timedelta(seconds=seconds)):
            broadcast(district.runtime, number, 0)
    assert len(district.got(A)) == len(district.got(B)) == 1


def test_too_many_requests_is_retried_later(district: District, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.announcements.provider_requests.RETRY_DELAYS", (timedelta(seconds=0.1),))
    monkeypatch.setattr("bot.announcements.sender_rate_limit.COOLDOWN_SECONDS", 0.05)
    district.family(A)
    district.twilio.fail_next("429", to=A)
    number = district.say()
    district.send(number)
    assert len(district.got(A)) == 1


def test_broadcast_can_be_paused_resumed_and_stopped(district: District) -> None:
    for one in range(5):
        district.family(f"+1217555021{one}")
    number = district.say()
    launch.start(district.runtime, number)
    assert launch.pause(district.runtime, number, "ana_ruiz")
    broadcast(district.runtime, number, 0)
    assert district.twilio.messages == []
    assert launch.resume(district.runtime, number, "ana_ruiz")
    broadcast(district.runtime, number, 0)
    assert len(district.twilio.messages) == 5
    second = district.say()
    launch.start(district.runtime, second)
    assert launch.stop(district.runtime, second, "ana_ruiz")
    broadcast(district.runtime, second, 0)
    assert len(district.twilio.messages) == 5
    assert district.states(second) == {"canceled": 5}


def test_audience_is_frozen_at_start(district: District) -> None:
    district.family(A)
    number = district.say()
    launch.start(district.runtime, number)
    district.family(B)
    district.send(number)
    assert len(district.got(A)) == 1 and district.got(B) == []


def test_only_emergencies_are_sent_at_night(district: District) -> None:
    district.family(A)
    night = NOW.replace(hour=4)  # 10 PM in the district
    with time_machine.travel(night):
        general, emergency = district.say(), district.say("Stay at home today.", kind="emergency")
        district.send(general)
        assert district.got(A) == []
        district.send(emergency)
        assert len(district.got(A)) == 1
    with time_machine.travel(night + timedelta(hours=11)):
        sweep_all(district.runtime)
        broadcast(district.runtime, general, 0)
    assert len(district.got(A)) == 2


def test_unapproved_language_waits_until_approved(district: District) -> None:
    from bot.announcements import translation_drafts
    from bot.store.announcements.translations import TranslationReview

    district.family(A, language="es")
    district.family(B)
    draft = district.draft()
    translation_drafts.request_drafts(district.runtime, draft)
    number = district.say()
    translation_drafts.request_drafts(district.runtime, draft_of(district, number))
    district.send(number)
    assert district.got(A) == [] and len(district.got(B)) == 1
    assert district.states(number)["held language"] == 1
    words = ["No hay clases el viernes.", "Los autobuses no circulan.", "Llame al {office_phone} si tiene preguntas."]
    translation_drafts.approve(district.runtime, number, "es", words, TranslationReview("Ana Ruiz", "lee_tran", now()))
    assert launch.release_language(district.runtime, number, "es") == 1
    broadcast(district.runtime, number, 0)
    (text,) = district.got(A)
    assert "No hay clases el viernes." in text and "217-555-0100" in text
    assert len(district.got(B)) == 1


def draft_of(district: District, number: int):  # type: ignore[no-untyped-def]
    from bot.store.announcements import announcements

    with district.runtime.database.read() as db:
        return announcements.find(db, number)


def test_machine_translation_carries_a_notice(district: District) -> None:
    district.family(A, language="es")
    district.send(district.say(unapproved="machine"))
    (text,) = district.got(A)
    assert "There is no school on Friday." in text, "no translator: English"
    assert "0" in text and "inglés" in text, "and the notice in their own language says why"


def test_leaders_get_the_share_kit_only_once(district: District) -> None:
    district.family(A, "lincoln", role="leader")
    district.family(B, "lincoln")
    number = district.say(audience=Audience(roles=("family", "leader"), schools=("lincoln",)))
    district.send(number)
    (text,) = district.got(A)
    assert "/kit" in text and "no school on Friday" in text
    assert "/kit" not in district.got(B)[0]


@pytest.mark.long
def test_twenty_account_errors_pause_the_broadcast(district: District) -> None:
    for one in range(30):
        district.family(f"+121755503{one:02d}")
        district.twilio.number(f"+121755503{one:02d}", 30034, at="request")
    number = district.say()
    district.send(number)
    assert district.state(number) == "paused"
    assert "30034" in draft_of(district, number).why_paused


def test_retry_skips_wrong_numbers(district: District) -> None:
    district.family(A)
    district.family("+15005550001")
    number = district.say()
    district.send(number)
    district.report(number, A, "undelivered", 30003)
    assert launch.retry_failed(district.runtime, number, "ana_ruiz") == 1
    district.send(number)
    assert len(district.got(A)) == 2


HX = "HX" + "0" * 32


def with_templates(district: District, per_day: int) -> District:
    """Return the same district with an approved template and a WhatsApp daily limit."""
    library = district.runtime.library
    pace = library.district.announcements.model_copy(update={"pace": {"whatsapp": SendingRate(per_day=per_day)}})
    changed = library.district.model_copy(update={"templates": {"announcement": {"en": HX}}, "announcements": pace})
    return replace(district, runtime=replace(district.runtime, library=replace(library, district=changed)))


def test_template_is_used_outside_window_and_sms_over_daily_limit(district: District) -> None:
    district = with_templates(district, per_day=2)
    district.twilio.templates[HX] = "Message from {{1}}: {{2}} Answer here."
    numbers = [f"+1217555025{one}" for one in range(4)]
    for number in numbers:
        district.family(f"whatsapp:{number}")
    district.send(district.say())
    by_template = [number for number in numbers if district.got(f"whatsapp:{number}")]
    by_sms = [number for number in numbers if district.got(number)]
    assert len(by_template) == len(by_sms) == 2 and not set(by_template) & set(by_sms)
    sent = district.twilio.sent_to(f"whatsapp:{by_template[0]}")[0]
    assert all("\n" not in value for value in sent.content_variables.values())
    assert sent.content_variables["1"] == "Riverbend Public Schools"


def test_text_too_long_for_one_message_is_not_released(district: District) -> None:
    with pytest.raises(ReleaseError, match="too long for one message"):
        district.say("School is closed. " * 100)


def test_whatsapp_failure_at_night_falls_back_to_sms_in_the_morning(
    district: District, new_family: Callable[[str], Family]
) -> None:
    whatsapp = f"whatsapp:{A}"
    new_family(whatsapp).text("hello")
    district.family(whatsapp)
    district.twilio.heard_from(whatsapp)
    number = district.say()
    district.send(number)
    with time_machine.travel(NOW.replace(hour=4) + timedelta(days=1)):
        district.report(number, whatsapp, "undelivered", 63024)
        broadcast(district.runtime, number, 0)
        assert district.got(A) == []
    with time_machine.travel(NOW + timedelta(days=1)):
        broadcast(district.runtime, number, 0)
    assert len(district.got(A)) == 1


def test_whatsapp_only_announcement_finishes(district: District, new_family: Callable[[str], Family]) -> None:
    whatsapp = f"whatsapp:{A}"
    new_family(whatsapp).text("hello")
    district.family(whatsapp)
    number = district.say(channels=("whatsapp",))
    launch.start(district.runtime, number)
    district.runtime.redis.flushall()  # the window closed before the message could be sent
    district.send(number)
    assert district.states(number) == {"held no way": 1} and district.state(number) == "done"


def test_consent_withdrawn_before_sending_counts(district: District) -> None:
    family = district.family(A)
    number = district.say()
    launch.start(district.runtime, number)
    with district.runtime.database.write() as db:
        families.set_consent(db, family, None, None)
    district.send(number)
    assert district.got(A) == []


@pytest.mark.long
def test_staff_text_is_not_mistaken_for_the_announcement(district: District, quick: Callable[..., None]) -> None:
    from bot.channels.base import OutgoingMessage

    quick(FIRST_LOOKUP_DELAY=0.1, NEXT_LOOKUP_DELAY=0.1)
    district.family(A)
    district.runtime.channel.send(OutgoingMessage("x", A, "Hello, this is Ana."))
    district.twilio.fail_next("drop_before", to=A)
    district.send(district.say())
    assert len([text for text in district.got(A) if "no school on Friday" in text]) == 1


def test_staff_announcement_does_not_reach_leaders(district: District) -> None:
    district.family(A, "lincoln", role="leader")
    district.family(B, role="staff")
    district.send(district.say("Staff meeting at 3.", audience=Audience(roles=("staff",))))
    assert district.got(A) == [] and len(district.got(B)) == 1


def test_whatsapp_block_also_applies_to_the_next_announcement(
    district: District, new_family: Callable[[str], Family]
) -> None:
    whatsapp = f"whatsapp:{A}"
    new_family(whatsapp).text("hello")
    district.family(whatsapp)
    district.twilio.heard_from(whatsapp)
    number = district.say()
    district.send(number)
    district.report(number, whatsapp, "failed", 63033)
    district.send(district.say())
    assert len(district.got(whatsapp)) == 1 and district.got(A) == []
