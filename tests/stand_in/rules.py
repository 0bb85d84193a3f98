"""The errors of the Messages API and their codes (Twilio's error dictionary, twilio.com/docs/api/errors).

To find mistakes, the stand-in is stricter than Twilio. It refuses unknown parameters, repeated parameters, and senders
outside the account. It doesn't support scheduling, so those parameters are unknown.
"""

import json
import re
import time
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from .records import Accepted, Form, new_sid
from .sms_text import segments, utf16_units

PHONE = re.compile(r"\+[1-9]\d{6,14}")
SHORT_CODE = re.compile(r"\d{5,6}")
USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")  # a WhatsApp user without a number: "US.1234"
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
KNOWN = {
    "To",
    "From",
    "MessagingServiceSid",
    "Body",
    "MediaUrl",
    "ContentSid",
    "ContentVariables",
    "StatusCallback",
    "ValidityPeriod",
    "SmartEncoded",
    "ProvideFeedback",
    "ShortenUrls",
    "MessageIntent",
    "RiskCheck",
    "Attempt",
    "MaxPrice",
    "ForceDelivery",
    "ContentRetention",
    "AddressRetention",
    "SendAsMms",
    "TrafficType",
    "PersistentAction",
}
REPEATABLE = {"MediaUrl", "PersistentAction"}
MAGIC = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}  # Twilio's documented test numbers


class RequestRefusedError(Exception):
    """A refused request, with Twilio's error document."""

    def __init__(self, code: int, message: str, http: int = 400) -> None:
        super().__init__(f"{code} {message}")
        self.code, self.message, self.http = code, message, http

    def as_json(self) -> dict[str, Any]:
        """Return the error document in the format of the 2010 API."""
        return {
            "code": self.code,
            "message": self.message,
            "status": self.http,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
        }


def check(form: Form, senders: Collection[str], templates: Mapping[str, str]) -> Accepted:
    """Return the message that a form requests. Empty `senders` or `templates` allow any. Raises RequestRefusedError."""
    _check_names(form)
    params = {name: values[0] for name, values in form.items()}
    to, sender, service = (params.get(name, "") for name in ("To", "From", "MessagingServiceSid"))
    _check_to(to)
    _check_sender(to, sender, service, senders)
    _check_content(params, form.get("MediaUrl", []))
    _check_callback(params.get("StatusCallback", ""))
    variables = _variables(params)
    content_sid, media = params.get("ContentSid", ""), form.get("MediaUrl", [])
    body = params.get("Body", "")
    if content_sid:
        body = _rendered(content_sid, variables, templates)
    return Accepted(
        sid=new_sid("MM" if media or content_sid else "SM"),
        to=to,
        sender=sender,
        service=service,
        body=body,
        media=media,
        at=time.time(),
        status_callback=params.get("StatusCallback", ""),
        content_sid=content_sid,
        content_variables=variables,
        params=form,
        status="queued" if sender else "accepted",
        segments=1 if to.startswith("whatsapp:") else segments(body),
    )


def _check_names(form: Form) -> None:
    for name, values in form.items():
        if name not in KNOWN or (len(values) > 1 and name not in REPEATABLE):
            raise RequestRefusedError(20001, f"Invalid parameter {name}")
    period = form.get("ValidityPeriod", ["1"])[0]
    if not (period.isascii() and period.isdigit() and 1 <= int(period) <= 36_000):
        raise RequestRefusedError(20001, "ValidityPeriod is from 1 to 36000 seconds")


def _check_to(to: str) -> None:
    if not to:
        raise RequestRefusedError(21604, "A 'To' phone number is required.")
    whatsapp, plain = to.startswith("whatsapp:"), to.removeprefix("whatsapp:")
    if not (PHONE.fullmatch(plain) or (whatsapp and USER_ID.fullmatch(plain))):
        raise RequestRefusedError(21211, f"Invalid 'To' Phone Number: {to}")
    if plain in MAGIC:
        raise RequestRefusedError(MAGIC[plain], f"Cannot send to {to}")


def _check_sender(to: str, sender: str, service: str, senders: Collection[str]) -> None:
    if not sender and not service:
        raise RequestRefusedError(21603, "A 'From' or 'MessagingServiceSid' parameter is required.")
    if service and not re.fullmatch("MG[0-9a-f]{32}", service):
        raise RequestRefusedError(21701, f"The Messaging Service {service} does not exist", 404)
    if not sender:
        return
    whatsapp, plain = sender.startswith("whatsapp:"), sender.removeprefix("whatsapp:")
    if not (PHONE.fullmatch(plain) or (not whatsapp and SHORT_CODE.fullmatch(plain))):
        raise RequestRefusedError(21212, f"Invalid From Number: {sender}")
    if whatsapp != to.startswith("whatsapp:"):
        raise RequestRefusedError(21910, "Invalid From and To pair. From and To should be of the same channel")
    if sender == to:
        raise RequestRefusedError(21266, "'To' and 'From' number cannot be the same")
    if senders and sender not in senders:
        raise RequestRefusedError(63007 if whatsapp else 21606, f"{sender} is not a sender of this account")


def _check_content(params: Mapping[str, str], media: list[str]) -> None:
    if not (params.get("Body") or media or params.get("ContentSid")):
        raise RequestRefusedError(21602, "Message body is required.")
    if utf16_units(params.get("Body", "")) > 1600:
        raise RequestRefusedError(21617, "The concatenated message body exceeds the 1600 character limit")
    if len(media) > 10:
        raise RequestRefusedError(21623, "Number of media files exceeds the limit of 10")
    if not all(well_formed(url) for url in media):
        raise RequestRefusedError(21620, "Invalid media URL(s)")


def _check_callback(url: str) -> None:
    if url and not well_formed(url):
        raise RequestRefusedError(21609, f"The 'StatusCallback' URL {url} is not a valid URL.")


def well_formed(url: str) -> bool:
    """Return whether a URL is http(s) with a host without underscore, a valid port, and only escaped characters."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    plain = url.isascii() and not re.search(r"[\s<>\"{}|\\^`\x00-\x1f\x7f]", url)
    return plain and parts.scheme in ("http", "https") and HOST.fullmatch(host) is not None


def _variables(params: Mapping[str, str]) -> dict[str, str]:
    if "ContentVariables" not in params:
        return {}
    if not params.get("ContentSid"):
        raise RequestRefusedError(21654, "ContentSid Required")
    try:
        variables = json.loads(params["ContentVariables"])
    except ValueError:
        variables = None
    if not isinstance(variables, dict) or not all(isinstance(value, str) for value in variables.values()):
        raise RequestRefusedError(21656, "The ContentVariables Parameter is invalid")
    return variables


def _rendered(sid: str, variables: Mapping[str, str], templates: Mapping[str, str]) -> str:
    """Return the text of a template with its variables, which is the Body of the message."""
    if not re.fullmatch("HX[0-9a-f]{32}", sid) or (templates and sid not in templates):
        raise RequestRefusedError(21655, "The ContentSid is Invalid")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: variables.get(match[1], match[0]), templates.get(sid, ""))
