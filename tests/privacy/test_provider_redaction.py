"""Texts and pictures at Twilio: deleted an hour after handling, retried until done, failures are visible."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from bot.base.database import now
from bot.channels.twilio_redaction import StoredMessageError, TwilioMessageStore
from bot.messaging import provider_redaction
from bot.runtime import Runtime
from bot.store.cases import deliveries, voice_notes
from bot.store.lifecycle import redactions
from tests.stand_in import TwilioStandIn
from tests.stand_in.records import Accepted, new_sid

REDACTION_DELAY = timedelta(hours=3)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Move the clock three hours ahead."""
    monkeypatch.setattr(provider_redaction, "now", lambda: now() + REDACTION_DELAY)


def add_message(twilio: TwilioStandIn, body: str, status: str = "delivered", **more: object) -> Accepted:
    """Add a message at Twilio that is ten minutes old."""
    at = time.time() - 600
    one = Accepted(sid=new_sid("SM"), to="+12175550177", sender="+12175550100", body=body, at=at, sent_at=at, **more)  # type: ignore[arg-type]
    one.status = status
    with twilio.changed:
        twilio.messages.append(one)
        twilio._by_sid[one.sid] = one
    return one


def get_progress(runtime: Runtime) -> redactions.RedactionProgress:
    with runtime.database.read() as db:
        found = redactions.get_progress(db)
    assert found is not None
    return found


def test_message_bodies_are_redacted_after_one_hour(
    runtime: Runtime, twilio: TwilioStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, came = (
        add_message(twilio, "Your bus is late"),
        add_message(twilio, "my landlord is Mr Quill", status="received"),
    )
    provider_redaction.redact_stored_messages(runtime)
    assert not sent.redacted and not came.redacted
    monkeypatch.setattr(provider_redaction, "now", lambda: now() + REDACTION_DELAY)
    provider_redaction.redact_stored_messages(runtime)
    assert sent.redacted and came.redacted
    assert (get_progress(runtime).redacted, get_progress(runtime).failing, get_progress(runtime).reason) == (
        2,
        0,
        "",
    )


def test_pictures_are_deleted_and_known_voice_notes_left_alone(
    runtime: Runtime, twilio: TwilioStandIn, later: None
) -> None:
    """Audio that no voice note will fetch or delete is deleted like a picture. Otherwise it would stay forever."""
    picture = twilio.media.put(b"a photo of papers", "image/jpeg")
    sound, nobodys = twilio.media.put(b"a voice", "audio/ogg"), twilio.media.put(b"a voice too", "audio/ogg")
    for kept in (picture, sound, nobodys):
        one = add_message(twilio, "", status="received", media=[kept.url])
        kept.url = kept.url.replace(kept.url.split("/Messages/")[1].split("/")[0], one.sid)
        if kept is sound:
            with runtime.database.write() as db:
                new = voice_notes.NewVoiceNote(f"{one.sid}:0", None, None, "en", kept.url, "audio/ogg")
                voice_notes.add(db, new, now())
    provider_redaction.redact_stored_messages(runtime)
    assert list(twilio.media.files) == [sound.sid]


def test_failed_redaction_is_reported_and_retried(runtime: Runtime, twilio: TwilioStandIn, later: None) -> None:
    messages = [add_message(twilio, f"text {number}") for number in range(5)]
    twilio.fail_next("503", count=2, on="update")
    provider_redaction.redact_stored_messages(runtime)
    assert sum(one.redacted for one in messages) == 3
    before = get_progress(runtime)
    assert (before.failing, before.reason, before.redacted) == (2, "away", 3)
    provider_redaction.redact_stored_messages(runtime)
    assert all(one.redacted for one in messages)
    assert get_progress(runtime).failing == 0 and get_progress(runtime).done_until > before.done_until


def test_message_with_unknown_outcome_is_not_redacted(runtime: Runtime, twilio: TwilioStandIn, later: None) -> None:
    """They show whether Twilio has the message."""
    one = add_message(twilio, "is it there?")
    with runtime.database.write() as db:
        at = now() - timedelta(seconds=700)
        own = deliveries.plan_reminder(db, "ana_ruiz", "is it there?", at)
        db.execute(update(deliveries.deliveries).where(deliveries.deliveries.c.id == own).values(state="unknown"))
    provider_redaction.redact_stored_messages(runtime)
    assert not one.redacted
    with runtime.database.write() as db:
        db.execute(update(deliveries.deliveries).values(state="delivered"))
    provider_redaction.redact_stored_messages(runtime)
    assert one.redacted


def test_message_in_transit_is_redacted_later(runtime: Runtime, twilio: TwilioStandIn, later: None) -> None:
    one = add_message(twilio, "queued yet", status="queued")
    provider_redaction.redact_stored_messages(runtime)
    assert not one.redacted and get_progress(runtime).reason == "not_final"
    one.status = "delivered"
    provider_redaction.redact_stored_messages(runtime)
    assert one.redacted and get_progress(runtime).reason == ""


def test_wrong_token_is_a_distinct_error(runtime: Runtime, twilio: TwilioStandIn) -> None:
    wrong = TwilioMessageStore(runtime.settings.model_copy(update={"twilio_auth_token": "wrong"}))
    with pytest.raises(StoredMessageError, match="denied"):
        list(wrong.list_stored(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)))
