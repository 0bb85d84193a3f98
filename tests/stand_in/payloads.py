"""Twilio's webhook forms as data: invented values in the format of captures from 2026.

No SID exists, and every number is one of the 555-01xx reserved for fiction. All formats come from captures, except
list replies (from public code), opt-out forms (from Twilio's support pages), a sender without a number (from public
tests), and reactions, which represent future message types.
"""

import json
from collections.abc import Mapping

from .records import new_sid

ACCOUNT = "AC" + "5e" * 16
SERVICE = "MG" + "5e" * 16
PARENT, LINE = "+12065550142", "+12065550100"
USER_ID = "whatsapp:US.1000000000000142"
GEOGRAPHY = {
    "FromCity": "SEATTLE",
    "FromState": "WA",
    "FromZip": "98118",
    "FromCountry": "US",
    "ToCity": "",
    "ToState": "WA",
    "ToZip": "",
    "ToCountry": "US",
}
REPLY = {
    "OriginalRepliedMessageSender": f"whatsapp:{LINE}",
    "OriginalRepliedMessageSid": "SM" + "0b" * 16,
    "Forwarded": "false",
    "FrequentlyForwarded": "false",
}
IN_CONTEXT = ("ButtonText", "Forwarded", "FrequentlyForwarded", "Latitude", "Longitude", "ProfileName", "WaId")


def _media(content_type: str) -> dict[str, str]:
    return {"NumMedia": "1", "MediaContentType0": content_type, "MediaUrl0": ""}


def _service(word: str) -> dict[str, str]:
    return {"Body": word, "OptOutType": word, "MessagingServiceSid": SERVICE}


# The fields that differ for each kind. The first part of its name is the channel.
DIFFERENCES: dict[str, dict[str, str]] = {
    "sms_text": {"Body": "¿A qué hora sale mi hija?"},
    "sms_picture": {**_media("image/jpeg")},
    "sms_picture_caption": {**_media("image/jpeg"), "Body": "la nota del doctor"},
    "sms_stop": _service("STOP"),
    "sms_start": _service("START"),
    "sms_help": _service("HELP"),
    "sms_extra_fields": {"Body": "hola", "AddOns": '{"status":"successful"}', "NewThing": ""},
    "whatsapp_text": {"Body": "Mi hijo está enfermo 🤒"},
    "whatsapp_reply": {**REPLY, "Body": "sí, gracias"},
    "whatsapp_picture": {**_media("image/jpeg"), "MessageType": "image", "Body": "Esta es la carta"},
    "whatsapp_voice": {**_media("audio/ogg"), "MessageType": "audio"},
    "whatsapp_location": {
        "MessageType": "location",
        "Latitude": "47.5480",
        "Longitude": "-122.2770",
        "Address": "100 Example Ave, Seattle, WA",
        "Label": "Parada 12",
    },
    "whatsapp_button": {
        **REPLY,
        "MessageType": "interactive",
        "Body": "Sí",
        "ButtonText": "Sí",
        "ButtonPayload": "absence:yes",
    },
    "whatsapp_template_button": {
        **REPLY,
        "MessageType": "button",
        "Body": "Ver más",
        "ButtonText": "Ver más",
        "ButtonPayload": "notice:more",
    },
    "whatsapp_list": {
        **REPLY,
        "MessageType": "interactive",
        "Body": "Español",
        "ListId": "language:es",
        "ListTitle": "Español",
    },
    "whatsapp_contact": {**_media("text/vcard"), "MessageType": "contacts"},
    "whatsapp_document": {
        **_media("application/pdf"),
        "MessageType": "document",
        "Body": "vacunas.pdf",
        "Forwarded": "true",
        "FrequentlyForwarded": "false",
    },
    "whatsapp_stop": {**_service("STOP")},
    "whatsapp_no_number": {"From": "whatsapp:US.1234", "Body": "hola"},
    "whatsapp_reaction": {**REPLY, "MessageType": "reaction", "Body": "👍"},
    "whatsapp_extra_fields": {"Body": "hola", "ParentExternalUserId": "", "NewThing": "1"},
}


