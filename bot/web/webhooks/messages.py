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
from structlog.contextvars import bind_contextvars, clear_contextvars
from twilio.request_validator import RequestValidator
from twilio.twiml.messaging_response import MessagingResponse

from bot.base import logs, metrics
from bot.channels.message_parts import split_message
from bot.message_router import answer_message
from bot.messaging import delivery_status as messaging_delivery_status
from bot.messaging import inbound_message
from bot.messaging.inbound_handler import ServiceUnavailableError
from bot.web.core.current_runtime import get_runtime
from bot.web.webhooks import calls
from bot.web.webhooks.status_callbacks import record_status_report

webhooks = Blueprint("twilio", __name__, url_prefix="/webhooks/twilio")

log = logging.getLogger(__name__)


@webhooks.before_request
def reject_unsigned_request() -> None:
    """Nothing is read of a request that Twilio did not sign for our address and account.

    What is done about it is logged under a keyed hash of its SID, also by jobs and days later.
    """
    g.began = time.perf_counter()
    runtime = get_runtime()
    settings = runtime.settings
    _reject_broken_utf8(request.get_data(cache=True))
    signature = request.headers.get("X-Twilio-Signature", "")
    validators = [RequestValidator(token) for token in settings.twilio_tokens]
    path = request.full_path if request.query_string else request.path
    form = request.form
    is_signed = any(
        validator.validate(base + path, form, signature) for base in settings.signed_bases for validator in validators
    )
    if not signature or not is_signed:
        abort(403, "The signature does not fit PUBLIC_URL and TWILIO_AUTH_TOKEN.")
    if form.get("AccountSid", settings.account_sid) != settings.account_sid:
        abort(403, "Another account's message.")
    sid = form.get("MessageSid") or form.get("CallSid") or secrets.token_hex(8)
    bind_contextvars(trace=runtime.database.vault.compute_lookup_hash(sid[:64])[: logs.TRACE_LENGTH])


@webhooks.after_request
def measure_request(response: Response) -> Response:
    """How long it took, and whether it went well."""
    name = (request.endpoint or "").rpartition(".")[2]
    metrics.record_webhook(name, 500 if g.get("has_failed") else response.status_code, time.perf_counter() - g.began)
    log.info("answered: webhook=%s status=%s", name, response.status_code)
    return response


@webhooks.teardown_request
def clear_trace(error: BaseException | None) -> None:
    """The next request of this thread is another one."""
    clear_contextvars()


@webhooks.post("/messages")
def messages() -> Response:
    """A family's message; the answer is TwiML."""
    try:
        message = inbound_message.parse_message(request.form.to_dict())
    except inbound_message.InvalidMessageFormError as bad:
        abort(400, str(bad))
    metrics.MESSAGES_IN.labels(message.channel).inc()
    runtime = get_runtime()
    try:
        reply = answer_message(runtime, message)
    except (ServiceUnavailableError, SQLAlchemyError):
        abort(503, "Not kept: please try again.")
    return build_message_twiml(reply, runtime.settings.public_base if message.channel == "whatsapp" else None)


@webhooks.post("/status")
def delivery_status() -> tuple[str, int]:
    """What became of a message we sent."""
    report = messaging_delivery_status.parse_report(request.form, request.args.get("m"))
    if report:
        try:
            record_status_report(get_runtime(), report)
        except SQLAlchemyError:
            abort(503, "Not kept: please try again.")
    return "", 204


@webhooks.post("/voice")
def call() -> Response:
    """A call: an alert that is read to staff, or somebody who rings the line."""
    return calls.answer_call(get_runtime(), request.form, request.args)


def build_message_twiml(reply: str, base: str | None = None) -> Response:
    """A reply as TwiML; empty for saying nothing.

    A paragraph that is the address of one of our files under `base` (WhatsApp) becomes the file itself: a picture goes
    with the text; a sound, which can hold no text there, is a message of its own after it.
    """
    document = MessagingResponse()
    paragraphs = reply.split("\n\n") if reply else []
    pictures, sounds = (
        _find_file_urls(paragraphs, f"{base}{url_path}" if base else "") for url_path in ("/media/", "/recordings/")
    )
    for number, part in enumerate(
        split_message("\n\n".join(paragraph for paragraph in paragraphs if paragraph not in (*pictures, *sounds)))
    ):
        message = document.message(part)
        if pictures and number == 0:
            message.media(pictures[0])
    for sound in sounds[-1:]:
        document.message().media(sound)
    return Response(str(document), mimetype="text/xml")


def _find_file_urls(paragraphs: list[str], url_prefix: str) -> list[str]:
    return [
        paragraph
        for paragraph in paragraphs
        if url_prefix and paragraph.startswith(url_prefix) and " " not in paragraph and "\n" not in paragraph
    ]


def _reject_broken_utf8(body: bytes) -> None:
    """Broken UTF-8 would be repaired silently, and what the family wrote changed: say no instead."""
    try:
        unquote_to_bytes(body).decode("utf-8")
    except UnicodeDecodeError:
        abort(400, "The form is not UTF-8.")
