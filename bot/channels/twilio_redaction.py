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
from bot.channels.twilio import client

PAGE = 1000
CONNECTIONS = 8
FILES = 10
FINAL = frozenset({"delivered", "undelivered", "failed", "canceled", "read", "received", "sent"})
"""Twilio redacts what is on its way no more; "sent" is the last word of carriers without receipts."""
GONE = 404
AUDIO = "audio/"
API = "https://api.twilio.com"


class BodyError(Exception):
    """It could not be listed or deleted; `reason`: `busy`, `denied`, `refused`, `away`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Stored:
    """One message at Twilio, as far as it matters here: never its words."""

    sid: str
    has_words: bool
    files: int
    final: bool


@dataclass(frozen=True)
class Received:
    """A message that somebody wrote to us, as the webhook's form would tell it (but for its files)."""

    sid: str
    at: datetime
    form: dict[str, str]
    files: int


class TwilioBodies:
    """Lists and deletes; every method may raise `BodyError`."""

    def __init__(self, settings: Settings) -> None:
        self._senders, self._service = settings.senders, settings.twilio_messaging_service_sid
        self._client = client(settings, CONNECTIONS)

    def stored(self, since: datetime, until: datetime) -> Iterator[Stored]:
        """What was sent or received between these moments, both ways."""
        with _asking():
            for one in self._client.messages.stream(date_sent_after=since, date_sent_before=until, page_size=PAGE):
                yield Stored(one.sid, bool(one.body), int(one.num_media or 0), one.status in FINAL)

    def received(self, since: datetime, until: datetime) -> Iterator[Received]:
        """What came in for a number of ours, or one of our Messaging Service's; nobody else's of this account."""
        for to in (*self._senders, *([None] if self._service else [])):
            span: dict[str, Any] = {"date_sent_after": since, "date_sent_before": until} | ({"to": to} if to else {})
            with _asking():
                for one in self._client.messages.stream(page_size=PAGE, **span):
                    if one.direction == "inbound" and (to or one.messaging_service_sid == self._service):
                        yield Received(one.sid or "", one.date_sent or since, _form(one), int(one.num_media or 0))

    def media_form(self, message: Received) -> dict[str, str]:
        """The fields of the form that name the files that came with it."""
        found: dict[str, str] = {}
        with _asking(gone_is_well=True):
            files = self._client.messages(message.sid).media.list(limit=FILES) if message.files else []
            for number, file in enumerate(files):
                found[f"MediaUrl{number}"] = f"{API}{(file.uri or '').removesuffix('.json')}"
                found[f"MediaContentType{number}"] = file.content_type or ""
        return found

    def redact(self, sid: str) -> None:
        """Its words are gone at Twilio; fine if they were gone before."""
        with _asking(gone_is_well=True):
            self._client.messages(sid).update(body="")

    def delete_files(self, sid: str, sounds: bool) -> None:
        """Pictures and papers that came with it are gone; `sounds`: sounds too, else they have a way of their own
        (bot/voice_notes)."""
        with _asking(gone_is_well=True):
            for file in self._client.messages(sid).media.list(limit=FILES):
                if sounds or not (file.content_type or "").startswith(AUDIO):
                    self._client.messages(sid).media(file.sid or "").delete()


@contextmanager
def _asking(gone_is_well: bool = False) -> Iterator[None]:
    """What Twilio's client raises, in our words."""
    try:
        yield
    except (TwilioException, requests.RequestException) as error:
        if not (gone_is_well and _status(error) == GONE):
            raise BodyError(_why(error)) from None


def _form(one: Any) -> dict[str, str]:
    told = {"MessageSid": one.sid, "From": one.from_, "To": one.to, "Body": one.body, "NumMedia": one.num_media}
    return {name: str(value or "") for name, value in told.items()}


def _status(error: Exception) -> int:
    """What Twilio answered; 0: nothing.  Its client raises a plainer error for a list, with the answer beside it."""
    if isinstance(error, TwilioRestException):
        return int(error.status)
    return next((one.status_code for one in error.args if isinstance(one, Response)), 0)


def _why(error: Exception) -> str:
    status = _status(error)
    if status in (401, 403):
        return "denied"
    return "busy" if status == 429 else "refused" if 400 <= status < 500 else "away"
