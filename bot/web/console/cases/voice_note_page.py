"""Voice notes on the page of a case: played from here, never from Twilio; who listened; why one cannot be played."""

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
"""Why a note could not be fetched, and what to do."""
UNPLAYABLE_AUDIO_TYPES = frozenset({"audio/amr", "audio/3gpp"})


@dataclass(frozen=True)
class VoiceNoteView:
    """A note, ready to be shown; `why` in words where it cannot be played."""

    note: VoiceNote
    at: str
    language: str
    why: str
    heard: str


def list_voice_notes(runtime: Runtime, db: Transaction, case_id: int) -> list[VoiceNoteView]:
    """The voice notes of a case, in order."""
    return [_build_voice_note_view(runtime, note) for note in voice_notes.list_for_case(db, case_id)]


def _build_voice_note_view(runtime: Runtime, note: VoiceNote) -> VoiceNoteView:
    why = _(VOICE_NOTE_ERROR_TEXTS[note.reason]) if note.state == "refused" else ""
    heard = (
        f"{get_staff_name(runtime, note.heard_by)}, {format_short_moment(note.heard_at)}"
        if note.heard_by and note.heard_at
        else ""
    )
    return VoiceNoteView(note, format_short_moment(note.at), language_name(note.language), why, heard)


@console.get("/cases/<int:case_id>/voice/<int:note_id>")
@allow_roles(STAFF, RECORDS_OFFICER)
def voice_note(case_id: int, note_id: int) -> Response:
    """The sound itself, in parts if the browser asks for them; who listens stands in the audit log."""
    here, at = get_runtime(), now()
    with here.database.read() as db:
        note = voice_notes.find(db, note_id)
        known = note is not None and case_id in (note.case_id, note.urgent_case_id)
        audio = voice_notes.load_audio(db, note) if note and known else None
    if note is None or audio is None:
        abort(404, _("This voice note isn't part of this case."))
    audit_view("listened to a voice message", f"case {case_id}", f"voice message {note_id}")
    if request.headers.get("Range", "bytes=0-").startswith("bytes=0-"):
        with here.database.write() as db:
            voice_notes.mark_heard(db, note_id, current_user.by, at)
    audio, content_type = _convert_for_browser(audio, note.content_type)
    answer = Response(audio, mimetype=content_type)
    answer.headers["Content-Disposition"] = f"inline; filename=voice-{note_id}"
    answer.make_conditional(request, accept_ranges=True, complete_length=len(audio))
    return answer


def _convert_for_browser(audio: bytes, content_type: str) -> tuple[bytes, str]:
    """As browsers play it: what some phones send by MMS none does.  As it came where it cannot be converted (longer
    than two minutes, no ffmpeg): a program on the listener's machine may still play it."""
    if content_type not in UNPLAYABLE_AUDIO_TYPES:
        return audio, content_type
    try:
        return convert_recording(audio).mp3, "audio/mpeg"
    except UnusableAudioError:
        return audio, content_type
