"""Attacks: forged and replayed webhooks, guessed passwords, stolen sessions, other sites."""

import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from bot.base.database import now
from bot.channels.twilio_media import MediaError, TwilioMedia
from bot.runtime import Runtime
from bot.store.cases import cases, deliveries
from bot.store.families import consent_events, contacts
from bot.store.staff import staff_accounts
from bot.web.app import create_app
from bot.web.console.registration import issue_password
from tests.conftest import NOW, PUBLIC, Family
from tests.stand_in import sign
from tests.test_structure import WITHOUT_LOGIN
from tests.web.console.test_console import log_in, token
from tests.web.console.test_login import cheap_passwords, is_logged_in, new_client, post, set_up_second_factor

__all__ = ["cheap_passwords"]  # this fixture also applies here
MESSAGES, STATUS, VOICE = (f"/webhooks/twilio/{door}" for door in ("messages", "status", "voice"))


def signed(runtime: Runtime, path: str, form: dict[str, str], token_: str = "") -> dict[str, str]:
    return {"X-Twilio-Signature": sign(token_ or runtime.settings.twilio_auth_token, PUBLIC + path, form)}


def count_rows(runtime: Runtime, table: object) -> int:
    with runtime.database.read() as db:
        return int(db.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


# --- Webhooks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [MESSAGES, STATUS, VOICE])
def test_forged_webhook_does_nothing(runtime: Runtime, client: FlaskClient, path: str) -> None:
    form = {"MessageSid": "SM1", "CallSid": "CA1", "From": "+12175550177", "Body": "0", "MessageStatus": "sent",
            "AccountSid": runtime.settings.account_sid}  # fmt: skip
    good = signed(runtime, path, form)["X-Twilio-Signature"]
    for wrong in (
        "",
        "x",
        good[::-1],
        good.lower() + "A",
        signed(runtime, path, form, "another token")["X-Twilio-Signature"],
    ):
        assert client.post(path, data=form, headers={"X-Twilio-Signature": wrong}).status_code == 403
    assert client.post(path, data=form).status_code == 403
    assert client.post(path, data={**form, "Body": "STOP"}, headers={"X-Twilio-Signature": good}).status_code == 403
    assert client.post(path + "?m=other", data=form, headers={"X-Twilio-Signature": good}).status_code == 403
    assert client.get(path, headers={"X-Twilio-Signature": good}).status_code in (403, 405)
    assert [count_rows(runtime, one) for one in (contacts.contacts, cases.cases, deliveries.deliveries)] == [0, 0, 0]


def test_replayed_message_opens_no_second_case(runtime: Runtime, family: Family) -> None:
    """One minute later, and after Redis lost it: the body and the signature are the ones Twilio sent."""
    form = {"MessageSid": "SM" + "7" * 32, "From": family.address, "Body": "I want to talk to a person",
            "AccountSid": family.account}  # fmt: skip
    first = family.post(form)
    assert family.post(form) == first
    runtime.redis.flushall()
    family.post(form)
    assert count_rows(runtime, cases.cases) == 1
    family.post({**form, "Body": "la migra está en mi puerta"})  # signed, but this message was handled before
    assert count_rows(runtime, cases.cases) == 1


def test_replayed_stop_does_not_undo_a_start(runtime: Runtime, family: Family) -> None:
    stop = {"MessageSid": "SM" + "8" * 32, "From": family.address, "Body": "STOP", "AccountSid": family.account}
    family.text("hello, good morning")
    family.post(stop)
    family.text("START")
    events = count_rows(runtime, consent_events.consent_events)
    for _ in range(2):
        family.post(stop)
        runtime.redis.flushall()
    with runtime.database.read() as db:
        contact = contacts.find(db, family.address)
    assert contact and contact.opted_out_at is None and count_rows(runtime, consent_events.consent_events) == events
    family.text("hello, good morning")
    family.post(stop)
    runtime.redis.delete(*runtime.redis.keys("puente:seen:*"))
    family.post(stop)
    assert family.text("is it safe at school?"), "it goes on being answered"


def test_replayed_status_report_moves_nothing_back(runtime: Runtime, family: Family, client: FlaskClient) -> None:
    with runtime.database.write() as db:
        contact = contacts.add(db, "+12175550166", "sms", now())
        one, other = (deliveries.plan_staff_message(db, contact.id, text, now()) for text in "ab")
        for number, row in enumerate((one, other)):
            deliveries.claim(db, row, now())
            deliveries.advance(db, row, "delivered", f"SM{number}" + "0" * 31)
    for row, sid, status in (
        (one, "SM0", "sent"),
        (one, "SM0", "queued"),
        (other, "SM0", "read"),
        (one, "SM9", "failed"),
    ):
        form = {"MessageSid": sid + "0" * 31, "MessageStatus": status, "AccountSid": runtime.settings.account_sid}
        path = f"{STATUS}?m={row}"
        assert client.post(path, data=form, headers=signed(runtime, path, form)).status_code == 204
    with runtime.database.read() as db:
        found = [deliveries.find(db, row) for row in (one, other)]
    assert [row.state for row in found if row] == ["delivered", "delivered"]


def test_signed_report_of_another_account_is_refused(runtime: Runtime, client: FlaskClient) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": "sent", "AccountSid": "AC" + "9" * 32}
    assert client.post(STATUS, data=form, headers=signed(runtime, STATUS, form)).status_code == 403


# --- Fetching voice notes -------------------------------------------------------------------------------------------


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[tuple[int, list[bytes]]]:
    """A TLS server inside the district's network that claims to be api.twilio.com, and the data it received."""
    names = ["-subj", "/CN=api.twilio.com", "-addext", "subjectAltName=DNS:api.twilio.com"]
    pem, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        str(key),
        "-out",
        str(pem),
        "-days",
        "2",
    ]
    subprocess.run([*made, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    told: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                raw, _ = listening.accept()
                with context.wrap_socket(raw, server_side=True) as connection:
                    told.append(connection.recv(4096))
            except ssl.SSLError:
                continue
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1], told
    listening.close()


def test_dns_rebinding_fails_before_sending_a_byte(
    runtime: Runtime, impostor: tuple[int, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the name is Twilio's, the address is in this network.

    Its certificate fails before a single byte of ours, above all the password, is sent.
    """
    port, told = impostor
    resolve = socket.getaddrinfo

    def rebound(host: str, *rest: object, **more: object) -> object:
        return resolve("127.0.0.1", port, *rest[1:], **more) if "twilio" in str(host) else resolve(host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    media = TwilioMedia(runtime.settings.model_copy(update={"twilio_api_base": ""}))
    sid = runtime.settings.account_sid
    with pytest.raises(MediaError) as error:
        media.fetch(f"https://api.twilio.com/2010-04-01/Accounts/{sid}/Messages/MM1/Media/ME1")
    assert error.value.reason == "away" and told == []


# --- Logging in -----------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_each_lock_is_twice_as_long_as_the_previous(runtime: Runtime, client: FlaskClient, name: str) -> None:
    password, waits = issue_password(runtime, "ana"), []
    with time_machine.travel(NOW) as clock:
        for _ in range(7):
            for _ in range(5):
                _, page = post(client, "/console/login", "/console/login", name=name, password="wrong")
            waits.append(int(re.findall(r"Wait (\d+) minutes", page)[0]))
            runtime.redis.delete(*runtime.redis.keys("puente:limits:*"), *runtime.redis.keys("login:tries:*:locked"))
            clock.shift(timedelta(minutes=waits[-1], seconds=1))
        assert waits == [15, 30, 60, 120, 240, 240, 240]
        assert log_in(client, "ana", password) == 302
        for _ in range(4):
            log_in(new_client(client), "ana", "wrong")
        assert log_in(new_client(client), "ana", password) == 302, "the right password forgave all that was before"


def test_locked_unknown_name_gets_the_same_answer(runtime: Runtime, client: FlaskClient) -> None:
    for _ in range(6):
        _, page = post(client, "/console/login", "/console/login", name="nobody", password="wrong")
    assert "Wait 15 minutes" in page


def attempt_logins(runtime: Runtime, proxies: int, headers: list[str]) -> list[int]:
    """Return the responses to login attempts with these X-Forwarded-For headers, at a limit of 20 a minute."""
    runtime.redis.flushall()
    app = create_app(
        runtime=replace(runtime, settings=runtime.settings.model_copy(update={"trusted_proxies": proxies}))
    )
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    form = {"name": "nobody", "password": "wrong"}
    return [client.post("/console/login", data=form, headers={"X-Forwarded-For": one}).status_code for one in headers]


@pytest.mark.long
def test_client_cannot_choose_the_counted_address(runtime: Runtime) -> None:
    forged = [f"10.0.0.{number}" for number in range(24)]
    assert 429 in attempt_logins(runtime, 0, forged), "without a proxy the header is only something that a client wrote"
    assert 429 in attempt_logins(runtime, 1, [f"{one}, 203.0.113.9" for one in forged]), "what the proxy added counts"
    assert 429 not in attempt_logins(runtime, 1, [f"1.1.1.1, 203.0.113.{number}" for number in range(24)])


def test_session_from_before_login_is_worthless(runtime: Runtime, client: FlaskClient) -> None:
    """Session fixation: a planted cookie gives no access after the victim has logged in."""
    password = issue_password(runtime, "ana")
    client.get("/console/login")
    before = client.get_cookie("puente")
    assert before and log_in(client, "ana", password) == 302 and is_logged_in(client)
    after = client.get_cookie("puente")
    assert after and after.value != before.value
    thief = new_client(client)
    thief.set_cookie("puente", before.value)
    assert not is_logged_in(thief)


def test_observed_code_cannot_be_reused(runtime: Runtime, client: FlaskClient) -> None:
    password = issue_password(runtime, "ana")
    assert log_in(client, "ana", password) == 302
    with time_machine.travel(NOW) as clock:
        secret, _ = set_up_second_factor(client, password)
        clock.shift(timedelta(minutes=2))
        code = pyotp.TOTP(secret).at(now())
        first, second = new_client(client), new_client(client)
        for one in (first, second):
            log_in(one, "ana", password)
            post(one, "/console/login/code", "/console/login/code", code=code)
        assert is_logged_in(first) and not is_logged_in(second)


@pytest.fixture
def production(runtime: Runtime) -> Flask:
    strict = runtime.settings.model_copy(update={"environment": "production"})
    return create_app(runtime=replace(runtime, settings=strict))


def test_production_cookie_is_protected(production: Flask) -> None:
    answer = production.test_client().get("/console/login", base_url=PUBLIC)
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-puente=") and "Domain=" not in cookie
    assert all(flag in cookie for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))


# --- Every page, every form -----------------------------------------------------------------------------------------

PERSONAL = re.compile(r"no-store")
MAY_BE_KEPT = ("/static/", "/console/static/", "/media/", "/recordings/", "/m/<code>/kit/", "/simulator/static/")


def test_every_response_has_security_headers(production: Flask) -> None:
    client = production.test_client()
    for rule in production.url_map.iter_rules():
        path = re.sub(r"<[^>]*>", "1", rule.rule)
        answer = client.open(path, method="POST" if "POST" in (rule.methods or ()) else "GET", base_url=PUBLIC)
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy and "default-src 'self'" in policy, rule
        assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] in ("same-origin", "no-referrer"), rule
        assert "max-age=31536000" in answer.headers["Strict-Transport-Security"], rule
        if not rule.rule.startswith(MAY_BE_KEPT):
            assert PERSONAL.search(answer.headers["Cache-Control"]), rule


def test_every_form_requires_its_token(runtime: Runtime, client: FlaskClient) -> None:
    """CSRF: another site's form has the cookie (a lax browser sends it) but not the token."""
    app = client.application
    assert log_in(client, "root", issue_password(runtime, "root", "administrator", "ana_ruiz")) == 302
    for rule in app.url_map.iter_rules():
        if "POST" in (rule.methods or ()) and rule.rule.startswith("/console/"):
            path = re.sub(r"<[^>]*>", "1", rule.rule)
            assert client.post(path, data={"name": "x"}).status_code == 400, rule
            assert client.post(path, data={"csrf_token": "forged"}).status_code == 400, rule
    assert is_logged_in(client), "not even the way out opened"


def test_metrics_require_the_token(client: FlaskClient) -> None:
    if "/metrics" in {rule.rule for rule in client.application.url_map.iter_rules()}:
        for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}):
            assert client.get("/metrics", headers=headers).status_code in (401, 403, 404)
    assert "/metrics" in WITHOUT_LOGIN


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "/console/..//evil.example",
                                       "/console/@evil.example/../..", "%2f%2fevil.example", "/console/\t//evil.example"])  # fmt: skip
def test_login_redirects_to_no_other_site(runtime: Runtime, client: FlaskClient, elsewhere: str) -> None:
    password = issue_password(runtime, "ana")
    form = {"name": "ana", "password": password, "csrf_token": token(client.get("/console/login").text)}
    answer = client.post("/console/login", query_string={"next": elsewhere}, data=form)
    where = answer.headers["Location"]
    assert answer.status_code == 302 and where.startswith("/console/") and "//" not in where and "\\" not in where


def test_closed_login_is_logged_out_at_once(runtime: Runtime, client: FlaskClient) -> None:
    """A lost phone or a departing employee: one click ends all of their sessions."""
    assert log_in(client, "ana", issue_password(runtime, "ana", "staff", "ana_ruiz")) == 302 and is_logged_in(client)
    with runtime.database.write() as db:
        found = staff_accounts.find_by_name(db, "ana")
        assert found
        staff_accounts.close(db, found.id)
    assert not is_logged_in(client)
