"""Twilio's three webhooks with every form that can be signed, and with bodies that are no form."""

from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator
from werkzeug.test import EnvironBuilder

from bot.runtime import Runtime
from bot.store.families import rate_limits
from tests.conftest import PUBLIC
from tests.fuzz.anything import TEXTS, share
from tests.stand_in.payloads import KINDS, STATUSES

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]
FORM = "application/x-www-form-urlencoded"
FIELDS = sorted({name for form in (*KINDS.values(), *STATUSES.values()) for name in form} | {
    *("OptOutType", "CallSid", "CallStatus", "Direction", "Digits", "SpeechResult", "RecordingUrl", "RecordingDuration"),
    *("ListId", "ListTitle", "ButtonPayload", "ErrorCode", "Confidence", "MediaUrl0", "MediaContentType0", "MediaUrl9"),
})  # fmt: skip
PHONES = [f"+121755501{number:02d}" for number in range(1, 60)]
ADDRESSES = st.one_of(
    st.sampled_from([*PHONES, *(f"whatsapp:{one}" for one in PHONES), "whatsapp:US.1234", "anonymous", "+266696687"]),
    TEXTS,
)
FORMS = st.dictionaries(st.sampled_from(FIELDS), TEXTS, max_size=8)
SIDS = st.one_of(st.uuids().map(lambda one: f"SM{one.hex}"), TEXTS)


@pytest.fixture(autouse=True)
def without_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lift the limits: ten phones write thousands of messages (tests/security/test_floods.py tests the limits)."""
    monkeypatch.setattr(rate_limits, "MAX_MESSAGES_PER_TEN_MINUTES", 10**9)
    monkeypatch.setattr(rate_limits, "MAX_MESSAGES_PER_DAY", 10**9)


def send(runtime: Runtime, client: FlaskClient, path: str, body: bytes, content_type: str = FORM) -> int:
    """Return the status for this body, signed over what the server reads in it."""
    builder = EnvironBuilder(path, method="POST", data=body, content_type=content_type)
    form = builder.get_request().form
    validator = RequestValidator(runtime.settings.twilio_auth_token)
    signature = validator.compute_signature(PUBLIC + path, form)
    headers = {"X-Twilio-Signature": signature, "Content-Type": content_type}
    return client.post(path, data=body, headers=headers).status_code


def encode_form(runtime: Runtime, form: dict[str, str]) -> bytes:
    return urlencode({"AccountSid": runtime.settings.account_sid, **form}).encode()


def test_any_message_is_answered(runtime: Runtime, client: FlaskClient) -> None:
    @share(0.35)
    @given(SIDS, ADDRESSES, TEXTS, FORMS)
    def one(sid: str, address: str, body: str, more: dict[str, str]) -> None:
        form = encode_form(runtime, {**more, "MessageSid": sid, "From": address, "Body": body})
        assert send(runtime, client, "/webhooks/twilio/messages", form) in (200, 400, 403)

    one()


def test_any_conversation_is_answered(runtime: Runtime, client: FlaskClient) -> None:
    """Whole conversations of a few phones, so that follow-up questions get odd answers too."""

    @share(0.15)
    @given(st.sampled_from(PHONES[20:30]), st.uuids(), TEXTS, st.sampled_from(["text", "audio", "button", "location"]))
    def one(phone: str, sid: object, body: str, kind: str) -> None:
        form = {"MessageSid": f"SM{sid}".replace("-", ""), "From": phone, "Body": body, "MessageType": kind}
        assert send(runtime, client, "/webhooks/twilio/messages", encode_form(runtime, form)) in (200, 400)

    one()


def test_any_call_is_answered(runtime: Runtime, client: FlaskClient) -> None:
    @share(0.12)
    @given(SIDS, ADDRESSES, FORMS, st.dictionaries(st.sampled_from(["m", "turn", "l", "page", "silent"]), TEXTS))
    def one(sid: str, address: str, more: dict[str, str], args: dict[str, str]) -> None:
        path = "/webhooks/twilio/voice" + (f"?{urlencode(args)}" if args else "")
        form = encode_form(runtime, {**more, "CallSid": sid, "From": address})
        assert send(runtime, client, path, form) in (200, 400, 403)

    one()


def test_any_status_report_is_answered(runtime: Runtime, client: FlaskClient) -> None:
    known = st.one_of(st.uuids().map(lambda one: one.hex), TEXTS)
    statuses = st.one_of(st.sampled_from(["sent", "delivered", "read", "failed", "undelivered", "queued"]), TEXTS)

    @share(0.08)
    @given(SIDS, statuses, FORMS, known)
    def one(sid: str, status: str, more: dict[str, str], delivery: str) -> None:
        path = f"/webhooks/twilio/status?{urlencode({'m': delivery})}"
        form = encode_form(runtime, {**more, "MessageSid": sid, "MessageStatus": status})
        assert send(runtime, client, path, form) in (204, 400, 403)

    one()


def test_any_bytes_are_answered(runtime: Runtime, client: FlaskClient) -> None:
    """A body that is no form, with any content type."""
    types = st.sampled_from([FORM, "multipart/form-data; boundary=x", "application/json", "text/xml", "", "x/y; a=;"])
    doors = st.sampled_from(["messages", "status", "voice"])

    @share(0.05)
    @given(doors, st.binary(max_size=300), types)
    def one(door: str, body: bytes, content_type: str) -> None:
        assert send(runtime, client, f"/webhooks/twilio/{door}", body, content_type) < 500

    one()
