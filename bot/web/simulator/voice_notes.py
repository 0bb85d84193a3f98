"""Store the voice notes of the simulator's phones for a day, and serve them like Twilio's media API.

`bot/channels/twilio_media.py` fetches them like real ones: by URL, with the account's password, and deletes them
afterwards. These routes exist only without a Twilio account, so never in production.
"""

import secrets
from hmac import compare_digest

from flask import Blueprint, Response, abort, jsonify, request
from flask.typing import ResponseReturnValue
from redis import Redis

from bot.channels.simulator import FEED_TTL_SECONDS
from bot.voice.audio_conversion import MAX_INPUT_BYTES, UnusableAudioError, convert_recording
from bot.web.core.current_runtime import get_runtime

simulated_media = Blueprint("simulated", __name__, url_prefix="/2010-04-01/Accounts/<account>")
SOUND_KEY_PREFIX = "puente:simulator:sound:"


def save_sound() -> ResponseReturnValue:
    """Store the sound in the request body in WhatsApp's format, and return its SID and length."""
    request.max_content_length = MAX_INPUT_BYTES
    try:
        audio = convert_recording(request.get_data())
    except UnusableAudioError as error:
        return jsonify(error=str(error))
    sid = f"ME{secrets.token_hex(16)}"
    get_runtime().redis.set(SOUND_KEY_PREFIX + sid, audio.ogg, ex=FEED_TTL_SECONDS)
    return jsonify(sid=sid, seconds=audio.seconds)


def find_sound_url(redis: Redis, account: str, sid: str) -> str:
    """Return the media URL of a stored sound, or ""."""
    if not sid or not redis.exists(SOUND_KEY_PREFIX + sid):
        return ""
    message_sid = f"MM{secrets.token_hex(16)}"
    return f"https://api.twilio.com/2010-04-01/Accounts/{account}/Messages/{message_sid}/Media/{sid}"


@simulated_media.before_request
def require_account_password() -> None:
    """Reject a request without the account's SID and token, as Twilio does."""
    settings, credentials = get_runtime().settings, request.authorization
    if credentials is None:
        abort(401)
    is_account = compare_digest((credentials.username or "").encode(), settings.account_sid.encode())
    is_token = compare_digest((credentials.password or "").encode(), settings.twilio_token.encode())
    if not (is_account and is_token):
        abort(401)


@simulated_media.get("/Messages/<message>/Media/<sid>")
def fetch_sound(account: str, message: str, sid: str) -> Response:
    """Serve a sound, or 404 if it is deleted."""
    sound = get_runtime().redis.get(SOUND_KEY_PREFIX + sid)
    if not isinstance(sound, bytes):
        abort(404)
    return Response(sound, mimetype="audio/ogg")


@simulated_media.delete("/Messages/<message>/Media/<sid>.json")
def delete_sound(account: str, message: str, sid: str) -> tuple[str, int]:
    """Delete a sound, or answer 404 if there is none."""
    return "", 204 if get_runtime().redis.delete(SOUND_KEY_PREFIX + sid) else 404
