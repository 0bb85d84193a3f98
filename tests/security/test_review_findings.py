"""Fixed findings of a hostile code review: each would return unnoticed."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import select, update
from sqlalchemy.engine import Row

from bot.announcements import approval
from bot.base.database import now
from bot.base.settings import ROOT
from bot.base.yaml_source import SourceError, parse_yaml
from bot.content.catalog import parse_po
from bot.content.library import Library, load_library
from bot.content.lint import find_content_problems
from bot.messaging.delivery_status import DeliveryReport
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.announcements import approvals, recipients, translations
from bot.store.announcements.translations import TranslatedSentence
from bot.store.cases import cases, one_time_links
from bot.store.families import contacts
from bot.web.app import create_app
from bot.web.console.registration import issue_password
from bot.web.webhooks.status_callbacks import record_status_report
from tests.announcements.conftest import District
from tests.conftest import NOW, PUBLIC, Family
from tests.stand_in import sign
from tests.web.console.conftest import busy, district, finish_urgent_work, gathered, member
from tests.web.console.test_console import log_in, token
from tests.web.console.test_login import cheap_passwords

__all__ = ["busy", "cheap_passwords", "district", "gathered"]  # these fixtures also apply here
MP3 = b"ID3\x04" + bytes(2000)


@pytest.fixture
def root(runtime: Runtime, client: FlaskClient) -> FlaskClient:
    """An administrator whose forms need no token here."""
    assert log_in(client, "root", issue_password(runtime, "root", "administrator", "ana_ruiz")) == 302
    client.application.config["WTF_CSRF_ENABLED"] = False
    return client


def list_audit_entries(runtime: Runtime, subject: str) -> list[tuple[str, str, str]]:
    with runtime.database.read() as db:
        return [(one.who, one.what, one.why) for one in audit_log.list_newest(db, 100, subject)]


# --- Values that no database accepts --------------------------------------------------------------------------------


NUL = ["/m/A%00B4CD", "/g/A%00B4CD", "/g/A%00B4CD.ics", "/recordings/a%00b.mp3", "/m/A2B4CD/kit/e%00.png"]


@pytest.mark.parametrize("path", NUL)
def test_nul_in_path_is_not_found(client: FlaskClient, path: str) -> None:
    """PostgreSQL fails on it; SQLite doesn't."""
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/m/A2B4CD?lang=%00", "/console/login?%00=1"])
def test_nul_in_query_is_refused(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 400


def test_nul_in_form_is_refused(runtime: Runtime, client: FlaskClient) -> None:
    form = {"csrf_token": token(client.get("/console/login").text), "name": "a\0b", "password": "x"}
    assert client.post("/console/login", data=form).status_code == 400
    assert client.post("/console/login", data={**form, "name": "a", "file": (BytesIO(b"\0"), "a")}).status_code == 401


@pytest.mark.parametrize("path", ["gatherings/1/interpreters/remove", "schools/withdraw", "schools/ready/confirm"])
@pytest.mark.parametrize("number", [str(2**31), str(2**70), "-1", "NaN", "²"])
def test_out_of_range_row_id_is_not_found(
    runtime: Runtime, root: FlaskClient, gathered: None, path: str, number: str
) -> None:
    assert root.post(f"/console/{path}", data={"id": number}).status_code in (302, 404)


def test_huge_hours_value_is_refused(root: FlaskClient) -> None:
    for hours in (str(2**70), str(-(2**70)), "-1"):
        form = {"school": "lincoln", "kind": "no_agents", "hours": hours}
        assert "up to four hours" in root.post("/console/schools/status", data=form, follow_redirects=True).text


def test_webhook_with_odd_values_is_answered(runtime: Runtime, client: FlaskClient, family: Family) -> None:
    assert family.text("hello", OriginalRepliedMessageSid="SM\0", ButtonPayload="a\0") and family.status == 200
    for form in ({"MessageSid": "SM\0"}, {"MessageSid": "SM1", "ErrorCode": "²"}, {"MessageSid": "SM1"}):
        path = "/webhooks/twilio/status" + ("?m=R%00" if len(form) == 1 else "")
        whole = {"MessageStatus": "failed", "AccountSid": runtime.settings.account_sid, **form}
        signature = sign(runtime.settings.twilio_auth_token, PUBLIC + path, whole)
        assert client.post(path, data=whole, headers={"X-Twilio-Signature": signature}).status_code == 204
    assert runtime.redis.keys("puente:reports*") == [], "no list of reports waits with one that cannot be kept"


@pytest.fixture
def sent_then_redis_down(runtime: Runtime, district: District) -> tuple[Runtime, Row[Any]]:
    """An announcement was sent to one family, then Redis fails: the runtime and the family's row."""
    district.family("+12175550201", "lincoln")
    number = district.say()
    finish_urgent_work(runtime)
    district.send(number)
    with runtime.database.read() as db:
        row = db.execute(select(recipients.recipients)).one()
    return replace(runtime, redis=Redis(port=1, retry=Retry(NoBackoff(), 0))), row


def test_report_of_another_message_changes_no_family_row(sent_then_redis_down: tuple[Runtime, Row[Any]]) -> None:
    """While Redis is down, reports are recorded at once. They belong to the message in their row, or to none."""
    away, before = sent_then_redis_down
    for sid, state in (("SM" + "9" * 32, before.state), (before.sid, "undelivered")):
        record_status_report(away, DeliveryReport(sid, "undelivered", before.id, 30003))
        with away.database.read() as db:
            after = db.execute(select(recipients.recipients)).one()
        assert (after.state, after.sid) == (state, before.sid)


def test_opt_out_reported_by_twilio_counts_while_redis_is_down(sent_then_redis_down: tuple[Runtime, Row[Any]]) -> None:
    away, row = sent_then_redis_down
    record_status_report(away, DeliveryReport(row.sid, "undelivered", row.id, 21610))
    with away.database.read() as db:
        assert contacts.is_opted_out(db, row.contact_id)


# --- Audited access -------------------------------------------------------------------------------------------------


def test_reading_a_conversation_part_is_audited(runtime: Runtime, root: FlaskClient, busy: None) -> None:
    """The part that a page requests every few seconds is the whole conversation, if requested alone."""
    assert "The bus comes at 7:15." in root.get("/console/cases/1/talk").text
    assert ("ana_ruiz", "read", "") in list_audit_entries(runtime, "case 1")
    for _ in range(3):
        root.get("/console/cases/1/talk?seen=x")
    assert [what for _, what, _ in list_audit_entries(runtime, "case 1")].count("read") == 1


@pytest.mark.parametrize("part", ["bytes=1-", "bytes=-4", "bytes=0-", ""])
def test_playing_a_voice_note_is_audited(runtime: Runtime, root: FlaskClient, busy: None, part: str) -> None:
    answer = root.get("/console/cases/1/voice/1", headers={"Range": part} if part else {})
    assert answer.data and answer.data in b"OggS"
    assert ("ana_ruiz", "listened to a voice message", "voice message 1") in list_audit_entries(runtime, "case 1")


def test_reading_an_incident_part_is_audited(runtime: Runtime, root: FlaskClient) -> None:
    root.post("/console/agents/start", data={"school": "lincoln", "drill": "yes"})
    assert root.get("/console/agents/1/part").status_code == 200
    assert ("ana_ruiz", "read an incident", "") in list_audit_entries(runtime, "incident 1")


def test_link_is_not_used_up_by_staff_without_access(runtime: Runtime, client: FlaskClient, busy: None) -> None:
    with runtime.database.write() as db:
        secret = one_time_links.create(db, 1, "ana_ruiz", now())
        db.execute(update(cases.cases).where(cases.cases.c.id == 1).values(role="counselor"))
    path = f"/console/open/{secret}"
    other = member(runtime, client.application, "staff", "kim_novak")
    assert other.get(path).status_code == 404
    ana = member(runtime, client.application, "staff", "ana_ruiz")
    assert ana.head(path).status_code == 404, "what only looks what is there"
    assert ana.get(path).headers["Location"] == "/console/cases/1" and ana.get(path).status_code == 404


# --- The district's voice -------------------------------------------------------------------------------------------


def upload_recording(client: FlaskClient, number: int, data: bytes) -> Any:
    form = {"csrf_token": token(client.get("/console/account").text), "recording": (BytesIO(data), "a.mp3")}
    return client.post(f"/console/announcements/{number}/languages/es/recording", data=form)


def test_recording_cannot_be_added_alone_after_release(
    runtime: Runtime, client: FlaskClient, district: District
) -> None:
    """Its share kit is public and says that it is genuine."""
    district.family("+12175550201", "lincoln", language="es")
    number = district.say(unapproved="machine")
    with runtime.database.write() as db:
        translations.request(db, number, "es", [], now())
    for staff in ("ana_ruiz", "kim_novak"):
        assert upload_recording(member(runtime, client.application, "staff", staff), number, MP3).status_code == 403
    with runtime.database.read() as db:
        assert translations.get_audio(db, number, "es") is None
    assert (
        upload_recording(member(runtime, client.application, "approver", "rosa_lind"), number, MP3).status_code == 302
    )


def test_new_recording_requires_new_approvals(runtime: Runtime, client: FlaskClient, district: District) -> None:
    draft = district.draft()
    ana = member(runtime, client.application, "staff", "ana_ruiz")
    with runtime.database.write() as db:
        translations.request(db, draft.id, "es", [], now())
    approval.approve(runtime, draft.id, "rosa_lind")
    for data in (MP3, MP3 + b"x"):
        assert upload_recording(ana, draft.id, data).status_code == 302
        with runtime.database.read() as db:
            given, seen = approvals.list_for_announcement(db, draft.id), approval.compute_current_digest(db, draft)
        assert given and not any(one.digest == seen for one in given)
        approval.approve(runtime, draft.id, "rosa_lind")


def test_recording_of_outdated_text_is_discarded(runtime: Runtime, district: District) -> None:
    draft, at = district.draft(), now()
    with runtime.database.write() as db:
        for words in ("School is open.", "School is closed."):
            translations.request(db, draft.id, "es", [TranslatedSentence(words)], at)
            assert translations.get_audio(db, draft.id, "es") is None
            translations.set_audio(db, draft.id, "es", MP3)
        translations.request(db, draft.id, "es", [TranslatedSentence(words)], at)
        assert translations.get_audio(db, draft.id, "es") == MP3, "the words are the same"


# --- Counting callers -----------------------------------------------------------------------------------------------


def list_statuses(runtime: Runtime, proxies: int, path: str, callers: list[dict[str, str]]) -> list[int]:
    """Return the responses one after another; `REMOTE_ADDR` is the address, `X-Forwarded-For` is in the request."""
    runtime.redis.flushall()
    settings = runtime.settings.model_copy(update={"trusted_proxies": proxies})
    client = create_app(runtime=replace(runtime, settings=settings)).test_client()
    return [
        client.get(
            path, environ_base={"REMOTE_ADDR": one["address"]}, headers={"X-Forwarded-For": one["for"]}
        ).status_code
        for one in callers
    ]


@pytest.mark.parametrize(
    ("name", "limited"),
    [
        (lambda number: f"2001:db8:0:1::{number:x}", True),
        (lambda number: f"2001:db8:0:{number:x}::1", False),
        (lambda number: f"203.0.113.9:{40000 + number}", True),
        (lambda number: f"::ffff:203.0.113.{number}", False),
        (lambda number: f"203.0.113.{number}", False),
    ],
)
def test_ipv6_network_counts_as_one_caller(runtime: Runtime, name: Callable[[int], str], limited: bool) -> None:
    callers = [{"address": "10.0.0.1", "for": name(number)} for number in range(62)]
    assert (429 in list_statuses(runtime, 1, "/m/A2B4CD", callers)) is limited


def test_known_proxy_prevents_guessing_from_many_addresses(runtime: Runtime) -> None:
    """Otherwise codes could be guessed without limit: the client's entry comes before what the proxy saw."""
    forged = [{"address": "10.0.0.1", "for": f"1.1.1.{number}, 203.0.113.9"} for number in range(62)]
    assert 429 in list_statuses(runtime, 1, "/m/A2B4CD", forged)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("rule", ["nplurals=2; plural=n%0;", "nplurals=2; plural=n;", "nplurals=2; plural=1/n;",
                                  "nplurals=1000000000; plural=0;", "nplurals=2; plural=0-1;"])  # fmt: skip
def test_catalog_with_missing_number_form_is_refused(rule: str) -> None:
    """Otherwise "two children" breaks a family's message once somebody changes the header of a translation."""
    whole = (ROOT / "messages/es.po").read_text()
    assert parse_po("es", whole.encode())
    with pytest.raises(SourceError) as bad:
        parse_po("es", whole.replace("nplurals=2; plural=(n != 1);", rule).encode())
    assert bad.value.problems[0].line > 1 and "Plural-Forms" in str(bad.value)


TRANSLATED = re.compile(r"^msgstr.*?(?=^msgid|^#|\Z)|^(?!msgid|\").*?$", re.MULTILINE | re.DOTALL)
"""Return what may be overwritten: in a catalog, not the English."""


def load_with_change(root: Path, file: str, old: str, new: str) -> Callable[[], Library]:
    """Return the library with one part of one file overwritten."""
    for folder in ("flows", "messages", "bot/web/console/words"):
        shutil.copytree(ROOT / folder, root / folder)
    text = (root / file).read_text()
    (root / file).write_text(re.sub(TRANSLATED, lambda found: found[0].replace(old, new), text))
    assert new in (root / file).read_text()
    return lambda: load_library(root, ROOT / "district.yaml")


UNSAFE_BRACES = ("{office_phone", "{office_phone!r:>999999999}")
MORE_UNSAFE_BRACES = ("office_phone}", "{0}", "{}", "{office_phone.__class__}")


@pytest.mark.parametrize(
    "brace", [*UNSAFE_BRACES, *(pytest.param(brace, marks=pytest.mark.long) for brace in MORE_UNSAFE_BRACES)]
)
def test_missing_brace_in_translation_breaks_no_message(runtime: Runtime, tmp_path: Path, brace: str) -> None:
    """If a translation can't be filled in, the English is used: an answer, not an error. `bot check` names it."""
    library = load_with_change(tmp_path / "root", "messages/es.po", "{office_phone}", brace)()
    family = Family(runtime, create_app(runtime=replace(runtime, library=library)).test_client(), "+12175550177")
    for text in ("La migra está en mi puerta ahorita", "quiero hablar con una persona", "AYUDA"):
        assert family.text(text) and family.status == 200
    errors, _warnings = find_content_problems(tmp_path / "root", library, NOW.date())
    assert any("messages/es.po" in one and ("brace" in one or "must be in" in one) for one in errors), errors[:3]


@pytest.mark.parametrize("file", ["flows/texts.yaml", "flows/home_visit.yaml"])
def test_unclosed_brace_stops_the_start(tmp_path: Path, file: str) -> None:
    load = load_with_change(tmp_path / "root", file, "{due}" if "visit" in file else "{office_phone}", "{oops")
    with pytest.raises(SourceError) as bad:
        load()
    assert "brace" in str(bad.value)


# --- Files ----------------------------------------------------------------------------------------------------------

TEN = ",".join(["*a"] * 10)
BOMB = "a0: &a0 [" + "x," * 10 + "]\n"
BOMB += "".join(f"a{one}: &a{one} [{TEN.replace('*a', f'*a{one - 1}')}]\n" for one in range(1, 12))


@pytest.mark.timeout(30)
@pytest.mark.parametrize("text", [BOMB, "a: &a [*a]\n", "[" * 20_000, "a: &a {<<: *a}\n"])
def test_expanding_yaml_file_is_refused(text: str) -> None:
    with pytest.raises(SourceError) as bad:
        parse_yaml(text, "flows/x.yaml")
    assert bad.value.problems[0].file == "flows/x.yaml"
