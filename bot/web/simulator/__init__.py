"""The phone simulator (development only): phones in a page, whose texts are real signed webhooks."""

import re
from dataclasses import asdict
from datetime import datetime

from flask import Blueprint, Response, abort, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from bot.base.database import now
from bot.base.language_names import get_own_name
from bot.channels.simulator import add_to_feed, load_statuses, read_feed, set_status
from bot.flow_tests.recorder import Wrote, record
from bot.nlu import Context, explain, mask, understand
from bot.store.families import contacts, follow_ups
from bot.web.core.current_runtime import services
from bot.web.simulator import call_driver, voice_notes
from bot.web.simulator.fake_twilio import NotAnswered, Phone, report
from bot.web.simulator.samples import SAMPLES

ADDRESS = re.compile(r"(whatsapp:)?\+[1-9]\d{6,14}|whatsapp:[A-Z]{2}\.\w{1,40}")
PLACE = re.compile(r"\d{1,16}-\d{1,8}")
NEXT = {"queued": "sent", "sent": "delivered", "delivered": "read"}
"""The receipts of a message, one with each look at the feed, as a phone that is switched on sends them."""
NEXT_OF_CALL = {"queued": "initiated", "initiated": "ringing"}
"""A call rings until somebody takes it on the page."""

simulator = Blueprint(
    "simulator", __name__, url_prefix="/simulator", template_folder="templates", static_folder="static"
)
for _name in ("call", "take", "key", "hang_up"):
    simulator.add_url_rule(f"/{_name.replace('_', '-')}", _name, getattr(call_driver, _name), methods=["POST"])
simulator.add_url_rule("/sound", "sound", voice_notes.keep_sound, methods=["POST"])


@simulator.before_request
def only_the_page() -> None:
    """A form on another site can't set this header: nobody else makes these phones write."""
    if request.method == "POST" and request.headers.get("X-Puente-Simulator") != "1":
        abort(403, "Use the page /simulator.")


@simulator.get("/")
def page() -> ResponseReturnValue:
    """The page with the phones."""
    district = services().library.district
    samples = [(code, get_own_name(code), SAMPLES[code]) for code in district.languages if code in SAMPLES]
    return render_template("simulator/page.html", district=district, samples=samples, live=services().settings.live)


@simulator.post("/send")
def send() -> ResponseReturnValue:
    """Write as one of the phones; whatever goes wrong is shown in the phone."""
    given = request.get_json()
    address, text, kind = str(given.get("phone", "")), str(given.get("text", ""))[:5000], str(given.get("kind", "text"))
    if not ADDRESS.fullmatch(address):
        return jsonify(error="Write a number with its country code, such as +12175550177.")
    here = services()
    sound = voice_notes.address_of(here.redis, here.settings.account_sid, str(given.get("sound", "")))
    add_to_feed(here.redis, address, "out", text or f"[{kind}]")
    try:
        replies = Phone(here.settings, current_app.config.get("SIMULATOR_BASE")).write(address, text, kind, sound)
    except NotAnswered as error:
        add_to_feed(here.redis, address, "system", str(error))
        return jsonify(replies=0)
    for text, file in replies:
        add_to_feed(here.redis, address, "in", text, file=file)
    return jsonify(replies=len(replies))


@simulator.get("/feed")
def feed() -> ResponseReturnValue:
    """Everything after `?after=`, and how far the messages have come."""
    here = services()
    items = [{"id": number, **item} for number, item in read_feed(here.redis, _place(request.args.get("after", "")))]
    _receipts()
    known = load_statuses(here.redis)
    return jsonify(items=items, statuses=known)


@simulator.post("/why")
def why() -> ResponseReturnValue:
    """What was understood of a text, and what decided (the "why" panel)."""
    text, library = str(request.get_json().get("text", ""))[:5000], services().library
    context = Context(library.phrasebook, library.district.languages)
    understood = understand(text, context)
    masked, kinds = mask(text)
    found = {**asdict(understood), "kept": masked, "masked": sorted(kinds)}
    return jsonify(found=found, why=explain(text, understood, context))


@simulator.post("/follow-ups")
def let_days_pass() -> ResponseReturnValue:
    """This phone's follow-ups are due now; the next sweep sends them."""
    here, address = services(), str(request.get_json().get("phone", ""))
    with here.database.write() as db:
        contact = contacts.find(db, here.database.vault, address)
        count = follow_ups.bring_forward(db, contact.id, now()) if contact else 0
    said = f"{count} follow-up(s) are due now" if count else "Nothing is planned for this phone"
    add_to_feed(here.redis, address, "system", f"Days pass. {said}.")
    return jsonify(count=count)


@simulator.get("/transcript")
def transcript() -> ResponseReturnValue:
    """What was written with one phone, as a transcript for `flows/tests/`."""
    here, address = services(), request.args.get("phone", "")
    items = [item for _, item in read_feed(here.redis, "") if item["phone"] == address and item["direction"] == "out"]
    wrote = [Wrote(item["body"], datetime.fromisoformat(item["at"])) for item in items]
    try:
        recorded = record(here.library, wrote, "whatsapp" if address.startswith("whatsapp:") else "sms")
    except ValueError as error:
        abort(404, str(error))
    headers = {"Content-Disposition": "attachment; filename=recorded.yaml"}
    return Response(recorded, mimetype="application/yaml", headers=headers)


def _place(after: str) -> str:
    """A place in the feed; anything else means its beginning."""
    return after if PLACE.fullmatch(after) else ""


def _receipts() -> None:
    """Move each of our own messages and calls one receipt on, by real signed status callbacks."""
    here = services()
    known = load_statuses(here.redis)
    for _, item in read_feed(here.redis, ""):
        steps = NEXT_OF_CALL if item.get("kind") == "call" else NEXT
        following = steps.get(known.get(item.get("sid", ""), ""))
        if following and (following != "read" or item["phone"].startswith("whatsapp:")):
            set_status(here.redis, item["sid"], following)
            report(here.settings, current_app.config.get("SIMULATOR_BASE"), item, following)
