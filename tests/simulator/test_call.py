"""A call in the simulator: the staff phone rings, 1 is pressed in real Chromium, and the call answers."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from bot.cases.paging import page as carry_on
from bot.messaging.send import deliver
from bot.services import Services
from bot.store import voice_notes
from bot.store.cases import cases
from bot.store.db import now
from bot.store.deliveries import deliveries
from tests.simulator.conftest import Served
from tests.simulator.test_page import phone, write
from tests.voice.sounds import sound


def call_everybody(services: Services) -> str:
    """Page the only case, and make its calls at once; the number of the first who is called."""
    with services.database.read() as db:
        case = db.execute(select(cases.c.id)).scalar_one()
    carry_on(services, case)
    called = deliveries.c.means == "call"
    with services.database.write() as db:
        db.execute(update(deliveries).where(called).values(due_at=now()))
        rows = db.execute(select(deliveries.c.id, deliveries.c.staff).where(called).order_by(deliveries.c.staff)).all()
    for row in rows:
        deliver(services, row.id)
    return services.library.district.staff[rows[0].staff].phone


@pytest.mark.long
@pytest.mark.browser
def test_a_call_rings_and_1_takes_it(page: Page, served: Served) -> None:
    family = phone(page, "A family")
    write(family, "ICE is at our door right now")
    expect(family.get_by_role("log", name="Messages")).to_contain_text("911", timeout=10_000)
    address = call_everybody(served.services)
    staff = page.locator(".phone").last
    staff.get_by_label("Who").select_option(address)
    log = staff.get_by_role("log", name="Messages")
    expect(log).to_contain_text("📞 Riverbend Public Schools. Urgent. Case 1.", timeout=10_000)
    expect(log).to_contain_text("ringing", timeout=10_000)
    log.get_by_role("button", name="Pick up").click()
    heard = staff.get_by_role("log", name="What is heard")
    expect(heard).to_contain_text("Press 1 to take it.", timeout=10_000)
    staff.get_by_role("button", name="1", exact=True).click()
    expect(heard).to_contain_text("You have case 1.", timeout=10_000)
    expect(heard).to_contain_text("The call is over.", timeout=10_000)
    expect(log).to_contain_text("completed", timeout=10_000)


@pytest.mark.long
@pytest.mark.browser
def test_a_family_rings_chooses_its_language_and_presses_its_way(page: Page, served: Served) -> None:
    family = phone(page, "A family")
    family.get_by_role("button", name="Call the school's number").click()
    heard = family.get_by_role("log", name="What is heard")
    expect(heard).to_contain_text("Para español, oprima 2.", timeout=10_000)
    family.get_by_role("button", name="2", exact=True).click()
    expect(heard).to_contain_text("Oprima 1.", timeout=10_000)
    expect(heard).to_contain_text("Polly.Mia es-MX")
    family.get_by_label("Say", exact=True).fill("¿hay agentes de migración en la escuela?")
    family.get_by_role("button", name="Say it").click()
    expect(heard).to_contain_text("said: ¿hay agentes", timeout=10_000)
    family.get_by_role("button", name="Hang up").click()
    expect(heard).to_contain_text("The call is over.", timeout=10_000)
    family.get_by_role("button", name="Close").click()
    expect(heard).to_be_hidden()


HEADER = {"X-Puente-Simulator": "1"}
FAMILY = "+12175550177"


def test_a_call_goes_on_at_the_voice_webhook_only(served: Served) -> None:
    client = served.app.test_client()
    assert client.post("/simulator/call", json={"phone": FAMILY}).status_code == 403
    for path in ("/console/", "//elsewhere.example/webhooks/twilio/voice"):
        told = client.post("/simulator/call", json={"phone": FAMILY, "path": path}, headers=HEADER)
        assert "voice webhook only" in told.get_json()["error"]


def test_who_rings_hears_languages_then_the_menu_then_goodbye_after_silence(served: Served) -> None:
    client = served.app.test_client()

    def ask(**given: str) -> dict[str, Any]:
        found: dict[str, Any] = client.post(
            "/simulator/call", json={"phone": FAMILY, **given}, headers=HEADER
        ).get_json()
        return found

    first = ask()
    gather = next(step for step in first["steps"] if step["do"] == "gather")
    assert {"Polly.Mia", "Polly.Joanna"} <= {one.get("voice") for one in gather["steps"]}
    menu = ask(sid=first["sid"], path=gather["action"], digits="1")
    gather = next(step for step in menu["steps"] if step["do"] == "gather")
    assert gather["hears"] == "en-US" and gather["action"].startswith("/webhooks/twilio/voice?")
    assert gather["empty"], "whoever says nothing is asked again"
    for _ in range(4):
        steps = ask(sid=first["sid"], path=gather["action"])["steps"]
        gather = next((step for step in steps if step["do"] == "gather"), gather)
    assert steps[-1] == {"do": "hangup"}
    assert client.post(
        "/simulator/call/end", json={"sid": first["sid"], "phone": FAMILY}, headers=HEADER
    ).get_json() == {"over": True}


@pytest.mark.long
def test_a_voice_note_goes_the_way_of_a_real_one(served: Served) -> None:
    client = served.app.test_client()
    told = client.post("/simulator/sound", data=b"no sound", headers=HEADER).get_json()
    assert "no recording" in told["error"]
    kept = client.post("/simulator/sound", data=sound(), headers=HEADER).get_json()["sound"]
    sent = {"phone": f"whatsapp:{FAMILY}", "text": "", "kind": "voice note", "sound": kept}
    assert client.post("/simulator/send", json=sent, headers=HEADER).get_json()["replies"] == 1
    with served.services.database.read() as db:
        assert db.execute(select(voice_notes.voice_notes.c.id)).scalar_one()
    assert client.get(f"/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME{kept}").data[:4] == b"OggS"
    assert client.delete(f"/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME{kept}.json").status_code == 204
    assert client.get(f"/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME{kept}").status_code == 404
