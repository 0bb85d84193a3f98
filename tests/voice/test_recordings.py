"""Recordings from the microphone to the caller: recorded, reviewed by another person, played, withdrawn, renewed."""

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
from tests.voice.sounds import describe_audio, make_tone, make_wav
from tests.web.console.conftest import ana, member
from tests.web.console.test_console import token
from tests.web.console.test_login import cheap_passwords

__all__ = ["ana", "cheap_passwords"]  # these fixtures also apply here

pytestmark = pytest.mark.long  # each of them runs ffmpeg


@dataclass
class Staff:
    """A browser of a member of staff who records."""

    client: FlaskClient

    def post(self, path: str, **form: object) -> TestResponse:
        """Post a form with its token."""
        form["csrf_token"] = token(self.client.get("/console/account").text)
        return self.client.post(path, data=form, follow_redirects=True)

    def record(self, item: RecordableText, audio: bytes, language: str = "so") -> TestResponse:
        """Send a recording of this text."""
        return self.post(f"/console/recordings/{language}/{item.key}", recording=(BytesIO(audio), "recording.webm"))


@pytest.fixture
def first(runtime: Runtime) -> RecordableText:
    """The most important text in Somali."""
    return collect_recordable_texts(runtime.library, "so", NOW).items[1]


@pytest.fixture
def one(ana: FlaskClient) -> Staff:
    return Staff(ana)


@pytest.fixture
def other(runtime: Runtime, client: FlaskClient) -> Staff:
    return Staff(member(runtime, client.application, "approver", "sam_ortiz"))


def fetch_recording(client: FlaskClient, item: RecordableText, ending: str = "mp3") -> TestResponse:
    """Fetch what Twilio gets, without a login."""
    return client.application.test_client().get(f"/recordings/{item.key}.{ending}")


def test_recording_is_played_after_review_by_another_person(
    runtime: Runtime, client: FlaskClient, one: Staff, other: Staff, first: RecordableText
) -> None:
    page = one.record(first, make_tone()).text
    assert "Recording saved." in page and "Waiting for review" in page and "Not recorded" in page
    assert fetch_recording(client, first).status_code == 404 and one.client.get("/console/recordings/sound/1.mp3").data
    assert one.post("/console/recordings/review/1", heard="yes").status_code == 403
    assert fetch_recording(client, first).status_code == 404, "who recorded it cannot review it"
    assert "Listen to the whole recording first" in other.post("/console/recordings/review/1").text
    assert fetch_recording(client, first).status_code == 404
    assert "Callers hear this recording" in other.post("/console/recordings/review/1", heard="yes").text
    mp3, ogg = fetch_recording(client, first), fetch_recording(client, first, "ogg")
    assert mp3.content_type == "audio/mpeg" and "codec_name=mp3" in describe_audio(mp3.data)
    assert ogg.content_type == "audio/ogg" and "codec_name=opus" in describe_audio(ogg.data)
    assert mp3.headers["Cache-Control"] == "public, max-age=3600"
    head = client.head(f"/recordings/{first.key}.mp3")
    assert head.status_code == 200 and head.data == b"" and int(head.headers["Content-Length"]) == len(mp3.data)
    with runtime.database.read() as db:
        told = [(entry.who, entry.what) for entry in audit_log.list_newest(db, 5, "recording 1")]
    assert told == [("sam_ortiz", "reviewed a recording"), ("ana_ruiz", "recorded a text")]


def test_withdrawn_recording_is_gone_and_older_one_stays_gone(
    runtime: Runtime, client: FlaskClient, one: Staff, other: Staff, first: RecordableText
) -> None:
    for number in (1, 2):
        one.record(first, make_tone())
        assert number == 1 or fetch_recording(client, first).status_code == 200, "the reviewed one is heard until then"
        other.post(f"/console/recordings/review/{number}", heard="yes")
    assert "Recording withdrawn." in one.post("/console/recordings/take-back/2").text
    assert fetch_recording(client, first).status_code == 404
    with runtime.database.read() as db:
        assert recordings.find_usable_keys(db, "so", {first.key}) == set() and recordings.get_mp3(db, 2) is None
    assert one.client.get("/console/recordings/sound/2.mp3").status_code == 404
    assert one.post("/console/recordings/take-back/2").status_code == 404


