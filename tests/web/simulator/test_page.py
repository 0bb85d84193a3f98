"""The simulator as a person uses it, in real Chromium, on the real service."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from bot.channels.base import OutgoingMessage
from bot.flow_tests.runner import play_all
from tests.web.simulator.conftest import Served

pytestmark = [pytest.mark.long, pytest.mark.browser]
ANA = "+12175550141"


def phone(page: Page, who: str) -> Locator:
    return page.get_by_role("region", name=re.compile(f"Phone of {who}"))


def write(one: Locator, text: str) -> None:
    one.get_by_role("textbox", name="Message").fill(text)
    one.get_by_role("textbox", name="Message").press("Enter")


def test_family_message_is_answered(page: Page) -> None:
    one = phone(page, "A family")
    write(one, "Hello, who is this?")
    log = one.get_by_role("log")
    expect(log).to_contain_text("automated helper of Riverbend Public Schools", timeout=10_000)
    expect(phone(page, "Ana Ruiz").get_by_role("log")).to_be_empty()


def test_arabic_is_right_to_left(page: Page) -> None:
    one = phone(page, "A family")
    write(one, "مرحبا")
    bubble = one.locator(".message div", has_text="مرحبا").first
    expect(bubble).to_be_visible(timeout=10_000)
    assert bubble.evaluate("node => getComputedStyle(node).direction") == "rtl"


def test_alert_shows_its_delivery_ticks(page: Page, served: Served) -> None:
    served.runtime.channel.send(OutgoingMessage("d" * 32, ANA, "case 7 (URGENT, now)"))
    log = phone(page, "Ana Ruiz").get_by_role("log")
    expect(log).to_contain_text("case 7", timeout=10_000)
    expect(log).to_contain_text("✓✓ delivered", timeout=10_000)


def test_everything_works_by_keyboard(page: Page) -> None:
    page.get_by_role("button", name="Add phone").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region")).to_have_count(3)
    page.keyboard.type("menu")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region").last.get_by_role("log")).to_contain_text("menu", timeout=10_000)


def test_every_control_has_a_name(page: Page) -> None:
    for role in ("button", "textbox", "combobox"):
        for control in page.get_by_role(role).all():
            if control.is_visible():
                assert control.evaluate("n => n.labels?.length || n.ariaLabel || n.textContent.trim()"), control


def test_sample_button_fills_in_a_sentence(page: Page) -> None:
    one = phone(page, "A family")
    one.get_by_label("Language").select_option("es")
    one.get_by_role("button", name="Mi hijo está enfermo hoy").click()
    expect(one.get_by_role("textbox", name="Message")).to_have_value("Mi hijo está enfermo hoy")


def test_narrow_screen_needs_no_horizontal_scrolling(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_time_can_be_advanced_by_days(page: Page, served: Served) -> None:
    one = phone(page, "A family")
    write(one, "I want to talk to a person")
    expect(one.get_by_role("log")).to_contain_text("should write or call you", timeout=10_000)
    one.get_by_role("button", name="Skip a few days").click()
    expect(one.get_by_role("log")).to_contain_text("1 follow-up(s) are due now", timeout=10_000)


def test_invalid_number_is_reported(page: Page) -> None:
    one = phone(page, "A family")
    one.get_by_label("Number").fill("12")
    one.get_by_label("Number").press("Tab")
    with page.expect_response("**/simulator/send"):
        write(one, "hello")
    expect(one.get_by_role("log")).to_contain_text("country code")


def test_panel_explains_the_classification(page: Page) -> None:
    one = phone(page, "A family")
    write(one, "there are agents at our door")
    one.get_by_text("Why?").first.click()
    panel = one.locator(".why pre").first
    expect(panel).to_contain_text("enforcement_now", timeout=10_000)
    expect(panel).to_contain_text("AGENT")


def test_conversation_can_be_recorded_as_a_test(page: Page, tmp_path: Path, served: Served) -> None:
    one = phone(page, "A family")
    write(one, "my son is sick today, how do I report it")
    expect(one.get_by_role("log")).to_contain_text("first name", timeout=10_000)
    with page.expect_download() as waiting:
        one.get_by_role("link", name="Download as a test").click()
    waiting.value.save_as(tmp_path / "recorded.yaml")
    assert "report_absence.open" in (tmp_path / "recorded.yaml").read_text()
    assert play_all(served.runtime.library, tmp_path, ["sms"]).problems == []


def test_empty_conversation_cannot_be_recorded(served: Served) -> None:
    answer = served.app.test_client().get("/simulator/transcript?phone=%2B12175550177")
    assert answer.status_code == 404 and "Nothing was written" in answer.text
