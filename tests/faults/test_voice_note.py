"""kill -9 during the fetch of a voice note: it arrives, and nothing of it stays at Twilio. Real processes."""

from pathlib import Path

import pytest

from bot.store.cases import voice_notes
from tests.faults.line import running

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


def test_voice_note_survives_kills_during_download(tmp_path: Path) -> None:
    with running(tmp_path.resolve()) as line:
        line.twilio.arrange("put_media", sid="ME1", seconds=4)
        where = f"/2010-04-01/Accounts/{line.twilio.account_sid}/Messages/MM1/Media/ME1"
        sound = {"NumMedia": "1", "MediaContentType0": "audio/ogg", "MediaUrl0": f"https://api.twilio.com{where}"}
        line.tell("whatsapp:+12175550151", "", MessageType="audio", **sound)
        line.until(lambda: any(one["method"] == "GET" for one in line.twilio.media["asked"]), 20)
        assert line.kill("worker") >= 3, "two workers and a work-horse"
        with line.runtime() as runtime, runtime.database.read() as db:
            note = voice_notes.find(db, 1)
            assert note and note.state == "new"
        line.until(lambda: line.twilio.media["files"] == [], 150)
        with line.runtime() as runtime, runtime.database.read() as db:
            note = voice_notes.find(db, 1)
            assert note and voice_notes.load_audio(db, note) == b"OggS"
