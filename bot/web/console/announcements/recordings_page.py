"""The recording pages: staff record the texts that callers hear, one text and one language at a time.

A second person reviews each recording, because every caller of the language hears it and it can't be proofread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.announcements.call_script import ANNOUNCEMENT_RECORDING_GROUP, list_recordable_texts
from bot.base.database import now
from bot.content.library import Library
from bot.documents.html_page import get_direction
from bot.messaging.catalog_drafts import get_localized_library
from bot.speech.twilio_voices import TWILIO_VOICES
from bot.store import audit_log
from bot.store.announcements import announcements, recordings
from bot.store.announcements.announcements import AnnouncementState
from bot.store.announcements.recordings import Recording
from bot.voice.audio_conversion import MAX_INPUT_BYTES, UnusableAudioError, convert_recording
from bot.voice.recordable_texts import (
    FACTS_GROUP,
    TEXTS_GROUP,
    RecordableText,
    RecordableTextList,
    collect_recordable_texts,
    group_by_flow,
)
from bot.web.console.core.console_i18n import N_, _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import STAFF, allow_roles
from bot.web.core.current_runtime import get_runtime

UNFINISHED_STATES: tuple[AnnouncementState, ...] = ("draft", "ready", "freezing", "sending", "paused")
RECORDED_TEXT_FORM_BYTES = 16 * 1024
"""The size allowed for the form fields besides the recording."""
UNUSABLE_RECORDING_TEXTS = (
    N_("This server can't convert recordings because ffmpeg isn't installed."),
    N_("Puente can't read this file. Upload an MP3, M4A, OGG, WebM, or WAV file."),
    N_("Upload a recording of at most 16 MB."),
    N_("Upload a recording of at most two minutes."),
    N_("The recording is silent. Record again, closer to the microphone."),
    N_("Puente couldn't convert the recording. Try again, or upload another file."),
)
"""The error messages of `bot.voice.audio_conversion`, listed here for the catalogs."""


@dataclass(frozen=True)
class RecordableTextRow:
    """A text on the page, with its reviewed recording (`ready`) and its newest unreviewed one (`waiting`)."""

    item: RecordableText
    ready: Recording | None = None
    waiting: Recording | None = None


@console.get("/recordings", endpoint="recordings")
@allow_roles(STAFF)
def recordings_page() -> str:
    """Show every language, whether it has a machine voice, and how many of its texts are recorded."""
    library, current_time = get_runtime().library, now()
    rows = []
    with get_runtime().database.read() as db:
        for language in _list_languages(library):
            keys = collect_recordable_texts(library, language, current_time).keys
            recorded_count = len(recordings.find_usable_keys(db, language, keys))
            rows.append((language, language in TWILIO_VOICES, recorded_count, len(keys)))
    return render_template("console/recordings.html", rows=rows)


def _list_languages(library: Library) -> list[str]:
    """Return the district's languages, then the spoken-only ones, for which only recordings exist."""
    district_languages = library.district.languages
    spoken_only = set(library.phrasebook.names.values()) - set(district_languages) - library.machine_languages
    return [*district_languages, *sorted(spoken_only)]


@console.get("/recordings/<language>")
@allow_roles(STAFF)
def recordings_in(language: str) -> str:
    """Show the texts of one flow (by default the first) in a language, and all recordings whose text changed."""
    texts = _get_recordable_texts(language)
    groups = group_by_flow(texts.items)
    chosen = request.args.get("of", "")
    if chosen not in groups:
        chosen = next(iter(groups))
    with get_runtime().database.read() as db:
        existing = recordings.list_for_language(db, language)
    outdated = [recording for recording in existing if recording.key not in texts.keys]
    page: dict[str, Any] = {
        "language": language,
        "chosen": chosen,
        "lines": [_build_row(item, existing) for item in groups[chosen]],
        "due": [(recording, _find_current_text(texts, recording)) for recording in outdated],
        "apart": texts.machine_only_texts,
        "groups": _summarize_groups(groups, existing),
        "voice": language in TWILIO_VOICES,
        "direction": get_direction(language),
    }
    return render_template("console/recordings_in.html", **page)


def _get_recordable_texts(language: str) -> RecordableTextList:
    """Return all texts to record in this language. Abort with 404 for a language that Puente doesn't support."""
    library = get_runtime().library
    if language not in (*_list_languages(library), *library.machine_languages):
        abort(404, _("Puente doesn't support this language."))
    texts = collect_recordable_texts(library, language, now())
    return replace(texts, items=(*_list_announcement_texts(language), *texts.items))


def _list_announcement_texts(language: str) -> tuple[RecordableText, ...]:
    """Return the texts that calls read aloud from current announcements, newest first."""
    current_time = now()
    items: list[RecordableText] = []
    with get_runtime().database.read() as db:
        for announcement in reversed(announcements.list_by_state(db, *UNFINISHED_STATES)):
            if announcement.until > current_time:
                library = get_localized_library(get_runtime(), language)
                items += list_recordable_texts(db, library, announcement, language)
    return tuple(items)


def _build_row(item: RecordableText, existing_recordings: Sequence[Recording]) -> RecordableTextRow:
    of_text = [recording for recording in existing_recordings if recording.key == item.key]
    ready = [recording for recording in of_text if recording.is_reviewed]
    waiting = [recording for recording in of_text if not recording.is_reviewed]
    return RecordableTextRow(item, next(reversed(ready), None), next(reversed(waiting), None))


