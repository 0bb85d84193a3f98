"""`/recordings/<key>.mp3` and `.ogg`: what staff said aloud and somebody reviewed, as Twilio and phones fetch it.

Without a login or a signature: what is said to every caller is no secret, and a key tells nothing about anybody.
"""

from hashlib import sha256
from io import BytesIO

from flask import Blueprint, Response, abort, send_file

from bot.store import recordings
from bot.store.recordings import Kind
from bot.web.here import services

recorded = Blueprint("recorded", __name__)
KEPT_SECONDS = 3600
"""So long somebody between us and a caller may still play what was taken back."""


@recorded.get("/recordings/<key>.mp3")
def mp3(key: str) -> Response:
    """For calls; 404 unless it was reviewed and stands."""
    return _file(key, "mp3", "audio/mpeg")


@recorded.get("/recordings/<key>.ogg")
def ogg(key: str) -> Response:
    """For WhatsApp; 404 unless it was reviewed and stands."""
    return _file(key, "ogg", "audio/ogg")


def _file(key: str, kind: Kind, mimetype: str) -> Response:
    with services().database.read() as db:
        found = recordings.audio(db, key, kind)
    if not found:
        abort(404)
    tag = sha256(found).hexdigest()[:32]
    answer = send_file(BytesIO(found), mimetype, etag=tag, max_age=KEPT_SECONDS)
    answer.headers["Cache-Control"] = f"public, max-age={KEPT_SECONDS}"
    return answer
