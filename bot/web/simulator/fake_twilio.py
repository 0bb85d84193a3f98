"""A simulated phone's side of Twilio: forms as Twilio posts them, signed with the same token, over real HTTP."""

import secrets
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import requests
from twilio.request_validator import RequestValidator

from bot.base.settings import Settings

SENDER_NUMBER = "+12175550100"
TIMEOUT_SECONDS = 15
"""Twilio's own patience."""
FIELDS_BY_KIND: dict[str, dict[str, str]] = {
    "text": {},
    "button reply": {"MessageType": "interactive"},
    "voice note": {"NumMedia": "1", "MediaContentType0": "audio/ogg", "MessageType": "audio"},
    "picture": {"NumMedia": "1", "MediaContentType0": "image/jpeg", "MessageType": "image"},
    "location": {"Latitude": "39.78", "Longitude": "-89.65", "MessageType": "location"},
    "unknown kind": {"MessageType": "reaction"},
}


@dataclass(frozen=True)
class SimulatedCall:
    """A call of one of the phones; `delivery` is the id of our row where we rang it, empty where it rang us."""

    sid: str
    phone: str
    delivery: str = ""


class WebhookNotAnsweredError(Exception):
    """The webhook did not take the message; the text says what Twilio would see."""


class SimulatedPhone:
    """Posts webhooks to this program; `base` is its local address if that is not the usual one."""

    def __init__(self, settings: Settings, base_url: str | None = None) -> None:
        self._settings, self._base_url = settings, base_url

    def send_message(self, address: str, text: str, kind: str, sound: str = "") -> list[tuple[str, str]]:
        """The replies (text, address of a file) to a message from this address; raises `NotAnswered`."""
        form = self._build_form(address, text, FIELDS_BY_KIND.get(kind, {}))
        if kind == "button reply":
            form |= {"ButtonText": text, "ButtonPayload": text}
        if sound:
            form["MediaUrl0"] = sound
        twiml = _post(self._settings, self._base_url, "/webhooks/twilio/messages", form)
        messages = ElementTree.fromstring(twiml).iter("Message")
        return [((message.text or "").strip(), message.findtext("Media") or "") for message in messages]

    def post_call_callback(self, call: SimulatedCall, path: str, fields: dict[str, str]) -> str:
        """What the program says to this callback of a call, as TwiML; raises `NotAnswered`."""
        form = {"CallSid": call.sid, "AccountSid": self._settings.account_sid, "ApiVersion": "2010-04-01"}
        line_number, phone_number = SENDER_NUMBER, call.phone.removeprefix("whatsapp:")
        route = (line_number, phone_number, "outbound-api") if call.delivery else (phone_number, line_number, "inbound")
        form |= {**dict(zip(("From", "To", "Direction"), route, strict=True)), "CallStatus": "in-progress", **fields}
        return _post(self._settings, self._base_url, path, form)

    def _build_form(self, address: str, text: str, kind: dict[str, str]) -> dict[str, str]:
        """As twilio.md, section 1, lists the fields; those of WhatsApp only where Twilio sends them."""
        sid = f"{'MM' if 'NumMedia' in kind else 'SM'}{secrets.token_hex(16)}"
        form = {
            "MessageSid": sid,
            "SmsSid": sid,
            "SmsMessageSid": sid,
            "From": address,
            "To": SENDER_NUMBER,
            "Body": text,
        }
        form |= {"AccountSid": self._settings.account_sid, "SmsStatus": "received", "ApiVersion": "2010-04-01"}
        form |= {"NumMedia": "0", "NumSegments": "1"}
        if not address.startswith("whatsapp:"):
            return form | {name: value for name, value in kind.items() if name != "MessageType"}
        form |= {"To": f"whatsapp:{SENDER_NUMBER}", "MessageType": "text", "ProfileName": "Simulator"}
        if address.startswith("whatsapp:+"):  # a user id has no number
            form["WaId"] = address.removeprefix("whatsapp:+")
        return form | kind


def report_status(settings: Settings, base_url: str | None, item: dict[str, Any], status: str) -> None:
    """Tell the program what became of one of its messages or calls, as Twilio does; a failure changes nothing here."""
    resource = "Call" if item.get("kind") == "call" else "Message"
    form = {f"{resource}Sid": item["sid"], f"{resource}Status": status, "To": item["phone"]}
    try:
        query = f"?m={item['delivery']}" if item.get("delivery") else ""
        path = f"/webhooks/twilio/status{query}"
        _post(settings, base_url, path, form | {"AccountSid": settings.account_sid})
    except WebhookNotAnsweredError:
        return  # as with Twilio: a report that is not taken is not repeated


def _post(settings: Settings, base_url: str | None, path: str, form: dict[str, str]) -> str:
    signature = RequestValidator(settings.twilio_token).compute_signature(settings.public_base + path, form)
    local_base_url = base_url or f"http://127.0.0.1:{settings.port}"
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy for the world is none for this machine
            headers = {"X-Twilio-Signature": signature}
            response = session.post(local_base_url + path, form, headers=headers, timeout=TIMEOUT_SECONDS)
    except requests.RequestException as error:
        raise WebhookNotAnsweredError(f"The program did not answer ({type(error).__name__}).") from None
    if response.status_code >= 300:
        raise WebhookNotAnsweredError(
            f"The program answered {response.status_code}; Twilio would try again or use the fallback."
        )
    return response.text
