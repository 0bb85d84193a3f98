"""Alert → claim → translated conversation → interpreter → closed, in real Chromium, on a phone and a desktop."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from bot.base.database import now
from bot.base.settings import ROOT
from bot.cases import staff_conversation
from bot.cases.paging import page_staff as page_case
from bot.messaging.delivery import deliver
from bot.runtime import Runtime, open_runtime
from bot.store.cases import case_messages, cases, deliveries
from bot.store.staff import staff_accounts
from bot.web.console.registration import issue_password
from tests.stand_in.google import GoogleStandIn
from tests.web.simulator.conftest import Served, serve
from tests.web.simulator.test_page import phone, write

pytestmark = [pytest.mark.long, pytest.mark.browser]
SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 900}}
WROTE, READ = "Gracias. ¿A qué hora regresa?", "Thank you. At what time does it come back?"
FIRST = {
    "quiero hablar con una persona": "I want to talk with a person",
    "después de las tres": "after three",
    "es sobre el autobús": "it is about the bus",
}
ASKED, SAID = (
    "The bus comes in the morning. Do not wait at the corner.",
    "El autobús llega por la mañana. No espere en la esquina.",
)


@pytest.fixture
def google() -> Iterator[GoogleStandIn]:
    with GoogleStandIn() as stand_in:
        stand_in.says = {ASKED: SAID, SAID: ASKED, WROTE: READ, **FIRST}
        yield stand_in


@pytest.fixture
def line(runtime: Runtime, google: GoogleStandIn) -> Iterator[Served]:
    """The service with a translator; its messages are on the simulator's phones."""
    given = runtime.settings.model_copy(
        update={
            "twilio_account_sid": "", "public_url": "", "translator": "googletrans", "googletrans_base": google.url,
        }
    )  # fmt: skip
    with serve(replace(open_runtime(given, runtime.library), database=runtime.database)) as served:
        yield served


def run_jobs(runtime: Runtime) -> None:
    """Run the workers' jobs: alerts, sending, translating."""
    soon = now() + timedelta(minutes=2)
    with runtime.database.read() as db:
        to_page = cases.list_due_for_paging(db, soon, now())
        waiting = case_messages.list_pending_ids(db, soon, 50)
    for number in to_page:
        page_case(runtime, number)
    for number in waiting:
        staff_conversation.translate_message(runtime, number)
    with runtime.database.read() as db:
        due = deliveries.list_unfinished(db, now(), now() - timedelta(seconds=30), 100)
    for delivery_id, _ in due:
        deliver(runtime, delivery_id)


def staff_page(browser: Browser, served: Served, size: str) -> Page:
    """A page of Jean's, logged in; errors of the page fail the test."""
    password = issue_password(served.runtime, "jean")
    with served.runtime.database.write() as db:
        db.execute(staff_accounts.staff_accounts.update().values(role="staff", staff="ana_ruiz"))
    page = browser.new_context(viewport=SIZES[size]).new_page()  # type: ignore[arg-type]
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(f"{served.url}/console/login")
    page.get_by_label("Name").fill("jean")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    return page


def picture(page: Page, name: str) -> None:
    """Take a picture for docs/ on request (PUENTE_PICTURES=1)."""
    if os.environ.get("PUENTE_PICTURES"):
        page.screenshot(path=ROOT / f"docs/images/{name}.png")


@pytest.mark.parametrize("size", ["phone", pytest.param("desk", marks=pytest.mark.long)])
def test_alert_is_claimed_answered_and_closed(browser: Browser, line: Served, size: str) -> None:
    phones = browser.new_page(viewport={"width": 1200, "height": 900})
    phones.goto(f"{line.url}/simulator/")
    family = phone(phones, "A family")
    for text in FIRST:
        write(family, text)
        expect(family.get_by_role("log")).to_contain_text(text, timeout=10_000)
    staff = staff_page(browser, line, size)
    run_jobs(line.runtime)

    staff.get_by_role("link").filter(has_text="Talk to a person").click()
    staff.get_by_role("button", name="Claim case").click()
    expect(staff.get_by_text("Assigned to you.")).to_be_visible()

    staff.get_by_label("Your message").fill(ASKED)
    staff.get_by_role("button", name="Preview translation").click()
    expect(staff.get_by_text(SAID)).to_be_visible()
    expect(staff.get_by_text("Back-translation:")).to_be_visible()
    staff.get_by_text("it is about the bus").scroll_into_view_if_needed()
    picture(staff, f"case-{size}")
    staff.get_by_role("button", name="Send message").click()
    run_jobs(line.runtime)
    expect(family.get_by_role("log")).to_contain_text(SAID, timeout=10_000)
    expect(family.get_by_role("log")).to_contain_text(ASKED)

    write(family, WROTE)
    expect(family.get_by_role("log")).to_contain_text(WROTE, timeout=10_000)
    run_jobs(line.runtime)
    expect(staff.get_by_text(READ)).to_be_visible(timeout=10_000)  # by itself, without a click
    expect(staff.get_by_text(WROTE)).to_be_visible()

    staff.locator("summary", has_text="Interpreter").click()
    staff.get_by_label("When?").fill("Tuesday at 3")
    staff.get_by_role("button", name="Request an interpreter").click()
    expect(staff.get_by_text("not booked yet")).to_be_visible()

    staff.locator("summary", has_text="Close case").click()
    staff.get_by_role("button", name="Close case").click()
    run_jobs(line.runtime)
    expect(family.get_by_role("log")).to_contain_text("0", timeout=10_000)
    staff.goto(f"{line.url}/console/?show=done")
    expect(staff.get_by_text("Talk to a person")).to_be_visible()
    assert staff.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
