"""A drill in a phone's browser, from the tap to the printed record and the quiz."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from bot.web.console.registration import issue_password
from tests.web.console.conftest import Served
from tests.web.console.test_accessibility import DESKTOP, PHONE, find_faults, log_in, open_page

pytestmark = [pytest.mark.long, pytest.mark.browser]
SHOTS = os.environ.get("PUENTE_SCREENSHOTS")


def check_page(page: Page, name: str) -> list[str]:
    """Return the faults of the open page (and take a screenshot on request)."""
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)
    return find_faults(page, "en")


@pytest.mark.parametrize("screen", [PHONE, DESKTOP], ids=["phone", "desk"])
def test_drill_goes_from_tap_to_quiz(browser: Browser, served: Served, screen: dict[str, int]) -> None:
    kind, wrong = f"{screen['width']}", []
    with open_page(browser, served, "en", screen, "light") as page:
        log_in(page, "iris", issue_password(served.runtime, "iris", "staff", "iris_vega"))
        page.goto("/console/agents")
        wrong += check_page(page, f"agents-{kind}")
        page.get_by_role("link", name="Drill · Lincoln Elementary").click()
        wrong += check_page(page, f"start-{kind}")
        page.get_by_role("button", name="Start drill").click()
        page.wait_for_url("**/console/agents/1")
        page.get_by_label("How many are they").fill("two men at the desk")
        page.get_by_role("button", name="Save note").click()
        page.get_by_role("button", name="Next step").click()
        page.get_by_role("heading", name="Step 3 of 9").wait_for()
        wrong += check_page(page, f"record-{kind}")
        page.get_by_text("End incident").first.click()
        page.get_by_role("button", name="End incident").click()
        page.get_by_text("print this page").wait_for()
        page.emulate_media(media="print")
        # Chromium applies the print rules a moment after the call on a busy machine.
        page.get_by_text("print this page").wait_for(state="hidden")
        assert page.get_by_text("two men").is_visible()
        page.emulate_media(media="screen")
        wrong += check_page(page, f"over-{kind}")
        page.goto("/console/agents/quiz")
        for question in page.locator("fieldset").all():
            question.locator("input").nth(1).check()
        wrong += check_page(page, f"quiz-{kind}")
        page.get_by_role("button", name="Check answers").click()
        page.get_by_text("4 of 5 correct").wait_for()
        wrong += check_page(page, f"answers-{kind}")
        page.goto("/console/agents/protocol")
        page.locator("summary", has_text="sample, not district policy").click()
        wrong += check_page(page, f"protocol-{kind}")
    assert wrong == []
