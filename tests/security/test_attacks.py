"""What somebody can try at the doors: forged and repeated webhooks, guessed passwords, borrowed sessions, other sites."""

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
from tests.web.console.test_login import cheap_passwords, fresh, inside, post, set_up

__all__ = ["cheap_passwords"]  # this fixture holds here too
MESSAGES, STATUS, VOICE = (f"/webhooks/twilio/{door}" for door in ("messages", "status", "voice"))


def signed(services: Runtime, path: str, form: dict[str, str], token_: str = "") -> dict[str, str]:
    return {"X-Twilio-Signature": sign(token_ or services.settings.twilio_auth_token, PUBLIC + path, form)}


def count(services: Runtime, table: object) -> int:
    with services.database.read() as db:
        return int(db.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


# --- Webhooks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [MESSAGES, STATUS, VOICE])
def test_forged_webhook_does_nothing(services: Runtime, client: FlaskClient, path: str) -> None:
    form = {"MessageSid": "SM1", "CallSid": "CA1", "From": "+12175550177", "Body": "0", "MessageStatus": "sent",
            "AccountSid": services.settings.account_sid}  # fmt: skip
    good = signed(services, path, form)["X-Twilio-Signature"]
    for wrong in (
        "",
        "x",
        good[::-1],
        good.lower() + "A",
        signed(services, path, form, "another token")["X-Twilio-Signature"],
    ):
        assert client.post(path, data=form, headers={"X-Twilio-Signature": wrong}).status_code == 403
    assert client.post(path, data=form).status_code == 403
    assert client.post(path, data={**form, "Body": "STOP"}, headers={"X-Twilio-Signature": good}).status_code == 403
    assert client.post(path + "?m=other", data=form, headers={"X-Twilio-Signature": good}).status_code == 403
    assert client.get(path, headers={"X-Twilio-Signature": good}).status_code in (403, 405)
    assert [count(services, one) for one in (contacts.contacts, cases.cases, deliveries.deliveries)] == [0, 0, 0]


def test_replayed_message_opens_no_second_case(services: Runtime, family: Family) -> None:
    """The next minute, and after Redis has forgotten it: the body and the signature are those that Twilio sent."""
    form = {"MessageSid": "SM" + "7" * 32, "From": family.address, "Body": "I want to talk to a person",
            "AccountSid": family.account}  # fmt: skip
    first = family.post(form)
    assert family.post(form) == first
    services.redis.flushall()
    family.post(form)
    assert count(services, cases.cases) == 1
    family.post({**form, "Body": "la migra está en mi puerta"})  # signed, but a message that was handled before
    assert count(services, cases.cases) == 1


def test_replayed_stop_does_not_undo_a_start(services: Runtime, family: Family) -> None:
    stop = {"MessageSid": "SM" + "8" * 32, "From": family.address, "Body": "STOP", "AccountSid": family.account}
    family.text("hello, good morning")
    family.post(stop)
    family.text("START")
    events = count(services, consent_events.consent_events)
    for _ in range(2):
        family.post(stop)
        services.redis.flushall()
    with services.database.read() as db:
        contact = contacts.find(db, family.address)
    assert contact and contact.opted_out_at is None and count(services, consent_events.consent_events) == events
    family.text("hello, good morning")
    family.post(stop)
    services.redis.delete(*services.redis.keys("puente:seen:*"))
    family.post(stop)
    assert family.text("is it safe at school?"), "it goes on being answered"


def test_replayed_status_report_moves_nothing_back(services: Runtime, family: Family, client: FlaskClient) -> None:
    with services.database.write() as db:
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
        form = {"MessageSid": sid + "0" * 31, "MessageStatus": status, "AccountSid": services.settings.account_sid}
        path = f"{STATUS}?m={row}"
        assert client.post(path, data=form, headers=signed(services, path, form)).status_code == 204
    with services.database.read() as db:
        found = [deliveries.find(db, row) for row in (one, other)]
    assert [row.state for row in found if row] == ["delivered", "delivered"]


def test_signed_report_of_another_account_is_refused(services: Runtime, client: FlaskClient) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": "sent", "AccountSid": "AC" + "9" * 32}
    assert client.post(STATUS, data=form, headers=signed(services, STATUS, form)).status_code == 403


# --- Where voice notes are fetched ----------------------------------------------------------------------------------


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[tuple[int, list[bytes]]]:
    """A TLS server inside the district's network that calls itself api.twilio.com, and what it was told."""
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
    services: Runtime, impostor: tuple[int, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the name is Twilio's, the address is one of this network.  Its certificate gives it away before
    a single byte of ours, the password above all, has left."""
    port, told = impostor
    resolve = socket.getaddrinfo

    def rebound(host: str, *rest: object, **more: object) -> object:
        return resolve("127.0.0.1", port, *rest[1:], **more) if "twilio" in str(host) else resolve(host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    media = TwilioMedia(services.settings.model_copy(update={"twilio_api_base": ""}))
    sid = services.settings.account_sid
    with pytest.raises(MediaError) as error:
        media.fetch(f"https://api.twilio.com/2010-04-01/Accounts/{sid}/Messages/MM1/Media/ME1")
    assert error.value.reason == "away" and told == []


# --- Logging in -----------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_each_lock_is_twice_as_long_as_the_previous(services: Runtime, client: FlaskClient, name: str) -> None:
    password, waits = issue_password(services, "ana"), []
    with time_machine.travel(NOW) as clock:
        for _ in range(7):
            for _ in range(5):
                _, page = post(client, "/console/login", "/console/login", name=name, password="wrong")
            waits.append(int(re.findall(r"wait (\d+) minutes", page)[0]))
            services.redis.delete(*services.redis.keys("puente:limits:*"), *services.redis.keys("login:tries:*:locked"))
            clock.shift(timedelta(minutes=waits[-1], seconds=1))
        assert waits == [15, 30, 60, 120, 240, 240, 240]
        assert log_in(client, "ana", password) == 302
        for _ in range(4):
            log_in(fresh(client), "ana", "wrong")
        assert log_in(fresh(client), "ana", password) == 302, "the right password forgave all that was before"


def test_locked_unknown_name_gets_the_same_answer(services: Runtime, client: FlaskClient) -> None:
    for _ in range(6):
        _, page = post(client, "/console/login", "/console/login", name="nobody", password="wrong")
    assert "wait 15 minutes" in page


def limited(services: Runtime, proxies: int, headers: list[str]) -> list[int]:
    """What tries to log in get that come with these X-Forwarded-For headers, at a limit of 20 a minute."""
    services.redis.flushall()
    app = create_app(
        runtime=replace(services, settings=services.settings.model_copy(update={"trusted_proxies": proxies}))
    )
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    form = {"name": "nobody", "password": "wrong"}
    return [client.post("/console/login", data=form, headers={"X-Forwarded-For": one}).status_code for one in headers]


@pytest.mark.long
def test_client_cannot_choose_the_counted_address(services: Runtime) -> None:
    forged = [f"10.0.0.{number}" for number in range(24)]
    assert 429 in limited(services, 0, forged), "without a proxy the header is only something that a client wrote"
    assert 429 in limited(services, 1, [f"{one}, 203.0.113.9" for one in forged]), "what the proxy added counts"
    assert 429 not in limited(services, 1, [f"1.1.1.1, 203.0.113.{number}" for number in range(24)])


def test_session_from_before_login_is_worthless(services: Runtime, client: FlaskClient) -> None:
    """Session fixation: who slipped somebody a cookie does not hold a session after that person has logged in."""
    password = issue_password(services, "ana")
    client.get("/console/login")
    before = client.get_cookie("puente")
    assert before and log_in(client, "ana", password) == 302 and inside(client)
    after = client.get_cookie("puente")
    assert after and after.value != before.value
    thief = fresh(client)
    thief.set_cookie("puente", before.value)
    assert not inside(thief)


def test_observed_code_cannot_be_reused(services: Runtime, client: FlaskClient) -> None:
    password = issue_password(services, "ana")
    assert log_in(client, "ana", password) == 302
    with time_machine.travel(NOW) as clock:
        secret, _ = set_up(client, password)
        clock.shift(timedelta(minutes=2))
        code = pyotp.TOTP(secret).at(now())
        first, second = fresh(client), fresh(client)
        for one in (first, second):
            log_in(one, "ana", password)
            post(one, "/console/login/code", "/console/login/code", code=code)
        assert inside(first) and not inside(second)


@pytest.fixture
def production(services: Runtime) -> Flask:
    strict = services.settings.model_copy(update={"environment": "production"})
    return create_app(runtime=replace(services, settings=strict))


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


def test_every_form_requires_its_token(services: Runtime, client: FlaskClient) -> None:
    """CSRF: another site's form has the cookie (a lax browser sends it), and not the token."""
    app = client.application
    assert log_in(client, "root", issue_password(services, "root", "administrator", "ana_ruiz")) == 302
    for rule in app.url_map.iter_rules():
        if "POST" in (rule.methods or ()) and rule.rule.startswith("/console/"):
            path = re.sub(r"<[^>]*>", "1", rule.rule)
            assert client.post(path, data={"name": "x"}).status_code == 400, rule
            assert client.post(path, data={"csrf_token": "forged"}).status_code == 400, rule
    assert inside(client), "not even the way out opened"


def test_metrics_require_the_token(client: FlaskClient) -> None:
    if "/metrics" in {rule.rule for rule in client.application.url_map.iter_rules()}:
        for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}):
            assert client.get("/metrics", headers=headers).status_code in (401, 403, 404)
    assert "/metrics" in WITHOUT_LOGIN


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "/console/..//evil.example",
                                       "/console/@evil.example/../..", "%2f%2fevil.example", "/console/\t//evil.example"])  # fmt: skip
def test_login_redirects_to_no_other_site(services: Runtime, client: FlaskClient, elsewhere: str) -> None:
    password = issue_password(services, "ana")
    form = {"name": "ana", "password": password, "csrf_token": token(client.get("/console/login").text)}
    answer = client.post("/console/login", query_string={"next": elsewhere}, data=form)
    where = answer.headers["Location"]
    assert answer.status_code == 302 and where.startswith("/console/") and "//" not in where and "\\" not in where


def test_closed_login_is_logged_out_at_once(services: Runtime, client: FlaskClient) -> None:
    """A lost phone, somebody who leaves: one click ends every session of theirs."""
    assert log_in(client, "ana", issue_password(services, "ana", "staff", "ana_ruiz")) == 302 and inside(client)
    with services.database.write() as db:
        found = staff_accounts.find_by_name(db, "ana")
        assert found
        staff_accounts.close(db, found.id)
    assert not inside(client)