def _find_current_text(texts: RecordableTextList, recording: Recording) -> RecordableText | None:
    """Return the text that is now at the place of the recorded text."""
    return next((item for item in texts.items if item.place == recording.place), None)


def _summarize_groups(
    groups: Mapping[str, list[RecordableText]], existing_recordings: Sequence[Recording]
) -> list[tuple[str, str, int, int]]:
    """Return (name, title, recorded count, total count) of each flow."""
    reviewed_keys = {recording.key for recording in existing_recordings if recording.is_reviewed}
    summary = []
    for name, items in groups.items():
        recorded_count = sum(item.key in reviewed_keys for item in items)
        summary.append((name, _get_group_title(name), recorded_count, len(items)))
    return summary


def _get_group_title(name: str) -> str:
    titles = {
        TEXTS_GROUP: _("Texts of all flows"),
        FACTS_GROUP: _("Facts"),
        ANNOUNCEMENT_RECORDING_GROUP: _("Announcements"),
    }
    if name in titles:
        return titles[name]
    flow = get_runtime().library.flows.flows.get(name)
    if flow is None:
        return name
    return flow.title


@console.post("/recordings/<language>/<key>")
@allow_roles(STAFF)
def keep_said(language: str, key: str) -> ResponseReturnValue:
    """Convert the uploaded recording, and save it for a review by another person."""
    item = next((text for text in _get_recordable_texts(language).items if text.key == key), None)
    if item is None:
        flash(_("The text changed in the meantime. Check it, and then record it again."))
        return redirect(url_for("console.recordings_in", language=language))
    upload = request.files.get("recording")
    try:
        # One byte more than allowed, so that the conversion rejects a larger file.
        _save_recording(item, language, upload.read(MAX_INPUT_BYTES + 1) if upload else b"")
        flash(_("Recording saved. Callers hear it after another person reviews it."))
    except UnusableAudioError as error:
        flash(_(str(error)))
    return redirect(url_for("console.recordings_in", language=language, of=item.flow, _anchor=f"t{key}"))


def _save_recording(item: RecordableText, language: str, audio: bytes) -> None:
    sound, current_time = convert_recording(audio), now()
    recording = Recording(0, language, item.key, item.place, item.text, sound.seconds, current_user.by, current_time)
    with get_runtime().database.write() as db:
        recording_id = recordings.add(db, recording, sound)
        subject = f"recording {recording_id}"
        audit_log.record(db, current_user.by, "recorded a text", subject, current_time, language)


@console.get("/recordings/sound/<int:recording_id>.mp3")
@allow_roles(STAFF)
def said_sound(recording_id: int) -> Response:
    """Return the sound of a recording, reviewed or not."""
    with get_runtime().database.read() as db:
        audio = recordings.get_mp3(db, recording_id)
    return Response(audio or abort(404, _("There is no recording.")), mimetype="audio/mpeg")


@console.post("/recordings/review/<int:recording_id>")
@allow_roles(STAFF)
def review_said(recording_id: int) -> ResponseReturnValue:
    """Approve a recording for callers. The reviewer must be a second person and confirm that they listened to it."""
    recording, current_time = _get_recording(recording_id), now()
    subject = f"recording {recording_id}"
    if recording.recorded_by == current_user.by:
        abort(403, _("A different person must review this recording."))
    if not request.form.get("heard"):
        flash(_("Listen to the whole recording first. Then select the checkbox."))
        return _redirect_to_recording(recording)
    with get_runtime().database.write() as db:
        if recordings.review(db, recording_id, current_user.by, current_time):
            audit_log.record(db, current_user.by, "reviewed a recording", subject, current_time, recording.language)
    flash(_("Recording approved. Callers hear it from now on."))
    return _redirect_to_recording(recording)


@console.post("/recordings/take-back/<int:recording_id>")
@allow_roles(STAFF)
def take_back_said(recording_id: int) -> ResponseReturnValue:
    """Withdraw a recording. Cached copies can still play for up to an hour."""
    recording, current_time = _get_recording(recording_id), now()
    subject = f"recording {recording_id}"
    with get_runtime().database.write() as db:
        if recordings.withdraw(db, recording_id, current_time):
            audit_log.record(db, current_user.by, "took back a recording", subject, current_time, recording.language)
    flash(_("Recording withdrawn. Current calls might play it for up to an hour."))
    return _redirect_to_recording(recording)


def _get_recording(recording_id: int) -> Recording:
    with get_runtime().database.read() as db:
        recording = recordings.find(db, recording_id)
    return recording or abort(404, _("There is no recording."))


def _redirect_to_recording(recording: Recording) -> ResponseReturnValue:
    """Redirect to the flow of the recorded text. The place of a text starts with its flow's name."""
    flow, language = recording.place.split(".", 1)[0], recording.language
    return redirect(url_for("console.recordings_in", language=language, of=flow, _anchor=f"t{recording.key}"))


@console.url_value_preprocessor
def set_recorded_text_size_limit(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Allow a larger form for an upload by a user with access (see `set_recording_size_limit`)."""
    if endpoint == "console.keep_said" and current_user.is_authenticated and current_user.may_open(endpoint):
        request.max_content_length = MAX_INPUT_BYTES + RECORDED_TEXT_FORM_BYTES