def build(kind: str, *, account_sid: str = ACCOUNT, **changes: str) -> dict[str, str]:
    """Build an inbound form of this kind with changed fields. Fields that depend on them change too."""
    whatsapp = kind.startswith("whatsapp")
    fields = {**DIFFERENCES[kind], **changes}
    media = fields.get("NumMedia", "0") != "0"
    sid = fields.get("MessageSid") or new_sid("MM" if media else "SM")
    prefix = "whatsapp:" if whatsapp else ""
    form = {
        "MessageSid": sid,
        "SmsSid": sid,
        "SmsMessageSid": sid,
        "AccountSid": account_sid,
        "From": prefix + PARENT,
        "To": prefix + LINE,
        "Body": "",
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
        **({} if whatsapp else GEOGRAPHY),
        **fields,
    }
    if form.get("MediaUrl0") == "":
        form["MediaUrl0"] = f"https://api.twilio.com/2010-04-01/Accounts/{account_sid}/Messages/{sid}/Media/ME{sid[2:]}"
    return {**_whatsapp_fields(form), **form} if whatsapp else form


def _whatsapp_fields(form: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that WhatsApp always adds. ChannelMetadata repeats some of the fields as JSON."""
    fields = {"MessageType": "text", "ReferralNumMedia": "0", "ProfileName": "Ana Prueba", "ExternalUserId": USER_ID}
    if form["From"].startswith("whatsapp:+"):
        fields["WaId"] = form["From"].removeprefix("whatsapp:+")
    else:
        fields["ExternalUserId"] = form["From"]
    all_fields = {**fields, **form}
    context = {name: all_fields[name] for name in IN_CONTEXT if name in all_fields}
    metadata = {"type": "whatsapp", "data": {"context": context}}
    return {**fields, "ChannelMetadata": json.dumps(metadata, separators=(",", ":"), ensure_ascii=False)}


def status_form(
    status: str,
    *,
    sid: str,
    to: str,
    sender: str,
    account_sid: str = ACCOUNT,
    service: str = "",
    error_code: int | None = None,
    template: bool = False,
    at: str = "2611240930",
) -> dict[str, str]:
    """Return the form of a status callback.

    A form of WhatsApp masks the last four digits of the number. A form of SMS has the carrier's time.
    """
    form = {
        "MessageSid": sid,
        "SmsSid": sid,
        "MessageStatus": status,
        "SmsStatus": status,
        "To": to,
        "From": sender,
        "AccountSid": account_sid,
        "ApiVersion": "2010-04-01",
    }
    if service:
        form["MessagingServiceSid"] = service
    if error_code is not None:
        form["ErrorCode"] = str(error_code)
    if to.startswith("whatsapp:"):
        form |= {
            "ChannelPrefix": "whatsapp",
            "ChannelInstallSid": "XE" + "5e" * 16,
            "ChannelToAddress": to.removeprefix("whatsapp:")[:-4] + "XXXX",
        }
        if status == "sent":
            form["StructuredMessage"] = "true" if template else "false"
        if status in ("delivered", "read"):
            form["ExternalUserId"] = USER_ID
    elif status == "delivered":
        form["RawDlrDoneDate"] = at
    return form


def _examples() -> dict[str, dict[str, str]]:
    codes = {"sent": None, "delivered": None, "read": None, "failed_21610": 21610, "undelivered_30003": 30003}
    forms = {}
    for prefix, name in (("", "sms"), ("whatsapp:", "whatsapp")):
        for key, code in codes.items():
            if (name, key) not in (("sms", "read"), ("whatsapp", "undelivered_30003")):
                forms[f"{name}_{key}"] = status_form(
                    key.split("_")[0], sid="SM" + "0c" * 16, to=prefix + PARENT, sender=prefix + LINE, error_code=code
                )
    return forms


KINDS: dict[str, dict[str, str]] = {
    kind: build(kind, MessageSid=("MM" if "NumMedia" in fields else "SM") + f"{number:032x}")
    for number, (kind, fields) in enumerate(DIFFERENCES.items(), start=1)
}
STATUSES: dict[str, dict[str, str]] = _examples()
