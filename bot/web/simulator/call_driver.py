"""The simulator's telephone: a phone rings the line, or takes a call of ours, key after key, by real signed webhooks.

The page holds where a call stands; the program knows no more of it than of a call by Twilio.
"""

import secrets

from flask import current_app, jsonify, request
from flask.typing import ResponseReturnValue

from bot.channels.simulator import add_to_feed, find_call, set_status
from bot.web.core.current_runtime import get_runtime
from bot.web.simulator.fake_twilio import SimulatedCall, SimulatedPhone, WebhookNotAnsweredError, report_status
from bot.web.simulator.twiml_player import CALL_WEBHOOK_PATH, InvalidTwimlError, parse_steps

ALLOWED_FIELDS = frozenset(
    {"Digits", "FinishedOnKey", "SpeechResult", "Confidence", "DialCallStatus", "RecordingDuration"}
)
"""What a caller does, under the names of Twilio's form; nothing else is taken from the page."""
MAX_FIELD_CHARACTERS = 1000


def call() -> ResponseReturnValue:
    """This phone rings the school's number; the call's SID and the first steps."""
    phone = str(request.get_json().get("phone", "")).removeprefix("whatsapp:")
    if not phone.startswith("+"):
        return jsonify(error="A phone without a number cannot call.")
    return _post_callback(SimulatedCall(f"CA{secrets.token_hex(16)}", phone), CALL_WEBHOOK_PATH, {})


def take() -> ResponseReturnValue:
    """Pick up a call that rings; its first steps."""
    ringing_call = _find_ringing_call(str(request.get_json().get("sid", "")))
    if ringing_call is None:
        return jsonify(error="This call is not on the feed any more.")
    return _post_callback(ringing_call, f"{CALL_WEBHOOK_PATH}?m={ringing_call.delivery}", {}, status="in-progress")


def key() -> ResponseReturnValue:
    """A callback of a call that is going on: digits, words, a recording, or nothing at all; the next steps."""
    payload = request.get_json()
    active_call, path = _load_call(payload), str(payload.get("action", ""))
    if path != CALL_WEBHOOK_PATH and not path.startswith(f"{CALL_WEBHOOK_PATH}?"):
        return jsonify(error="The call leads to an address that is not ours: Twilio would ask there.")
    fields = {
        name: str(value)[:MAX_FIELD_CHARACTERS]
        for name, value in payload.get("fields", {}).items()
        if name in ALLOWED_FIELDS
    }
    if "RecordingDuration" in fields:
        account = get_runtime().settings.account_sid
        url_prefix = f"https://api.twilio.com/2010-04-01/Accounts/{account}/Recordings/RE"
        fields["RecordingUrl"] = url_prefix + secrets.token_hex(16)
    return _post_callback(active_call, path, fields)


def hang_up() -> ResponseReturnValue:
    """The call ends ("completed"), or was never taken ("busy", "no-answer"): Twilio's status callback."""
    payload, runtime = request.get_json(), get_runtime()
    active_call, status = _load_call(payload), str(payload.get("status", "completed"))
    if status not in ("completed", "busy", "no-answer"):
        return jsonify(error="No status of a call.")
    if active_call.delivery:
        set_status(runtime.redis, active_call.sid, status)
    item = {"kind": "call", **vars(active_call)}
    report_status(runtime.settings, current_app.config.get("SIMULATOR_BASE"), item, status)
    add_to_feed(runtime.redis, str(payload.get("phone", "")), "system", f"📞 The call has ended ({status}).")
    return jsonify(ended=True)


def _post_callback(
    active_call: SimulatedCall, path: str, fields: dict[str, str], status: str = ""
) -> ResponseReturnValue:
    runtime, base_url = get_runtime(), current_app.config.get("SIMULATOR_BASE")
    try:
        document = SimulatedPhone(runtime.settings, base_url).post_call_callback(active_call, path, fields)
        call_steps = parse_steps(document, path, runtime.settings.public_base)
    except (WebhookNotAnsweredError, InvalidTwimlError) as error:
        return jsonify(error=str(error))
    if status:
        set_status(runtime.redis, active_call.sid, status)
        report_status(runtime.settings, base_url, {"kind": "call", **vars(active_call)}, status)
    return jsonify(sid=active_call.sid, steps=call_steps)


def _load_call(payload: dict[str, object]) -> SimulatedCall:
    sid = str(payload.get("sid", ""))[:34]
    return _find_ringing_call(sid) or SimulatedCall(sid, str(payload.get("phone", "")))


def _find_ringing_call(sid: str) -> SimulatedCall | None:
    """The call of ours on the feed with this SID."""
    item = find_call(get_runtime().redis, sid)
    return SimulatedCall(sid, item["phone"], item["delivery"]) if item else None
