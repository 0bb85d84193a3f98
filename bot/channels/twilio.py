"""Send messages and calls with Twilio's APIs: one request each, with a timeout, and an error that tells the outcome."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from bot.base.settings import Settings
from bot.channels.base import CALL_STATUSES, AcceptedMessage, ListedMessage, OutgoingMessage, SendError

REQUEST_TIMEOUT_SECONDS = 10
"""Without it, Twilio's client waits forever (twilio.md, section 0)."""
RETRYABLE_STATUSES = frozenset({401, 403, 429})
"""Nothing was accepted, and a retry can succeed: during a token rotation, or after too many requests at once."""

REQUEST_ERRORS = (TwilioException, requests.RequestException, ValueError)
"""The errors of a request. A ValueError means that a proxy answered with something other than JSON."""

MAX_LISTED_MESSAGES = 1000
"""As many as one page contains. With 200 emergencies, one staff phone gets more messages than a limit of 100."""

RING_SECONDS = 25
"""Shorter than most voicemail systems take to answer."""
CALL_EVENTS = ["initiated", "ringing", "answered", "completed"]


class _RebasedHttpClient(TwilioHttpClient):
    """Twilio's HTTP client. If `TWILIO_API_BASE` (a proxy or a test server) is set, it sends requests there."""

    def __init__(self, base: str) -> None:
        # A pooled connection that the other side has closed would look like an unknown outcome.
        super().__init__(pool_connections=False, timeout=REQUEST_TIMEOUT_SECONDS)
        self._base = urlsplit(base) if base else None

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """Send the request to the configured address."""
        return super().request(method, self._rewrite_url(url), *args, **kwargs)

    def _rewrite_url(self, url: str) -> str:
        if not self._base:
            return url
        return urlunsplit(urlsplit(url)._replace(scheme=self._base.scheme, netloc=self._base.netloc))


class PooledHttpClient(_RebasedHttpClient):
    """An HTTP client whose connections stay open, for many messages in a row.

    A connection that the other side has closed looks like an unknown outcome, which announcements look up. The proxy
    settings of the environment are read once, not for every message.
    """

    def __init__(self, base: str, connections: int) -> None:
        super().__init__(base)
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=connections))
        self._environment_settings: dict[str, Any] | None = None

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        """Send the request on a pooled connection."""
        arguments = dict(zip(("params", "data", "headers", "auth", "timeout"), args, strict=False)) | kwargs
        target_url = self._rewrite_url(url)
        request = requests.Request(
            method,
            target_url,
            arguments.get("headers"),
            None,
            arguments.get("data"),
            arguments.get("params"),
            arguments.get("auth"),
        )
        if self._environment_settings is None:
            self._environment_settings = dict(
                self._session.merge_environment_settings(target_url, {}, None, None, None)
            )
        response = self._session.send(
            self._session.prepare_request(request),
            allow_redirects=False,
            timeout=REQUEST_TIMEOUT_SECONDS,
            **self._environment_settings,
        )
        return Response(response.status_code, response.text, response.headers)


def create_client(settings: Settings, connections: int = 0) -> Client:
    """Create Twilio's client for this account, without connecting yet."""
    base = settings.twilio_api_base
    http_client = PooledHttpClient(base, connections) if connections else _RebasedHttpClient(base)
    return Client(settings.twilio_account_sid, settings.twilio_token, http_client=http_client)


