"""The directory in the console: a call keeps a partner current, a wrong number removes it; small counts are hidden."""

from collections.abc import Callable
from datetime import date, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import time_machine
import yaml
from flask.testing import FlaskClient
from hypothesis import given, strategies

from bot.base import settings
from bot.base.database import now
from bot.content.facts import Partner
from bot.content.library import load_library
from bot.content.partner_yaml import parse_partner, render_lines
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import referrals
from bot.store.community import partner_checks, partner_suggestions
from bot.store.community.partner_suggestions import NewPartnerSuggestion
from tests.conftest import NOW, Family
from tests.web.console.conftest import member
from tests.web.console.test_console import post, token
from tests.web.console.test_login import cheap_passwords

__all__ = ["cheap_passwords"]  # this fixture also applies here

PHONE = "217-555-0160"


def test_call_keeps_a_partner_listed_without_editing_a_file(
    runtime: Runtime, client: FlaskClient, new_family: Callable[[str], Family]
) -> None:
    with time_machine.travel(NOW + timedelta(days=118), tick=True):
        ana = member(runtime, client.application, "staff", "ana_ruiz")
        assert ana.get("/console/directory").text.count("Overdue for a check") == 4
        assert "partner prairie_legal" in ana.get("/console/content").text
        assert "Prairie" not in new_family("+12175550171").text("we need a lawyer, who can help us")
        assert "Families can see this partner from now on" in post(
            ana, "/console/directory/prairie_legal/called", result="right", phone=PHONE
        )
        assert "Ana Ruiz called on March 22, 2027: correct" in ana.get("/console/directory").text
        assert "partner prairie_legal" not in ana.get("/console/content").text
        assert "Prairie" in new_family("+12175550172").text("we need a lawyer, who can help us")
    with runtime.database.read() as db:
        (entry,) = audit_log.list_newest(db, 5, "partner prairie_legal")
        assert (entry.who, entry.what, entry.why) == ("ana_ruiz", "called a partner", "right")
        assert len(partner_checks.list_newest(db)) == 1


def test_wrong_number_is_removed_and_owner_notified(runtime: Runtime, client: FlaskClient) -> None:
    ana = member(runtime, client.application, "staff", "ana_ruiz")
    assert "Families no longer see this partner" in post(
        ana, "/console/directory/prairie_legal/called", result="wrong", phone=PHONE
    )
    assert "Wrong number" in ana.get("/console/directory").text
    assert "correct phone and checked_on" in ana.get("/console/content").text


def test_number_changed_meanwhile_is_not_confirmed(runtime: Runtime, client: FlaskClient) -> None:
    ana = member(runtime, client.application, "staff", "ana_ruiz")
    client.application.config["WTF_CSRF_ENABLED"] = False
    form = {"result": "right", "phone": "217-555-0199"}
    assert ana.post("/console/directory/prairie_legal/called", data=form).status_code == 409
    assert ana.post("/console/directory/nobody/called", data=form).status_code == 409


def test_viewers_see_no_small_counts(runtime: Runtime, client: FlaskClient, family: Family) -> None:
    family.text("I want to talk to a person")
    with runtime.database.write() as db:
        for number in range(24):
            referrals.add(db, f"form:{number}", 1, "prairie_legal" if number % 2 else "harvest", "ana_ruiz", now())
            if number % 2:
                referrals.record_outcome(db, 1, "helped", now())
        referrals.record_outcome(db, 1, "not_helped", now())
    viewer = member(runtime, client.application, "viewer").get("/console/directory").text
    staff = member(runtime, client.application, "staff", "ana_ruiz").get("/console/directory").text
    assert "<td>hidden</td>" in viewer and "<td>hidden</td>" not in staff and "<td>12</td>" in staff
    assert not any(f"<td>{number}</td>" in viewer for number in range(1, 10))
    assert "Confirm number" not in viewer and "Confirm number" in staff


