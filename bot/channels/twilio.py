"""Twilio's Messages and Calls APIs: one request, always with time-outs, and an honest word about what became of it."""

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
"""Twilio's client waits for ever by itself (twilio.md, section 0)."""
RETRYABLE_STATUSES = frozenset({401, 403, 429})
"""Nothing was accepted, and the same request may pass later: a token being rotated, too many requests at once."""

REQUEST_ERRORS = (TwilioException, requests.RequestException, ValueError)
"""What a request may end with; the last where something between us and Twilio answers in its stead: no JSON."""

MAX_LISTED_MESSAGES = 1000
"""As many as one page holds: two hundred emergencies bring one phone more than the hundred that were read once."""

RING_SECONDS = 25
"""Seconds: shorter than most voicemail boxes take to answer."""
CALL_EVENTS = ["initiated", "ringing", "answered", "completed"]


class _RebasedHttpClient(TwilioHttpClient):
    """Twilio's own client, pointed at `TWILIO_API_BASE` (a proxy or a stand-in) if that is set."""

    def __init__(self, base: str) -> None:
        # No pooled connections: one that the other side has closed would look like an unknown outcome.
        super().__init__(pool_connections=False, timeout=REQUEST_TIMEOUT_SECONDS)
        self._base = urlsplit(base) if base else None

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """As Twilio's client does, at our address."""
        return super().request(method, self._rewrite_url(url), *args, **kwargs)

    def _rewrite_url(self, url: str) -> str:
        if not self._base:
            return url
        return urlunsplit(urlsplit(url)._replace(scheme=self._base.scheme, netloc=self._base.netloc))


class PooledHttpClient(_RebasedHttpClient):
    """The same with connections that stay open, for many messages in a row.

    One that the other side has closed meanwhile looks like an unknown outcome: announcements look that up by
    themselves.  What the environment says of proxies is read once, not for every message.
    """

    def __init__(self, base: str, connections: int) -> None:
        super().__init__(base)
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=connections))
        self._environment_settings: dict[str, Any] | None = None

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        """As in the base class."""
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
    """Twilio's client for this account; connects to nothing yet."""
    base = settings.twilio_api_base
    http = PooledHttpClient(base, connections) if connections else _RebasedHttpClient(base)
    return Client(settings.twilio_account_sid, settings.twilio_token, http_client=http)


class TwilioChannel:
    """SMS, WhatsApp and calls by Twilio.  `connections`: so many stay open, for an announcement's many messages."""

    def __init__(self, settings: Settings, connections: int = 0) -> None:
        self._settings = settings
        self._client = create_client(settings, connections)

    def send(self, outgoing: OutgoingMessage) -> AcceptedMessage:
        """Hand one text over; the callback carries our own id, so that it can't outrun our own record."""
        options: dict[str, Any] = {"to": outgoing.to, **_build_content(outgoing), **self._choose_sender(outgoing.to)}
        if self._settings.public_url:
            options["status_callback"] = f"{self._settings.public_base}/webhooks/twilio/status?m={outgoing.id}"
        try:
            message = self._client.messages.create(**options)
        except REQUEST_ERRORS as error:
            raise convert_error(error) from None
        return AcceptedMessage(message.sid, message.status)

    def call(self, outgoing: OutgoingMessage) -> AcceptedMessage:
        """Ring somebody; what is said, and the key that is pressed, come and go by our own webhook: refused without
        `PUBLIC_URL` (production has one), because nobody could press a key."""
        sender, to = self._settings.twilio_sms_from, outgoing.to.removeprefix("whatsapp:").removeprefix("voice:")
        if not (sender.startswith("+") and to.startswith("+") and self._settings.public_url):
            raise SendError("refused")  # a short code cannot call, a user id without a number cannot be called
        # Twilio then asks what to say only when it knows who answered; of a machine after its greeting ("Answering
        # Machine Detection" in its docs).
        detect = {"machine_detection": "DetectMessageEnd"} if outgoing.should_detect_machine else {}
        try:
            call = self._client.calls.create(
                to=to, from_=sender, timeout=RING_SECONDS, **self._build_call_callbacks(outgoing), **detect
            )
        except REQUEST_ERRORS as error:
            raise convert_error(error) from None
        return AcceptedMessage(call.sid, CALL_STATUSES.get(call.status, "queued"))

    def _build_call_callbacks(self, outgoing: OutgoingMessage) -> dict[str, Any]:
        """Where Twilio asks what to say, and tells what became of the call."""
        base, query = f"{self._settings.public_base}/webhooks/twilio", f"m={outgoing.id}"
        callback = {"status_callback": f"{base}/status?{query}", "status_callback_event": CALL_EVENTS}
        return {"url": f"{base}/voice?{query}", **callback}

    def list_messages(self, to: str, since: datetime) -> list[ListedMessage]:
        """What Twilio accepted for this address since then.

        Asked for by address alone and compared here: whether Twilio's date filter finds what is still queued is not
        documented (twilio.md, section 5).
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
        """What Twilio's list of calls says of this number; as in `listed`, dates are compared here."""
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
        sender = settings.twilio_whatsapp_from if is_whatsapp else settings.twilio_sms_from
        if sender:
            return {"from_": f"whatsapp:{sender.removeprefix('whatsapp:')}" if is_whatsapp else sender}
        if settings.twilio_messaging_service_sid:
            return {"messaging_service_sid": settings.twilio_messaging_service_sid}
        raise SendError("refused")  # no sender for this channel is set


def _build_content(outgoing: OutgoingMessage) -> dict[str, Any]:
    """A free text, or an approved template with its variables as JSON of texts (twilio.md, section 3)."""
    if not outgoing.template:
        return {"body": outgoing.body, **({"media_url": [outgoing.media]} if outgoing.media else {})}
    numbered = {str(number): value for number, value in enumerate(outgoing.variables, 1)}
    return {"content_sid": outgoing.template, "content_variables": json.dumps(numbered)}


def convert_error(error: Exception) -> SendError:
    """What an error of `ERRORS` says of a request."""
    if isinstance(error, TwilioRestException):
        if error.status in RETRYABLE_STATUSES:
            return SendError("not_accepted", error.code)
        return SendError("unknown" if error.status >= 500 else "refused", error.code)
    return SendError("not_accepted" if _has_never_connected(error) else "unknown")


def _has_never_connected(error: Exception) -> bool:
    """Whether no connection was made at all: then nothing can have been accepted."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError | ConnectTimeoutError)
