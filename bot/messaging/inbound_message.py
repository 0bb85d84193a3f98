"""An inbound message as we need it, from the form that Twilio posts (twilio.md, section 1).

Fields may be missing, new ones come without notice, and a WhatsApp sender may have no phone number at all.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from bot.base.text_normalization import NormalizedText
from bot.nlu import mask_pii

MAX_TEXT_CHARACTERS = 4096
"""WhatsApp's own limit for a text; longer SMS do not exist (10 segments)."""
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
}
KINDS_WITH_FILE_NAME = frozenset({"document", "contact"})
"""WhatsApp puts the name of the file into Body here: not something the family said."""
CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")
"""What stands in no answer either: Twilio would refuse the whole of it."""
MAX_MEDIA_FILES, MAX_URL_CHARACTERS = 10, 1000
"""Twilio's own limit of files, and far more than one of its addresses has."""


class InvalidMessageFormError(Exception):
    """The form is no message: `MessageSid` or `From` is missing."""


@dataclass(frozen=True)
class AudioFile:
    """Where Twilio keeps a voice note, and of which type it says that it is; `url` is empty where none came."""

    url: str
    content_type: str


@dataclass(frozen=True)
class InboundMessage:
    """One message.  `address` is `From` as it came; `payload` is the id of a button or list row."""

    sid: str
    address: str
    text: str
    payload: str | None = None
    kind: str = "text"
    twilio_opt: str | None = None
    replied_to_sid: str | None = None
    """The SID of the message that this is a reply to, where the phone says so (WhatsApp)."""
    audio_files: tuple[AudioFile, ...] = ()
    """What came with a message of the kind audio; at least one."""
    call_language: str = ""
    """The language that was chosen in this call: for answers where nothing is known or kept of who calls."""

    @cached_property
    def normalized_text(self) -> NormalizedText:
        """The text, normalized once for everything that reads it."""
        return NormalizedText(self.text)

    @cached_property
    def masking_result(self) -> tuple[str, frozenset[str]]:
        """The text without what must not be stored, and the kinds of what was masked."""
        return mask_pii(self.text)

    @property
    def channel(self) -> str:
        """`whatsapp`, `voice` or `sms`."""
        kind = self.address.partition(":")[0]
        return kind if kind in ("whatsapp", "voice") else "sms"


def parse_message(form: Mapping[str, str]) -> InboundMessage:
    """The message in this form; raises `BadForm`."""
    sid, address = _clean_text(form.get("MessageSid", "")), _clean_text(form.get("From", ""))
    if not sid or not address or len(sid) > 64 or len(address) > 128:
        raise InvalidMessageFormError("a message needs MessageSid and From")
    kind = _detect_kind(form)
    text = "" if kind in KINDS_WITH_FILE_NAME else _clean_text(form.get("Body", ""))[:MAX_TEXT_CHARACTERS]
    payload = _clean_text(form.get("ButtonPayload") or form.get("ListId") or "") or None
    opt_out_type = form.get("OptOutType", "").upper()
    twilio_opt = opt_out_type if opt_out_type in ("STOP", "START", "HELP") else None
    replied_to_sid = _clean_text(form.get("OriginalRepliedMessageSid", ""))[:64] or None
    return InboundMessage(
        sid,
        address,
        text,
        payload,
        kind,
        twilio_opt,
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


def _list_audio_files(form: Mapping[str, str]) -> tuple[AudioFile, ...]:
    audio_files = []
    for number in range(MAX_MEDIA_FILES):
        content_type = form.get(f"MediaContentType{number}", "")[:80]
        if number == 0 or content_type.startswith("audio/"):
            audio_files.append(AudioFile(form.get(f"MediaUrl{number}", "")[:MAX_URL_CHARACTERS], content_type))
    return tuple(audio_files)


def _clean_text(text: str) -> str:
    """Without the characters that no database and no XML document takes (NUL, other controls, U+FFFE and U+FFFF)."""
    return CONTROL_CHARACTERS.sub("", text).strip()
