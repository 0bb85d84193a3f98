"""Recordings: what callers are told, said aloud by staff, text by text and language by language.

Who records and who reviews are two people: a recording cannot be read over, and every caller of the language hears it.
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
"""What stands in the form beside the recording."""
UNUSABLE_RECORDING_TEXTS = (
    N_("This server can't convert recordings because ffmpeg isn't installed."),
    N_("Puente can't read this file. Upload an MP3, M4A, OGG, WebM, or WAV file."),
    N_("Upload a recording of at most 16 MB."),
    N_("Upload a recording of at most two minutes."),
    N_("The recording is silent. Record again, closer to the microphone."),
    N_("Puente couldn't convert the recording. Try again, or upload another file."),
)
"""Why a file is refused (`bot.voice.audio_conversion`), for the catalogs."""


@dataclass(frozen=True)
class RecordableTextRow:
    """A text of the page, with what was recorded of it: what callers hear, and what waits for a review."""

    item: RecordableText
    ready: Recording | None = None
    waiting: Recording | None = None


@console.get("/recordings", endpoint="recordings")
@allow_roles(STAFF)
def recordings_page() -> str:
    """Every language, with its machine's voice and how many of its texts are recorded."""
    library, at = get_runtime().library, now()
    rows = []
    with get_runtime().database.read() as db:
        for language in _list_languages(library):
            keys = collect_recordable_texts(library, language, at).keys
            rows.append(
                (language, language in TWILIO_VOICES, len(recordings.find_usable_keys(db, language, keys)), len(keys))
            )
    return render_template("console/recordings.html", rows=rows)


def _list_languages(library: Library) -> list[str]:
    """The district's, then those that the line knows by name only: nobody writes them, so they are heard or nothing."""
    own = library.district.languages
    named = set(library.phrasebook.names.values()) - set(own) - library.machine_languages
    return [*own, *sorted(named)]


@console.get("/recordings/<language>")
@allow_roles(STAFF)
def recordings_in(language: str) -> str:
    """The texts of one flow in a language, the most important flow first; and what is due again in all of them."""
    found = _get_recordable_texts(language)
    groups = group_by_flow(found.items)
    chosen = request.args.get("of", "")
    chosen = chosen if chosen in groups else next(iter(groups))
    with get_runtime().database.read() as db:
        said = recordings.list_for_language(db, language)
    lines = [_build_row(item, said) for item in groups[chosen]]
    due = [(one, _find_current_text(found, one)) for one in said if one.key not in found.keys]
    page: dict[str, Any] = {
        "language": language,
        "chosen": chosen,
        "lines": lines,
        "due": due,
        "apart": found.machine_only_texts,
    }
    page |= {
        "groups": _summarize_groups(groups, said),
        "voice": language in TWILIO_VOICES,
        "direction": get_direction(language),
    }
    return render_template("console/recordings_in.html", **page)


def _get_recordable_texts(language: str) -> RecordableTextList:
    """What can be said in it; 404 for a language that the line does not know."""
    library = get_runtime().library
    if language not in (*_list_languages(library), *library.machine_languages):
        abort(404, _("Puente doesn't support this language."))
    said = collect_recordable_texts(library, language, now())
    return replace(said, items=(*_list_announcement_texts(language), *said.items))


def _list_announcement_texts(language: str) -> tuple[RecordableText, ...]:
    """What calls read out of the announcements that are not over, the newest first."""
    at = now()
    with get_runtime().database.read() as db:
        found = [one for one in announcements.list_by_state(db, *UNFINISHED_STATES) if one.until > at]
        return tuple(
            item
            for one in reversed(found)
            for item in list_recordable_texts(db, get_localized_library(get_runtime(), language), one, language)
        )


def _build_row(item: RecordableText, existing_recordings: Sequence[Recording]) -> RecordableTextRow:
    own = [one for one in existing_recordings if one.key == item.key]
    ready = [one for one in own if one.is_reviewed]
    waiting = [one for one in own if not one.is_reviewed]
    return RecordableTextRow(item, ready[-1] if ready else None, waiting[-1] if waiting else None)


def _find_current_text(found: RecordableTextList, recording: Recording) -> RecordableText | None:
    """What stands now where the text stood that was recorded."""
    return next((item for item in found.items if item.place == recording.place), None)


