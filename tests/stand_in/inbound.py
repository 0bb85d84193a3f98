"""Inbound webhooks: a family's message, posted and signed as Twilio does, and what the app says to it."""

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
    """One answer of the app; `error` is the code Twilio would log for it, None if it is content."""

    status: int | None
    text: str
    messages: list[str]
    error: int | None


@dataclass(frozen=True)
class Inbound:
    """What was posted, and the answer to each time it was; the short names are of the last answer."""

    params: dict[str, str]
    token: str
    replies: list[Reply]

    @property
    def sid(self) -> str:
        """The MessageSid."""
        return self.params.get("MessageSid", "")

    @property
    def status(self) -> int | None:
        """HTTP status; None: no answer."""
        return self.replies[-1].status

    @property
    def text(self) -> str:
        """The answer's document."""
        return self.replies[-1].text

    @property
    def messages(self) -> list[str]:
        """The texts of its TwiML messages."""
        return self.replies[-1].messages

    @property
    def error(self) -> int | None:
        """The code Twilio would log."""
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
    """Post an inbound message; see TwilioStandIn.inbound."""
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
    signed_as = {} if signature is None else {"X-Twilio-Signature": signature}
    sent = {"I-Twilio-Idempotency-Token": token, **signed_as, **(headers or {})}
    answers = [post(url, raw, sent, reach, timeout) for _ in range(times)]
    return Inbound(
        params, token, [Reply(a.status, a.text, *read_twiml(a.status, a.content_type, a.text)) for a in answers]
    )


def read_twiml(status: int | None, content_type: str, text: str) -> tuple[list[str], int | None]:
    """The message texts of a TwiML answer, and the error Twilio would log: 11200 no good answer, 12300 not
    XML by its type, 12100 not TwiML, 11750 over 64 kB, 21617 a message over 1,600 characters."""
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
