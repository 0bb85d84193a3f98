"""Serve `/recordings/<key>.mp3` and `.ogg`: the reviewed recordings, which Twilio and phones fetch.

They need no login and no signature: every caller hears them, and a key contains no personal data.
"""

from hashlib import sha256
from io import BytesIO

from flask import Blueprint, Response, abort, send_file

from bot.messaging.recorded_replies import MAX_UTTERANCES
from bot.store.announcements import recordings
from bot.web.core.current_runtime import get_runtime

recording_files = Blueprint("recorded", __name__)
ID3_HEADER_BYTES = 10
CACHE_SECONDS = 3600
"""How long a cache between Puente and a caller may still serve a withdrawn recording."""


@recording_files.get("/recordings/<key>.mp3")
def serve_mp3(key: str) -> Response:
    """Serve one recording for a call, or several in a row for WhatsApp, with their keys joined by `-`.

    The answer is 404 unless every recording is reviewed and in use.
    """
    with get_runtime().database.read() as db:
        sounds = [recordings.get_reviewed_audio(db, part_key, "mp3") for part_key in key.split("-")[:MAX_UTTERANCES]]
    if not all(sounds):
        abort(404)
    return _send_sound(b"".join(map(_strip_id3_tag, sounds)), "audio/mpeg")


@recording_files.get("/recordings/<key>.ogg")
def serve_ogg(key: str) -> Response:
    """Serve one recording for WhatsApp, or 404 unless it is reviewed and in use."""
    with get_runtime().database.read() as db:
        return _send_sound(recordings.get_reviewed_audio(db, key, "ogg"), "audio/ogg")


def _strip_id3_tag(mp3: bytes | None) -> bytes:
    """Return the sound without its ID3 tag, so that it can follow another sound.

    The last four bytes of the header hold the length of the tag, seven bits each (id3.org, ID3v2.4, section 3.1).
    """
    sound = mp3 or b""
    if not sound.startswith(b"ID3") or len(sound) < ID3_HEADER_BYTES:
        return sound
    size = 0
    for byte in sound[6:ID3_HEADER_BYTES]:
        size = size << 7 | byte & 0x7F
    return sound[ID3_HEADER_BYTES + size :]


def _send_sound(sound: bytes | None, mimetype: str) -> Response:
    if not sound:
        abort(404)
    tag = sha256(sound).hexdigest()[:32]
    response = send_file(BytesIO(sound), mimetype, etag=tag, max_age=CACHE_SECONDS)
    response.headers["Cache-Control"] = f"public, max-age={CACHE_SECONDS}"
    return response
