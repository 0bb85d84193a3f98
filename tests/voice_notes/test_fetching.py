"""Fetching: only from Twilio, of a limited size and a known type; everything else is refused with a reason."""

import socket
from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient

from bot.channels.twilio_media import MAX_MEDIA_BYTES, MediaError, TwilioMedia, get_host
from bot.runtime import Runtime
from tests.conftest import NOW, Family
from tests.stand_in import TwilioStandIn
from tests.voice_notes.conftest import SOUND, list_notes, load_audio, run_jobs, send_voice_note
from tests.web.console.test_console import log_in_as
from tests.web.console.test_login import cheap_passwords

__all__ = ["cheap_passwords"]  # this fixture also applies here

ELSEWHERE = [
    "http://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254/",
    "http://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1",
    "https://api.twilio.com.evil.test/2010-04-01/x",
    "https://evil.test/api.twilio.com",
    "https://eviltwilio.com/x",
    "https://twilio.com@evil.test/x",
    "https://api.twilio.com:pw@evil.test/x",
    "https://evil.test#@api.twilio.com/x",
    "https://evil.test\\@api.twilio.com/x",
    "https://user:pw@api.twilio.com/x",
    "https://api.twilio.com:8443/x",
    "https://api.twilio.com:99999/x",
    "https://api.twilio.com./x",
    "https://api.twіlio.com/x",
    "https://media.twiliocdn.com.evil.test/x",
    "https://other.twiliocdn.com/x",
    "file:///etc/passwd",
    "ftp://api.twilio.com/x",
    "gopher://api.twilio.com/x",
    "//api.twilio.com/x",
    "https://[::1]/x",
    "https://[bad/x",
    "https://api.twilio.com\r\nHost: evil.test/x",
    "https:///x",
    "x",
    "",
]


