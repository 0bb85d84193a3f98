"""A family that sends voice notes: they are at Twilio's stand-in, and the workers' jobs run here."""

from collections.abc import Callable

import pytest

from bot.base.database import now
from bot.runtime import Runtime
from bot.store.cases import voice_notes
from bot.store.cases.voice_notes import VoiceNote
from bot.voice_notes.job import run_next_step
from tests.conftest import Family
from tests.stand_in import TwilioStandIn, build
from tests.stand_in.media import Kept

SOUND = b"OggS" + bytes(range(256)) * 8
STEPS = 10

Speak = Callable[..., str]


def run_jobs(runtime: Runtime) -> None:
    """Run the workers' jobs one after another."""
    for _ in range(STEPS):
        with runtime.database.read() as db:
            due = voice_notes.list_due(db, now(), 100)
        for note_id in due:
            run_next_step(runtime, note_id)


def list_notes(runtime: Runtime, case_id: int = 1) -> list[VoiceNote]:
    with runtime.database.read() as db:
        return voice_notes.list_for_case(db, case_id)


def load_audio(runtime: Runtime, note: VoiceNote) -> bytes | None:
    with runtime.database.read() as db:
        return voice_notes.load_audio(db, note)


def send_voice_note(family: Family, kept: Kept | None, **fields: str) -> str:
    """Send this file as a voice note; return what the phone shows."""
    url = kept.url if kept else fields.pop("MediaUrl0")
    given = {"From": family.address, "MediaUrl0": url, **fields}
    form = build("whatsapp_voice", account_sid=family.account, **given)
    family.sid = form["MessageSid"]
    return family.post(form)


@pytest.fixture
def spoken(family: Family, twilio: TwilioStandIn) -> Family:
    """A family that writes English and has sent a voice note, which opened case 1."""
    family.text("hello, good morning")
    send_voice_note(family, twilio.media.put(SOUND))
    return family