def test_suggestion_is_reviewed_once_and_never_published(runtime: Runtime, client: FlaskClient, family: Family) -> None:
    ana = member(runtime, client.application, "staff", "ana_ruiz")
    with runtime.database.write() as db:
        partner_suggestions.add(db, NewPartnerSuggestion("SM1:0", "family", "es", "<b>Casa</b> Amiga"), now())
    page = post(ana, "/console/suggestions", text="Puertas Abiertas, rent", once="a")
    page = post(ana, "/console/suggestions", text="Puertas Abiertas, rent", once="a")
    assert page.count("Puertas Abiertas") == 1 and "&lt;b&gt;Casa" in page and "a family that reads Spanish" in page
    assert "Suggestions to review: 2" in ana.get("/console/directory").text
    assert "Casa" not in family.text("we need a lawyer, who can help us")
    assert "Families see the partner after it is in district.yaml and someone has called it" in post(
        ana, "/console/suggestions/1", state="added"
    )
    assert "Another person was faster" in post(ana, "/console/suggestions/1", state="declined")
    assert "Suggestion declined." in post(ana, "/console/suggestions/2", state="declined")
    assert (
        "Casa" not in family.text("we need a lawyer, who can help us")
        and "Nothing to review" in ana.get("/console/suggestions").text
    )


def test_staff_can_read_suggestions_but_viewers_cannot(runtime: Runtime, client: FlaskClient) -> None:
    assert member(runtime, client.application, "viewer").get("/console/suggestions").status_code == 403


TYPED: dict[str, Any] = {
    "name": "No: #1 'Casa' [Amiga] {x} – بيت",
    "kind": "needs",
    "phone": "217-555-0199",
    "cost": "free",
}
TYPED_MORE: dict[str, Any] = {
    "languages": ["en", "ar"],
    "services": ["rent"],
    "area": "62701, Riverbend",
    "called": "yes",
}


def test_suggestion_becomes_lines_for_the_district_file(
    runtime: Runtime, client: FlaskClient, family: Family, tmp_path: Path
) -> None:
    ana = member(runtime, client.application, "staff", "ana_ruiz")
    with runtime.database.write() as db:
        partner_suggestions.add(db, NewPartnerSuggestion("SM1:0", "family", "es", "Casa Amiga"), now())
    page = post(ana, "/console/suggestions/1/lines", **TYPED, **TYPED_MORE, website="https://Casa.example.org/")
    lines = unescape(page.split('<pre lang="en" dir="ltr">', 1)[1].split("</pre>", 1)[0])
    file = (settings.ROOT / "district.yaml").read_text().replace("\npartners:\n", f"\npartners:\n{lines}", 1)
    (tmp_path / "district.yaml").write_text(file)
    found = [
        one
        for one in load_library(settings.ROOT, tmp_path / "district.yaml").district.partners.values()
        if one.name == TYPED["name"]
    ]
    assert [(one.phone, one.area, one.website) for one in found] == [
        ("217-555-0199", ("62701", "Riverbend"), "casa.example.org")
    ]
    assert found[0].checked_on.isoformat() == "2026-11-24" and found[0].languages == ("en", "ar")


def test_suggestion_invalid_for_the_file_is_reported(runtime: Runtime, client: FlaskClient, family: Family) -> None:
    ana = member(runtime, client.application, "staff", "ana_ruiz")
    with runtime.database.write() as db:
        partner_suggestions.add(db, NewPartnerSuggestion("SM1:0", "family", "es", "Casa Amiga"), now())
    given_ = {"csrf_token": token(ana.get("/console/account").text), **TYPED, "phone": "call me", "languages": ["xx"]}
    answer = ana.post("/console/suggestions/1/lines", data=given_)
    assert answer.status_code == 422
    page = answer.text
    warned = page.split('role="alert"', 1)[1].split("</p>", 1)[0]
    assert "Phone" in warned and "Languages" in warned and "I called today" in warned and "<pre" not in page


@given(name=strategies.text(min_size=1, max_size=60).filter(lambda one: one.isprintable() and one.strip()))
def test_any_name_is_written_as_typed(name: str) -> None:
    made = parse_partner({**TYPED, "name": name, "languages": ("en",), "checked_on": date(2026, 11, 24)})
    assert isinstance(made, Partner)
    read = yaml.safe_load("partners:\n" + render_lines(made, {"partner"}))["partners"]
    assert [Partner.model_validate(one) for one in read.values()] == [made] and "partner" not in read
