"""What Twilio holds of us: an active account, a number that is ours, and webhooks that lead here.

A webhook that leads elsewhere is silent: no message comes, and nothing here can notice that none does.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from bot.base.settings import Settings
from bot.channels import twilio_account
from bot.channels.base import SendError
from bot.channels.twilio_account import INACTIVE, Hook, Number
from bot.monitoring.doctor.finding import Found
from bot.runtime import Services

AGAIN = "#rc=2&rp=5xx,ct,rt"
"""What asks Twilio to send a message again that we could not keep (docs/connect-twilio.md)."""
BY_HAND = "In Twilio's console compare its webhook with docs/connect-twilio.md: it cannot be read from here."


def examine(services: Services) -> Iterator[Found]:
    """The account; then, if it is well, where what comes in goes."""
    settings = services.settings
    if not settings.live:
        yield Found("Twilio", True, "no account is set")
        return
    try:
        yield (found := _account(settings))
        if found.well:
            yield from _ways_in(settings, "voice" in services.library.district.channels)
    except SendError as error:
        yield _refused(error)


def _refused(error: SendError) -> Found:
    if error.code in INACTIVE:
        return _inactive("not active")
    if error.code is None:
        remedy = "Is the way out of this machine open (firewall, proxy, DNS)? Else see status.twilio.com."
        return Found("Twilio", False, f"does not answer ({error.outcome})", remedy)
    remedy = "Compare TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN with Twilio's console, else see status.twilio.com."
    return Found("Twilio", False, f"{error.outcome}, code {error.code}", remedy)


def _inactive(status: str) -> Found:
    remedy = (
        "Nothing leaves and nothing comes in: console.twilio.com says why (money, a review); pay, or write to Twilio."
    )
    return Found("Twilio", False, f"the account is {status}", remedy)


def _account(settings: Settings) -> Found:
    status, kind = twilio_account.state(settings)
    if status != "active":
        return _inactive(status)
    if kind == "Trial":
        remedy = "A trial account writes only to numbers that you have verified: upgrade it before families are told."
        return Found("Twilio", False, "a trial account", remedy)
    return Found("Twilio", True, "takes the token")


def _ways_in(settings: Settings, voice: bool) -> Iterator[Found]:
    hook = twilio_account.service(settings) if settings.twilio_messaging_service_sid else None
    if hook:
        yield _texts("Messaging Service", settings, hook)
    if settings.twilio_sms_from.startswith("+"):
        yield from _number(settings, twilio_account.number(settings), voice, texts=hook is None)
    elif settings.twilio_sms_from:
        yield Found("number", True, "a short code", BY_HAND)
    if settings.twilio_whatsapp_from:
        yield Found("WhatsApp sender", True, "not looked at", BY_HAND)


def _number(settings: Settings, own: Number | None, voice: bool, texts: bool) -> Iterator[Found]:
    """`texts`: whether the number's own address for texts counts; a Messaging Service's comes before it."""
    if own is None:
        remedy = "Set TWILIO_SMS_FROM to a number of this account (Twilio's console, Phone Numbers)."
        yield Found("number", False, "not a number of this account", remedy)
        return
    if texts:
        yield _texts("number, texts", settings, own.texts)
    if voice:
        yield _leads_here("number, calls", own.calls, f"{settings.public_base}/webhooks/twilio/voice")
    if own.told and not own.told.startswith(f"{settings.public_base}/"):
        remedy = "Empty 'Call status changes' of the number: that address hears of everybody who calls."
        yield Found("number, status", False, f"told to {_short(own.told)}", remedy)


def _texts(part: str, settings: Settings, hook: Hook) -> Found:
    wanted = f"{settings.public_base}/webhooks/twilio/messages"
    found = _leads_here(part, hook, wanted)
    if found.well and not hook.tried_again:
        remedy = f"Set it to {wanted}{AGAIN}: without that, what we could not keep (503) is not sent to us again."
        return Found(part, False, "come here, once", remedy)
    return found


def _leads_here(part: str, hook: Hook, wanted: str) -> Found:
    remedy = f"Set it to {wanted} (POST) in Twilio's console: docs/connect-twilio.md."
    if hook.instead:
        return Found(part, False, f"{hook.instead} answers", f"Take it away from the number. {remedy}")
    if hook.plain != wanted:
        return Found(part, False, f"go to {_short(hook.url) or 'nobody'}", remedy)
    if hook.method != "POST":
        return Found(part, False, f"come by {hook.method or 'no method'}", remedy)
    advice = "" if hook.fallback else "No fallback address is set: nobody answers while this program is away."
    return Found(part, True, "come here", advice)


def _short(url: str) -> str:
    """Without a password, and without what stands behind `?`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname else url.partition("?")[0]
