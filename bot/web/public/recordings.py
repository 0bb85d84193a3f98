"""`/recordings/<key>.mp3` and `.ogg`: what staff said aloud and somebody reviewed, as Twilio and phones fetch it.

Without a login or a signature: what is said to every caller is no secret, and a key tells nothing about anybody.
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
"""So long somebody between us and a caller may still play what was taken back."""


@recording_files.get("/recordings/<key>.mp3")
def serve_mp3(key: str) -> Response:
    """For calls, and several one after the other (their keys with `-` between) for WhatsApp; 404 unless each of them
    was reviewed and stands."""
    with get_runtime().database.read() as db:
        sounds = [recordings.get_reviewed_audio(db, part_key, "mp3") for part_key in key.split("-")[:MAX_UTTERANCES]]
    return _send_sound(b"".join(map(_strip_id3_tag, sounds)) if all(sounds) else None, "audio/mpeg")


@recording_files.get("/recordings/<key>.ogg")
def serve_ogg(key: str) -> Response:
    """For WhatsApp; 404 unless it was reviewed and stands."""
    with get_runtime().database.read() as db:
        return _send_sound(recordings.get_reviewed_audio(db, key, "ogg"), "audio/ogg")


def _strip_id3_tag(mp3: bytes | None) -> bytes:
    """Only what sounds, so that one can follow the other: without the tag before it, whose length stands in its last
    four bytes, seven bits each (id3.org, ID3v2.4, section 3.1)."""
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
