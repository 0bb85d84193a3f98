"""A voice note from the family's phone to staff, until nothing of it is left."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from shutil import which

import pytest
import time_machine
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import select

from bot.base.database import now
from bot.base.encryption import DecryptionError
from bot.base.queues import PROCESS_VOICE_NOTE_JOB
from bot.cases import assignment, staff_conversation
from bot.cases.paging import page_staff
from bot.jobs.sweeper import sweep_all
from bot.messaging.erasure import erase_by_address
from bot.retention.job import delete_expired
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import case_messages, cases, voice_notes
from bot.store.families import contacts
from bot.voice_notes import job as voice_notes_job
from bot.voice_notes.job import run_next_step
from bot.web.app import create_app
from tests.cases.test_paging import send_all
from tests.conftest import NOW, Family
from tests.databases import kept_on_disk, skip_or_fail
from tests.stand_in import TwilioStandIn
from tests.store.reading import newest_cases
from tests.voice_notes.conftest import SOUND, list_notes, load_audio, run_jobs, send_voice_note
from tests.web.console.test_console import log_in_as
from tests.web.console.test_login import cheap_passwords

__all__ = ["cheap_passwords"]  # this fixture also applies here

ANA, DANA = "+12175550141", "+12175550143"
AT_THE_DOOR = "ICE agents are at my door right now"


def all_cases(runtime: Runtime) -> list[cases.Case]:
    with runtime.database.read() as db:
        return newest_cases(db, 50)


def read_disk(runtime: Runtime) -> bytes:
    """Return everything on the disk."""
    return kept_on_disk(runtime.database, runtime.settings.var_dir)


def test_voice_note_reaches_console_and_is_deleted_at_twilio(
    runtime: Runtime, client: FlaskClient, spoken: Family, twilio: TwilioStandIn
) -> None:
    run_jobs(runtime)
    (note,) = list_notes(runtime)
    assert (note.state, note.bytes, note.at_twilio, note.due_at) == ("fetched", len(SOUND), False, None)
    assert twilio.media.files == {} and [one.method for one in twilio.media.asked] == ["GET", "DELETE"]
    assert SOUND not in read_disk(runtime) and note.url.encode() not in read_disk(runtime)
    log_in_as(runtime, client, "ana_ruiz")
    shown = client.get("/console/cases/1").text
    assert "<audio" in shown and "Nobody has listened" in shown and "/console/cases/1/voice/1" in shown
    played = client.get("/console/cases/1/voice/1")
    assert played.data == SOUND and played.mimetype == "audio/ogg"
    assert played.headers["X-Content-Type-Options"] == "nosniff" and played.headers["Cache-Control"] == "no-store"
    assert "media-src 'self'" in played.headers["Content-Security-Policy"]
    part = client.get("/console/cases/1/voice/1", headers={"Range": "bytes=4-7"})
    assert part.status_code == 206 and part.data == SOUND[4:8]
    again = client.get("/console/cases/1").text
    assert "Listened to first by Ana Ruiz" in again and "Nobody has listened" not in again
    with runtime.database.read() as db:
        assert [one.what for one in audit_log.list_newest(db, 20, "case 1")].count("listened to a voice message") == 1


def test_family_learns_at_once_what_happens_next(spoken: Family, runtime: Runtime) -> None:
    reply = send_voice_note(spoken, None, MediaUrl0="")
    assert "voice message by Monday, November 30" in reply and "911" in reply and "few words" in reply
    (case,) = all_cases(runtime)
    assert (case.topic, case.severity, case.role) == ("voice_message", "follow_up", "family_liaison")


def test_unknown_language_is_answered_and_asked(new_family: Callable[[str], Family], twilio: TwilioStandIn) -> None:
    reply = send_voice_note(new_family("whatsapp:+12175550166"), twilio.media.put(SOUND))
    assert "voice message" in reply and "Español" in reply


def test_alert_mentions_only_a_voice_message(runtime: Runtime, spoken: Family, twilio: TwilioStandIn) -> None:
    page_staff(runtime, 1)
    send_all(runtime)
    body = twilio.sent_to(ANA)[-1].body
    assert "Voice message" in body and spoken.address not in body and "api.twilio" not in body


def test_voice_note_joins_the_open_case(runtime: Runtime, family: Family, twilio: TwilioStandIn) -> None:
    family.text("I want to talk to a person")
    page_staff(runtime, 1)
    assignment.take_case(runtime, 1, "ana_ruiz", "in the console")
    send_voice_note(family, twilio.media.put(SOUND))
    assert [one.id for one in all_cases(runtime)] == [1] and len(list_notes(runtime)) == 1
    for message in _said(runtime):
        staff_conversation.translate_message(runtime, message.id)
    send_all(runtime)
    assert "sent a voice message in case 1" in twilio.sent_to(ANA)[-1].body
    assert all_cases(runtime)[0].claimed_by == "ana_ruiz"


def test_voice_note_joins_an_active_staff_conversation(runtime: Runtime, family: Family, twilio: TwilioStandIn) -> None:
    family.text("I want to talk to a person")
    page_staff(runtime, 1)
    assignment.take_case(runtime, 1, "ana_ruiz", "in the console")
    staff_conversation.send_message(
        runtime,
        staff_conversation.draft_message(
            runtime, staff_conversation.StaffMessage(1, "ana_ruiz", "How can I help?", "form:1")
        ),
    )
    send_voice_note(family, twilio.media.put(SOUND))
    assert len(all_cases(runtime)) == 1 and len(list_notes(runtime)) == 1
    assert [one.original for one in _said(runtime)].count("[voice message]") == 1


def _said(runtime: Runtime) -> list[case_messages.CaseMessage]:
    with runtime.database.read() as db:
        return case_messages.list_for_case(db, 1)


def test_voice_note_in_an_emergency_stays_urgent(runtime: Runtime, family: Family, twilio: TwilioStandIn) -> None:
    family.text(AT_THE_DOOR)
    reply = send_voice_note(family, twilio.media.put(SOUND))
    assert "gave your voice message to the staff" in reply and "911" in reply and "Monday" not in reply
    (case,) = all_cases(runtime)
    assert (case.severity, case.topic) == ("escalate_now", "enforcement_now") and len(list_notes(runtime)) == 1


def test_opted_out_sender_gets_no_reply_but_staff_listen(
    runtime: Runtime, family: Family, twilio: TwilioStandIn
) -> None:
    family.text("hello, good morning")
    family.text("STOP")
    assert send_voice_note(family, twilio.media.put(SOUND)) == ""
    assert len(all_cases(runtime)) == 1 and len(list_notes(runtime)) == 1


def test_text_with_voice_note_is_answered_and_audio_kept(
    runtime: Runtime, spoken: Family, twilio: TwilioStandIn
) -> None:
    reply = send_voice_note(spoken, twilio.media.put(SOUND), Body="when is the next school board meeting?")
    assert "listen to your voice message" in reply and "\n\n" in reply
    assert len(list_notes(runtime)) == 2


def test_voice_note_is_kept_and_answered_while_redis_is_down(runtime: Runtime, twilio: TwilioStandIn) -> None:
    away = replace(runtime, redis=Redis.from_url("unix:///nowhere/redis.sock"))
    family = Family(away, create_app(runtime=away).test_client(), "whatsapp:+12175550177")
    assert "voice message" in send_voice_note(family, twilio.media.put(SOUND))
    run_jobs(runtime)
    assert load_audio(runtime, list_notes(runtime)[0]) == SOUND and twilio.media.files == {}


def test_repeated_webhook_keeps_one_note_and_one_case(runtime: Runtime, spoken: Family, twilio: TwilioStandIn) -> None:
    kept = twilio.media.put(SOUND)
    first = send_voice_note(spoken, kept)
    runtime.redis.flushall()
    again = send_voice_note(spoken, kept, MessageSid=spoken.sid, SmsSid=spoken.sid)
    assert again.startswith(first), "with its day all is kept; that one may call is said again, as it is a new day"
    assert len(list_notes(runtime)) == 2 and len(all_cases(runtime)) == 1
    run_jobs(runtime)
    assert twilio.media.files == {}


def test_job_is_queued_or_left_to_the_sweep_without_redis(runtime: Runtime, spoken: Family) -> None:
    from rq import Queue
    from rq.serializers import JSONSerializer

    def queued() -> list[str]:
        jobs = Queue("default", connection=runtime.redis, serializer=JSONSerializer).jobs
        return [job.func_name for job in jobs if job.func_name == PROCESS_VOICE_NOTE_JOB]

    assert queued() == [PROCESS_VOICE_NOTE_JOB]
    runtime.redis.flushall()
    sweep_all(runtime)
    assert queued() == [PROCESS_VOICE_NOTE_JOB]


def test_kill_between_download_and_deletion_is_recovered(
    runtime: Runtime, spoken: Family, twilio: TwilioStandIn
) -> None:
    run_next_step(runtime, 1)  # the download; the deletion job is lost
    assert list_notes(runtime)[0].state == "fetched" and len(twilio.media.files) == 1
    runtime.redis.flushall()
    run_jobs(runtime)
    assert twilio.media.files == {} and load_audio(runtime, list_notes(runtime)[0]) == SOUND


@pytest.mark.parametrize("step", ["mark_fetched", "mark_removed_at_twilio"])
def test_kill_before_recording_the_result_is_recovered(
    runtime: Runtime, spoken: Family, twilio: TwilioStandIn, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(voice_notes_job.voice_notes, step, killed)
        run_jobs(runtime)
    run_jobs(runtime)
    assert list_notes(runtime)[0].due_at, "the lease runs"
    with time_machine.travel(NOW + timedelta(minutes=3), tick=True):
        run_jobs(runtime)
    assert list_notes(runtime)[0].due_at is None and twilio.media.files == {}
    assert load_audio(runtime, list_notes(runtime)[0]) == SOUND


def test_concurrent_jobs_fetch_once(runtime: Runtime, spoken: Family, twilio: TwilioStandIn) -> None:
    with runtime.database.write() as db:
        note = voice_notes.find(db, 1)
        assert note and voice_notes.claim(db, note, now() + voice_notes_job.STEP_LEASE)
        assert not voice_notes.claim(db, note, now() + voice_notes_job.STEP_LEASE)
    run_next_step(runtime, 1)
    assert twilio.media.asked == []


def test_retention_deletes_it_thirty_days_after_the_case(
    runtime: Runtime, spoken: Family, twilio: TwilioStandIn
) -> None:
    run_jobs(runtime)
    assignment.take_case(runtime, 1, "ana_ruiz", "in the console")
    assignment.resolve_case(runtime, 1, "ana_ruiz", "called")
    for days, left in ((29, 1), (31, 0)):
        with time_machine.travel(NOW + timedelta(days=days), tick=True):
            delete_expired(runtime, "test")
            assert len(list_notes(runtime)) == left
    with runtime.database.read() as db:
        assert db.execute(select(voice_notes.voice_notes.c.id)).all() == []


def test_open_case_keeps_its_voice_note(runtime: Runtime, spoken: Family) -> None:
    with time_machine.travel(NOW + timedelta(days=200), tick=True):
        delete_expired(runtime, "test")
    assert len(list_notes(runtime)) == 1


def test_erased_family_is_deleted_here_at_once_and_at_twilio_soon(
    runtime: Runtime, spoken: Family, twilio: TwilioStandIn
) -> None:
    assert erase_by_address(runtime, spoken.address, "rosa_lind")
    assert list_notes(runtime) == [] and len(twilio.media.files) == 1
    with runtime.database.read() as db:
        (row,) = db.execute(select(voice_notes.voice_notes)).all()
    assert (row.sealed_audio, row.contact_id, row.case_id, row.state) == (None, None, None, "gone")
    run_jobs(runtime)
    assert twilio.media.files == {}
    with runtime.database.read() as db:
        assert db.execute(select(voice_notes.voice_notes.c.id)).all() == []


def test_audio_decrypts_only_in_its_own_row(runtime: Runtime, spoken: Family, twilio: TwilioStandIn) -> None:
    send_voice_note(spoken, twilio.media.put(b"OggS another"))
    run_jobs(runtime)
    table = voice_notes.voice_notes
    with runtime.database.write() as db:
        other = db.execute(select(table.c.sealed_audio).where(table.c.id == 2)).scalar_one()
        db.execute(table.update().where(table.c.id == 1).values(sealed_audio=other))
    with pytest.raises(DecryptionError):
        load_audio(runtime, list_notes(runtime)[0])


def test_staff_without_case_access_cannot_play_it(runtime: Runtime, client: FlaskClient, spoken: Family) -> None:
    run_jobs(runtime)
    assert client.get("/console/cases/1/voice/1").status_code == 302
    log_in_as(runtime, client, "grace_wu")
    assert client.get("/console/cases/1/voice/1").status_code == 404
    other = client.application.test_client()
    log_in_as(runtime, other, "viewer_only", "viewer")
    assert other.get("/console/cases/1/voice/1").status_code == 403


def test_note_is_played_only_in_its_own_case(
    runtime: Runtime, client: FlaskClient, spoken: Family, new_family: Callable[[str], Family]
) -> None:
    new_family("whatsapp:+12175550166").text("I want to talk to a person")
    run_jobs(runtime)
    log_in_as(runtime, client, "ana_ruiz")
    assert client.get("/console/cases/2").status_code == 200
    assert client.get("/console/cases/2/voice/1").status_code == 404
    assert client.get("/console/cases/1/voice/99").status_code == 404


def test_call_recording_is_handled_like_a_voice_note(runtime: Runtime, family: Family, twilio: TwilioStandIn) -> None:
    family.text("I want to talk to a person")
    kept = twilio.media.put(SOUND, "audio/mpeg", recording=True)
    with runtime.database.write() as db:
        contact = contacts.find(db, family.address)
        assert contact
        new = voice_notes.NewVoiceNote("RE1", contact.id, 1, "en", f"{kept.url}.mp3", "audio/mpeg")
        number = voice_notes.add(db, new, now())
        assert voice_notes.add(db, new, now()) == number
    run_jobs(runtime)
    (note,) = list_notes(runtime)
    assert note.content_type == "audio/mpeg" and load_audio(runtime, note) == SOUND and twilio.media.files == {}


def test_unplayable_format_is_served_as_mp3(
    runtime: Runtime, client: FlaskClient, family: Family, twilio: TwilioStandIn
) -> None:
    """AMR, as phones send it by MMS: frames of noise here, because no program on this machine writes real ones."""
    if which("ffmpeg") is None:
        skip_or_fail("ffmpeg is not installed: `apt-get install ffmpeg` (or brew install ffmpeg) gets it.")
    family.text("hello, good morning")
    noise = random.Random(1)
    amr = b"#!AMR\n" + b"".join(b"\x3c" + noise.randbytes(31) for _ in range(100))
    send_voice_note(family, twilio.media.put(amr, "audio/amr"))
    run_jobs(runtime)
    log_in_as(runtime, client, "ana_ruiz")
    played = client.get("/console/cases/1/voice/1")
    assert played.mimetype == "audio/mpeg" and played.data[:3] == b"ID3"
    assert load_audio(runtime, list_notes(runtime)[0]) == amr, "it is kept as it came"


def test_unconvertible_audio_is_served_unchanged(
    runtime: Runtime, client: FlaskClient, family: Family, twilio: TwilioStandIn
) -> None:
    family.text("hello, good morning")
    send_voice_note(family, twilio.media.put(b"#!AMR\nx", "audio/amr"))
    run_jobs(runtime)
    log_in_as(runtime, client, "ana_ruiz")
    played = client.get("/console/cases/1/voice/1")
    assert (played.mimetype, played.data) == ("audio/amr", b"#!AMR\nx")
