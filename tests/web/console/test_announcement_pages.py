"""An announcement from the empty form to the live counts, in a browser."""

import pytest
from playwright.sync_api import Browser, Page, expect

from bot.announcements import launch, translation_drafts
from bot.announcements.sender import broadcast
from bot.base.database import now
from bot.store.announcements import translations
from bot.store.announcements.translations import TranslationReview
from bot.web.console.registration import issue_password
from tests.announcements.conftest import District
from tests.web.console.conftest import Served, finish_urgent_work, get_announcement
from tests.web.console.test_accessibility import PHONE, find_faults, log_in, open_page

pytestmark = [pytest.mark.long, pytest.mark.browser]


def log_in_as(served: Served, page: Page, staff: str, role: str) -> None:
    page.context.clear_cookies()
    log_in(page, staff, issue_password(served.runtime, staff, role, staff))


def write_announcement(page: Page) -> None:
    page.goto("/console/announcements/new")
    page.get_by_label("Emergency", exact=True).check()
    page.locator("[name=sender]").select_option("dana_cole")
    page.locator("[name=text]").fill("Stay at home today.\nWe call you at {office_phone}.")
    page.get_by_label("Families", exact=True).check()
    expect(page.locator("#count")).to_contain_text("people. We can reach")
    page.get_by_label("Families wait until").check()
    page.get_by_role("button", name="Save and translate").click()


def test_announcement_is_written_approved_released_and_watched(
    browser: Browser, served: Served, district: District
) -> None:
    with open_page(browser, served, "en", PHONE, "light") as page:
        log_in_as(served, page, "ana_ruiz", "staff")
        write_announcement(page)
        wrong = find_faults(page, "en")
        assert page.url.endswith("/console/announcements/3"), "after the two that are there"
        log_in_as(served, page, "rosa_lind", "approver")
        page.goto("/console/announcements/3/preview")
        page.get_by_role("button", name="Approve announcement").click()
        wrong += find_faults(page, "en")
        page.get_by_role("button", name="Send announcement").click()
        assert page.url.endswith("/preview"), "first the box that says what happens"
        box = page.locator("[name=sure]")
        expect(page.locator("label", has=box)).to_contain_text("Spanish (not approved)")
        box.check()
        page.get_by_role("button", name="Send announcement").click()
        expect(page.locator("h1")).to_have_text("Scheduled")
        launch.start(served.runtime, 3)
        expect(page.locator("h1")).to_have_text("Sending")
        finish_urgent_work(served.runtime)
        broadcast(served.runtime, 3, 0)
        expect(page.locator(".totals .held")).not_to_contain_text("0 Not sent")
        expect(page.locator(".totals .queued")).to_contain_text("0 Queued")
        wrong += find_faults(page, "en")
    assert wrong == []


def test_enter_approves_nothing_and_offer_is_accepted_by_click(
    browser: Browser, served: Served, district: District
) -> None:
    with served.runtime.database.read() as db:
        one = get_announcement(db, 1)
        parts = translations.list_for_announcement(db, 1)["es"].parts
    translation_drafts.approve(
        served.runtime, 1, "es", [part.wording for part in parts], TranslationReview("Marta", "ana_ruiz", now())
    )
    later = district.draft(one.text.replace("Friday", "Monday"))
    translation_drafts.request_drafts(served.runtime, later)
    with open_page(browser, served, "en", PHONE, "light") as page:
        log_in_as(served, page, "kim_novak", "staff")
        page.goto(f"/console/announcements/{later.id}/languages/es")
        page.locator("[name=text]").nth(1).fill("Escrito a mano.")
        page.locator("[name=reviewed_by]").fill("Marta")
        page.locator("[name=reviewed_by]").press("Enter")
        expect(page.locator("[name=text]").first).to_have_value("")
        page.locator("[name=use]").first.click()
        expect(page.locator("[name=text]").first).to_have_value(parts[0].wording)
        expect(page.locator("[name=text]").nth(1)).to_have_value("Escrito a mano.")
        expect(page.locator("[name=reviewed_by]")).to_have_value("Marta")
        wrong = find_faults(page, "en")
    assert wrong == []
