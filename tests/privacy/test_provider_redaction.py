"""Words and pictures at Twilio: gone an hour after they were handled, tried again until they are, seen when they are not."""

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

LATE = timedelta(hours=3)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is three hours later."""
    monkeypatch.setattr(provider_redaction, "now", lambda: now() + LATE)


def put(twilio: TwilioStandIn, body: str, status: str = "delivered", **more: object) -> Accepted:
    """A message as Twilio holds it, ten minutes old."""
    at = time.time() - 600
    one = Accepted(sid=new_sid("SM"), to="+12175550177", sender="+12175550100", body=body, at=at, sent_at=at, **more)  # type: ignore[arg-type]
    one.status = status
    with twilio.changed:
        twilio.messages.append(one)
        twilio._by_sid[one.sid] = one
    return one


def standing(services: Runtime) -> redactions.RedactionProgress:
    with services.database.read() as db:
        found = redactions.get_progress(db)
    assert found is not None
    return found


def test_message_bodies_are_redacted_after_one_hour(
    services: Runtime, twilio: TwilioStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, came = put(twilio, "Your bus is late"), put(twilio, "my landlord is Mr Quill", status="received")
    provider_redaction.redact_stored_messages(services)
    assert not sent.redacted and not came.redacted
    monkeypatch.setattr(provider_redaction, "now", lambda: now() + LATE)
    provider_redaction.redact_stored_messages(services)
    assert sent.redacted and came.redacted
    assert (standing(services).redacted, standing(services).failing, standing(services).reason) == (2, 0, "")


def test_pictures_are_deleted_and_known_voice_notes_left_alone(
    services: Runtime, twilio: TwilioStandIn, later: None
) -> None:
    """A sound that no note of ours will fetch or delete goes as a picture does: else it stays there for ever."""
    picture = twilio.media.put(b"a photo of papers", "image/jpeg")
    sound, nobodys = twilio.media.put(b"a voice", "audio/ogg"), twilio.media.put(b"a voice too", "audio/ogg")
    for kept in (picture, sound, nobodys):
        one = put(twilio, "", status="received", media=[kept.url])
        kept.url = kept.url.replace(kept.url.split("/Messages/")[1].split("/")[0], one.sid)
        if kept is sound:
            with services.database.write() as db:
                new = voice_notes.NewVoiceNote(f"{one.sid}:0", None, None, "en", kept.url, "audio/ogg")
                voice_notes.add(db, new, now())
    provider_redaction.redact_stored_messages(services)
    assert list(twilio.media.files) == [sound.sid]


def test_failed_redaction_is_reported_and_retried(services: Runtime, twilio: TwilioStandIn, later: None) -> None:
    messages = [put(twilio, f"text {number}") for number in range(5)]
    twilio.fail_next("503", count=2, on="update")
    provider_redaction.redact_stored_messages(services)
    assert sum(one.redacted for one in messages) == 3
    before = standing(services)
    assert (before.failing, before.reason, before.redacted) == (2, "away", 3)
    provider_redaction.redact_stored_messages(services)
    assert all(one.redacted for one in messages)
    assert standing(services).failing == 0 and standing(services).done_until > before.done_until


def test_message_with_unknown_outcome_is_not_redacted(services: Runtime, twilio: TwilioStandIn, later: None) -> None:
    """They are how it is found out whether Twilio has the message."""
    one = put(twilio, "is it there?")
    with services.database.write() as db:
        at = now() - timedelta(seconds=700)
        own = deliveries.plan_reminder(db, "ana_ruiz", "is it there?", at)
        db.execute(update(deliveries.deliveries).where(deliveries.deliveries.c.id == own).values(state="unknown"))
    provider_redaction.redact_stored_messages(services)
    assert not one.redacted
    with services.database.write() as db:
        db.execute(update(deliveries.deliveries).values(state="delivered"))
    provider_redaction.redact_stored_messages(services)
    assert one.redacted


def test_message_in_transit_is_redacted_later(services: Runtime, twilio: TwilioStandIn, later: None) -> None:
    one = put(twilio, "queued yet", status="queued")
    provider_redaction.redact_stored_messages(services)
    assert not one.redacted and standing(services).reason == "not_final"
    one.status = "delivered"
    provider_redaction.redact_stored_messages(services)
    assert one.redacted and standing(services).reason == ""


def test_wrong_token_is_a_distinct_error(services: Runtime, twilio: TwilioStandIn) -> None:
    wrong = TwilioMessageStore(services.settings.model_copy(update={"twilio_auth_token": "wrong"}))
    with pytest.raises(StoredMessageError, match="denied"):
        list(wrong.list_stored(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)))
