"""Twilio's webhooks: signature, parse, hand over, TwiML.

Status codes are promises to Twilio (twilio.md, section 1): 403 for what Twilio did not send, 400 and 413 for what is
no message, 503 when the message could not be kept: then Twilio tries again, or calls the fallback address.
"""

from urllib.parse import unquote_to_bytes

from flask import Blueprint, Response, abort, request
from sqlalchemy.exc import SQLAlchemyError
from twilio.request_validator import RequestValidator
from twilio.twiml.messaging_response import MessagingResponse

from bot.announcements import genuine
from bot.cases import by_text
from bot.channels.lengths import parts
from bot.gatherings import by_text as invited
from bot.incidents import by_text as agents
from bot.messaging import inbound, measure, status
from bot.messaging.inbound import Inbound
from bot.messaging.receive import Unavailable, receive
from bot.statuses import by_text as school_status
from bot.web import voice
from bot.web.here import services

webhooks = Blueprint("twilio", __name__, url_prefix="/webhooks/twilio")


@webhooks.before_request
def only_twilio() -> None:
    """Nothing is read of a request that Twilio did not sign for our address and account."""
    settings = services().settings
    _decodable(request.get_data(cache=True))
    signature = request.headers.get("X-Twilio-Signature", "")
    validator = RequestValidator(settings.twilio_auth_token)
    path = request.full_path if request.query_string else request.path
    signed = any(validator.validate(base + path, request.form, signature) for base in settings.signed_bases)
    if not signature or not signed:
        abort(403, "The signature does not fit PUBLIC_URL and TWILIO_AUTH_TOKEN.")
    if request.form.get("AccountSid", settings.account_sid) != settings.account_sid:
        abort(403, "Another account's message.")


@webhooks.post("/messages")
def messages() -> Response:
    """A family's message; the answer is TwiML."""
    try:
        message = inbound.parse(request.form)
    except inbound.BadForm as bad:
        abort(400, str(bad))
    try:
        reply = agents.answer(services(), message)
        reply = by_text.answer(services(), message) if reply is None else reply
        reply = school_status.answer(services(), message) if reply is None else reply
        reply = _without_a_talk(message) if reply is None else reply
        reply = receive(services(), message) if reply is None else reply
    except (Unavailable, SQLAlchemyError):
        abort(503, "Not kept: please try again.")
    shown = message.channel == "whatsapp" and services().settings.public_base
    return twiml(reply, f"{shown}/media/" if shown else None)


def _without_a_talk(message: Inbound) -> str | None:
    """The reply to an invitation's answer or to CHECK; empty for a phone that asks without end."""
    reply = invited.answer(services(), message)
    reply = genuine.answer(services(), message) if reply is None else reply
    return "" if reply and measure.silent(services(), message) else reply


@webhooks.post("/status")
def delivery_status() -> tuple[str, int]:
    """What became of a message we sent."""
    report = status.parse(request.form, request.args.get("m"))
    if report:
        try:
            status.record(services(), report)
        except SQLAlchemyError:
            abort(503, "Not kept: please try again.")
    return "", 204


@webhooks.post("/voice")
def call() -> Response:
    """A call: an alert that is read to staff, or somebody who rings the line."""
    return voice.answer(services(), request.form, request.args)


def twiml(reply: str, media_base: str | None = None) -> Response:
    """A reply as TwiML; empty for saying nothing.

    A paragraph that is the address of a file under `media_base` (WhatsApp) becomes the file itself.
    """
    document = MessagingResponse()
    paragraphs = reply.split("\n\n") if reply else []
    files = [one for one in paragraphs if media_base and one.startswith(media_base) and " " not in one]
    for number, part in enumerate(parts("\n\n".join(one for one in paragraphs if one not in files))):
        message = document.message(part)
        if files and number == 0:
            message.media(files[0])
    return Response(str(document), mimetype="text/xml")


def _decodable(body: bytes) -> None:
    """Broken UTF-8 would be repaired silently, and what the family wrote changed: say no instead."""
    try:
        unquote_to_bytes(body).decode("utf-8")
    except UnicodeDecodeError:
        abort(400, "The form is not UTF-8.")
