"""Drive the simulator's calls with real signed webhooks: a phone calls Puente, or picks up one of its calls.

The page holds the state of a call. Puente knows no more about it than about a call through Twilio.
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
"""The form fields of Twilio that the page can set."""
MAX_FIELD_CHARACTERS = 1000


def call() -> ResponseReturnValue:
    """Call Puente from this phone. Return the SID of the call and its first steps."""
    phone = str(request.get_json().get("phone", "")).removeprefix("whatsapp:")
    if not phone.startswith("+"):
        return jsonify(error="A phone without a number cannot call.")
    return _post_callback(SimulatedCall(f"CA{secrets.token_hex(16)}", phone), CALL_WEBHOOK_PATH, {})


def take() -> ResponseReturnValue:
    """Pick up a ringing call, and return its first steps."""
    ringing_call = _find_ringing_call(str(request.get_json().get("sid", "")))
    if ringing_call is None:
        return jsonify(error="This call is not on the feed anymore.")
    return _post_callback(ringing_call, f"{CALL_WEBHOOK_PATH}?m={ringing_call.delivery}", {}, status="in-progress")


def key() -> ResponseReturnValue:
    """Post a callback of an active call with a key, speech, a recording, or silence. Return the next steps."""
    payload = request.get_json()
    active_call, path = _load_call(payload), str(payload.get("action", ""))
    if path != CALL_WEBHOOK_PATH and not path.startswith(f"{CALL_WEBHOOK_PATH}?"):
        return jsonify(error="The URL of the next step is not Puente's. Twilio would post to that URL.")
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
    """End a call ("completed"), or don't pick it up ("busy", "no-answer"), and post the status callback."""
    payload, runtime = request.get_json(), get_runtime()
    active_call, status = _load_call(payload), str(payload.get("status", "completed"))
    if status not in ("completed", "busy", "no-answer"):
        return jsonify(error="The status must be completed, busy, or no-answer.")
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
    """Return Puente's call with this SID from the feed."""
    item = find_call(get_runtime().redis, sid)
    if item is None:
        return None
    return SimulatedCall(sid, item["phone"], item["delivery"])
