"""The simulator as a telephone: it rings the line, is rung, hears what is said, and presses keys.

Each step is a signed request like Twilio's; what comes back is shown as steps (`telephone`).
"""

import secrets
from typing import Any

from flask import Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from bot.channels.simulator import call_with, set_status
from bot.voice.converting import GIVEN_BYTES, CannotUse
from bot.web.here import services
from bot.web.simulator import sounds
from bot.web.simulator.phone import SENDER, NotAnswered, Phone, report
from bot.web.simulator.sounds import NotOurs
from bot.web.simulator.telephone import steps

VOICE = "/webhooks/twilio/voice"
SAYS = {"digits": "Digits", "said": "SpeechResult", "dialed": "DialCallStatus"}
"""What the page may say of a call → Twilio's name for it (twilio.md, section 6)."""


def ring() -> ResponseReturnValue:
    """The next request of a call: the first one, or what follows a key, words, silence, or a call put through.

    JSON in: `phone`, then `sid` and `path` of the call that goes on, with `digits`, `said`, `dialed` or `sound`.
    JSON out: `sid` and `steps`, or `error`.
    """
    given, here = request.get_json(), services()
    sid = str(given.get("sid") or f"CA{secrets.token_hex(16)}")
    ours = call_with(here.redis, sid)
    path = str(given.get("path") or (f"{VOICE}?m={ours['delivery']}" if ours else VOICE))
    if not path.startswith(VOICE):
        return jsonify(error="A call goes on at the voice webhook only.")
    try:
        answer = _phone().ask(path, _form(given, sid, ours))
        if ours and not given.get("path"):
            _picked_up(ours)
        return jsonify(sid=sid, steps=steps(answer, here.settings.public_base))
    except (NotAnswered, NotOurs) as error:
        return jsonify(error=str(error))


def hang_up() -> ResponseReturnValue:
    """The call is over."""
    here, sid = services(), str(request.get_json().get("sid", ""))
    ours = call_with(here.redis, sid)
    item = ours or {"kind": "call", "sid": sid, "phone": str(request.get_json().get("phone", "")), "delivery": ""}
    if ours:
        set_status(here.redis, sid, "completed")
    report(here.settings, current_app.config.get("SIMULATOR_BASE"), item, "completed")
    return jsonify(over=True)


def keep_sound() -> ResponseReturnValue:
    """What was recorded or chosen, as the body of the request; its name, or why it cannot be used."""
    try:
        return jsonify(sound=sounds.keep(services().redis, request.get_data()))
    except CannotUse as error:
        return jsonify(error=str(error))


def larger_for_sounds() -> None:
    """This one request may be larger than all others."""
    if request.endpoint == "simulator.keep_sound":
        request.max_content_length = GIVEN_BYTES


def media(name: str, **_of_a_message: str) -> ResponseReturnValue:
    """Where Twilio would have it: fetched and deleted by the program as from there."""
    if request.method == "DELETE":
        sounds.drop(services().redis, name.removeprefix("ME").removesuffix(".json"))
        return "", 204
    found = sounds.find(services().redis, name.removeprefix("ME"))
    return Response(found, mimetype="audio/ogg") if found else ("", 404)


def media_url(message_sid: str, sound: str) -> str:
    """The address of a sound, as Twilio would give it."""
    here = services().settings
    base = here.twilio_api_base.rstrip("/") or f"http://127.0.0.1:{here.port}"
    return f"{base}/2010-04-01/Accounts/{here.account_sid}/Messages/{message_sid}/Media/ME{sound}"


def _phone() -> Phone:
    return Phone(services().settings, current_app.config.get("SIMULATOR_BASE"))


def _picked_up(ours: dict[str, Any]) -> None:
    here = services()
    set_status(here.redis, ours["sid"], "in-progress")
    report(here.settings, current_app.config.get("SIMULATOR_BASE"), ours, "in-progress")


def _form(given: dict[str, Any], sid: str, ours: dict[str, Any] | None) -> dict[str, str]:
    number = str(given.get("phone", "")).removeprefix("whatsapp:")
    parties = {"From": SENDER, "To": number} if ours else {"From": number, "To": SENDER}
    way = {"Direction": "outbound-api", "AnsweredBy": "human"} if ours else {"Direction": "inbound"}
    form = {
        "CallSid": sid,
        "CallStatus": "in-progress",
        "AccountSid": services().settings.account_sid,
        **parties,
        **way,
    }
    form |= {name: str(given[key])[:500] for key, name in SAYS.items() if key in given}
    if given.get("sound"):
        form["RecordingUrl"] = media_url(f"MM{sid[2:]}", str(given["sound"]))
    return form