def test_each_language_has_its_own_recording(runtime: Runtime, one: Staff, other: Staff, first: RecordableText) -> None:
    one.record(first, make_tone())
    other.post("/console/recordings/review/1", heard="yes")
    beside = collect_recordable_texts(runtime.library, "ps", NOW).items[1]
    with runtime.database.read() as db:
        assert recordings.find_usable_keys(db, "so", {first.key, beside.key}) == {first.key}
        assert recordings.find_usable_keys(db, "ps", {first.key, beside.key}) == set()


def test_changed_words_need_a_new_recording(runtime: Runtime, client: FlaskClient, one: Staff, other: Staff) -> None:
    phone = runtime.library.district.office_phone
    item = next(item for item in collect_recordable_texts(runtime.library, "so", NOW).items if phone in item.text)
    one.record(item, make_tone())
    other.post("/console/recordings/review/1", heard="yes")
    assert "record again" not in one.client.get("/console/recordings/so").text
    library = runtime.library
    district = library.district.model_copy(update={"office_phone": "217-555-0999"})
    changed = replace(runtime, library=replace(library, district=district))
    app = create_app(runtime=changed)
    late = Staff(member(changed, app, "staff", "grace_wu"))
    page = late.client.get("/console/recordings/so").text
    assert "Text changed: record again" in page and phone in page and "Current text" in page
    assert "The text changed in the meantime" in late.record(item, make_tone()).text
    assert item.key not in collect_recordable_texts(changed.library, "so", NOW).keys
    late.post("/console/recordings/take-back/1")
    assert "record again" not in late.client.get("/console/recordings/so").text


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (lambda: b"no sound", "Puente can&#39;t read this file"),
        (bytes, "Puente can&#39;t read this file"),
        (partial(make_wav, 121), "at most two minutes"),
    ],
)
def test_invalid_recording_is_refused_with_a_clear_message(
    one: Staff, first: RecordableText, audio: Callable[[], bytes], message: str
) -> None:
    page = one.record(first, audio()).text
    assert message in page and "Waiting for review" not in page


def test_only_this_form_allows_large_uploads_from_permitted_staff(
    runtime: Runtime, client: FlaskClient, one: Staff, first: RecordableText
) -> None:
    large = make_wav(60)
    assert len(large) > MAX_BODY_BYTES and "Recording saved." in one.record(first, large).text
    assert one.record(first, b"x" * (17 * 1024 * 1024)).status_code == 413
    path, form = f"/console/recordings/so/{first.key}", {"recording": (BytesIO(large), "a.wav")}
    assert client.application.test_client().post(path, data=form).status_code == 413
    viewer = Staff(member(runtime, client.application, "viewer", "grace_wu"))
    assert viewer.record(first, large).status_code == 413
    assert viewer.record(first, b"small").status_code == 403
    assert one.post("/console/phrases", original="x" * MAX_BODY_BYTES).status_code == 413


def test_missing_token_stores_nothing(runtime: Runtime, one: Staff, first: RecordableText) -> None:
    form = {"recording": (BytesIO(make_tone()), "a.webm")}
    assert one.client.post(f"/console/recordings/so/{first.key}", data=form).status_code == 400
    with runtime.database.read() as db:
        assert recordings.list_languages(db) == set()


def test_text_never_becomes_script_and_right_to_left_is_marked(runtime: Runtime) -> None:
    evil = "<script>alert(1)</script>"
    library = runtime.library
    district = library.district.model_copy(update={"office_phone": evil, "name": f'{evil}"onload="x'})
    own = replace(runtime, library=replace(library, district=district))
    staff = Staff(member(own, create_app(runtime=own), "staff", "ana_ruiz"))
    item = next(item for item in collect_recordable_texts(own.library, "ar", NOW).items if evil in item.text)
    page = staff.record(item, make_tone(), "ar").text
    assert evil not in page and "&lt;script&gt;" in page and 'dir="rtl"' in page and 'lang="ar"' in page
    answer = staff.client.get("/console/recordings/ar")
    assert "media-src 'self' blob:" in answer.headers["Content-Security-Policy"] and "unsafe" not in str(answer.headers)
    assert "onclick" not in page and "recordings.js" in page


def test_list_shows_missing_recordings(one: Staff, other: Staff, first: RecordableText) -> None:
    one.record(first, make_tone())
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
