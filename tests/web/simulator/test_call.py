"""A call in the simulator: the staff phone rings, 1 is pressed in real Chromium, and the call answers."""

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from bot.base.database import now
from bot.cases.paging import page_staff as carry_on
from bot.messaging.delivery import deliver
from bot.runtime import Runtime
from bot.store.cases.cases import cases
from bot.store.cases.deliveries import deliveries
from tests.web.simulator.conftest import Served
from tests.web.simulator.test_page import phone, write


def place_calls(runtime: Runtime) -> str:
    """Alert for the only case and place its calls at once; return the number of the first person called."""
    with runtime.database.read() as db:
        case = db.execute(select(cases.c.id)).scalar_one()
    carry_on(runtime, case)
    called = deliveries.c.transport == "call"
    with runtime.database.write() as db:
        db.execute(update(deliveries).where(called).values(due_at=now()))
        rows = db.execute(select(deliveries.c.id, deliveries.c.staff).where(called).order_by(deliveries.c.staff)).all()
    for row in rows:
        deliver(runtime, row.id)
    return runtime.library.district.staff[rows[0].staff].phone


@pytest.mark.long
@pytest.mark.browser
def test_call_rings_and_1_claims_the_case(page: Page, served: Served) -> None:
    family = phone(page, "A family")
    write(family, "ICE is at our door right now")
    expect(family.get_by_role("log")).to_contain_text("911", timeout=10_000)
    address = place_calls(served.runtime)
    staff = page.get_by_role("region").last
    staff.get_by_label("Person").select_option(address)
    log = staff.get_by_role("log", name="Messages")
    expect(log).to_contain_text("📞 Riverbend Public Schools. Urgent. Case 1.", timeout=10_000)
    expect(log).to_contain_text("ringing", timeout=10_000)
    log.get_by_role("button", name="Answer", exact=True).click()
    heard = staff.get_by_role("log", name="Call transcript")
    expect(heard).to_contain_text("Press 1 to take it.", timeout=10_000)
    staff.get_by_role("button", name="Key 1").click()
    expect(heard).to_contain_text("You have case 1.", timeout=10_000)
    expect(log).to_contain_text("completed", timeout=10_000)


def test_missing_call_is_reported(served: Served) -> None:
    client, header = served.app.test_client(), {"X-Puente-Simulator": "1"}
    assert "not on the feed" in client.post("/simulator/take", json={"sid": "CA1"}, headers=header).text
    assert client.post("/simulator/take", json={"sid": "CA1"}).status_code == 403


@pytest.mark.long
@pytest.mark.browser
def test_family_calls_and_is_answered_in_its_language(page: Page) -> None:
    family = phone(page, "A family")
    family.get_by_role("button", name="Call the school").click()
    heard = family.get_by_role("log", name="Call transcript")
    expect(heard).to_contain_text("Polly.Mia, es-MX", timeout=10_000)
    family.get_by_role("button", name="Key 2").click()
    expect(heard).to_contain_text("Oprima 3.", timeout=10_000)
    family.get_by_label("Words to say").fill("mi hijo está enfermo hoy")
    family.get_by_role("button", name="Say words").click()
    expect(heard.locator("li").last).to_have_attribute("class", "said", timeout=10_000)
    family.get_by_role("button", name="Hang up").click()
    expect(family.get_by_role("log", name="Messages")).to_contain_text("The call has ended", timeout=10_000)
    expect(family.get_by_role("button", name="Call the school")).to_be_enabled()
