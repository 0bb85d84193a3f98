"""Recordings, from the microphone to the caller: recorded by one, reviewed by another, heard, taken back, due again."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.announcements import recordings
from bot.voice.recordable_texts import RecordableText, collect_recordable_texts
from bot.web.app import MAX_BODY_BYTES, create_app
from tests.conftest import NOW
from tests.voice.sounds import about, sound, wav
from tests.web.console.conftest import ana, member
from tests.web.console.test_console import token
from tests.web.console.test_login import cheap_passwords

__all__ = ["ana", "cheap_passwords"]  # these fixtures hold here too

pytestmark = pytest.mark.long  # each of them has ffmpeg at work


@dataclass
class Staff:
    """A browser of somebody who records."""

    client: FlaskClient

    def post(self, path: str, **form: object) -> TestResponse:
        """A form with its token."""
        form["csrf_token"] = token(self.client.get("/console/account").text)
        return self.client.post(path, data=form, follow_redirects=True)

    def record(self, item: RecordableText, audio: bytes, language: str = "so") -> TestResponse:
        """What the form of this text sends."""
        return self.post(f"/console/recordings/{language}/{item.key}", recording=(BytesIO(audio), "recording.webm"))


@pytest.fixture
def first(services: Runtime) -> RecordableText:
    """The text that matters most in Somali."""
    return collect_recordable_texts(services.library, "so", NOW).items[1]


@pytest.fixture
def one(ana: FlaskClient) -> Staff:
    return Staff(ana)


@pytest.fixture
def other(services: Runtime, client: FlaskClient) -> Staff:
    return Staff(member(services, client.application, "approver", "sam_ortiz"))


def heard(client: FlaskClient, item: RecordableText, ending: str = "mp3") -> TestResponse:
    """What Twilio gets, without a login."""
    return client.application.test_client().get(f"/recordings/{item.key}.{ending}")


def test_recording_is_played_after_review_by_another_person(
    services: Runtime, client: FlaskClient, one: Staff, other: Staff, first: RecordableText
) -> None:
    page = one.record(first, sound()).text
    assert "Kept." in page and "Waiting for review" in page and "Not recorded" in page
    assert heard(client, first).status_code == 404 and one.client.get("/console/recordings/sound/1.mp3").data
    assert one.post("/console/recordings/review/1", heard="yes").status_code == 403
    assert heard(client, first).status_code == 404, "who recorded it cannot review it"
    assert "Listen to it whole first" in other.post("/console/recordings/review/1").text
    assert heard(client, first).status_code == 404
    assert "Callers hear this recording" in other.post("/console/recordings/review/1", heard="yes").text
    mp3, ogg = heard(client, first), heard(client, first, "ogg")
    assert mp3.content_type == "audio/mpeg" and "codec_name=mp3" in about(mp3.data)
    assert ogg.content_type == "audio/ogg" and "codec_name=opus" in about(ogg.data)
    assert mp3.headers["Cache-Control"] == "public, max-age=3600"
    head = client.head(f"/recordings/{first.key}.mp3")
    assert head.status_code == 200 and head.data == b"" and int(head.headers["Content-Length"]) == len(mp3.data)
    with services.database.read() as db:
        told = [(entry.who, entry.what) for entry in audit_log.list_newest(db, 5, "recording 1")]
    assert told == [("sam_ortiz", "reviewed a recording"), ("ana_ruiz", "recorded a text")]


def test_withdrawn_recording_is_gone_and_older_one_stays_gone(
    services: Runtime, client: FlaskClient, one: Staff, other: Staff, first: RecordableText
) -> None:
    for number in (1, 2):
        one.record(first, sound())
        assert number == 1 or heard(client, first).status_code == 200, "the reviewed one is heard until then"
        other.post(f"/console/recordings/review/{number}", heard="yes")
    assert "Taken back." in one.post("/console/recordings/take-back/2").text
    assert heard(client, first).status_code == 404
    with services.database.read() as db:
        assert recordings.find_usable_keys(db, "so", {first.key}) == set() and recordings.get_mp3(db, 2) is None
    assert one.client.get("/console/recordings/sound/2.mp3").status_code == 404
    assert one.post("/console/recordings/take-back/2").status_code == 404


def test_each_language_has_its_own_recording(
    services: Runtime, one: Staff, other: Staff, first: RecordableText
) -> None:
    one.record(first, sound())
    other.post("/console/recordings/review/1", heard="yes")
    beside = collect_recordable_texts(services.library, "ps", NOW).items[1]
    with services.database.read() as db:
        assert recordings.find_usable_keys(db, "so", {first.key, beside.key}) == {first.key}
        assert recordings.find_usable_keys(db, "ps", {first.key, beside.key}) == set()


def test_changed_words_need_a_new_recording(services: Runtime, client: FlaskClient, one: Staff, other: Staff) -> None:
    phone = services.library.district.office_phone
    item = next(item for item in collect_recordable_texts(services.library, "so", NOW).items if phone in item.text)
    one.record(item, sound())
    other.post("/console/recordings/review/1", heard="yes")
    assert "record again" not in one.client.get("/console/recordings/so").text
    library = services.library
    district = library.district.model_copy(update={"office_phone": "217-555-0999"})
    changed = replace(services, library=replace(library, district=district))
    app = create_app(runtime=changed)
    late = Staff(member(changed, app, "staff", "grace_wu"))
    page = late.client.get("/console/recordings/so").text
    assert "Text changed: record again" in page and phone in page and "Current text" in page
    assert "The text has changed meanwhile" in late.record(item, sound()).text
    assert item.key not in collect_recordable_texts(changed.library, "so", NOW).keys
    late.post("/console/recordings/take-back/1")
    assert "record again" not in late.client.get("/console/recordings/so").text


@pytest.mark.parametrize(
    ("audio", "told"),
    [
        (lambda: b"no sound", "That is no recording"),
        (bytes, "That is no recording"),
        (partial(wav, 121), "two minutes at most"),
    ],
)
def test_invalid_recording_is_refused_with_a_clear_message(
    one: Staff, first: RecordableText, audio: Callable[[], bytes], told: str
) -> None:
    page = one.record(first, audio()).text
    assert told in page and "Waiting for review" not in page


def test_only_this_form_allows_large_uploads_from_permitted_staff(
    services: Runtime, client: FlaskClient, one: Staff, first: RecordableText
) -> None:
    large = wav(60)
    assert len(large) > MAX_BODY_BYTES and "Kept." in one.record(first, large).text
    assert one.record(first, b"x" * (17 * 1024 * 1024)).status_code == 413
    path, form = f"/console/recordings/so/{first.key}", {"recording": (BytesIO(large), "a.wav")}
    assert client.application.test_client().post(path, data=form).status_code == 413
    viewer = Staff(member(services, client.application, "viewer", "grace_wu"))
    assert viewer.record(first, large).status_code == 413
    assert viewer.record(first, b"small").status_code == 403
    assert one.post("/console/phrases", original="x" * MAX_BODY_BYTES).status_code == 413


def test_missing_token_stores_nothing(services: Runtime, one: Staff, first: RecordableText) -> None:
    form = {"recording": (BytesIO(sound()), "a.webm")}
    assert one.client.post(f"/console/recordings/so/{first.key}", data=form).status_code == 400
    with services.database.read() as db:
        assert recordings.list_languages(db) == set()


def test_text_never_becomes_script_and_right_to_left_is_marked(services: Runtime) -> None:
    evil = "<script>alert(1)</script>"
    library = services.library
    district = library.district.model_copy(update={"office_phone": evil, "name": f'{evil}"onload="x'})
    own = replace(services, library=replace(library, district=district))
    staff = Staff(member(own, create_app(runtime=own), "staff", "ana_ruiz"))
    item = next(item for item in collect_recordable_texts(own.library, "ar", NOW).items if evil in item.text)
    page = staff.record(item, sound(), "ar").text
    assert evil not in page and "&lt;script&gt;" in page and 'dir="rtl"' in page and 'lang="ar"' in page
    answer = staff.client.get("/console/recordings/ar")
    assert "media-src 'self' blob:" in answer.headers["Content-Security-Policy"] and "unsafe" not in str(answer.headers)
    assert "onclick" not in page and "recordings.js" in page


def test_list_shows_missing_recordings(one: Staff, other: Staff, first: RecordableText) -> None:
    one.record(first, sound())
    other.post("/console/recordings/review/1", heard="yes")
    page = one.client.get("/console/recordings").text
    assert page.count("<tr>") >= 17 and re.search(r">1 of \d{3}<", page)
    assert one.client.get("/console/recordings/mam?of=menu").status_code == 200
    assert one.client.get("/console/recordings/xx").status_code == 404
    assert "Nobody has translated this text yet" in one.client.get("/console/recordings/mam").text


@pytest.mark.parametrize("key", ["0" * 32, "x", "..%2f..%2fetc%2fpasswd", "%00"])
def test_unknown_key_is_not_found(client: FlaskClient, key: str) -> None:
    for ending in ("mp3", "ogg", "wav"):
        assert client.get(f"/recordings/{key}.{ending}").status_code == 404
