"""What Twilio holds of our account: whether it is active, and where the number's texts and calls go.

Read only when somebody asks (`python -m bot doctor`).  A number in a Messaging Service is answered by the service's own
address unless that leaves it to the number (Twilio's `UseInboundWebhookOnNumber`), so both are read.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bot.base.settings import Settings
from bot.channels.twilio import REQUEST_ERRORS, convert_error, create_client

INACTIVE_ACCOUNT_CODES = frozenset({10001, 20005, 90010})
"""Twilio's codes for an account that is suspended or closed (twilio.com/docs/api/errors)."""


@dataclass(frozen=True)
class WebhookConfig:
    """Where something that comes in goes: an address, by which method, and the address that is asked next.

    `instead`: what answers in the address' stead ("an application", "a trunk"): Twilio then ignores the address.
    """

    url: str = ""
    method: str = ""
    fallback: str = ""
    replaced_by: str = ""

    @property
    def signed_url(self) -> str:
        """The address as it is signed: without what stands behind `#` and `?`."""
        return urlsplit(self.url)._replace(query="", fragment="").geturl() if self.url else ""

    @property
    def is_retried(self) -> bool:
        """Whether Twilio asks again after a 5xx: only when told so behind the `#` (twilio.md, section 1)."""
        options = dict(pair.partition("=")[::2] for pair in urlsplit(self.url).fragment.split("&"))
        causes = options.get("rp", "ct").split(",")
        return options.get("rc", "1") != "0" and bool({"5xx", "all"} & set(causes))


@dataclass(frozen=True)
class TwilioNumber:
    """A number of ours; `told` hears of every call that has ended."""

    texts: WebhookConfig
    calls: WebhookConfig
    status_callback: str


def fetch_state(settings: Settings) -> tuple[str, str]:
    """The account's status (active, suspended, closed) and type (Full, Trial); raises `SendError`."""
    try:
        account = create_client(settings).api.v2010.accounts(settings.twilio_account_sid).fetch()
    except REQUEST_ERRORS as error:
        raise convert_error(error) from None
    return str(account.status), str(account.type)


def fetch_number(settings: Settings) -> TwilioNumber | None:
    """`TWILIO_SMS_FROM` as Twilio holds it, None if it is not this account's; raises `SendError`.

    Twilio's filter finds parts of numbers too, so that the whole is compared here.
    """
    try:
        numbers = create_client(settings).incoming_phone_numbers.list(phone_number=settings.twilio_sms_from)
    except REQUEST_ERRORS as error:
        raise convert_error(error) from None
    return next((_build_number(number) for number in numbers if number.phone_number == settings.twilio_sms_from), None)


def fetch_service_webhook(settings: Settings) -> WebhookConfig | None:
    """Where the Messaging Service sends what comes in, None if it leaves that to the number; raises `SendError`."""
    try:
        service = create_client(settings).messaging.v1.services(settings.twilio_messaging_service_sid).fetch()
    except REQUEST_ERRORS as error:
        raise convert_error(error) from None
    if service.use_inbound_webhook_on_number:
        return None
    return WebhookConfig(service.inbound_request_url or "", service.inbound_method or "", service.fallback_url or "")


def _build_number(number: Any) -> TwilioNumber:
    return TwilioNumber(
        texts=WebhookConfig(
            number.sms_url or "",
            number.sms_method or "",
            number.sms_fallback_url or "",
            "an application" if number.sms_application_sid else "",
        ),
        calls=WebhookConfig(
            number.voice_url or "",
            number.voice_method or "",
            number.voice_fallback_url or "",
            "an application" if number.voice_application_sid else "a trunk" if number.trunk_sid else "",
        ),
        status_callback=number.status_callback or "",
    )
