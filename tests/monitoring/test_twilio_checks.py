"""`bot doctor` asks Twilio: is the account active, is the number ours, do texts and calls arrive here?"""

from dataclasses import replace

import pytest

from bot.monitoring.doctor import Finding, twilio_checks
from bot.runtime import Runtime
from tests.conftest import PUBLIC
from tests.databases import free_port
from tests.stand_in import TwilioStandIn

NUMBER, SERVICE = "+12175550100", "MG" + "a" * 32
WEBHOOK_URL = f"{PUBLIC}/webhooks/twilio"
TEXTS, CALLS = f"{WEBHOOK_URL}/messages#rc=2&rp=5xx,ct,rt", f"{WEBHOOK_URL}/voice"


def set_up(twilio: TwilioStandIn, **given: object) -> None:
    """Set up the account's number as in docs/connect-twilio.md, except for the given values."""
    fallbacks = {"sms_fallback_url": "https://other.test", "voice_fallback_url": "https://other.test"}
    twilio.holdings.own(NUMBER, **{"sms_url": TEXTS, "voice_url": CALLS, **fallbacks, **given})


def run_checks(runtime: Runtime, **changed: str) -> dict[str, Finding]:
    """Return the findings by part; each failed one has a remedy."""
    given = runtime.settings.model_copy(update=changed)
    found = {one.part: one for one in twilio_checks.run_checks(replace(runtime, settings=given))}
    assert all(one.is_well or one.remedy for one in found.values())
    return found


def find_failures(runtime: Runtime, **changed: str) -> dict[str, Finding]:
    return {part: one for part, one in run_checks(runtime, **changed).items() if not one.is_well}


def test_number_pointing_here_passes(runtime: Runtime, twilio: TwilioStandIn) -> None:
    set_up(twilio)
    found = run_checks(runtime)
    assert all(one.is_well for one in found.values())
    assert list(found) == ["Twilio", "number, texts", "number, calls", "WhatsApp sender"]
    assert not found["number, texts"].remedy
    assert "cannot read this webhook" in found["WhatsApp sender"].remedy, "what was not looked at is not called well"


@pytest.mark.parametrize(
    ("given", "part", "message"),
    [
        ({"sms_url": ""}, "number, texts", "go to nobody"),
        ({"sms_url": "https://old.test/sms?key=1"}, "number, texts", "go to https://old.test/sms"),
        ({"sms_url": TEXTS.replace("https", "http")}, "number, texts", "go to http://"),
        ({"sms_url": TEXTS.replace("messages", "messages/")}, "number, texts", "messages/"),
        ({"sms_method": "GET"}, "number, texts", "come by GET"),
        ({"sms_url": f"{WEBHOOK_URL}/messages"}, "number, texts", "come here, once"),
        ({"sms_url": f"{WEBHOOK_URL}/messages#rc=2&rp=ct,rt"}, "number, texts", "come here, once"),
        ({"sms_url": f"{WEBHOOK_URL}/messages#rc=0&rp=all"}, "number, texts", "come here, once"),
        ({"sms_application_sid": "AP" + "1" * 32}, "number, texts", "an application answers"),
        ({"voice_url": "https://demo.twilio.com/welcome/voice/"}, "number, calls", "go to https://demo.twilio.com"),
        ({"voice_method": "GET"}, "number, calls", "come by GET"),
        ({"trunk_sid": "TK" + "1" * 32}, "number, calls", "a trunk answers"),
        ({"voice_application_sid": "AP" + "1" * 32}, "number, calls", "an application answers"),
        ({"status_callback": "https://log.test/calls"}, "number, status", "sent to https://log.test/calls"),
    ],
)
def test_number_pointing_elsewhere_is_reported(
    given: dict[str, object], part: str, message: str, runtime: Runtime, twilio: TwilioStandIn
) -> None:
    set_up(twilio, **given)
    found = find_failures(runtime)
    assert list(found) == [part] and message in found[part].observation
    assert "key=1" not in found[part].observation


def test_missing_fallback_passes_with_advice(runtime: Runtime, twilio: TwilioStandIn) -> None:
    set_up(twilio, sms_fallback_url="")
    assert "No fallback address" in run_checks(runtime)["number, texts"].remedy and not find_failures(runtime)


def test_unowned_or_similar_number_is_reported(runtime: Runtime, twilio: TwilioStandIn) -> None:
    assert "not a number of this account" in find_failures(runtime)["number"].observation
    twilio.holdings.own(f"{NUMBER}0", sms_url=TEXTS)
    assert "not a number of this account" in find_failures(runtime)["number"].observation


def test_district_without_calls_needs_no_call_address(runtime: Runtime, twilio: TwilioStandIn) -> None:
    set_up(twilio, voice_url="")
    silent = runtime.library.district.model_copy(update={"channels": ("whatsapp", "sms")})
    assert not find_failures(replace(runtime, library=replace(runtime.library, district=silent)))


def test_messaging_service_overrides_the_number(runtime: Runtime, twilio: TwilioStandIn) -> None:
    set_up(twilio, sms_url="")
    twilio.holdings.serve(SERVICE, inbound_request_url=TEXTS)
    assert not find_failures(runtime, twilio_messaging_service_sid=SERVICE)
    twilio.holdings.serve(SERVICE)
    set_up(twilio)
    assert list(find_failures(runtime, twilio_messaging_service_sid=SERVICE)) == ["Messaging Service"]
    twilio.holdings.serve(SERVICE, use_inbound_webhook_on_number=True)
    assert not find_failures(runtime, twilio_messaging_service_sid=SERVICE)


def test_unusable_account_is_reported(runtime: Runtime, twilio: TwilioStandIn) -> None:
    set_up(twilio)
    assert "TWILIO_AUTH_TOKEN" in find_failures(runtime, twilio_auth_token="not the token")["Twilio"].remedy
    assert "TWILIO_ACCOUNT_SID" in find_failures(runtime, twilio_account_sid="AC" + "9" * 32)["Twilio"].remedy
    for status in ("suspended", "closed"):
        twilio.holdings.status = status
        found = run_checks(runtime)
        assert list(found) == ["Twilio"] and "contact Twilio" in found["Twilio"].remedy, status


def test_trial_account_is_reported(runtime: Runtime, twilio: TwilioStandIn) -> None:
    set_up(twilio)
    twilio.holdings.type = "Trial"
    assert "Upgrade" in find_failures(runtime)["Twilio"].remedy


def test_unreachable_twilio_is_reported_without_failing(runtime: Runtime) -> None:
    nowhere = runtime.settings.model_copy(update={"twilio_api_base": f"http://127.0.0.1:{free_port()}"})
    found = find_failures(replace(runtime, settings=nowhere))["Twilio"]
    assert "does not answer" in found.observation and "firewall" in found.remedy and "TOKEN" not in found.remedy
