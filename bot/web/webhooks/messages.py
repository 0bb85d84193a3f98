"""Twilio's webhooks: check the signature, parse the form, handle the message, and answer with TwiML.

The status codes tell Twilio what to do (twilio.md, section 1): 403 for a request that Twilio didn't sign, 400 and 413
for a form that is no message, and 503 if Puente can't save the message. After a 503, Twilio retries or calls the
fallback URL.
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
    """Reject a request that Twilio didn't sign for Puente's URL and account, and set the trace of log entries.

    The trace is a keyed hash of the SID. Jobs use the same trace, even days later.
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
        abort(403, "The signature doesn't match PUBLIC_URL and TWILIO_AUTH_TOKEN.")
    if form.get("AccountSid", settings.account_sid) != settings.account_sid:
        abort(403, "This request is for another Twilio account.")
    sid = form.get("MessageSid") or form.get("CallSid") or secrets.token_hex(8)
    bind_contextvars(trace=runtime.database.vault.compute_lookup_hash(sid[:64])[: logs.TRACE_LENGTH])


@webhooks.after_request
def measure_request(response: Response) -> Response:
    """Record the duration and the status of a request."""
    name = (request.endpoint or "").rpartition(".")[2]
    metrics.record_webhook(name, 500 if g.get("has_failed") else response.status_code, time.perf_counter() - g.began)
    log.info("answered: webhook=%s status=%s", name, response.status_code)
    return response


@webhooks.teardown_request
def clear_trace(error: BaseException | None) -> None:
    """Clear the trace, because the next request of this thread has its own."""
    clear_contextvars()


@webhooks.post("/messages")
def messages() -> Response:
    """Answer an inbound message with TwiML."""
    try:
        message = inbound_message.parse_message(request.form.to_dict())
    except inbound_message.InvalidMessageFormError as error:
        abort(400, str(error))
    metrics.MESSAGES_IN.labels(message.channel).inc()
    runtime = get_runtime()
    try:
        reply = answer_message(runtime, message)
    except (ServiceUnavailableError, SQLAlchemyError):
        abort(503, "The message is not saved. Try again.")
    if message.channel == "whatsapp":
        return build_message_twiml(reply, runtime.settings.public_base)
    return build_message_twiml(reply)


@webhooks.post("/status")
def delivery_status() -> tuple[str, int]:
    """Record a delivery status."""
    report = messaging_delivery_status.parse_report(request.form, request.args.get("m"))
    if report:
        try:
            record_status_report(get_runtime(), report)
        except SQLAlchemyError:
            abort(503, "The status is not saved. Try again.")
    return "", 204


@webhooks.post("/voice")
def call() -> Response:
    """Answer a callback of a call, either an incoming call or one that Puente made."""
    return calls.answer_call(get_runtime(), request.form, request.args)


def build_message_twiml(reply: str, base: str | None = None) -> Response:
    """Build the TwiML of a reply. An empty reply sends nothing.

    Args:
        reply: The text, in paragraphs.
        base: Puente's public URL, for WhatsApp. A paragraph that is the URL of a file under it becomes the file: a
            picture in the message of the text, or a sound in a message after it. WhatsApp allows no text with a sound.
    """
    document = MessagingResponse()
    paragraphs = reply.split("\n\n")
    pictures: list[str] = []
    sounds: list[str] = []
    if base:
        pictures = _find_file_urls(paragraphs, f"{base}/media/")
        sounds = _find_file_urls(paragraphs, f"{base}/recordings/")
    text = "\n\n".join(paragraph for paragraph in paragraphs if paragraph not in (*pictures, *sounds))
    for number, part in enumerate(split_message(text)):
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
        if paragraph.startswith(url_prefix) and " " not in paragraph and "\n" not in paragraph
    ]


def _reject_broken_utf8(body: bytes) -> None:
    """Reject broken UTF-8: Werkzeug would repair it silently and change the family's text."""
    try:
        unquote_to_bytes(body).decode("utf-8")
    except UnicodeDecodeError:
        abort(400, "The form is not UTF-8.")
