"""A simulator phone sends a voice note: it is fetched as from Twilio, and deleted there."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from bot.channels.twilio_media import MediaError, TwilioMedia
from bot.runtime import Runtime
from bot.store.cases import voice_notes
from bot.web.app import create_app
from bot.web.simulator.voice_notes import find_sound_url
from tests.voice.sounds import make_tone
from tests.voice_notes.conftest import list_notes, load_audio, run_jobs
from tests.web.simulator.conftest import Served
from tests.web.simulator.test_page import phone

HEADER = {"X-Puente-Simulator": "1"}


def get_worker_runtime(served: Served) -> Runtime:
    """The same service, whose own port is the served one."""
    own = {"port": urlsplit(served.url).port, "twilio_api_base": ""}
    return replace(served.runtime, settings=served.runtime.settings.model_copy(update=own))


@pytest.mark.long
def test_audio_is_fetched_with_password_then_deleted(served: Served) -> None:
    client, runtime = served.app.test_client(), get_worker_runtime(served)
    sid = client.post("/simulator/sound", data=make_tone(), headers=HEADER).get_json()["sid"]
    url = find_sound_url(runtime.redis, runtime.settings.account_sid, sid)
    assert client.get(urlsplit(url).path).status_code == 401
    media = TwilioMedia(runtime.settings)
    assert media.fetch(url).content_type == "audio/ogg"
    media.delete(url)
    with pytest.raises(MediaError, match="not_there"):
        media.fetch(url)


@pytest.mark.long
def test_invalid_audio_is_reported(served: Served) -> None:
    answer = served.app.test_client().post("/simulator/sound", data=b"hello", headers=HEADER)
    assert "Puente can't read this file" in answer.get_json()["error"]


def test_real_twilio_account_disables_simulated_media(runtime: Runtime) -> None:
    app = create_app(runtime=runtime)
    assert "simulated" not in app.blueprints
    strict = runtime.settings.model_copy(update={"twilio_api_base": ""})
    assert TwilioMedia(strict)._rewrite_url("https://api.twilio.com/x") == "https://api.twilio.com/x"


@pytest.mark.long
@pytest.mark.browser
def test_file_is_sent_as_a_voice_note(page: Page, served: Served, tmp_path: Path) -> None:
    (tmp_path / "note.webm").write_bytes(make_tone())
    one = phone(page, "A family")
    one.get_by_label("Type").select_option("voice note")
    one.get_by_label("Sound file").set_input_files(tmp_path / "note.webm")
    one.get_by_role("button", name="Send").click()
    expect(one.get_by_role("log")).to_contain_text("A person should listen", timeout=10_000)
    runtime = get_worker_runtime(served)
    run_jobs(runtime)
    [note] = list_notes(runtime)
    assert note.state == "fetched" and (load_audio(runtime, note) or b"").startswith(b"OggS")
    with runtime.database.read() as db:
        assert voice_notes.find(db, note.id)
