"""Parse an inbound message from the form that Twilio posts (twilio.md, section 1).

Fields may be missing, new fields come without notice, and a WhatsApp sender may have no phone number.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from bot.base.text_normalization import NormalizedText
from bot.flows.quotations import UNSPOKEN_KINDS
from bot.nlu import mask_pii

MAX_TEXT_CHARACTERS = 4096
"""WhatsApp's limit for a text. An SMS is never longer (10 segments)."""
KINDS_BY_MEDIA_TYPE = {"image": "image", "audio": "audio", "video": "image", "application": "document"}
KINDS_BY_MESSAGE_TYPE = {
    "text": "text",
    "interactive": "text",
    "button": "text",
    "image": "image",
    "sticker": "image",
    "video": "image",
    "audio": "audio",
    "voice": "audio",
    "document": "document",
    "contacts": "contact",
    "location": "location",
    "reaction": "reaction",
}
KINDS_WITH_FILE_NAME = frozenset({"document", "contact"})
"""For these kinds, WhatsApp puts the name of the file into Body. The family didn't write it."""
CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")
"""Characters that are stripped: Twilio rejects a reply that contains them."""
MAX_MEDIA_FILES, MAX_URL_CHARACTERS = 10, 1000
"""Twilio's limit of files per message, and far more than the length of its URLs."""


class InvalidMessageFormError(Exception):
    """The form is not a message: `MessageSid` or `From` is missing."""


@dataclass(frozen=True)
class AudioFile:
    """A voice note at Twilio, with its declared type. `url` is empty if Twilio sent none."""

    url: str
    content_type: str


@dataclass(frozen=True)
class InboundMessage:
    """One inbound message. `address` is `From` unchanged, and `payload` is the id of a button or list row."""

    sid: str
    address: str
    text: str
    payload: str | None = None
    kind: str = "text"
    twilio_opt: str | None = None
    replied_to_sid: str | None = None
    """The SID of the message that this one replies to, if the phone sends it (WhatsApp)."""
    audio_files: tuple[AudioFile, ...] = ()
    """The sounds of a message of kind `audio`, at least one."""
    call_language: str = ""
    """The language chosen in this call, for the reply to a caller without a stored language."""

    @cached_property
    def normalized_text(self) -> NormalizedText:
        """Return the text, normalized once for everything that reads it."""
        return NormalizedText(self.text)

    @cached_property
    def masking_result(self) -> tuple[str, frozenset[str]]:
        """Return the masked text, and the kinds of PII that were masked."""
        return mask_pii(self.text)

    @property
    def is_unspoken(self) -> bool:
        """Return whether the phone wrote the text by itself. Its words are not the family's words."""
        return self.kind in UNSPOKEN_KINDS

    @property
    def channel(self) -> str:
        """Return `whatsapp`, `voice`, or `sms`."""
        kind = self.address.partition(":")[0]
        if kind in ("whatsapp", "voice"):
            return kind
        return "sms"


def parse_message(form: Mapping[str, str]) -> InboundMessage:
    """Return the message in this form.

    Raises:
        InvalidMessageFormError: `MessageSid` or `From` is missing or too long.
    """
    sid, address = _clean_text(form.get("MessageSid", "")), _clean_text(form.get("From", ""))
    if not sid or not address or len(sid) > 64 or len(address) > 128:
        raise InvalidMessageFormError("MessageSid and From are required")
    kind = _detect_kind(form)
    payload = _clean_text(form.get("ButtonPayload") or form.get("ListId") or "") or None
    replied_to_sid = _clean_text(form.get("OriginalRepliedMessageSid", ""))[:64] or None
    return InboundMessage(
        sid,
        address,
        _read_text(form, kind),
        payload,
        kind,
        _read_opt_out_type(form),
        replied_to_sid,
        _list_audio_files(form) if kind == "audio" else (),
    )


def _detect_kind(form: Mapping[str, str]) -> str:
    declared_type = form.get("MessageType", "")
    if declared_type:
        return KINDS_BY_MESSAGE_TYPE.get(declared_type, "unknown")
    if form.get("Latitude"):
        return "location"
    media_type = form.get("MediaContentType0", "")
    if media_type.startswith("text/") and "vcard" in media_type:
        return "contact"
    if media_type:
        return KINDS_BY_MEDIA_TYPE.get(media_type.split("/")[0], "document")
    return "text"


def _read_text(form: Mapping[str, str], kind: str) -> str:
    if kind in KINDS_WITH_FILE_NAME:
        return ""
    return _clean_text(form.get("Body", ""))[:MAX_TEXT_CHARACTERS]


def _read_opt_out_type(form: Mapping[str, str]) -> str | None:
    opt_out_type = form.get("OptOutType", "").upper()
    if opt_out_type in ("STOP", "START", "HELP"):
        return opt_out_type
    return None


def _list_audio_files(form: Mapping[str, str]) -> tuple[AudioFile, ...]:
    audio_files = []
    for number in range(MAX_MEDIA_FILES):
        content_type = form.get(f"MediaContentType{number}", "")[:80]
        if number == 0 or content_type.startswith("audio/"):
            audio_files.append(AudioFile(form.get(f"MediaUrl{number}", "")[:MAX_URL_CHARACTERS], content_type))
    return tuple(audio_files)


def _clean_text(text: str) -> str:
    """Strip the characters that databases and XML reject (NUL, other controls, U+FFFE, and U+FFFF)."""
    return CONTROL_CHARACTERS.sub("", text).strip()
