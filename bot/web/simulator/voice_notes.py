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
from bot.voice.audio_conversion import GIVEN_BYTES, CannotUse, convert
from bot.web.core.current_runtime import services

simulated = Blueprint("simulated", __name__, url_prefix="/2010-04-01/Accounts/<account>")
SOUND = "puente:simulator:sound:"


def keep_sound() -> ResponseReturnValue:
    """Keep what was recorded or chosen (the body of the request) as WhatsApp would send it on; its SID."""
    request.max_content_length = GIVEN_BYTES
    try:
        made = convert(request.get_data())
    except CannotUse as error:
        return jsonify(error=str(error))
    sid = f"ME{secrets.token_hex(16)}"
    services().redis.set(SOUND + sid, made.ogg, ex=FEED_TTL_SECONDS)
    return jsonify(sid=sid, seconds=made.seconds)


def address_of(redis: Redis, account: str, sid: str) -> str:
    """Where "Twilio" has this sound; empty if it is not kept here."""
    known = bool(sid) and redis.exists(SOUND + sid)
    message = f"MM{secrets.token_hex(16)}"
    return f"https://api.twilio.com/2010-04-01/Accounts/{account}/Messages/{message}/Media/{sid}" if known else ""


@simulated.before_request
def only_with_the_password() -> None:
    """As at Twilio: the account's name and token."""
    settings, given = services().settings, request.authorization
    name, token = (given.username or "", given.password or "") if given else ("", "")
    ours = (settings.account_sid, settings.twilio_token)
    if not all(compare_digest(a.encode(), b.encode()) for a, b in zip((name, token), ours, strict=True)):
        abort(401)


@simulated.get("/Messages/<message>/Media/<sid>")
def fetch(account: str, message: str, sid: str) -> Response:
    """The sound; 404 once it is deleted."""
    found = services().redis.get(SOUND + sid)
    if not isinstance(found, bytes):
        abort(404)
    return Response(found, mimetype="audio/ogg")


@simulated.delete("/Messages/<message>/Media/<sid>.json")
def delete(account: str, message: str, sid: str) -> tuple[str, int]:
    """Take it away; 404 if it was gone."""
    return "", 204 if services().redis.delete(SOUND + sid) else 404
