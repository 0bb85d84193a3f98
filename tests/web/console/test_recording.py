"""A text recorded in a real browser, with Chromium's fake microphone."""

import shutil

import pytest
from playwright.sync_api import Browser, Page

from bot.base.database import now
from bot.runtime import Runtime
from bot.store.announcements import recordings
from bot.voice.recordable_texts import collect_recordable_texts
from tests.web.console.conftest import Served
from tests.web.console.test_accessibility import PHONE, administrator, find_faults, log_in, open_page

pytestmark = [pytest.mark.long, pytest.mark.browser]


@pytest.fixture
def microphone_browser(browser: Browser) -> Browser:
    """Another Chromium, which may use a microphone."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(found for name in names if (found := shutil.which(name)))
    flags = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    return browser.browser_type.launch(executable_path=path, args=flags)


def list_recorded_texts(runtime: Runtime) -> list[str]:
    with runtime.database.read() as db:
        return [one.text for one in recordings.list_for_language(db, "so")]


def record_text(page: Page) -> None:
    """Record the second text of the page: two seconds, played before saving."""
    form = page.locator("form.record").nth(1)
    page.locator("main details summary", has_text="Record").nth(1).click()
    form.locator("button[type=button]").click()
    form.get_by_text("Stop").wait_for()
    page.wait_for_timeout(2500)
    form.get_by_text("Stop").click()
    form.locator("audio[src^='blob:']").wait_for()
    page.wait_for_function(
        "[...document.querySelectorAll('audio')].some(one => one.src.startsWith('blob:') && !one.error)"
    )
    form.get_by_text("Save recording").click()
    page.get_by_text("Waiting for review").wait_for()


def test_recording_is_made_in_the_browser(microphone_browser: Browser, served: Served) -> None:
    with open_page(microphone_browser, served, "en", PHONE, "light") as page:
        log_in(page, *administrator(served, "en"))
        page.goto("/console/recordings/so")
        record_text(page)
        wrong = find_faults(page, "en")
    microphone_browser.close()
    assert wrong == []
    assert list_recorded_texts(served.runtime) == [
        collect_recordable_texts(served.runtime.library, "so", now()).items[1].text
    ]
