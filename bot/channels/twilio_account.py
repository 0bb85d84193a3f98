"""Read the state of our Twilio account: whether it is active, and where it sends texts and calls.

Only `python -m bot doctor` reads it. A number in a Messaging Service uses the service's webhook, unless the service
defers to the number (Twilio's `UseInboundWebhookOnNumber`), so both are read.
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
    """Where Twilio sends inbound texts or calls: a URL, an HTTP method, and a fallback URL.

    If `replaced_by` ("an application", "a trunk") is set, Twilio ignores the URL.
    """

    url: str = ""
    method: str = ""
    fallback: str = ""
    replaced_by: str = ""

    @property
    def signed_url(self) -> str:
        """The URL without the parts after `?` and `#`, for comparison with our webhooks."""
        if not self.url:
            return ""
        return urlsplit(self.url)._replace(query="", fragment="").geturl()

    @property
    def is_retried(self) -> bool:
        """Whether Twilio retries after a 5xx, which only the part after `#` can enable (twilio.md, section 1)."""
        options = dict(pair.partition("=")[::2] for pair in urlsplit(self.url).fragment.split("&"))
        causes = options.get("rp", "ct").split(",")
        return options.get("rc", "1") != "0" and bool({"5xx", "all"} & set(causes))


@dataclass(frozen=True)
class TwilioNumber:
    """One of our numbers. Twilio reports every ended call to `status_callback`."""

    texts: WebhookConfig
    calls: WebhookConfig
    status_callback: str


def fetch_state(settings: Settings) -> tuple[str, str]:
    """Return the account's status (active, suspended, closed) and type (Full, Trial). Raises `SendError`."""
    try:
        account = create_client(settings).api.v2010.accounts(settings.twilio_account_sid).fetch()
    except REQUEST_ERRORS as error:
        raise convert_error(error) from None
    return str(account.status), str(account.type)


def fetch_number(settings: Settings) -> TwilioNumber | None:
    """Return Twilio's settings of `TWILIO_SMS_FROM`, or None if it is not this account's. Raises `SendError`.

    Twilio's filter also matches parts of numbers, so this function compares the whole number.
    """
    try:
        numbers = create_client(settings).incoming_phone_numbers.list(phone_number=settings.twilio_sms_from)
    except REQUEST_ERRORS as error:
        raise convert_error(error) from None
    return next((_build_number(number) for number in numbers if number.phone_number == settings.twilio_sms_from), None)


def fetch_service_webhook(settings: Settings) -> WebhookConfig | None:
    """Return the webhook of the Messaging Service, or None if it defers to the number. Raises `SendError`."""
    try:
        service = create_client(settings).messaging.v1.services(settings.twilio_messaging_service_sid).fetch()
    except REQUEST_ERRORS as error:
        raise convert_error(error) from None
    if service.use_inbound_webhook_on_number:
        return None
    return WebhookConfig(service.inbound_request_url or "", service.inbound_method or "", service.fallback_url or "")


def _build_number(number: Any) -> TwilioNumber:
    calls_replaced_by = ""
    if number.voice_application_sid:
        calls_replaced_by = "an application"
    elif number.trunk_sid:
        calls_replaced_by = "a trunk"
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
            calls_replaced_by,
        ),
        status_callback=number.status_callback or "",
    )
