"""Twilio's webhooks: signature, parse, hand over, TwiML.

Status codes are promises to Twilio (twilio.md, section 1): 403 for what Twilio did not send, 400 and 413 for what is
no message, 503 when the message could not be kept: then Twilio tries again, or calls the fallback address.
"""

import logging
import secrets
import time
from urllib.parse import unquote_to_bytes

from flask import Blueprint, Response, abort, g, request
from sqlalchemy.exc import SQLAlchemyError
from twilio.request_validator import RequestValidator
from twilio.twiml.messaging_response import MessagingResponse

from bot.base import logs, metrics
from bot.channels.message_parts import split_message
from bot.message_router import answer
from bot.messaging import delivery_status as messaging_delivery_status
from bot.messaging import inbound_message
from bot.messaging.inbound_handler import Unavailable
from bot.web.core.current_runtime import services
from bot.web.webhooks import calls
from bot.web.webhooks.status_callbacks import report_it

webhooks = Blueprint("twilio", __name__, url_prefix="/webhooks/twilio")

written = logging.getLogger(__name__)


@webhooks.before_request
def only_twilio() -> None:
    """Nothing is read of a request that Twilio did not sign for our address and account.

    What is done about it is logged under a keyed hash of its SID, also by jobs and days later.
    """
    g.began = time.perf_counter()
    here = services()
    settings = here.settings
    _decodable(request.get_data(cache=True))
    signature = request.headers.get("X-Twilio-Signature", "")
    validators = [RequestValidator(token) for token in settings.twilio_tokens]
    path = request.full_path if request.query_string else request.path
    form = request.form
    signed = any(
        validator.validate(base + path, form, signature) for base in settings.signed_bases for validator in validators
    )
    if not signature or not signed:
        abort(403, "The signature does not fit PUBLIC_URL and TWILIO_AUTH_TOKEN.")
    if form.get("AccountSid", settings.account_sid) != settings.account_sid:
        abort(403, "Another account's message.")
    sid = form.get("MessageSid") or form.get("CallSid") or secrets.token_hex(8)
    logs.begin(here.database.vault.compute_lookup_hash(sid[:64])[: logs.TRACE_LETTERS])


@webhooks.after_request
def measure_it(response: Response) -> Response:
    """How long it took, and whether it went well."""
    name = (request.endpoint or "").rpartition(".")[2]
    metrics.webhook(name, 500 if g.get("broke") else response.status_code, time.perf_counter() - g.began)
    written.info("answered: webhook=%s status=%s", name, response.status_code)
    return response


@webhooks.teardown_request
def over(error: BaseException | None) -> None:
    """The next request of this thread is another one."""
    logs.end()


@webhooks.post("/messages")
def messages() -> Response:
    """A family's message; the answer is TwiML."""
    try:
        message = inbound_message.parse(request.form.to_dict())
    except inbound_message.BadForm as bad:
        abort(400, str(bad))
    metrics.MESSAGES_IN.labels(message.channel).inc()
    here = services()
    try:
        reply = answer(here, message)
    except (Unavailable, SQLAlchemyError):
        abort(503, "Not kept: please try again.")
    return twiml(reply, here.settings.public_base if message.channel == "whatsapp" else None)


@webhooks.post("/status")
def delivery_status() -> tuple[str, int]:
    """What became of a message we sent."""
    report = messaging_delivery_status.parse(request.form, request.args.get("m"))
    if report:
        try:
            report_it(services(), report)
        except SQLAlchemyError:
            abort(503, "Not kept: please try again.")
    return "", 204


@webhooks.post("/voice")
def call() -> Response:
    """A call: an alert that is read to staff, or somebody who rings the line."""
    return calls.answer(services(), request.form, request.args)


def twiml(reply: str, base: str | None = None) -> Response:
    """A reply as TwiML; empty for saying nothing.

    A paragraph that is the address of one of our files under `base` (WhatsApp) becomes the file itself: a picture goes
    with the text; a sound, which can hold no text there, is a message of its own after it.
    """
    document = MessagingResponse()
    paragraphs = reply.split("\n\n") if reply else []
    pictures, sounds = (_files(paragraphs, f"{base}{door}" if base else "") for door in ("/media/", "/recordings/"))
    for number, part in enumerate(
        split_message("\n\n".join(one for one in paragraphs if one not in (*pictures, *sounds)))
    ):
        message = document.message(part)
        if pictures and number == 0:
            message.media(pictures[0])
    for sound in sounds[-1:]:
        document.message().media(sound)
    return Response(str(document), mimetype="text/xml")


def _files(paragraphs: list[str], under: str) -> list[str]:
    return [one for one in paragraphs if under and one.startswith(under) and " " not in one and "\n" not in one]


def _decodable(body: bytes) -> None:
    """Broken UTF-8 would be repaired silently, and what the family wrote changed: say no instead."""
    try:
        unquote_to_bytes(body).decode("utf-8")
    except UnicodeDecodeError:
        abort(400, "The form is not UTF-8.")
