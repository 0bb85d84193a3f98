"""The headers in a real browser: Chromium runs nothing that was injected, and frames no page."""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from bot.runtime import Runtime
from bot.web.app import create_app
from bot.web.console.registration import issue_password
from tests.conftest import Family
from tests.web.console.conftest import Served
from tests.web.console.test_accessibility import log_in
from tests.web.console.test_login import cheap_passwords

__all__ = ["cheap_passwords"]  # this fixture also applies here
pytestmark = [pytest.mark.long, pytest.mark.browser]

INJECTIONS = """() => {
  window.ran = []
  const inline = document.createElement('script')
  inline.textContent = "window.ran.push('script')"
  const image = document.createElement('img')
  image.setAttribute('onerror', "window.ran.push('handler')")
  image.src = '/console/static/none'
  const elsewhere = document.createElement('script')
  elsewhere.src = 'http://127.0.0.1:9/x.js'
  const frame = document.createElement('iframe')
  frame.srcdoc = "<script>parent.ran.push('frame')</scr" + "ipt>"
  const base = document.createElement('base')
  base.href = 'https://evil.example/'
  const styled = document.createElement('p')
  styled.setAttribute('style', 'position: fixed; top: 0')
  document.body.append(inline, image, elsewhere, frame, styled)
  document.head.append(base)
  const link = document.createElement('a')
  link.href = "javascript:window.ran.push('link')"
  document.body.append(link)
  link.click()
}"""
"""Everything that an attacker would inject into a page."""


@pytest.fixture
def served(runtime: Runtime, family: Family) -> Iterator[Served]:
    """The console, and another site's page that tries to frame it."""
    family.text("I want to talk to a person")
    app = create_app(runtime=runtime)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Served(f"http://127.0.0.1:{server.server_port}", runtime, app)
    server.shutdown()


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    context = browser.new_context(base_url=served.url)
    page = context.new_page()
    page.set_default_timeout(15_000)
    yield page
    context.close()


@pytest.mark.parametrize("path", ["/console/login", "/console/cases/1", "/m/K7Q2MX", "/g/K7Q2MX"])
def test_injected_code_does_not_run(page: Page, served: Served, path: str) -> None:
    log_in(page, "root", issue_password(served.runtime, "root", "administrator", "ana_ruiz"))
    page.goto(path)
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text))
    page.evaluate(INJECTIONS)
    page.wait_for_timeout(400)
    assert page.evaluate("window.ran") == []
    assert page.evaluate("document.baseURI").startswith(served.url)
    assert page.evaluate("getComputedStyle(document.querySelector('p[style]')).position") == "static"
    assert sum("Content Security Policy" in one for one in said) >= 4


def test_no_page_can_be_framed(page: Page, served: Served) -> None:
    other = Flask("other")
    other.add_url_rule("/", view_func=lambda: f'<iframe src="{served.url}/console/login"></iframe>')
    server = make_server("127.0.0.1", 0, other, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page.goto(f"http://127.0.0.1:{server.server_port}/")
    page.wait_for_timeout(500)
    assert [one.locator("input").count() for one in page.frames[1:]] in ([0], []), "the form is not there to be clicked"
    server.shutdown()


def test_back_button_after_logout_shows_nothing(page: Page, served: Served) -> None:
    """A shared computer in the front office: `no-store` keeps the case out of the browser's history."""
    log_in(page, "root", issue_password(served.runtime, "root", "administrator", "ana_ruiz"))
    page.goto("/console/cases/1")
    page.request.post("/console/logout", form={"csrf_token": page.locator("[name=csrf_token]").first.input_value()})
    page.goto("/healthz")
    page.go_back()
    page.wait_for_load_state()
    assert "/console/login" in page.url or page.locator("input[name=password]").count() == 1
