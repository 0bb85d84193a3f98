"""List the texts and files that Twilio stores, and delete them there (redaction: an update with an empty Body)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.response import Response

from bot.base.settings import Settings
from bot.channels.twilio import create_client

PAGE_SIZE = 1000
REDACTION_CONNECTIONS = 8
MAX_FILES_PER_MESSAGE = 10
FINAL_STATUSES = frozenset({"delivered", "undelivered", "failed", "canceled", "read", "received", "sent"})
"""Twilio redacts messages only in a final status. "sent" is final for carriers without delivery receipts."""
NOT_FOUND_STATUS = 404
AUDIO_TYPE_PREFIX = "audio/"
API_URL = "https://api.twilio.com"


class StoredMessageError(Exception):
    """A message could not be listed or deleted. `reason` is `busy`, `denied`, `refused`, or `away`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class StoredMessage:
    """One message that Twilio stores, without its text."""

    sid: str
    has_text: bool
    file_count: int
    is_final: bool


@dataclass(frozen=True)
class ReceivedMessage:
    """An inbound message as the form of the webhook, without its files."""

    sid: str
    received_at: datetime
    form: dict[str, str]
    file_count: int


class TwilioMessageStore:
    """Lists and deletes messages at Twilio. Every method can raise `StoredMessageError`."""

    def __init__(self, settings: Settings) -> None:
        self._senders, self._service = settings.senders, settings.twilio_messaging_service_sid
        self._client = create_client(settings, REDACTION_CONNECTIONS)

    def list_stored(self, since: datetime, until: datetime) -> Iterator[StoredMessage]:
        """Yield the messages that were sent or received between these moments."""
        with _translate_errors():
            messages = self._client.messages.stream(date_sent_after=since, date_sent_before=until, page_size=PAGE_SIZE)
            for message in messages:
                is_final = message.status in FINAL_STATUSES
                yield StoredMessage(message.sid, bool(message.body), int(message.num_media or 0), is_final)

    def list_received(self, since: datetime, until: datetime) -> Iterator[ReceivedMessage]:
        """Yield the inbound messages to our numbers or our Messaging Service, not those to others of the account."""
        for to in self._senders:
            yield from self._list_inbound(since, until, {"to": to})
        if self._service:
            yield from self._list_inbound(since, until, {})

    def _list_inbound(self, since: datetime, until: datetime, filters: dict[str, Any]) -> Iterator[ReceivedMessage]:
        """Yield inbound messages with these filters. Without filters, only those to our Messaging Service."""
        with _translate_errors():
            messages = self._client.messages.stream(
                date_sent_after=since, date_sent_before=until, page_size=PAGE_SIZE, **filters
            )
            for message in messages:
                is_ours = bool(filters) or message.messaging_service_sid == self._service
                if message.direction == "inbound" and is_ours:
                    received_at, file_count = message.date_sent or since, int(message.num_media or 0)
                    yield ReceivedMessage(message.sid or "", received_at, _build_form(message), file_count)

    def fetch_media_form(self, message: ReceivedMessage) -> dict[str, str]:
        """Return the form fields that name the files of a message."""
        form: dict[str, str] = {}
        if not message.file_count:
            return form
        with _translate_errors(should_ignore_not_found=True):
            for number, file in enumerate(self._client.messages(message.sid).media.list(limit=MAX_FILES_PER_MESSAGE)):
                form[f"MediaUrl{number}"] = f"{API_URL}{(file.uri or '').removesuffix('.json')}"
                form[f"MediaContentType{number}"] = file.content_type or ""
        return form

    def redact(self, sid: str) -> None:
        """Delete the text of a message at Twilio. A missing message is not an error."""
        with _translate_errors(should_ignore_not_found=True):
            self._client.messages(sid).update(body="")

    def delete_files(self, sid: str, should_include_audio: bool) -> None:
        """Delete the pictures and documents of a message at Twilio.

        `should_include_audio` also deletes sounds, which bot/voice_notes deletes otherwise.
        """
        with _translate_errors(should_ignore_not_found=True):
            for file in self._client.messages(sid).media.list(limit=MAX_FILES_PER_MESSAGE):
                if should_include_audio or not (file.content_type or "").startswith(AUDIO_TYPE_PREFIX):
                    self._client.messages(sid).media(file.sid or "").delete()


@contextmanager
def _translate_errors(should_ignore_not_found: bool = False) -> Iterator[None]:
    """Convert errors of Twilio's client to `StoredMessageError`."""
    try:
        yield
    except (TwilioException, requests.RequestException) as error:
        if not (should_ignore_not_found and _get_status(error) == NOT_FOUND_STATUS):
            raise StoredMessageError(_classify_error(error)) from None


def _build_form(message: Any) -> dict[str, str]:
    values = {
        "MessageSid": message.sid,
        "From": message.from_,
        "To": message.to,
        "Body": message.body,
        "NumMedia": message.num_media,
    }
    return {name: str(value or "") for name, value in values.items()}


def _get_status(error: Exception) -> int:
    """Return the HTTP status of an error, or 0. For lists, Twilio's client raises an error with the response in it."""
    if isinstance(error, TwilioRestException):
        return int(error.status)
    return next((argument.status_code for argument in error.args if isinstance(argument, Response)), 0)


def _classify_error(error: Exception) -> str:
    status = _get_status(error)
    if status in (401, 403):
        return "denied"
    if status == 429:
        return "busy"
    return "refused" if 400 <= status < 500 else "away"
