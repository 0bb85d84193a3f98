"""Inbound webhooks: a family's message, posted and signed as Twilio does, and the app's answer."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode
from xml.etree import ElementTree

from .payloads import build
from .signing import sign
from .sms_text import utf16_units
from .wire import post

COMPUTED = "computed"


@dataclass(frozen=True)
class Reply:
    """One answer of the app. `error` is the code that Twilio would log, or None."""

    status: int | None
    text: str
    messages: list[str]
    error: int | None


@dataclass(frozen=True)
class Inbound:
    """A posted form and the answer to each attempt. The properties describe the last answer."""

    params: dict[str, str]
    token: str
    replies: list[Reply]

    @property
    def sid(self) -> str:
        """Return the MessageSid."""
        return self.params.get("MessageSid", "")

    @property
    def status(self) -> int | None:
        """Return the HTTP status, or None without an answer."""
        return self.replies[-1].status

    @property
    def text(self) -> str:
        """Return the document of the answer."""
        return self.replies[-1].text

    @property
    def messages(self) -> list[str]:
        """Return the texts of its TwiML messages."""
        return self.replies[-1].messages

    @property
    def error(self) -> int | None:
        """Return the code that Twilio would log."""
        return self.replies[-1].error


def send_inbound(
    url: str,
    account_sid: str,
    auth_token: str,
    reach: Mapping[str, str],
    *,
    kind: str | None = None,
    times: int = 1,
    bad_signature: bool = False,
    signature: str | None = COMPUTED,
    raw: bytes | None = None,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 15.0,
    **params: str,
) -> Inbound:
    """Post an inbound message. For the arguments, see TwilioStandIn.inbound."""
    if raw is None:
        whatsapp = any(params.get(name, "").startswith("whatsapp:") for name in ("From", "To"))
        kind = kind or ("whatsapp_text" if whatsapp else "sms_text")
        params = build(kind, account_sid=params.pop("AccountSid", account_sid), **params)
        raw = urlencode(params).encode()
    signed = params or parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True)
    url = url.split("#", maxsplit=1)[0]
    if signature == COMPUTED:
        signature = sign(auth_token + ("!" if bad_signature else ""), url, signed)
    token = token or str(uuid.uuid4())
    signature_headers = {} if signature is None else {"X-Twilio-Signature": signature}
    all_headers = {"I-Twilio-Idempotency-Token": token, **signature_headers, **(headers or {})}
    answers = [post(url, raw, all_headers, reach, timeout) for _ in range(times)]
    replies = [
        Reply(answer.status, answer.text, *read_twiml(answer.status, answer.content_type, answer.text))
        for answer in answers
    ]
    return Inbound(params, token, replies)


def read_twiml(status: int | None, content_type: str, text: str) -> tuple[list[str], int | None]:
    """Return the message texts of a TwiML answer, and the error that Twilio would log.

    The errors are 11200 for a bad HTTP status, 12300 for a content type that isn't XML, 12100 for a document that
    isn't TwiML, 11750 for more than 64 kB, and 21617 for a message of more than 1,600 characters.
    """
    if status is None or not 200 <= status < 300:
        return [], 11200
    if not text:
        return [], None
    if content_type.split(";", maxsplit=1)[0].strip() not in ("text/xml", "application/xml"):
        return [], 12300
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return [], 12100
    if root.tag != "Response":
        return [], 12100
    bodies = [
        "".join((message if (body := message.find("Body")) is None else body).itertext())
        for message in root.findall("Message")
    ]
    if len(text.encode()) > 64 * 1024:
        return bodies, 11750
    return bodies, 21617 if any(utf16_units(body) > 1600 for body in bodies) else None
