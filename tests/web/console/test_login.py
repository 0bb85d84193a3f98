"""Logging in: password, second factor, lock, session end, cookies, and administration of logins."""

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
import time_machine
from argon2 import PasswordHasher
from click.testing import CliRunner
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import text

from bot.base.database import now
from bot.cli.main import main
from bot.content.library import Library
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.staff import staff_accounts
from bot.web.app import create_app
from bot.web.console.auth import credentials
from bot.web.console.auth.login import _is_console_path
from bot.web.console.registration import issue_password
from tests.web.console.test_console import log_in, token

START = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
LOCKED = "Wait 15 minutes"


CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture(autouse=True)
def cheap_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 is slow on purpose; hundreds of test logins need not be."""
    if "costs_the_same_work" not in request.node.name:
        monkeypatch.setattr(credentials, "PASSWORD_HASHER", CHEAP)
        monkeypatch.setattr(credentials, "DUMMY_PASSWORD_HASH", CHEAP.hash("nobody"))


def post(client: FlaskClient, path: str, page: str = "/console/account", **form: str) -> tuple[int, str]:
    """Post a form of `page` to `path`; return status and page."""
    answer = client.post(path, data=form | {"csrf_token": token(client.get(page).text)})
    return answer.status_code, answer.text


def new_client(client: FlaskClient) -> FlaskClient:
    return client.application.test_client()


def is_logged_in(client: FlaskClient) -> bool:
    return client.get("/console/").status_code == 200


def list_audited_actions(runtime: Runtime) -> list[str]:
    with runtime.database.read() as db:
        return [entry.what for entry in reversed(audit_log.list_newest(db, 100))]


def set_up_second_factor(client: FlaskClient, password: str) -> tuple[str, list[str]]:
    """Set up a second factor; return its secret and the recovery codes."""
    page = client.get("/console/account/factor").text
    secret = re.findall(r"<code>([A-Z2-7]{32})</code>", page)[0]
    code = pyotp.TOTP(secret).at(now())
    status, page = post(client, "/console/account/factor", "/console/account/factor", code=code, password=password)
    assert status == 200
    return secret, re.findall(r"<code>([A-Z2-7-]+)</code>", page)


# --- Passwords and the lock ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_five_wrong_passwords_lock_existing_and_unknown_names(runtime: Runtime, client: FlaskClient, name: str) -> None:
    password = issue_password(runtime, "ana")
    pages = []
    for _ in range(6):
        status, page = post(client, "/console/login", "/console/login", name=name, password="wrong")
        assert status == 401
        pages.append("wrong" if "Wrong name or password" in page else "locked" if LOCKED in page else page)
    assert pages == ["wrong"] * 4 + ["locked"] * 2
    _, page = post(client, "/console/login", "/console/login", name=name, password=password)
    assert LOCKED in page and not is_logged_in(client)
    assert list_audited_actions(runtime).count("login locked") == (name == "ana")


def test_lock_ends_after_fifteen_minutes_and_count_restarts(runtime: Runtime, client: FlaskClient) -> None:
    password = issue_password(runtime, "ana")
    with time_machine.travel(START) as clock:
        for _ in range(5):
            log_in(client, "ana", "wrong")
        clock.shift(timedelta(minutes=14))
        assert log_in(client, "ana", password) == 401
        clock.shift(timedelta(minutes=2))
        assert log_in(client, "ana", "wrong") == 401
        assert log_in(client, "ANA", password) == 302, "capital letters make no difference in a name"
        for _ in range(4):
            assert log_in(new_client(client), "ana", "wrong") == 401
        assert log_in(new_client(client), "ana", password) == 302, "the right password forgave the tries before it"


def test_a_hundred_concurrent_attempts_count_as_five(runtime: Runtime) -> None:
    issue_password(runtime, "ana")

    def once(_: int) -> int | None:
        with runtime.database.write() as db:
            return staff_accounts.count_attempt(db, 1, START)

    with ThreadPoolExecutor(20) as pool:
        counted = list(pool.map(once, range(40)))
    assert sorted(left for left in counted if left is not None) == [0, 1, 2, 3, 4]


def test_unknown_name_takes_the_same_work(
    runtime: Runtime, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue_password(runtime, "ana")
    compared, before = [], credentials._is_password_correct
    monkeypatch.setattr(
        credentials, "_is_password_correct", lambda kept, given: compared.append(kept[:20]) or before(kept, given)
    )
    pages = []
    for name in ("ana", "nobody"):
        page = post(client, "/console/login", "/console/login", name=name, password="wrong")[1]
        pages.append(page.replace(token(page), ""))
    assert len(compared) == 2 and compared[0] == compared[1], "argon2 with the same parameters for both"
    assert pages[0] == pages[1]


def test_attempts_per_address_are_limited_with_and_without_redis(runtime: Runtime) -> None:
    dead = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.1)
    for here in (runtime, replace(runtime, redis=dead)):
        app = create_app(runtime=here)
        app.config["WTF_CSRF_ENABLED"] = False
        client = app.test_client()
        form = {"password": "wrong"}
        seen = [client.post("/console/login", data=form | {"name": f"n{n}"}).status_code for n in range(21)]
        assert seen == [401] * 20 + [429]
        refused = client.post("/console/login", data=form)
        assert "Wait a few minutes." in refused.text
        assert client.get("/console/login").status_code == 200


def test_login_works_without_redis(runtime: Runtime) -> None:
    dead = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.1)
    client = create_app(runtime=replace(runtime, redis=dead)).test_client()
    assert log_in(client, "ana", issue_password(runtime, "ana")) == 302 and is_logged_in(client)


# --- The second factor --------------------------------------------------------------------------------------------


def test_codes_and_recovery_codes_work_once(
    runtime: Runtime, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    password = issue_password(runtime, "ana")
    with time_machine.travel(START, tick=False) as clock:
        log_in(client, "ana", password)
        secret, recovery = set_up_second_factor(client, password)
        assert len(set(recovery)) == 10
        codes = []
        for moment, expected in ((30, 302), (0, 401), (90, 302)):
            clock.shift(moment)
            codes.append(pyotp.TOTP(secret).at(now()))
            someone = new_client(client)
            assert log_in(someone, "ana", password) == 302 and not is_logged_in(someone), (
                "the password alone opens nothing"
            )
            assert post(someone, "/console/login/code", "/console/login/code", code=codes[-1])[0] == expected
            assert is_logged_in(someone) is (expected == 302)
        for expected in (302, 401):
            someone = new_client(client)
            log_in(someone, "ana", password)
            typed = recovery[3].lower().replace("-", " ")
            assert post(someone, "/console/login/code", "/console/login/code", code=typed)[0] == expected
        assert "Recovery codes left: 9" in client.get("/console/account").text
    assert {"second factor set", "recovery code used", "logged in"} <= set(list_audited_actions(runtime))
    secrets = {password, secret, *recovery, *codes}
    with runtime.database.read() as db:
        kept = str(db.execute(text("SELECT * FROM audit")).all()) + str(
            db.execute(text("SELECT * FROM staff_accounts")).all()
        )
    assert not [one for one in secrets if one in kept or one.replace("-", "") in kept or one in caplog.text]


def test_wrong_codes_lock_even_with_the_right_password(runtime: Runtime, client: FlaskClient) -> None:
    password = issue_password(runtime, "ana")
    log_in(client, "ana", password)
    set_up_second_factor(client, password)
    pages = []
    for _ in range(5):
        someone = new_client(client)
        log_in(someone, "ana", password)
        pages.append(post(someone, "/console/login/code", "/console/login/code", code="000000")[1])
    assert "Each code works once" in pages[3] and LOCKED in pages[4]
    assert log_in(new_client(client), "ana", password) == 401


def test_code_must_be_entered_within_five_minutes(runtime: Runtime, client: FlaskClient) -> None:
    password = issue_password(runtime, "ana")
    assert client.get("/console/login/code").status_code == 302, "no password yet"
    with time_machine.travel(START, tick=False) as clock:
        log_in(client, "ana", password)
        secret, _ = set_up_second_factor(client, password)
        someone = new_client(client)
        log_in(someone, "ana", password)
        page = someone.get("/console/login/code").text
        clock.shift(timedelta(minutes=6))
        form = {"csrf_token": token(page), "code": pyotp.TOTP(secret).at(now())}
        assert someone.post("/console/login/code", data=form).headers["Location"] == "/console/login"
        assert not is_logged_in(someone)


def test_changed_password_ends_a_pending_login(runtime: Runtime, client: FlaskClient) -> None:
    password = issue_password(runtime, "ana")
    log_in(client, "ana", password)
    secret, _ = set_up_second_factor(client, password)
    thief = new_client(client)
    log_in(thief, "ana", password)
    page, new = token(thief.get("/console/login/code").text), "a long new secret"
    post(client, "/console/account/password", password=password, new=new, again=new)
    with time_machine.travel(now() + timedelta(minutes=1)):
        form = {"csrf_token": page, "code": pyotp.TOTP(secret).at(now())}
        assert thief.post("/console/login/code", data=form).headers["Location"] == "/console/login"
    assert not is_logged_in(thief)


def test_second_factor_setup_needs_password_and_valid_code(runtime: Runtime, client: FlaskClient) -> None:
    password = issue_password(runtime, "ana")
    log_in(client, "ana", password)
    page = client.get("/console/account/factor").text
    secret = re.findall(r"<code>([A-Z2-7]{32})</code>", page)[0]
    assert "<svg" in page and "style=" not in page and secret in client.get("/console/account/factor").text
    right = pyotp.TOTP(secret).now()
    path = "/console/account/factor"
    assert "Wrong password." in post(client, path, path, code=right, password="wrong")[1]
    assert "That code didn&#39;t work." in post(client, path, path, code="000000", password=password)[1]
    assert "second factor set" not in list_audited_actions(runtime)


@pytest.mark.parametrize(("role", "sent"), [("administrator", True), ("approver", True), ("staff", False)])
def test_production_requires_second_factor_for_full_access(runtime: Runtime, role: str, sent: bool) -> None:
    strict = runtime.settings.model_copy(update={"environment": "production"})
    app = create_app(runtime=replace(runtime, settings=strict))
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    password = issue_password(runtime, "ana", role, "ana_ruiz")
    answer = client.post("/console/login", data={"name": "ana", "password": password}, base_url="https://puente.test")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-puente=") and "Path=/" in cookie and "Domain" not in cookie
    assert all(flag in cookie for flag in ("Secure", "HttpOnly", "SameSite=Lax"))
    inbox = client.get("/console/", base_url="https://puente.test")
    assert (inbox.status_code, inbox.headers.get("Location")) == (
        (302, "/console/account/factor") if sent else (200, None)
    )
    page = client.get("/console/account/factor", base_url="https://puente.test").text
    secret = re.findall(r"<code>([A-Z2-7]{32})</code>", page)[0]
    form = {"code": pyotp.TOTP(secret).now(), "password": password}
    client.post("/console/account/factor", data=form, base_url="https://puente.test")
    assert client.get("/console/", base_url="https://puente.test").status_code == 200


def test_forms_work_over_https(runtime: Runtime) -> None:
    """Flask-WTF requires a referrer there: the pages must let the browser send one to us."""
    client = create_app(runtime=runtime).test_client()
    answer = client.get("/console/login", base_url="https://puente.test")
    assert answer.headers["Referrer-Policy"] == "same-origin"
    form = {"name": "ana", "password": issue_password(runtime, "ana"), "csrf_token": token(answer.text)}
    referrer = {"Referer": "https://puente.test/console/login"}
    assert client.post("/console/login", data=form, base_url="https://puente.test", headers=referrer).status_code == 302


# --- Sessions -----------------------------------------------------------------------------------------------------


def test_session_ends_after_half_an_hour_idle_or_twelve_hours(runtime: Runtime, client: FlaskClient) -> None:
    password = issue_password(runtime, "ana")
    with time_machine.travel(START, tick=False) as clock:
        log_in(client, "ana", password)
        clock.shift(timedelta(minutes=31))
        assert not is_logged_in(client)
        log_in(client, "ana", password)
        for _ in range(28):
            clock.shift(timedelta(minutes=25))
            assert is_logged_in(client)
        clock.shift(timedelta(minutes=25))
        assert not is_logged_in(client), "twelve hours are over, though somebody was there all the time"


def test_form_opened_hours_ago_is_accepted_in_a_live_session(runtime: Runtime, client: FlaskClient) -> None:
    with time_machine.travel(START, tick=False) as clock:
        log_in(client, "ana", issue_password(runtime, "ana"))
        form = {"csrf_token": token(client.get("/console/account").text), "language": "es"}
        for _ in range(4):
            clock.shift(timedelta(minutes=25))
            assert is_logged_in(client), "in another window"
        assert client.post("/console/account/language", data=form).status_code == 302


def test_automatic_refresh_does_not_extend_a_session(runtime: Runtime, client: FlaskClient) -> None:
    password = issue_password(runtime, "ana")
    asks = {"HX-Request": "true", "HX-Current-URL": "https://puente.test/console/flows?a=b"}
    with time_machine.travel(START, tick=False) as clock:
        log_in(client, "ana", password)
        for _ in range(2):
            assert client.get("/console/", headers=asks).status_code == 200
            clock.shift(timedelta(minutes=20))
        answer = client.get("/console/", headers=asks)
    assert answer.status_code == 401 and answer.headers["HX-Redirect"] == "/console/login?next=/console/flows"
    assert answer.data == b"", "htmx would put the login into the page"


def test_all_sessions_of_a_login_end_at_once(runtime: Runtime, client: FlaskClient) -> None:
    password = issue_password(runtime, "ana")
    phone = new_client(client)
    assert log_in(client, "ana", password) == log_in(phone, "ana", password) == 302
    post(client, "/console/account/end")
    assert not is_logged_in(client) and not is_logged_in(phone)
    assert log_in(client, "ana", password) == 302
    assert "sessions ended" in list_audited_actions(runtime)


def test_logout_ends_copied_cookies_too(runtime: Runtime, client: FlaskClient) -> None:
    password = issue_password(runtime, "ana")
    log_in(client, "ana", password)
    cookie, thief = client.get_cookie("puente"), new_client(client)
    assert cookie is not None
    thief.set_cookie("puente", cookie.value)
    assert is_logged_in(thief)
    post(client, "/console/logout")
    thief.set_cookie("puente", cookie.value)
    assert not is_logged_in(thief)


def test_new_own_password_ends_other_sessions(runtime: Runtime, client: FlaskClient) -> None:
    password, phone = issue_password(runtime, "ana"), new_client(client)
    log_in(client, "ana", password)
    log_in(phone, "ana", password)
    path, new = "/console/account/password", "a long new secret"
    for wrong in ({"new": "short"}, {"new": "i am ana and long"}, {"again": "another"}, {"password": "wrong"}):
        form = {"password": password, "new": new, **wrong}
        assert post(client, path, **{"again": form["new"], **form})[0] == 400
    assert is_logged_in(phone)
    assert post(client, path, password=password, new=new, again=new)[0] == 200
    assert is_logged_in(client) and not is_logged_in(phone)
    assert log_in(new_client(client), "ana", password) == 401 and log_in(phone, "ana", new) == 302


def test_login_returns_to_the_requested_page(runtime: Runtime, client: FlaskClient) -> None:
    password = issue_password(runtime, "ana")
    where = client.get("/console/content").headers["Location"]
    form = {"name": "ana", "password": password, "csrf_token": token(client.get(where).text)}
    assert client.post(where, data=form).headers["Location"] == "/console/content"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/console//evil.example", "/console/\\evil.example", "javascript:alert(1)",
     "/console/\n//evil.example", "", "/simulator/"],
)  # fmt: skip
def test_login_redirects_to_no_other_site(elsewhere: str) -> None:
    assert not _is_console_path(elsewhere) and _is_console_path("/console/cases/1?a=b")


# --- Administration of logins -------------------------------------------------------------------------------------

Post = Callable[..., tuple[int, str]]


@pytest.fixture
def administrator(runtime: Runtime, client: FlaskClient) -> Post:
    log_in(client, "chief", issue_password(runtime, "chief"))
    return lambda path, **form: post(client, path, "/console/people", **form)


def test_administrator_creates_a_login(runtime: Runtime, client: FlaskClient, administrator: Post) -> None:
    form = {"name": " grace@riverbend.example.org", "role": "staff", "staff": "grace_wu"}
    status, page = administrator("/console/people", **form)
    password = re.findall(r"<code>(\S+)</code>", page)[0]
    assert status == 200 and password not in client.get("/console/people").text
    assert log_in(new_client(client), "grace@riverbend.example.org", password) == 302
    assert administrator("/console/people", **form)[0] == 409
    for wrong in ({"staff": ""}, {"staff": "who"}, {"role": "king"}, {"name": "x" * 65}, {"name": " "}):
        assert administrator("/console/people", **(form | {"name": "new"} | wrong))[0] == 400
    with runtime.database.read() as db:
        entries = audit_log.list_newest(db, 9)
        assert audit_log.find_broken_row(db) is None
    assert next((one.who, one.why) for one in entries if one.what == "login made") == ("chief", "staff")
    assert password not in str(entries)


def test_administrator_changes_and_ends_access(runtime: Runtime, client: FlaskClient, administrator: Post) -> None:
    password, grace = issue_password(runtime, "grace"), new_client(client)
    log_in(grace, "grace", password)
    assert administrator("/console/people/role", id="2", role="viewer", staff="")[0] == 200
    assert grace.get("/console/people").status_code == 403 and is_logged_in(grace), "counts at once"
    administrator("/console/people/do", id="2", action="end")
    assert not is_logged_in(grace)
    for _ in range(5):
        log_in(grace, "grace", "wrong")
    assert log_in(grace, "grace", password) == 401
    administrator("/console/people/do", id="2", action="unlock")
    assert log_in(grace, "grace", password) == 302
    set_up_second_factor(grace, password)
    administrator("/console/people/do", id="2", action="forget")
    assert not is_logged_in(grace) and log_in(grace, "grace", password) == 302 and is_logged_in(grace)
    given = re.findall(r"<code>(\S+)</code>", administrator("/console/people/password", id="2")[1])[0]
    assert not is_logged_in(grace) and log_in(grace, "grace", given) == 302
    administrator("/console/people/do", id="2", action="close")
    assert not is_logged_in(grace)
    closed = [
        post(grace, "/console/login", "/console/login", name=name, password=given) for name in ("grace", "no one")
    ]
    assert closed[0][0] == closed[1][0] == 401 and "Wrong name or password" in closed[0][1]
    assert {"role changed", "sessions ended", "login locked", "login unlocked", "second factor set"} <= set(
        list_audited_actions(runtime)
    )
    assert {"second factor taken away", "password changed", "login closed"} <= set(list_audited_actions(runtime))


def test_last_administrator_cannot_be_locked_out(runtime: Runtime, client: FlaskClient, administrator: Post) -> None:
    assert administrator("/console/people/do", id="1", action="close")[0] == 409
    assert administrator("/console/people/role", id="1", role="viewer", staff="")[0] == 409
    assert administrator("/console/people/do", id="99", action="close")[0] == 404
    assert administrator("/console/people/do", id="1", action="promote")[0] == 400
    assert is_logged_in(client)


def test_language_choice_is_saved(runtime: Runtime, client: FlaskClient) -> None:
    log_in(client, "ana", issue_password(runtime, "ana"))
    for language, kept in (("es", "es"), ("xx", "es")):
        post(client, "/console/account/language", language=language)
        with runtime.database.read() as db:
            found = staff_accounts.find_by_name(db, "ana")
        assert found and found.language == kept


def test_command_line_creates_a_login_with_a_role(
    runtime: Runtime, client: FlaskClient, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.runtime.open_runtime", lambda _: runtime)
    runner = CliRunner()
    made = runner.invoke(main, ["create-account", "rosa", "--role", "records_officer", "--staff", "rosa_lind"])
    assert made.exit_code == 0 and log_in(client, "rosa", made.output.strip()) == 302
    set_up_second_factor(client, made.output.strip())
    again = runner.invoke(main, ["create-account", "rosa"])
    assert not is_logged_in(client) and log_in(client, "rosa", again.output.strip()) == 302
    assert is_logged_in(client), "who holds the machine opens what was lost, second factor and all"
    with runtime.database.read() as db:
        found = staff_accounts.find_by_name(db, "rosa")
    assert found and (found.role, found.staff) == ("records_officer", "rosa_lind")
    for wrong in (["--role", "king"], ["--role", "staff"], ["--staff", "who"]):
        assert runner.invoke(main, ["create-account", "new", *wrong]).exit_code == 1
    assert list_audited_actions(runtime)[0] == "login made"


def test_pages_contain_no_inline_script_or_style(runtime: Runtime, client: FlaskClient) -> None:
    log_in(client, "ana", issue_password(runtime, "ana"))
    for path in ("/console/login", "/console/account", "/console/account/factor", "/console/people"):
        page = client.get(path)
        scripts = re.findall(r"<script[^>]*>[^<]*", page.text)
        assert all("src=" in one and one.endswith(">") for one in scripts), "only files of our own"
        assert not re.search(r"<style|style=| on\w+=", page.text), path
        assert "object-src 'none'" in page.headers["Content-Security-Policy"]
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert page.headers["Cache-Control"] == "no-store"


def test_development_needs_no_second_factor(runtime: Runtime, client: FlaskClient) -> None:
    assert log_in(client, "ana", issue_password(runtime, "ana", "administrator")) == 302 and is_logged_in(client)
