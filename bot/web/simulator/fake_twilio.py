"""A simulated phone's side of Twilio: forms as Twilio posts them, signed with the same token, over real HTTP."""

import secrets
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import requests
from twilio.request_validator import RequestValidator

from bot.base.settings import Settings

SENDER = "+12175550100"
SECONDS = 15
"""Twilio's own patience."""
KINDS: dict[str, dict[str, str]] = {
    "text": {},
    "button reply": {"MessageType": "interactive"},
    "voice note": {"NumMedia": "1", "MediaContentType0": "audio/ogg", "MessageType": "audio"},
    "picture": {"NumMedia": "1", "MediaContentType0": "image/jpeg", "MessageType": "image"},
    "location": {"Latitude": "39.78", "Longitude": "-89.65", "MessageType": "location"},
    "unknown kind": {"MessageType": "reaction"},
}


@dataclass(frozen=True)
class Call:
    """A call of one of the phones; `delivery` is the id of our row where we rang it, empty where it rang us."""

    sid: str
    phone: str
    delivery: str = ""


class NotAnswered(Exception):
    """The webhook did not take the message; the text says what Twilio would see."""


class Phone:
    """Posts webhooks to this program; `base` is its local address if that is not the usual one."""

    def __init__(self, settings: Settings, base: str | None = None) -> None:
        self._settings, self._base = settings, base

    def write(self, address: str, text: str, kind: str, sound: str = "") -> list[tuple[str, str]]:
        """The replies (text, address of a file) to a message from this address; raises `NotAnswered`."""
        form = self._form(address, text, KINDS.get(kind, {}))
        if kind == "button reply":
            form |= {"ButtonText": text, "ButtonPayload": text}
        if sound:
            form["MediaUrl0"] = sound
        answer = _post(self._settings, self._base, "/webhooks/twilio/messages", form)
        messages = ElementTree.fromstring(answer).iter("Message")
        return [((one.text or "").strip(), one.findtext("Media") or "") for one in messages]

    def call(self, call: Call, path: str, given: dict[str, str]) -> str:
        """What the program says to this callback of a call, as TwiML; raises `NotAnswered`."""
        form = {"CallSid": call.sid, "AccountSid": self._settings.account_sid, "ApiVersion": "2010-04-01"}
        ours, theirs = SENDER, call.phone.removeprefix("whatsapp:")
        way = (ours, theirs, "outbound-api") if call.delivery else (theirs, ours, "inbound")
        form |= {**dict(zip(("From", "To", "Direction"), way, strict=True)), "CallStatus": "in-progress", **given}
        return _post(self._settings, self._base, path, form)

    def _form(self, address: str, text: str, kind: dict[str, str]) -> dict[str, str]:
        """As twilio.md, section 1, lists the fields; those of WhatsApp only where Twilio sends them."""
        sid = f"{'MM' if 'NumMedia' in kind else 'SM'}{secrets.token_hex(16)}"
        form = {"MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "From": address, "To": SENDER, "Body": text}
        form |= {"AccountSid": self._settings.account_sid, "SmsStatus": "received", "ApiVersion": "2010-04-01"}
        form |= {"NumMedia": "0", "NumSegments": "1"}
        if not address.startswith("whatsapp:"):
            return form | {name: value for name, value in kind.items() if name != "MessageType"}
        form |= {"To": f"whatsapp:{SENDER}", "MessageType": "text", "ProfileName": "Simulator"}
        if address.startswith("whatsapp:+"):  # a user id has no number
            form["WaId"] = address.removeprefix("whatsapp:+")
        return form | kind


def report(settings: Settings, base: str | None, item: dict[str, Any], status: str) -> None:
    """Tell the program what became of one of its messages or calls, as Twilio does; a failure changes nothing here."""
    what = "Call" if item.get("kind") == "call" else "Message"
    form = {f"{what}Sid": item["sid"], f"{what}Status": status, "To": item["phone"]}
    try:
        own = f"?m={item['delivery']}" if item.get("delivery") else ""
        path = f"/webhooks/twilio/status{own}"
        _post(settings, base, path, form | {"AccountSid": settings.account_sid})
    except NotAnswered:
        return  # as with Twilio: a report that is not taken is not repeated


def _post(settings: Settings, base: str | None, path: str, form: dict[str, str]) -> str:
    signature = RequestValidator(settings.twilio_token).compute_signature(settings.public_base + path, form)
    local = base or f"http://127.0.0.1:{settings.port}"
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy for the world is none for this machine
            headers = {"X-Twilio-Signature": signature}
            answer = session.post(local + path, form, headers=headers, timeout=SECONDS)
    except requests.RequestException as error:
        raise NotAnswered(f"The program did not answer ({type(error).__name__}).") from None
    if answer.status_code >= 300:
        raise NotAnswered(f"The program answered {answer.status_code}; Twilio would try again or use the fallback.")
    return answer.text
