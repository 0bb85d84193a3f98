"""The phone simulator for development: a page with phones that send real signed webhooks."""

import re
from dataclasses import asdict
from datetime import datetime

from flask import Blueprint, Response, abort, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from bot.base.database import now
from bot.base.language_names import get_own_name
from bot.base.text_normalization import NormalizedText
from bot.channels.simulator import add_to_feed, load_statuses, read_feed, set_status
from bot.flow_tests.harness import ChannelName
from bot.flow_tests.recorder import RecordedText, record_conversation
from bot.nlu import NluContext, classify_message, explain_understanding, mask_pii
from bot.store.families import contacts, follow_ups
from bot.web.core.current_runtime import get_runtime
from bot.web.simulator import call_driver, voice_notes
from bot.web.simulator.fake_twilio import SimulatedPhone, WebhookNotAnsweredError, report_status
from bot.web.simulator.samples import SAMPLES

ADDRESS_PATTERN = re.compile(r"(whatsapp:)?\+[1-9]\d{6,14}|whatsapp:[A-Z]{2}\.\w{1,40}")
FEED_POSITION_PATTERN = re.compile(r"\d{1,16}-\d{1,8}")
NEXT_MESSAGE_STATUS = {"queued": "sent", "sent": "delivered", "delivered": "read"}
"""The next delivery status of a message. Each request for the feed moves every message one status on."""
NEXT_CALL_STATUS = {"queued": "initiated", "initiated": "ringing"}
"""The next status of a call. A call rings until someone picks it up on the page."""

simulator = Blueprint(
    "simulator", __name__, url_prefix="/simulator", template_folder="templates", static_folder="static"
)
for _name in ("call", "take", "key", "hang_up"):
    simulator.add_url_rule(f"/{_name.replace('_', '-')}", _name, getattr(call_driver, _name), methods=["POST"])
simulator.add_url_rule("/sound", "sound", voice_notes.save_sound, methods=["POST"])


@simulator.before_request
def require_page_header() -> None:
    """Reject a POST request without the header of the simulator, which a form on another site can't set."""
    if request.method == "POST" and request.headers.get("X-Puente-Simulator") != "1":
        abort(403, "Use the simulator at /simulator.")


@simulator.get("/")
def show_page() -> ResponseReturnValue:
    """Show the page with the phones."""
    district = get_runtime().library.district
    samples = [(code, get_own_name(code), SAMPLES[code]) for code in district.languages if code in SAMPLES]
    return render_template(
        "simulator/page.html", district=district, samples=samples, live=get_runtime().settings.is_live
    )


@simulator.post("/send")
def send_message() -> ResponseReturnValue:
    """Send a message from one of the phones. The phone shows errors."""
    payload = request.get_json()
    address, text = str(payload.get("phone", "")), str(payload.get("text", ""))[:5000]
    kind = str(payload.get("kind", "text"))
    if not ADDRESS_PATTERN.fullmatch(address):
        return jsonify(error="Enter a number with its country code, such as +12175550177.")
    runtime = get_runtime()
    sound_url = voice_notes.find_sound_url(runtime.redis, runtime.settings.account_sid, str(payload.get("sound", "")))
    add_to_feed(runtime.redis, address, "out", text or f"[{kind}]")
    phone = SimulatedPhone(runtime.settings, current_app.config.get("SIMULATOR_BASE"))
    try:
        replies = phone.send_message(address, text, kind, sound_url)
    except WebhookNotAnsweredError as error:
        add_to_feed(runtime.redis, address, "system", str(error))
        return jsonify(replies=0)
    for text, file in replies:
        add_to_feed(runtime.redis, address, "in", text, file=file)
    return jsonify(replies=len(replies))


@simulator.get("/feed")
def list_feed() -> ResponseReturnValue:
    """Return the items after `?after=`, and the status of each message and call.

    An `after` that isn't a position in the feed means its beginning.
    """
    runtime, after = get_runtime(), request.args.get("after", "")
    if not FEED_POSITION_PATTERN.fullmatch(after):
        after = ""
    items = [{"id": position, **item} for position, item in read_feed(runtime.redis, after)]
    _advance_statuses()
    statuses = load_statuses(runtime.redis)
    return jsonify(items=items, statuses=statuses)


@simulator.post("/why")
def explain_text() -> ResponseReturnValue:
    """Return how Puente understands a text, and why."""
    text, library = NormalizedText(str(request.get_json().get("text", ""))[:5000]), get_runtime().library
    context = NluContext(library.phrasebook, library.district.languages)
    understood = classify_message(text, context)
    masked, kinds = mask_pii(text.raw)
    explanation = {**asdict(understood), "kept": masked, "masked": sorted(kinds)}
    return jsonify(found=explanation, why=explain_understanding(text, understood, context))


@simulator.post("/follow-ups")
def let_days_pass() -> ResponseReturnValue:
    """Make this phone's follow-ups due now, so that the next sweep sends them."""
    runtime, address = get_runtime(), str(request.get_json().get("phone", ""))
    count, notice = 0, "This phone has no follow-ups"
    with runtime.database.write() as db:
        if contact := contacts.find(db, address):
            count = follow_ups.bring_forward(db, contact.id, now())
    if count:
        notice = f"{count} follow-up(s) are due now"
    add_to_feed(runtime.redis, address, "system", f"Days pass. {notice}.")
    return jsonify(count=count)


@simulator.get("/transcript")
def download_transcript() -> ResponseReturnValue:
    """Return the messages of one phone as a test conversation for `flows/tests/`."""
    runtime, address = get_runtime(), request.args.get("phone", "")
    channel: ChannelName = "whatsapp" if address.startswith("whatsapp:") else "sms"
    messages = [
        RecordedText(item["body"], datetime.fromisoformat(item["at"]))
        for _, item in read_feed(runtime.redis, "")
        if item["phone"] == address and item["direction"] == "out"
    ]
    try:
        flow_test = record_conversation(runtime.library, messages, channel)
    except ValueError as error:
        abort(404, str(error))
    headers = {"Content-Disposition": "attachment; filename=recorded.yaml"}
    return Response(flow_test, mimetype="application/yaml", headers=headers)


def _advance_statuses() -> None:
    """Move each of Puente's messages and calls one status on, with real signed status callbacks."""
    runtime = get_runtime()
    statuses = load_statuses(runtime.redis)
    for _, item in read_feed(runtime.redis, ""):
        next_statuses = NEXT_CALL_STATUS if item.get("kind") == "call" else NEXT_MESSAGE_STATUS
        next_status = next_statuses.get(statuses.get(item.get("sid", ""), ""))
        if next_status and (next_status != "read" or item["phone"].startswith("whatsapp:")):
            set_status(runtime.redis, item["sid"], next_status)
            report_status(runtime.settings, current_app.config.get("SIMULATOR_BASE"), item, next_status)
