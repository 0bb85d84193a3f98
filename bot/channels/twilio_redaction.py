"""Words and files that lie at Twilio: listed, and deleted there (the Messages API's redaction, an empty Body)."""

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
"""Twilio redacts what is on its way no more; "sent" is the last word of carriers without receipts."""
NOT_FOUND_STATUS = 404
AUDIO_TYPE_PREFIX = "audio/"
API_URL = "https://api.twilio.com"


class StoredMessageError(Exception):
    """It could not be listed or deleted; `reason`: `busy`, `denied`, `refused`, `away`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class StoredMessage:
    """One message at Twilio, as far as it matters here: never its words."""

    sid: str
    has_text: bool
    file_count: int
    is_final: bool


@dataclass(frozen=True)
class ReceivedMessage:
    """A message that somebody wrote to us, as the webhook's form would tell it (but for its files)."""

    sid: str
    received_at: datetime
    form: dict[str, str]
    file_count: int


class TwilioMessageStore:
    """Lists and deletes; every method may raise `BodyError`."""

    def __init__(self, settings: Settings) -> None:
        self._senders, self._service = settings.senders, settings.twilio_messaging_service_sid
        self._client = create_client(settings, REDACTION_CONNECTIONS)

    def list_stored(self, since: datetime, until: datetime) -> Iterator[StoredMessage]:
        """What was sent or received between these moments, both ways."""
        with _translate_errors():
            for message in self._client.messages.stream(
                date_sent_after=since, date_sent_before=until, page_size=PAGE_SIZE
            ):
                yield StoredMessage(
                    message.sid, bool(message.body), int(message.num_media or 0), message.status in FINAL_STATUSES
                )

    def list_received(self, since: datetime, until: datetime) -> Iterator[ReceivedMessage]:
        """What came in for a number of ours, or one of our Messaging Service's; nobody else's of this account."""
        for to in (*self._senders, *([None] if self._service else [])):
            filters: dict[str, Any] = {"date_sent_after": since, "date_sent_before": until} | ({"to": to} if to else {})
            with _translate_errors():
                for message in self._client.messages.stream(page_size=PAGE_SIZE, **filters):
                    if message.direction == "inbound" and (to or message.messaging_service_sid == self._service):
                        yield ReceivedMessage(
                            message.sid or "",
                            message.date_sent or since,
                            _build_form(message),
                            int(message.num_media or 0),
                        )

    def fetch_media_form(self, message: ReceivedMessage) -> dict[str, str]:
        """The fields of the form that name the files that came with it."""
        form: dict[str, str] = {}
        with _translate_errors(should_ignore_not_found=True):
            files = (
                self._client.messages(message.sid).media.list(limit=MAX_FILES_PER_MESSAGE) if message.file_count else []
            )
            for number, file in enumerate(files):
                form[f"MediaUrl{number}"] = f"{API_URL}{(file.uri or '').removesuffix('.json')}"
                form[f"MediaContentType{number}"] = file.content_type or ""
        return form

    def redact(self, sid: str) -> None:
        """Its words are gone at Twilio; fine if they were gone before."""
        with _translate_errors(should_ignore_not_found=True):
            self._client.messages(sid).update(body="")

    def delete_files(self, sid: str, should_include_audio: bool) -> None:
        """Pictures and papers that came with it are gone; `sounds`: sounds too, else they have a way of their own
        (bot/voice_notes)."""
        with _translate_errors(should_ignore_not_found=True):
            for file in self._client.messages(sid).media.list(limit=MAX_FILES_PER_MESSAGE):
                if should_include_audio or not (file.content_type or "").startswith(AUDIO_TYPE_PREFIX):
                    self._client.messages(sid).media(file.sid or "").delete()


@contextmanager
def _translate_errors(should_ignore_not_found: bool = False) -> Iterator[None]:
    """What Twilio's client raises, in our words."""
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
    """What Twilio answered; 0: nothing.  Its client raises a plainer error for a list, with the answer beside it."""
    if isinstance(error, TwilioRestException):
        return int(error.status)
    return next((argument.status_code for argument in error.args if isinstance(argument, Response)), 0)


def _classify_error(error: Exception) -> str:
    status = _get_status(error)
    if status in (401, 403):
        return "denied"
    return "busy" if status == 429 else "refused" if 400 <= status < 500 else "away"
