"""The simulator served for a browser, on the real service."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from bot.runtime import Runtime
from bot.web.app import create_app
from tests.databases import skip_or_fail

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip


@dataclass
class Served:
    url: str
    runtime: Runtime
    app: Flask


@contextmanager
def serve(runtime: Runtime) -> Iterator[Served]:
    """The app on its own port."""
    app = create_app(runtime=runtime)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    app.config["SIMULATOR_BASE"] = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Served(app.config["SIMULATOR_BASE"], runtime, app)
    server.shutdown()


@pytest.fixture
def served(runtime: Runtime) -> Iterator[Served]:
    """Without a Twilio account: messages go to the simulator."""
    alone = runtime.settings.model_copy(update={"twilio_account_sid": "", "public_url": ""})
    with serve(replace(runtime, settings=alone)) as served:
        yield served


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, not for the whole session: while Playwright is open, an event loop runs in the tests' thread."""
    path = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    if path is None or not Path(path).exists():
        skip_or_fail("This test needs Chromium: on Debian and Ubuntu, `sudo apt install chromium`.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1100, "height": 950})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    page.goto(f"{served.url}/simulator/")
    yield page
    context.close()
    assert problems == [], "the page's own errors, blocked styles and scripts too"
