"""A machine transcribes voice notes if the district wants it: for staff, marked, encrypted; emergencies alert staff."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from bot.base import settings
from bot.base.settings import SettingsError
from bot.runtime import Runtime, open_runtime
from bot.store.cases import cases
from bot.transcription import TranscriptionError
from bot.transcription.http import HttpTranscriber
from tests.conftest import NOW, Family
from tests.databases import kept_on_disk
from tests.stand_in import TwilioStandIn
from tests.store.reading import newest_cases
from tests.voice_notes.conftest import SOUND, list_notes, run_jobs, send_voice_note
from tests.voice_notes.transcription_server import TranscriptionServer
from tests.web.console.test_console import log_in_as
from tests.web.console.test_login import cheap_passwords

__all__ = ["cheap_passwords"]  # this fixture also applies here


@pytest.fixture
def server() -> Iterator[TranscriptionServer]:
    with TranscriptionServer() as server:
        yield server


@pytest.fixture
def transcribing(runtime: Runtime, server: TranscriptionServer) -> Runtime:
    more = {"transcriber": "http", "transcriber_url": server.url, "transcriber_token": "a token"}
    return open_runtime(runtime.settings.model_copy(update=more), runtime.library)


@pytest.fixture
def page(transcribing: Runtime, serve: Callable[[Runtime], Flask]) -> FlaskClient:
    return serve(transcribing).test_client()


@pytest.fixture
def parent(transcribing: Runtime, page: FlaskClient, twilio: TwilioStandIn) -> Family:
    """A family that writes Spanish and has sent a voice note."""
    parent = Family(transcribing, page, "whatsapp:+12175550133")
    parent.text("buenos días, ¿cómo están?")
    send_voice_note(parent, twilio.media.put(SOUND))
    return parent


def test_transcription_is_off_by_default(runtime: Runtime, spoken: Family, server: TranscriptionServer) -> None:
    assert runtime.transcriber is None
    run_jobs(runtime)
    assert list_notes(runtime)[0].transcript == "" and server.asked == []


def test_transcript_is_labeled_as_machine_made(
    transcribing: Runtime, parent: Family, page: FlaskClient, server: TranscriptionServer, twilio: TwilioStandIn
) -> None:
    server.says = "quisiera saber del autobús, mi número es A123456789"
    run_jobs(transcribing)
    (asked,) = server.asked
    assert (asked.path, asked.content_type) == ("/transcribe?language=es", "audio/ogg")
    assert asked.audio == SOUND and asked.token == "Bearer a token" and twilio.media.files == {}
    (note,) = list_notes(transcribing)
    assert "autobús" in note.text and "123456789" not in note.text and note.urgent_case_id is None
    log_in_as(transcribing, page, "ana_ruiz")
    shown = page.get("/console/cases/1").text
    assert "Automatic transcript, may contain errors" in shown and "autobús" in shown and "Nobody has listened" in shown
    assert "autobús".encode() not in kept_on_disk(transcribing.database, transcribing.settings.var_dir)


def test_transcript_is_not_answered_by_a_flow(
    transcribing: Runtime, parent: Family, server: TranscriptionServer
) -> None:
    server.says = "STOP"
    run_jobs(transcribing)
    with transcribing.database.read() as db:
        assert len(newest_cases(db, 9)) == 1
    assert parent.text("menu") != ""


def test_emergency_in_transcript_opens_its_own_case(
    transcribing: Runtime, parent: Family, page: FlaskClient, server: TranscriptionServer
) -> None:
    server.says = "la migra está en mi puerta ahorita"
    run_jobs(transcribing)
    with transcribing.database.read() as db:
        case = cases.get(db, 2)
    assert (case.topic, case.severity, case.role) == ("enforcement_now", "escalate_now", "safety_lead")
    assert "migra" not in str(case.answers) and "listen" in case.answers["more"]
    assert [one.id for one in list_notes(transcribing, 2)] == [1] == [one.id for one in list_notes(transcribing, 1)]
    log_in_as(transcribing, page, "dana_cole")
    assert page.get("/console/cases/2/voice/1").data == SOUND
    assert page.get("/console/cases/1/voice/1").status_code == 404, "not her case"
    other = page.application.test_client()
    log_in_as(transcribing, other, "ana_ruiz")
    assert "may describe an emergency" in other.get("/console/cases/1").text


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (503, b"", "busy"),
        (500, b"", "broken"),
        (302, b"", "broken"),
        (200, b"not JSON", "garbage"),
        (200, b'{"text": 5}', "garbage"),
        (200, b"[]", "garbage"),
        (200, b'{"text": "' + b"a" * 300_000 + b'"}', "garbage"),
    ],
)
def test_failing_server_is_reported(server: TranscriptionServer, status: int, body: bytes, reason: str) -> None:
    server.status, server.body = status, body
    with pytest.raises(TranscriptionError) as error:
        HttpTranscriber(server.url).transcribe(SOUND, "audio/ogg", "es")
    assert error.value.reason == reason and len(server.asked) == 1


def test_unreachable_server_is_reported() -> None:
    with pytest.raises(TranscriptionError) as error:
        HttpTranscriber("http://127.0.0.1:1/").transcribe(SOUND, "audio/ogg", "es")
    assert error.value.reason == "unreachable"


def test_silence_gives_no_transcript(server: TranscriptionServer) -> None:
    server.says = " \x00 "
    assert HttpTranscriber(server.url).transcribe(SOUND, "audio/ogg", "es") is None


def test_transcription_is_tried_three_times(
    transcribing: Runtime, parent: Family, server: TranscriptionServer, twilio: TwilioStandIn
) -> None:
    server.status = 500
    for minutes in range(5):
        with time_machine.travel(NOW + timedelta(minutes=minutes), tick=True):
            run_jobs(transcribing)
    assert len(server.asked) == 3 and list_notes(transcribing)[0].transcript == "failed" and twilio.media.files == {}


@pytest.mark.parametrize("url", ["", "ftp://x", "http://"])
def test_server_address_is_required(url: str) -> None:
    with pytest.raises(SettingsError, match="TRANSCRIBER"):
        settings.load_settings(transcriber="http", transcriber_url=url)
