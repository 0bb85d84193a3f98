"""A phone of the simulator speaks: its voice note is fetched as one from Twilio is, and deleted there."""

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
from tests.voice.sounds import sound
from tests.voice_notes.conftest import carry_all, notes, sound_of
from tests.web.simulator.conftest import Served
from tests.web.simulator.test_page import phone

HEADER = {"X-Puente-Simulator": "1"}


def of_the_worker(served: Served) -> Runtime:
    """The same line, whose own port is the served one."""
    own = {"port": urlsplit(served.url).port, "twilio_api_base": ""}
    return replace(served.services, settings=served.services.settings.model_copy(update=own))


@pytest.mark.long
def test_audio_is_fetched_with_password_then_deleted(served: Served) -> None:
    client, services = served.app.test_client(), of_the_worker(served)
    sid = client.post("/simulator/sound", data=sound(), headers=HEADER).get_json()["sid"]
    url = find_sound_url(services.redis, services.settings.account_sid, sid)
    assert client.get(urlsplit(url).path).status_code == 401
    media = TwilioMedia(services.settings)
    assert media.fetch(url).content_type == "audio/ogg"
    media.delete(url)
    with pytest.raises(MediaError, match="not_there"):
        media.fetch(url)


@pytest.mark.long
def test_invalid_audio_is_reported(served: Served) -> None:
    answer = served.app.test_client().post("/simulator/sound", data=b"hello", headers=HEADER)
    assert "no recording that can be read" in answer.get_json()["error"]


def test_real_twilio_account_disables_simulated_media(services: Runtime) -> None:
    app = create_app(runtime=services)
    assert "simulated" not in app.blueprints
    strict = services.settings.model_copy(update={"twilio_api_base": ""})
    assert TwilioMedia(strict)._rewrite_url("https://api.twilio.com/x") == "https://api.twilio.com/x"


@pytest.mark.long
@pytest.mark.browser
def test_file_is_sent_as_a_voice_note(page: Page, served: Served, tmp_path: Path) -> None:
    (tmp_path / "note.webm").write_bytes(sound())
    one = phone(page, "A family")
    one.get_by_label("Type").select_option("voice note")
    one.get_by_label("Sound file").set_input_files(tmp_path / "note.webm")
    one.get_by_role("button", name="Send").click()
    expect(one.get_by_role("log")).to_contain_text("A person should listen", timeout=10_000)
    services = of_the_worker(served)
    carry_all(services)
    [note] = notes(services)
    assert note.state == "fetched" and (sound_of(services, note) or b"").startswith(b"OggS")
    with services.database.read() as db:
        assert voice_notes.find(db, note.id)
