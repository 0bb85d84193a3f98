"""Voice notes of the simulator's phones: kept for a day, and served at the address that Twilio gives for one.

So they are fetched the way that real ones are (`bot/channels/twilio_media.py`): by address, with the account's
password, and deleted there afterwards.  Only where no Twilio account is set; production has no such door.
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
    """Keep what was recorded or chosen (the body of the request) as WhatsApp would send it on; its SID."""
    request.max_content_length = MAX_INPUT_BYTES
    try:
        audio = convert_recording(request.get_data())
    except UnusableAudioError as error:
        return jsonify(error=str(error))
    sid = f"ME{secrets.token_hex(16)}"
    get_runtime().redis.set(SOUND_KEY_PREFIX + sid, audio.ogg, ex=FEED_TTL_SECONDS)
    return jsonify(sid=sid, seconds=audio.seconds)


def find_sound_url(redis: Redis, account: str, sid: str) -> str:
    """Where "Twilio" has this sound; empty if it is not kept here."""
    is_stored = bool(sid) and redis.exists(SOUND_KEY_PREFIX + sid)
    message_sid = f"MM{secrets.token_hex(16)}"
    return (
        f"https://api.twilio.com/2010-04-01/Accounts/{account}/Messages/{message_sid}/Media/{sid}" if is_stored else ""
    )


@simulated_media.before_request
def require_account_password() -> None:
    """As at Twilio: the account's name and token."""
    settings, credentials = get_runtime().settings, request.authorization
    name, token = (credentials.username or "", credentials.password or "") if credentials else ("", "")
    expected = (settings.account_sid, settings.twilio_token)
    if not all(compare_digest(a.encode(), b.encode()) for a, b in zip((name, token), expected, strict=True)):
        abort(401)


@simulated_media.get("/Messages/<message>/Media/<sid>")
def fetch_sound(account: str, message: str, sid: str) -> Response:
    """The sound; 404 once it is deleted."""
    sound = get_runtime().redis.get(SOUND_KEY_PREFIX + sid)
    if not isinstance(sound, bytes):
        abort(404)
    return Response(sound, mimetype="audio/ogg")


@simulated_media.delete("/Messages/<message>/Media/<sid>.json")
def delete_sound(account: str, message: str, sid: str) -> tuple[str, int]:
    """Take it away; 404 if it was gone."""
    return "", 204 if get_runtime().redis.delete(SOUND_KEY_PREFIX + sid) else 404
