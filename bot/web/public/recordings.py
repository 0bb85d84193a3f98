"""`/recordings/<key>.mp3` and `.ogg`: what staff said aloud and somebody reviewed, as Twilio and phones fetch it.

Without a login or a signature: what is said to every caller is no secret, and a key tells nothing about anybody.
"""

from hashlib import sha256
from io import BytesIO

from flask import Blueprint, Response, abort, send_file

from bot.messaging.recorded_replies import MOST_PIECES
from bot.store.announcements import recordings
from bot.web.core.current_runtime import services

recorded = Blueprint("recorded", __name__)
TAG_BYTES = 10
KEPT_SECONDS = 3600
"""So long somebody between us and a caller may still play what was taken back."""


@recorded.get("/recordings/<key>.mp3")
def mp3(key: str) -> Response:
    """For calls, and several one after the other (their keys with `-` between) for WhatsApp; 404 unless each of them
    was reviewed and stands."""
    with services().database.read() as db:
        found = [recordings.get_reviewed_audio(db, one, "mp3") for one in key.split("-")[:MOST_PIECES]]
    return _sent(b"".join(map(_sounding, found)) if all(found) else None, "audio/mpeg")


@recorded.get("/recordings/<key>.ogg")
def ogg(key: str) -> Response:
    """For WhatsApp; 404 unless it was reviewed and stands."""
    with services().database.read() as db:
        return _sent(recordings.get_reviewed_audio(db, key, "ogg"), "audio/ogg")


def _sounding(mp3: bytes | None) -> bytes:
    """Only what sounds, so that one can follow the other: without the tag before it, whose length stands in its last
    four bytes, seven bits each (id3.org, ID3v2.4, section 3.1)."""
    sound = mp3 or b""
    if not sound.startswith(b"ID3") or len(sound) < TAG_BYTES:
        return sound
    size = 0
    for byte in sound[6:TAG_BYTES]:
        size = size << 7 | byte & 0x7F
    return sound[TAG_BYTES + size :]


def _sent(found: bytes | None, mimetype: str) -> Response:
    if not found:
        abort(404)
    tag = sha256(found).hexdigest()[:32]
    answer = send_file(BytesIO(found), mimetype, etag=tag, max_age=KEPT_SECONDS)
    answer.headers["Cache-Control"] = f"public, max-age={KEPT_SECONDS}"
    return answer