class TwilioChannel:
    """Sends SMS, WhatsApp messages, and calls. `connections` is how many stay open, for announcements."""

    def __init__(self, settings: Settings, connections: int = 0) -> None:
        self._settings = settings
        self._client = create_client(settings, connections)

    def send(self, outgoing: OutgoingMessage) -> AcceptedMessage:
        """Send one message. The callback contains our own ID, so that it works even before we have saved the SID."""
        options: dict[str, Any] = {"to": outgoing.to, **_build_content(outgoing), **self._choose_sender(outgoing.to)}
        if self._settings.public_url:
            options["status_callback"] = f"{self._settings.public_base}/webhooks/twilio/status?m={outgoing.id}"
        try:
            message = self._client.messages.create(**options)
        except REQUEST_ERRORS as error:
            raise convert_error(error) from None
        return AcceptedMessage(message.sid, message.status)

    def call(self, outgoing: OutgoingMessage) -> AcceptedMessage:
        """Call a person. Our webhook supplies the text and receives the pressed keys.

        Without `PUBLIC_URL`, the call is refused, since Twilio could not reach the webhook. Production always has it.
        """
        sender, to = self._settings.twilio_sms_from, outgoing.to.removeprefix("whatsapp:").removeprefix("voice:")
        if not (sender.startswith("+") and to.startswith("+") and self._settings.public_url):
            raise SendError("refused")  # a short code cannot call, and an address without a number cannot be called
        options = self._build_call_callbacks(outgoing)
        if outgoing.should_detect_machine:
            # Twilio then requests the text after it knows who answered, and after the greeting of a machine
            # ("Answering Machine Detection" in its docs).
            options["machine_detection"] = "DetectMessageEnd"
        try:
            call = self._client.calls.create(to=to, from_=sender, timeout=RING_SECONDS, **options)
        except REQUEST_ERRORS as error:
            raise convert_error(error) from None
        return AcceptedMessage(call.sid, CALL_STATUSES.get(call.status, "queued"))

    def _build_call_callbacks(self, outgoing: OutgoingMessage) -> dict[str, Any]:
        """Return the URLs at which Twilio requests the text and reports the status of the call."""
        base, query = f"{self._settings.public_base}/webhooks/twilio", f"m={outgoing.id}"
        return {
            "url": f"{base}/voice?{query}",
            "status_callback": f"{base}/status?{query}",
            "status_callback_event": CALL_EVENTS,
        }

    def list_messages(self, to: str, since: datetime) -> list[ListedMessage]:
        """List what Twilio accepted for this address since a moment.

        The request filters only by address, and this method compares the dates. Twilio does not document whether its
        date filter includes queued messages (twilio.md, section 5).
        """
        try:
            messages = self._client.messages.list(to=to, limit=MAX_LISTED_MESSAGES, page_size=MAX_LISTED_MESSAGES)
        except REQUEST_ERRORS as error:
            raise convert_error(error) from None
        return [
            ListedMessage(message.sid, message.body or "", message.status, message.date_created)
            for message in messages
            if message.date_created and message.date_created >= since
        ]

    def list_calls(self, to: str, since: datetime) -> list[ListedMessage]:
        """List the calls to this number since a moment. As in `list_messages`, this method compares the dates."""
        number = to.removeprefix("whatsapp:").removeprefix("voice:")
        try:
            calls = self._client.calls.list(to=number, limit=MAX_LISTED_MESSAGES)
        except REQUEST_ERRORS as error:
            raise convert_error(error) from None
        return [
            ListedMessage(call.sid, "", CALL_STATUSES.get(call.status, "queued"), call.date_created)
            for call in calls
            if call.date_created and call.date_created >= since
        ]

    def _choose_sender(self, to: str) -> dict[str, str]:
        settings = self._settings
        is_whatsapp = to.startswith("whatsapp:")
        if is_whatsapp and settings.twilio_whatsapp_from:
            return {"from_": f"whatsapp:{settings.twilio_whatsapp_from.removeprefix('whatsapp:')}"}
        if not is_whatsapp and settings.twilio_sms_from:
            return {"from_": settings.twilio_sms_from}
        if settings.twilio_messaging_service_sid:
            return {"messaging_service_sid": settings.twilio_messaging_service_sid}
        raise SendError("refused")  # no sender for this channel is set


def _build_content(outgoing: OutgoingMessage) -> dict[str, Any]:
    """Build a free text with media, or an approved template with its variables as JSON (twilio.md, section 3)."""
    if outgoing.template:
        variables = {str(number): value for number, value in enumerate(outgoing.variables, 1)}
        return {"content_sid": outgoing.template, "content_variables": json.dumps(variables)}
    content: dict[str, Any] = {"body": outgoing.body}
    if outgoing.media:
        content["media_url"] = [outgoing.media]
    return content


def convert_error(error: Exception) -> SendError:
    """Convert one of `REQUEST_ERRORS` to a `SendError` with the outcome of the request."""
    if isinstance(error, TwilioRestException):
        if error.status in RETRYABLE_STATUSES:
            return SendError("not_accepted", error.code)
        if error.status >= 500:
            return SendError("unknown", error.code)
        return SendError("refused", error.code)
    if _has_never_connected(error):
        return SendError("not_accepted")
    return SendError("unknown")


def _has_never_connected(error: Exception) -> bool:
    """Return whether no connection was made, so that nothing was accepted."""
    reason = getattr(next(iter(error.args), None), "reason", None)
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError | ConnectTimeoutError)
