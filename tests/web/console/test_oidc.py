"""Logging in with the district's provider: a real OpenID Connect provider in its own process, over HTTP."""

import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import requests
from flask.testing import FlaskClient

from bot.base.settings import SettingsError, load_settings
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.staff import staff_accounts
from bot.web.app import create_app
from bot.web.console.registration import issue_password
from tests.web.console.test_console import log_in

pytestmark = pytest.mark.long

USERS = {
    "u-1": {"email": "Ana.Ruiz@riverbend.example.org", "email_verified": True},
    "u-2": {"email": "lee@riverbend.example.org", "email_verified": False},
    "u-3": {},
    "u-4": {"email": "stranger@riverbend.example.org", "email_verified": True},
}
Open = Callable[..., FlaskClient]


@pytest.fixture(autouse=True)
def clock() -> None:
    """The real clock in place of `conftest.clock`: it dates the provider's tokens."""


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The address of the district's provider."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    users = [f"--user-claims={json.dumps({'sub': sub, **claims})}" for sub, claims in USERS.items()]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true", *users]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(f"http://127.0.0.1:{port}/.well-known/openid-configuration", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            requests.get(url, timeout=1)
            return
        except requests.RequestException:
            time.sleep(0.1)
    raise AssertionError("the provider did not start")


@pytest.fixture
def browser(runtime: Runtime, provider: str) -> Open:
    """A browser with an app that knows the provider, or another (`issuer`)."""

    def open_app(**given: str) -> FlaskClient:
        values = {
            "oidc_issuer": provider,
            "oidc_client_id": "puente",
            "oidc_client_secret": "s3cret-of-puente",
            **given,
        }
        own = replace(runtime, settings=runtime.settings.model_copy(update=values))
        return create_app(runtime=own).test_client()

    return open_app


def give_consent(client: FlaskClient, sub: str = "", start: str = "/console/login/district", **form: str) -> str:
    """Return the provider's redirect after `sub` gave consent."""
    sent = client.get(start)
    assert sent.status_code == 302, sent.text
    url = sent.headers["Location"]
    answer = requests.post(url, data={"sub": sub, **form} if sub else form, allow_redirects=False, timeout=10)
    back = urlsplit(answer.headers["Location"])
    assert f"{back.scheme}://{back.netloc}" == "https://puente.test"
    return f"{back.path}?{back.query}"


def add_staff(runtime: Runtime, *names: str) -> None:
    for name in names:
        issue_password(runtime, name, "staff", "ana_ruiz")


@pytest.mark.long
def test_verified_email_or_subject_opens_the_matching_login(runtime: Runtime, browser: Open) -> None:
    add_staff(runtime, "ana.ruiz@riverbend.example.org", "lee@riverbend.example.org", "u-3")
    for sub, opens in (("u-1", True), ("u-2", False), ("u-3", True), ("u-4", False)):
        client = browser()
        answer = client.get(give_consent(client, sub))
        assert answer.status_code == (302 if opens else 403), sub
        assert (client.get("/console/").status_code == 200) is opens
        assert opens or "You don&#39;t have an account yet. Ask an administrator" in answer.text
    with runtime.database.read() as db:
        entries = [entry for entry in audit_log.list_newest(db, 20) if entry.what == "logged in"]
    assert [(one.who, one.why) for one in entries] == [
        ("u-3", "district"),
        ("ana.ruiz@riverbend.example.org", "district"),
    ]


def test_login_page_goes_to_provider_and_back_to_requested_page(runtime: Runtime, browser: Open) -> None:
    add_staff(runtime, "u-3")
    client = browser()
    page = client.get("/console/login?next=/console/content").text
    start = page.split('<p><a href="')[1].split('"')[0]
    assert client.get(give_consent(client, "u-3", start)).headers["Location"] == "/console/content"


def test_unrequested_or_refused_callback_logs_no_one_in(
    runtime: Runtime, browser: Open, caplog: pytest.LogCaptureFixture
) -> None:
    add_staff(runtime, "u-3")
    caplog.set_level(logging.INFO)
    client, other = browser(), browser()
    back = give_consent(client, "u-3")
    answers = [
        other.get(back),  # another user's link: this browser doesn't have the state
        client.get(back.replace("state=", "state=x")),
        other.get(give_consent(other, action="deny")),
        client.get("/console/login/district/back"),
    ]
    for answer in answers:
        assert answer.status_code == 502 and "The district login didn&#39;t work." in answer.text
    assert client.get(back).status_code == 302, "the right one still works, once"
    assert client.get(back).status_code == 502
    assert other.get("/console/").status_code == 302
    code = back.split("code=")[1].split("&")[0]
    assert code not in caplog.text and "s3cret" not in caplog.text and "MismatchingStateError" in caplog.text


def test_token_of_another_provider_or_client_logs_no_one_in(runtime: Runtime, browser: Open, provider: str) -> None:
    add_staff(runtime, "u-3")
    for changed in ({"oidc_issuer": f"{provider}/"}, {"oidc_client_id": "another"}):
        client = browser()
        back = give_consent(client, "u-3")
        here = client.application.extensions["puente"]
        own = replace(here, settings=here.settings.model_copy(update=changed))
        client.application.extensions["puente"] = own
        assert client.get(back).status_code == 502
        assert client.get("/console/").status_code == 302


def test_closed_logins_stay_closed_and_provider_is_second_factor(runtime: Runtime, browser: Open) -> None:
    issue_password(runtime, "u-3", "administrator")
    client = browser(environment="production")
    answer = client.get(give_consent(client, "u-3"), base_url="https://puente.test")
    assert answer.status_code == 502, "the state was kept in a cookie that only https carries"
    client = browser(environment="production")
    url = client.get("/console/login/district", base_url="https://puente.test").headers["Location"]
    answer = requests.post(url, data={"sub": "u-3"}, allow_redirects=False, timeout=10)
    back = urlsplit(answer.headers["Location"])
    client.get(f"{back.path}?{back.query}", base_url="https://puente.test")
    assert client.get("/console/people", base_url="https://puente.test").status_code == 200
    with runtime.database.write() as db:
        staff_accounts.close(db, 1)
    assert client.get("/console/people", base_url="https://puente.test").status_code == 302
    client = browser()
    assert client.get(give_consent(client, "u-3")).status_code == 403


def test_passwords_work_while_provider_is_down(runtime: Runtime, browser: Open) -> None:
    client = browser(oidc_issuer="http://127.0.0.1:1")
    answer = client.get("/console/login/district")
    assert answer.status_code == 502 and "use your password" in answer.text
    assert log_in(client, "ana", issue_password(runtime, "ana")) == 302


def test_unconfigured_provider_has_no_login_route(client: FlaskClient) -> None:
    assert "district" not in client.get("/console/login").text
    for path in ("/console/login/district", "/console/login/district/back?code=x&state=y"):
        assert client.get(path).headers["Location"] == "/console/login"


@pytest.mark.parametrize("left_out", ["oidc_issuer", "oidc_client_id", "oidc_client_secret"])
def test_incomplete_provider_settings_are_reported(left_out: str) -> None:
    whole = {"oidc_issuer": "https://id.example.org", "oidc_client_id": "a", "oidc_client_secret": "b"}
    assert load_settings(**whole).is_oidc_enabled
    with pytest.raises(SettingsError, match="belong together"):
        load_settings(**(whole | {left_out: ""}))
