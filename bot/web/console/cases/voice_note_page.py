"""Voice notes on the case page. Puente plays its own copy, never Twilio's, and records who listened."""

from dataclasses import dataclass

from flask import Response, abort, request
from flask_login import current_user

from bot.base.database import Transaction, now
from bot.runtime import Runtime
from bot.store.cases import voice_notes
from bot.store.cases.voice_notes import VoiceNote
from bot.voice.audio_conversion import UnusableAudioError, convert_recording
from bot.web.console.core.audit_page import audit_view
from bot.web.console.core.case_view import get_staff_name
from bot.web.console.core.console_i18n import N_, _, format_short_moment, language_name
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import RECORDS_OFFICER, STAFF, allow_roles
from bot.web.core.current_runtime import get_runtime

VOICE_NOTE_ERROR_TEXTS = {
    "missing": N_("The message came without sound. Ask the family to send it again, or call."),
    "elsewhere": N_("Puente didn't open the file because it isn't from Twilio. Call the family."),
    "too_big": N_("The file is larger than 16 MB. Ask the family to send shorter ones, or call."),
    "type": N_("This file type can't be played here. Call the family."),
    "empty": N_("The file has no sound. Ask the family to send it again, or call."),
    "not_there": N_("Twilio no longer has the file. Ask the family to send it again, or call."),
    "denied": N_("Twilio rejected our password for a day. Inform the technical contact, and call the family."),
    "away": N_("Twilio couldn't be reached for a day. Ask the family to send it again, or call."),
}
"""Why Puente couldn't fetch a voice note, and what to do."""
UNPLAYABLE_AUDIO_TYPES = frozenset({"audio/amr", "audio/3gpp"})


@dataclass(frozen=True)
class VoiceNoteView:
    """A voice note with the texts to show. `why` explains why it can't be played, or is ""."""

    note: VoiceNote
    at: str
    language: str
    why: str
    heard: str


def list_voice_notes(runtime: Runtime, db: Transaction, case_id: int) -> list[VoiceNoteView]:
    """Return the voice notes of a case, in order."""
    return [_build_voice_note_view(runtime, note) for note in voice_notes.list_for_case(db, case_id)]


def _build_voice_note_view(runtime: Runtime, note: VoiceNote) -> VoiceNoteView:
    why = heard = ""
    if note.state == "refused":
        why = _(VOICE_NOTE_ERROR_TEXTS[note.reason])
    if note.heard_by and note.heard_at:
        heard = f"{get_staff_name(runtime, note.heard_by)}, {format_short_moment(note.heard_at)}"
    return VoiceNoteView(note, format_short_moment(note.at), language_name(note.language), why, heard)


@console.get("/cases/<int:case_id>/voice/<int:note_id>")
@allow_roles(STAFF, RECORDS_OFFICER)
def voice_note(case_id: int, note_id: int) -> Response:
    """Return the sound, or the range that the browser requests. Record the listener in the audit log."""
    with get_runtime().database.read() as db:
        note = voice_notes.find(db, note_id)
        audio = None
        if note and case_id in (note.case_id, note.urgent_case_id):
            audio = voice_notes.load_audio(db, note)
    if note is None or audio is None:
        abort(404, _("This voice note isn't part of this case."))
    audit_view("listened to a voice message", f"case {case_id}", f"voice message {note_id}")
    if request.headers.get("Range", "bytes=0-").startswith("bytes=0-"):
        with get_runtime().database.write() as db:
            voice_notes.mark_heard(db, note_id, current_user.by, now())
    audio, content_type = _convert_for_browser(audio, note.content_type)
    response = Response(audio, mimetype=content_type)
    response.headers["Content-Disposition"] = f"inline; filename=voice-{note_id}"
    response.make_conditional(request, accept_ranges=True, complete_length=len(audio))
    return response


def _convert_for_browser(audio: bytes, content_type: str) -> tuple[bytes, str]:
    """Convert formats that no browser plays, which some phones send by MMS, to MP3.

    If the conversion fails (longer than two minutes, no ffmpeg), return the original. A desktop program can play it.
    """
    if content_type not in UNPLAYABLE_AUDIO_TYPES:
        return audio, content_type
    try:
        return convert_recording(audio).mp3, "audio/mpeg"
    except UnusableAudioError:
        return audio, content_type