def _summarize_groups(
    groups: Mapping[str, list[RecordableText]], existing_recordings: Sequence[Recording]
) -> list[tuple[str, str, int, int]]:
    """(name, its title, how many of its texts are recorded, how many there are) of each flow."""
    ready = {one.key for one in existing_recordings if one.is_reviewed}
    counted = {name: sum(item.key in ready for item in items) for name, items in groups.items()}
    return [(name, _get_group_title(name), counted[name], len(items)) for name, items in groups.items()]


def _get_group_title(name: str) -> str:
    apart = {
        TEXTS_GROUP: _("Texts of all flows"),
        FACTS_GROUP: _("Facts"),
        ANNOUNCEMENT_RECORDING_GROUP: _("Announcements"),
    }
    flow = get_runtime().library.flows.flows.get(name)
    return apart.get(name) or (flow.title if flow else name)


@console.post("/recordings/<language>/<key>")
@allow_roles(STAFF)
def keep_said(language: str, key: str) -> ResponseReturnValue:
    """Convert what was recorded or chosen, and keep it for somebody else's review."""
    item = next((one for one in _get_recordable_texts(language).items if one.key == key), None)
    if item is None:
        flash(_("The text changed in the meantime. Check it, and then record it again."))
        return redirect(url_for("console.recordings_in", language=language))
    given = request.files.get("recording")
    try:
        _save_recording(item, language, given.read(MAX_INPUT_BYTES + 1) if given else b"")
        flash(_("Recording saved. Callers hear it after another person reviews it."))
    except UnusableAudioError as error:
        flash(_(str(error)))
    return redirect(url_for("console.recordings_in", language=language, of=item.flow, _anchor=f"t{key}"))


def _save_recording(item: RecordableText, language: str, given: bytes) -> None:
    sound, at = convert_recording(given), now()
    said = Recording(0, language, item.key, item.place, item.text, sound.seconds, current_user.by, at)
    with get_runtime().database.write() as db:
        number = recordings.add(db, said, sound)
        audit_log.record(db, current_user.by, "recorded a text", f"recording {number}", at, language)


@console.get("/recordings/sound/<int:recording_id>.mp3")
@allow_roles(STAFF)
def said_sound(recording_id: int) -> Response:
    """One of them, reviewed or not, for staff to listen to."""
    with get_runtime().database.read() as db:
        found = recordings.get_mp3(db, recording_id)
    return Response(found or abort(404, _("There is no recording.")), mimetype="audio/mpeg")


@console.post("/recordings/review/<int:recording_id>")
@allow_roles(STAFF)
def review_said(recording_id: int) -> ResponseReturnValue:
    """Let callers hear it; not by who recorded it, and not without having said that one has listened to it."""
    one, at = _get_recording(recording_id), now()
    if one.recorded_by == current_user.by:
        abort(403, _("A different person must review this recording."))
    if not request.form.get("heard"):
        flash(_("Listen to the whole recording first. Then select the checkbox."))
        return _redirect_to_recording(one)
    with get_runtime().database.write() as db:
        if recordings.review(db, recording_id, current_user.by, at):
            audit_log.record(db, current_user.by, "reviewed a recording", f"recording {recording_id}", at, one.language)
    flash(_("Recording approved. Callers hear it from now on."))
    return _redirect_to_recording(one)


@console.post("/recordings/take-back/<int:recording_id>")
@allow_roles(STAFF)
def take_back_said(recording_id: int) -> ResponseReturnValue:
    """Have nobody hear it any more; an hour may pass until the last copy on the way is gone."""
    one, at = _get_recording(recording_id), now()
    with get_runtime().database.write() as db:
        if recordings.withdraw(db, recording_id, at):
            audit_log.record(
                db, current_user.by, "took back a recording", f"recording {recording_id}", at, one.language
            )
    flash(_("Recording withdrawn. Current calls might play it for up to an hour."))
    return _redirect_to_recording(one)


def _get_recording(recording_id: int) -> Recording:
    with get_runtime().database.read() as db:
        found = recordings.find(db, recording_id)
    return found or abort(404, _("There is no recording."))


def _redirect_to_recording(recording: Recording) -> ResponseReturnValue:
    """To the flow where its text stands, whose name its place begins with."""
    flow, language = recording.place.split(".", 1)[0], recording.language
    return redirect(url_for("console.recordings_in", language=language, of=flow, _anchor=f"t{recording.key}"))


@console.url_value_preprocessor
def set_recorded_text_size_limit(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """This one form may be larger than all others, and only of who may send it (as in `wording_page`)."""
    if endpoint == "console.keep_said" and current_user.is_authenticated and current_user.may_open(endpoint):
        request.max_content_length = MAX_INPUT_BYTES + RECORDED_TEXT_FORM_BYTES
