import os
import pytest
from tests.console.conftest import *
from tests.console.test_accessible import administrator, log_in, opened, faults, OPEN_MAIN

pytestmark = pytest.mark.browser
PATHS = {
    "list": "/console/announcements",
    "one": "/console/announcements/1",
    "new": "/console/announcements/new",
    "edit": "/console/announcements/1/edit",
    "es": "/console/announcements/1/languages/es",
    "preview": "/console/announcements/1/preview",
    "watch": "/console/announcements/2/watch",
    "consent": "/console/consent",
    "case": "/console/cases/1",
}


@pytest.mark.parametrize("lang", os.environ.get("LANGS", "en es").split())
def test_shots(browser, served, lang):
    for name_, size in (("phone", {"width": 390, "height": 800}), ("desk", {"width": 1280, "height": 900})):
        context = browser.new_context(base_url=served.url, viewport=size, locale=lang)
        page = context.new_page()
        if True:
            log_in(page, *administrator(served, lang))
            wrong = []
            for name, path in PATHS.items():
                page.goto(path)
                if name == "new":
                    page.locator("form.compose button").first.click()
                if name == "consent":
                    page.locator("[name=number]").fill("(217) 555-0177")
                    page.locator("main button").click()
                if name == "watch":
                    page.evaluate(OPEN_MAIN)
                wrong += faults(page, lang)
                page.screenshot(path=f"/tmp/ashots/{name}-{lang}-{name_}.png", full_page=True)
            print("\n".join(wrong))
