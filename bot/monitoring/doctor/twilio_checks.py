"""Check Twilio's side: an active account, a number of this account, and webhooks that lead to Puente.

A wrong webhook fails silently: no message arrives, and Puente cannot notice that.
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
"""Makes Twilio repeat a message that Puente could not save (docs/connect-twilio.md)."""
CHECK_BY_HAND_TEXT = (
    "Compare its webhook in Twilio's console with docs/connect-twilio.md. Puente cannot read this webhook."
)


def run_checks(runtime: Runtime) -> Iterator[Finding]:
    """Check the account, and then, if it is active, the webhooks."""
    settings = runtime.settings
    if not settings.is_live:
        yield Finding("Twilio", True, "no account is set")
        return
    try:
        account = _check_account(settings)
        yield account
        if account.is_well:
            yield from _check_webhooks(settings, "voice" in runtime.library.district.channels)
    except SendError as error:
        yield _explain_error(error)


def _explain_error(error: SendError) -> Finding:
    if error.code in INACTIVE_ACCOUNT_CODES:
        return _report_inactive("not active")
    if error.code is None:
        remedy = "Check the outgoing network of this machine (firewall, proxy, DNS), then status.twilio.com."
        return Finding("Twilio", False, f"does not answer ({error.outcome})", remedy)
    remedy = "Compare TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN with Twilio's console, then check status.twilio.com."
    return Finding("Twilio", False, f"{error.outcome}, code {error.code}", remedy)


def _report_inactive(status: str) -> Finding:
    remedy = "No messages are sent or received. See the reason in console.twilio.com, then pay or contact Twilio."
    return Finding("Twilio", False, f"the account is {status}", remedy)


def _check_account(settings: Settings) -> Finding:
    status, kind = twilio_account.fetch_state(settings)
    if status != "active":
        return _report_inactive(status)
    if kind == "Trial":
        remedy = "A trial account sends only to verified numbers. Upgrade it before you announce the service."
        return Finding("Twilio", False, "a trial account", remedy)
    return Finding("Twilio", True, "accepts the token")


def _check_webhooks(settings: Settings, has_voice: bool) -> Iterator[Finding]:
    hook = None
    if settings.twilio_messaging_service_sid:
        hook = twilio_account.fetch_service_webhook(settings)
    if hook:
        yield _check_text_webhook("Messaging Service", settings, hook)
    if settings.twilio_sms_from.startswith("+"):
        number = twilio_account.fetch_number(settings)
        yield from _check_number(settings, number, has_voice, should_check_texts=hook is None)
    elif settings.twilio_sms_from:
        yield Finding("number", True, "a short code", CHECK_BY_HAND_TEXT)
    if settings.twilio_whatsapp_from:
        yield Finding("WhatsApp sender", True, "not checked", CHECK_BY_HAND_TEXT)


def _check_number(
    settings: Settings, number: TwilioNumber | None, has_voice: bool, should_check_texts: bool
) -> Iterator[Finding]:
    """Check a number's webhooks. Its webhook for texts counts only without a Messaging Service."""
    if number is None:
        remedy = "Set TWILIO_SMS_FROM to a number of this account (Twilio's console, Phone Numbers)."
        yield Finding("number", False, "not a number of this account", remedy)
        return
    if should_check_texts:
        yield _check_text_webhook("number, texts", settings, number.texts)
    if has_voice:
        yield _check_webhook("number, calls", number.calls, f"{settings.public_base}/webhooks/twilio/voice")
    if number.status_callback and not number.status_callback.startswith(f"{settings.public_base}/"):
        remedy = "Clear 'Call status changes' of the number, because that address learns about every caller."
        yield Finding("number, status", False, f"sent to {_strip_url_secrets(number.status_callback)}", remedy)


def _check_text_webhook(part: str, settings: Settings, hook: WebhookConfig) -> Finding:
    expected_url = f"{settings.public_base}/webhooks/twilio/messages"
    finding = _check_webhook(part, hook, expected_url)
    if finding.is_well and not hook.is_retried:
        remedy = f"Set it to {expected_url}{WEBHOOK_RETRY_OPTIONS}. Without that, Twilio doesn't retry after a 503."
        return Finding(part, False, "come here, once", remedy)
    return finding


def _check_webhook(part: str, hook: WebhookConfig, expected_url: str) -> Finding:
    remedy = f"Set it to {expected_url} (POST) in Twilio's console. See docs/connect-twilio.md."
    if hook.replaced_by:
        return Finding(part, False, f"{hook.replaced_by} answers", f"Remove it from the number. {remedy}")
    if hook.signed_url != expected_url:
        return Finding(part, False, f"go to {_strip_url_secrets(hook.url) or 'nobody'}", remedy)
    if hook.method != "POST":
        return Finding(part, False, f"come by {hook.method or 'no method'}", remedy)
    advice = "" if hook.fallback else "No fallback address is set. Nothing answers while Puente is down."
    return Finding(part, True, "come here", advice)


def _strip_url_secrets(url: str) -> str:
    """Return the URL without a password and without its query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname else url.partition("?")[0]
