"""What Twilio holds of us: an active account, a number that is ours, and webhooks that lead here.

A webhook that leads elsewhere is silent: no message comes, and nothing here can notice that none does.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from bot.base.settings import Settings
from bot.channels import twilio_account
from bot.channels.base import SendError
from bot.channels.twilio_account import INACTIVE_ACCOUNT_CODES, TwilioNumber, WebhookConfig
from bot.monitoring.doctor.finding import Finding
from bot.runtime import Runtime

WEBHOOK_RETRY_OPTIONS = "#rc=2&rp=5xx,ct,rt"
"""What asks Twilio to send a message again that we could not keep (docs/connect-twilio.md)."""
CHECK_BY_HAND_TEXT = "In Twilio's console compare its webhook with docs/connect-twilio.md: it cannot be read from here."


def run_checks(runtime: Runtime) -> Iterator[Finding]:
    """The account; then, if it is well, where what comes in goes."""
    settings = runtime.settings
    if not settings.is_live:
        yield Finding("Twilio", True, "no account is set")
        return
    try:
        yield (found := _check_account(settings))
        if found.is_well:
            yield from _check_webhooks(settings, "voice" in runtime.library.district.channels)
    except SendError as error:
        yield _explain_error(error)


def _explain_error(error: SendError) -> Finding:
    if error.code in INACTIVE_ACCOUNT_CODES:
        return _report_inactive("not active")
    if error.code is None:
        remedy = "Is the way out of this machine open (firewall, proxy, DNS)? Else see status.twilio.com."
        return Finding("Twilio", False, f"does not answer ({error.outcome})", remedy)
    remedy = "Compare TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN with Twilio's console, else see status.twilio.com."
    return Finding("Twilio", False, f"{error.outcome}, code {error.code}", remedy)


def _report_inactive(status: str) -> Finding:
    remedy = (
        "Nothing leaves and nothing comes in: console.twilio.com says why (money, a review); pay, or write to Twilio."
    )
    return Finding("Twilio", False, f"the account is {status}", remedy)


def _check_account(settings: Settings) -> Finding:
    status, kind = twilio_account.fetch_state(settings)
    if status != "active":
        return _report_inactive(status)
    if kind == "Trial":
        remedy = "A trial account writes only to numbers that you have verified: upgrade it before families are told."
        return Finding("Twilio", False, "a trial account", remedy)
    return Finding("Twilio", True, "takes the token")


def _check_webhooks(settings: Settings, has_voice: bool) -> Iterator[Finding]:
    hook = twilio_account.fetch_service_webhook(settings) if settings.twilio_messaging_service_sid else None
    if hook:
        yield _check_text_webhook("Messaging Service", settings, hook)
    if settings.twilio_sms_from.startswith("+"):
        yield from _check_number(
            settings, twilio_account.fetch_number(settings), has_voice, should_check_texts=hook is None
        )
    elif settings.twilio_sms_from:
        yield Finding("number", True, "a short code", CHECK_BY_HAND_TEXT)
    if settings.twilio_whatsapp_from:
        yield Finding("WhatsApp sender", True, "not looked at", CHECK_BY_HAND_TEXT)


def _check_number(
    settings: Settings, number: TwilioNumber | None, has_voice: bool, should_check_texts: bool
) -> Iterator[Finding]:
    """`texts`: whether the number's own address for texts counts; a Messaging Service's comes before it."""
    if number is None:
        remedy = "Set TWILIO_SMS_FROM to a number of this account (Twilio's console, Phone Numbers)."
        yield Finding("number", False, "not a number of this account", remedy)
        return
    if should_check_texts:
        yield _check_text_webhook("number, texts", settings, number.texts)
    if has_voice:
        yield _check_webhook("number, calls", number.calls, f"{settings.public_base}/webhooks/twilio/voice")
    if number.status_callback and not number.status_callback.startswith(f"{settings.public_base}/"):
        remedy = "Empty 'Call status changes' of the number: that address hears of everybody who calls."
        yield Finding("number, status", False, f"told to {_strip_url_secrets(number.status_callback)}", remedy)


def _check_text_webhook(part: str, settings: Settings, hook: WebhookConfig) -> Finding:
    wanted = f"{settings.public_base}/webhooks/twilio/messages"
    found = _check_webhook(part, hook, wanted)
    if found.is_well and not hook.is_retried:
        remedy = f"Set it to {wanted}{WEBHOOK_RETRY_OPTIONS}: without that, Twilio does not retry after a 503."
        return Finding(part, False, "come here, once", remedy)
    return found


def _check_webhook(part: str, hook: WebhookConfig, expected_url: str) -> Finding:
    remedy = f"Set it to {expected_url} (POST) in Twilio's console: docs/connect-twilio.md."
    if hook.replaced_by:
        return Finding(part, False, f"{hook.replaced_by} answers", f"Take it away from the number. {remedy}")
    if hook.signed_url != expected_url:
        return Finding(part, False, f"go to {_strip_url_secrets(hook.url) or 'nobody'}", remedy)
    if hook.method != "POST":
        return Finding(part, False, f"come by {hook.method or 'no method'}", remedy)
    advice = "" if hook.fallback else "No fallback address is set: nobody answers while this program is away."
    return Finding(part, True, "come here", advice)


def _strip_url_secrets(url: str) -> str:
    """Without a password, and without what stands behind `?`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname else url.partition("?")[0]
