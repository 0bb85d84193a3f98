"""An inbound message as we need it, from the form that Twilio posts (twilio.md, section 1).

Fields may be missing, new ones come without notice, and a WhatsApp sender may have no phone number at all.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from bot.nlu import mask

TEXT_CHARACTERS = 4096
"""WhatsApp's own limit for a text; longer SMS do not exist (10 segments)."""
MEDIA_KINDS = {"image": "image", "audio": "audio", "video": "image", "application": "document"}
MESSAGE_TYPES = {
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
WITH_A_FILE_NAME = frozenset({"document", "contact"})
"""WhatsApp puts the name of the file into Body here: not something the family said."""
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")
"""What stands in no answer either: Twilio would refuse the whole of it."""
MOST_MEDIA, URL_CHARACTERS = 10, 1000
"""Twilio's own limit of files, and far more than one of its addresses has."""


class BadForm(Exception):
    """The form is no message: `MessageSid` or `From` is missing."""


@dataclass(frozen=True)
class Sound:
    """Where Twilio keeps a voice note, and of which type it says that it is; `url` is empty where none came."""

    url: str
    content_type: str


@dataclass(frozen=True)
class Inbound:
    """One message.  `address` is `From` as it came; `payload` is the id of a button or list row."""

    sid: str
    address: str
    text: str
    payload: str | None = None
    kind: str = "text"
    twilio_opt: str | None = None
    answers: str | None = None
    """The SID of the message that this is a reply to, where the phone says so (WhatsApp)."""
    sounds: tuple[Sound, ...] = ()
    """What came with a message of the kind audio; at least one."""
    reads: str = ""
    """The language that was chosen in this call: for answers where nothing is known or kept of who calls."""

    @cached_property
    def masked(self) -> tuple[str, frozenset[str]]:
        """The text without what must not be stored, and the kinds of what was masked."""
        return mask(self.text)

    @property
    def channel(self) -> str:
        """`whatsapp`, `voice` or `sms`."""
        kind = self.address.partition(":")[0]
        return kind if kind in ("whatsapp", "voice") else "sms"


def parse(form: Mapping[str, str]) -> Inbound:
    """The message in this form; raises `BadForm`."""
    sid, address = _clean(form.get("MessageSid", "")), _clean(form.get("From", ""))
    if not sid or not address or len(sid) > 64 or len(address) > 128:
        raise BadForm("a message needs MessageSid and From")
    kind = _kind(form)
    text = "" if kind in WITH_A_FILE_NAME else _clean(form.get("Body", ""))[:TEXT_CHARACTERS]
    payload = _clean(form.get("ButtonPayload") or form.get("ListId") or "") or None
    opt = form.get("OptOutType", "").upper()
    known_opt = opt if opt in ("STOP", "START", "HELP") else None
    answers = _clean(form.get("OriginalRepliedMessageSid", ""))[:64] or None
    return Inbound(sid, address, text, payload, kind, known_opt, answers, _sounds(form) if kind == "audio" else ())


def _kind(form: Mapping[str, str]) -> str:
    declared = form.get("MessageType", "")
    if declared:
        return MESSAGE_TYPES.get(declared, "unknown")
    if form.get("Latitude"):
        return "location"
    media = form.get("MediaContentType0", "")
    if media.startswith("text/") and "vcard" in media:
        return "contact"
    if media:
        return MEDIA_KINDS.get(media.split("/")[0], "document")
    return "text"


def _sounds(form: Mapping[str, str]) -> tuple[Sound, ...]:
    found = []
    for number in range(MOST_MEDIA):
        content_type = form.get(f"MediaContentType{number}", "")[:80]
        if number == 0 or content_type.startswith("audio/"):
            found.append(Sound(form.get(f"MediaUrl{number}", "")[:URL_CHARACTERS], content_type))
    return tuple(found)


def _clean(text: str) -> str:
    """Without the characters that no database and no XML document takes (NUL, other controls, U+FFFE and U+FFFF)."""
    return CONTROLS.sub("", text).strip()
