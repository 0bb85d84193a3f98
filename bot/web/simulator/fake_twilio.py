"""Post the webhooks of simulated phones as Twilio does, signed with the account's token, over HTTP."""

import secrets
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import requests
from twilio.request_validator import RequestValidator

from bot.base.settings import Settings

SENDER_NUMBER = "+12175550100"
TIMEOUT_SECONDS = 15
"""Twilio's own timeout for a webhook."""
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
    """A call of a simulated phone. `delivery` is the row ID of an outgoing call, or "" for an incoming call."""

    sid: str
    phone: str
    delivery: str = ""


class WebhookNotAnsweredError(Exception):
    """A webhook failed. The message says what Twilio would see."""


class SimulatedPhone:
    """A phone that posts webhooks to Puente. `base_url` is Puente's local URL if it isn't the usual one."""

    def __init__(self, settings: Settings, base_url: str | None = None) -> None:
        self._settings, self._base_url = settings, base_url

    def send_message(self, address: str, text: str, kind: str, sound: str = "") -> list[tuple[str, str]]:
        """Send a message from this address, and return the replies: each a text and the URL of a file, or "".

        Raises:
            WebhookNotAnsweredError: If the webhook fails.
        """
        form = self._build_form(address, text, FIELDS_BY_KIND.get(kind, {}))
        if kind == "button reply":
            form |= {"ButtonText": text, "ButtonPayload": text}
        if sound:
            form["MediaUrl0"] = sound
        twiml = _post(self._settings, self._base_url, "/webhooks/twilio/messages", form)
        messages = ElementTree.fromstring(twiml).iter("Message")
        return [((message.text or "").strip(), message.findtext("Media") or "") for message in messages]

    def post_call_callback(self, call: SimulatedCall, path: str, fields: dict[str, str]) -> str:
        """Post a callback of a call, and return the TwiML of the answer.

        Raises:
            WebhookNotAnsweredError: If the webhook fails.
        """
        form = {"CallSid": call.sid, "AccountSid": self._settings.account_sid, "ApiVersion": "2010-04-01"}
        phone_number = call.phone.removeprefix("whatsapp:")
        if call.delivery:
            form |= {"From": SENDER_NUMBER, "To": phone_number, "Direction": "outbound-api"}
        else:
            form |= {"From": phone_number, "To": SENDER_NUMBER, "Direction": "inbound"}
        form |= {"CallStatus": "in-progress", **fields}
        return _post(self._settings, self._base_url, path, form)

    def _build_form(self, address: str, text: str, kind: dict[str, str]) -> dict[str, str]:
        """Build the form of a message with the fields of twilio.md, section 1."""
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
        if address.startswith("whatsapp:+"):  # a user ID has no number
            form["WaId"] = address.removeprefix("whatsapp:+")
        return form | kind


def report_status(settings: Settings, base_url: str | None, item: dict[str, Any], status: str) -> None:
    """Post the status of one of Puente's messages or calls. A failure is ignored."""
    resource = "Call" if item.get("kind") == "call" else "Message"
    form = {f"{resource}Sid": item["sid"], f"{resource}Status": status, "To": item["phone"]}
    try:
        query = f"?m={item['delivery']}" if item.get("delivery") else ""
        path = f"/webhooks/twilio/status{query}"
        _post(settings, base_url, path, form | {"AccountSid": settings.account_sid})
    except WebhookNotAnsweredError:
        return  # like Twilio, the simulator doesn't retry a status callback


def _post(settings: Settings, base_url: str | None, path: str, form: dict[str, str]) -> str:
    signature = RequestValidator(settings.twilio_token).compute_signature(settings.public_base + path, form)
    local_base_url = base_url or f"http://127.0.0.1:{settings.port}"
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy from the environment can't reach this machine
            headers = {"X-Twilio-Signature": signature}
            response = session.post(local_base_url + path, form, headers=headers, timeout=TIMEOUT_SECONDS)
    except requests.RequestException as error:
        raise WebhookNotAnsweredError(f"Puente didn't answer ({type(error).__name__}).") from None
    if response.status_code >= 300:
        raise WebhookNotAnsweredError(
            f"Puente answered {response.status_code}. Twilio would retry or use the fallback URL."
        )
    return response.text