@pytest.fixture
def connected_addresses(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every address that gets a connection."""
    found: list[object] = []
    connect = socket.socket.connect

    def noted(self: socket.socket, address: object) -> None:
        found.append(address)
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", noted)
    return found


@pytest.fixture
def media(runtime: Runtime) -> TwilioMedia:
    return TwilioMedia(runtime.settings)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_other_addresses_are_never_requested(media: TwilioMedia, connected_addresses: list[object], url: str) -> None:
    for act in (media.fetch, media.delete):
        with pytest.raises(MediaError) as error:
            act(url)
        assert error.value.reason == "elsewhere"
    assert connected_addresses == []


@pytest.mark.parametrize("url", ELSEWHERE[:-1])
def test_redirects_to_other_hosts_are_not_followed(
    media: TwilioMedia, twilio: TwilioStandIn, connected_addresses: list[tuple[str, int]], url: str
) -> None:
    kept = twilio.media.put(moved_to=url.replace("\r\n", " "))
    with pytest.raises(MediaError) as error:
        media.fetch(kept.url)
    ports = {int(address[1]) for address in connected_addresses}
    assert ports == {int(twilio.url.rsplit(":", 1)[1])} and error.value.reason in ("elsewhere", "not_there", "away")


def test_media_redirecting_elsewhere_is_still_deleted(runtime: Runtime, family: Family, twilio: TwilioStandIn) -> None:
    family.text("hello, good morning")
    send_voice_note(family, twilio.media.put(SOUND, moved_to="http://169.254.169.254/"))
    run_jobs(runtime)
    (note,) = list_notes(runtime)
    assert (note.state, note.reason, note.due_at) == ("refused", "elsewhere", None) and twilio.media.files == {}


def test_redirect_loop_ends(media: TwilioMedia, twilio: TwilioStandIn) -> None:
    kept = twilio.media.put()
    kept.moved_to = kept.url
    with pytest.raises(MediaError) as error:
        media.fetch(kept.url)
    assert error.value.reason == "elsewhere" and len(twilio.media.asked) == 4


def test_password_is_sent_only_to_the_api(media: TwilioMedia, twilio: TwilioStandIn) -> None:
    kept = twilio.media.put(SOUND, cdn=True)
    assert media.fetch(kept.url).data == SOUND
    assert [(one.path.split("/")[1], one.password) for one in twilio.media.asked] == [
        ("2010-04-01", True), ("cdn", False),
    ]  # fmt: skip


def test_stand_in_address_is_allowed_but_no_other_port(
    media: TwilioMedia, twilio: TwilioStandIn, connected_addresses: list[object]
) -> None:
    kept = twilio.media.put(SOUND)
    path = kept.url.removeprefix("https://api.twilio.com")
    assert media.fetch(twilio.url + path).data == SOUND
    connected_addresses.clear()
    with pytest.raises(MediaError):
        media.fetch("http://127.0.0.1:1" + path)
    assert connected_addresses == []


def test_regional_and_recording_urls_belong_to_twilio() -> None:
    assert get_host("https://api.dublin.ie1.twilio.com/x") == "api.dublin.ie1.twilio.com"
    assert get_host("https://API.twilio.com/x") == "api.twilio.com"


def test_media_of_another_account_is_not_deleted(media: TwilioMedia, twilio: TwilioStandIn) -> None:
    kept = twilio.media.put()
    with pytest.raises(MediaError):
        media.delete(kept.url.replace(twilio.account_sid, "AC" + "9" * 32))
    with pytest.raises(MediaError):
        media.delete(f"https://api.twilio.com/2010-04-01/Accounts/{twilio.account_sid}/Messages/MM1")
    assert twilio.media.asked == []


@pytest.mark.parametrize("honest", [True, False])
def test_more_than_sixteen_megabytes_are_refused(
    runtime: Runtime, family: Family, twilio: TwilioStandIn, honest: bool
) -> None:
    family.text("hello, good morning")
    send_voice_note(family, twilio.media.put(bytes(MAX_MEDIA_BYTES + 1), honest=honest))
    run_jobs(runtime)
    (note,) = list_notes(runtime)
    assert (note.state, note.reason, note.at_twilio) == ("refused", "too_big", False)
    assert twilio.media.files == {}, "it does not lie about at Twilio either"


@pytest.mark.parametrize("content_type", ["text/html", "image/svg+xml", "audio/x-caf", "application/pdf"])
def test_other_content_types_are_refused(
    runtime: Runtime, family: Family, twilio: TwilioStandIn, content_type: str
) -> None:
    family.text("hello, good morning")
    send_voice_note(family, twilio.media.put(b"<script>alert(1)</script>", content_type))
    run_jobs(runtime)
    assert (list_notes(runtime)[0].state, list_notes(runtime)[0].reason) == ("refused", "type")


def test_type_parameters_and_generic_types_are_accepted(media: TwilioMedia, twilio: TwilioStandIn) -> None:
    assert media.fetch(twilio.media.put(SOUND, "Audio/OGG; codecs=opus").url).content_type == "audio/ogg"
    unnamed = twilio.media.put(SOUND, "application/octet-stream")
    assert media.fetch(unnamed.url, "audio/amr").content_type == "audio/amr"
    with pytest.raises(MediaError):
        media.fetch(unnamed.url, "text/html")


@pytest.mark.parametrize("trouble", [429, 500, 503, 404, 401])
def test_temporary_failures_are_retried(runtime: Runtime, family: Family, twilio: TwilioStandIn, trouble: int) -> None:
    family.text("hello, good morning")
    send_voice_note(family, twilio.media.put(SOUND, troubles=(trouble, trouble)))
    run_jobs(runtime)
    assert list_notes(runtime)[0].state == "new"
    for seconds in (10, 40):
        with time_machine.travel(NOW + timedelta(seconds=seconds), tick=True):
            run_jobs(runtime)
    assert load_audio(runtime, list_notes(runtime)[0]) == SOUND and twilio.media.files == {}


def test_failed_deletion_is_retried_and_missing_file_is_accepted(
    runtime: Runtime, family: Family, twilio: TwilioStandIn
) -> None:
    family.text("hello, good morning")
    kept = twilio.media.put(SOUND)
    send_voice_note(family, kept)
    from bot.voice_notes.job import run_next_step

    run_next_step(runtime, 1)
    kept.troubles = [503]
    run_jobs(runtime)
    assert list_notes(runtime)[0].at_twilio and len(twilio.media.files) == 1
    twilio.media.files.clear()
    with time_machine.travel(NOW + timedelta(minutes=1), tick=True):
        run_jobs(runtime)
    assert not list_notes(runtime)[0].at_twilio and list_notes(runtime)[0].due_at is None


@pytest.mark.parametrize(("minutes", "why"), [(11, "not_there"), (25 * 60, "away")])
def test_permanent_failure_gives_up_with_instructions(
    runtime: Runtime, client: FlaskClient, family: Family, twilio: TwilioStandIn, minutes: int, why: str
) -> None:
    family.text("hello, good morning")
    kept = twilio.media.put(SOUND, troubles=(404 if why == "not_there" else 503,) * 50)
    send_voice_note(family, kept)
    log_in_as(runtime, client, "ana_ruiz")
    assert "We are downloading the voice note" in client.get("/console/cases/1").text
    with time_machine.travel(NOW + timedelta(minutes=minutes), tick=True):
        run_jobs(runtime)
        assert (list_notes(runtime)[0].state, list_notes(runtime)[0].reason) == ("refused", why)
    shown = client.get("/console/cases/1").text
    assert "download this voice note" in shown and "send it again" in shown and "<audio" not in shown


def test_logs_contain_nothing_of_the_voice_note(
    runtime: Runtime, spoken: Family, twilio: TwilioStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="bot"):
        send_voice_note(spoken, None, MediaUrl0="https://api.twilio.com.evil.test/secret")
        send_voice_note(spoken, twilio.media.put(b"x", "text/html"))
        run_jobs(runtime)
    assert "elsewhere" in caplog.text and "evil" not in caplog.text and "/Media/" not in caplog.text
    assert spoken.address not in caplog.text
