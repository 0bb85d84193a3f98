"""The simulator's telephone: a phone rings the line, or takes a call of ours, key after key, by real signed webhooks.

The page holds where a call stands; the program knows no more of it than of a call by Twilio.
"""

import secrets

from flask import current_app, jsonify, request
from flask.typing import ResponseReturnValue

from bot.channels.simulator import add_to_feed, find_call, set_status
from bot.web.core.current_runtime import services
from bot.web.simulator.fake_twilio import Call, NotAnswered, Phone, report
from bot.web.simulator.twiml_player import DOOR, NoTwiml, steps

GIVEN = frozenset({"Digits", "FinishedOnKey", "SpeechResult", "Confidence", "DialCallStatus", "RecordingDuration"})
"""What a caller does, under the names of Twilio's form; nothing else is taken from the page."""
CHARACTERS = 1000


def call() -> ResponseReturnValue:
    """This phone rings the school's number; the call's SID and the first steps."""
    phone = str(request.get_json().get("phone", "")).removeprefix("whatsapp:")
    if not phone.startswith("+"):
        return jsonify(error="A phone without a number cannot call.")
    return _answered(Call(f"CA{secrets.token_hex(16)}", phone), DOOR, {})


def take() -> ResponseReturnValue:
    """Pick up a call that rings; its first steps."""
    ringing = _ringing(str(request.get_json().get("sid", "")))
    if ringing is None:
        return jsonify(error="This call is not on the feed any more.")
    return _answered(ringing, f"{DOOR}?m={ringing.delivery}", {}, status="in-progress")


def key() -> ResponseReturnValue:
    """A callback of a call that is going on: digits, words, a recording, or nothing at all; the next steps."""
    given = request.get_json()
    going, path = _call(given), str(given.get("action", ""))
    if path != DOOR and not path.startswith(f"{DOOR}?"):
        return jsonify(error="The call leads to an address that is not ours: Twilio would ask there.")
    fields = {name: str(value)[:CHARACTERS] for name, value in given.get("fields", {}).items() if name in GIVEN}
    if "RecordingDuration" in fields:
        account = services().settings.account_sid
        place = f"https://api.twilio.com/2010-04-01/Accounts/{account}/Recordings/RE"
        fields["RecordingUrl"] = place + secrets.token_hex(16)
    return _answered(going, path, fields)


def hang_up() -> ResponseReturnValue:
    """The call ends ("completed"), or was never taken ("busy", "no-answer"): Twilio's status callback."""
    given, here = request.get_json(), services()
    going, status = _call(given), str(given.get("status", "completed"))
    if status not in ("completed", "busy", "no-answer"):
        return jsonify(error="No status of a call.")
    if going.delivery:
        set_status(here.redis, going.sid, status)
    item = {"kind": "call", **vars(going)}
    report(here.settings, current_app.config.get("SIMULATOR_BASE"), item, status)
    add_to_feed(here.redis, str(given.get("phone", "")), "system", f"📞 The call has ended ({status}).")
    return jsonify(ended=True)


def _answered(going: Call, path: str, given: dict[str, str], status: str = "") -> ResponseReturnValue:
    here, base = services(), current_app.config.get("SIMULATOR_BASE")
    try:
        document = Phone(here.settings, base).call(going, path, given)
        found = steps(document, path, here.settings.public_base)
    except (NotAnswered, NoTwiml) as error:
        return jsonify(error=str(error))
    if status:
        set_status(here.redis, going.sid, status)
        report(here.settings, base, {"kind": "call", **vars(going)}, status)
    return jsonify(sid=going.sid, steps=found)


def _call(given: dict[str, object]) -> Call:
    sid = str(given.get("sid", ""))[:34]
    return _ringing(sid) or Call(sid, str(given.get("phone", "")))


def _ringing(sid: str) -> Call | None:
    """The call of ours on the feed with this SID."""
    item = find_call(services().redis, sid)
    return Call(sid, item["phone"], item["delivery"]) if item else None
