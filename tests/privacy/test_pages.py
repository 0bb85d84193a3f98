"""The records officer's pages: one family's data, an export, erasure in two steps; retention; disclosure counts."""

import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import func, select

from bot.base.database import metadata, now
from bot.community import register
from bot.messaging import erasure
from bot.retention import job
from bot.retention.rules import RETENTION_RULES
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.community import community_leaders
from bot.store.community.community_leaders import CommunityLeader
from bot.store.lifecycle import subject_access_export
from bot.web.console.oversight.retention_page import RETENTION_RULE_TEXTS
from tests.conftest import Family
from tests.privacy.test_erasure import add_rows, list_family_tables
from tests.web.console.conftest import member
from tests.web.console.test_console import token
from tests.web.console.test_login import cheap_passwords

__all__ = ["cheap_passwords"]
NUMBER = "+1 (217) 555-0177"
SECRET = "my landlord is Mr Quill"


@pytest.fixture
def two_families(family: Family, new_family: Callable[[str], Family]) -> Family:
    for one, name in ((family, "Quill"), (new_family("whatsapp:+12175550178"), "Zanzibar")):
        one.text("english")
        one.text(f"I want to talk to a person, my landlord is Mr {name}")
        one.text("on Friday please")
    return family


@pytest.fixture
def office(runtime: Runtime, client: FlaskClient) -> FlaskClient:
    return member(runtime, client.application, "records_officer", "ana_ruiz")


def send(client: FlaskClient, path: str, **form: str) -> object:
    return client.post(path, data={**form, "csrf_token": token(client.get("/console/family").text)})


def count_rows(runtime: Runtime, table: str) -> int:
    with runtime.database.read() as db:
        return int(db.execute(select(func.count()).select_from(metadata.tables[table])).scalar_one())


def list_audited_actions(runtime: Runtime) -> set[str]:
    with runtime.database.read() as db:
        return {entry.what for entry in audit_log.list_newest(db, 50)}


def test_leader_never_texted_is_found_exported_and_erased(runtime: Runtime, office: FlaskClient) -> None:
    leader = CommunityLeader(
        0, "Rev. Paul", "+12175550177", "Grace Church", "faith", ("ht",), "", "ana_ruiz", None, now().date()
    )
    register.save_leader(runtime, leader, "ana_ruiz")
    assert send(office, "/console/family", number=NUMBER).status_code == 200  # type: ignore[attr-defined]
    assert "Grace Church" in send(office, "/console/family/copy", number=NUMBER).text  # type: ignore[attr-defined]
    send(office, "/console/family/erase", number=NUMBER, word="ERASE")
    with runtime.database.read() as db:
        assert count_rows(runtime, "families") == 0 and community_leaders.list_all(db) == []
    assert send(office, "/console/family", number=NUMBER).status_code == 404  # type: ignore[attr-defined]


def test_export_contains_all_of_one_family_and_no_other(
    runtime: Runtime, two_families: Family, office: FlaskClient
) -> None:
    page = send(office, "/console/family", number=NUMBER)
    assert "<dd>1</dd>" in page.text and SECRET not in page.text  # type: ignore[attr-defined]
    copy = send(office, "/console/family/copy", number=NUMBER, **{"as": "json"})
    whole = json.loads(copy.data)  # type: ignore[attr-defined]
    assert SECRET in json.dumps(whole) and "Zanzibar" not in json.dumps(whole)
    assert whole["records"]["contacts"][0]["address"] == two_families.address
    assert "attachment" in copy.headers["Content-Disposition"] and "0177" not in copy.headers["Content-Disposition"]  # type: ignore[attr-defined]
    text = send(office, "/console/family/copy", number=NUMBER, **{"as": "txt"}).text  # type: ignore[attr-defined]
    assert SECRET in text and "CASE MESSAGES" in text and "Zanzibar" not in text
    assert {"looked up a family", "took a copy of a family's data"} <= list_audited_actions(runtime)
    with runtime.database.read() as db:
        assert "0177" not in str(audit_log.list_newest(db, 50))


def test_export_includes_every_family_table(runtime: Runtime) -> None:
    with runtime.database.write() as db:
        add_rows(db, 901)
        add_rows(db, 902)
        found = subject_access_export.export_family(db, 901)
    assert {table.name for table in list_family_tables()} - set(found) == set(
        subject_access_export.EXPORT_EXCLUDED_TABLES
    ) & {table.name for table in list_family_tables()}
    assert all(len(found[name]) == 1 for name in found if name != "consent_events"), "and nothing of the other's"


def test_export_includes_number_only_data_and_redis(
    runtime: Runtime, two_families: Family, office: FlaskClient
) -> None:
    """The leader register entry; a STOP from before an earlier erasure; today's conversation."""
    vault = runtime.database.vault
    two_families.text("STOP")
    assert erasure.erase_by_address(runtime, two_families.address, "ana_ruiz")
    two_families.text("START")
    two_families.text("I fear for my brother Quillon today")
    with runtime.database.write() as db:
        for name, phone in (("Paul Quillard", "+12175550177"), ("Zanzibar Smith", "+12175550178")):
            community_leaders.add(db, CommunityLeader(0, name, phone, "Church", "faith", (), "", "ana_ruiz"), now())
    whole = json.loads(send(office, "/console/family/copy", number=NUMBER, **{"as": "json"}).data)["records"]  # type: ignore[attr-defined]
    assert whole["consent_events"][0]["kind"] == "stop"
    assert "Paul Quillard" in json.dumps(whole["community_leaders"]) and len(whole["community_leaders"]) == 1
    assert "my brother Quillon" in json.dumps(whole["conversation_of_today"])
    assert "Zanzibar" not in json.dumps(whole) and vault.compute_lookup_hash("+12175550177") not in json.dumps(whole)


def test_export_without_redis_lists_what_is_missing(
    runtime: Runtime, two_families: Family, office: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: object) -> None:
        raise RedisConnectionError("away")

    monkeypatch.setattr(type(runtime.conversations), "find", away)
    copy = send(office, "/console/family/copy", number=NUMBER, **{"as": "txt"}).text  # type: ignore[attr-defined]
    assert SECRET in copy and "Redis isn't available" in copy


def test_erasure_takes_two_steps_and_a_typed_word(runtime: Runtime, two_families: Family, office: FlaskClient) -> None:
    asked = send(office, "/console/family/erase", number=NUMBER).text  # type: ignore[attr-defined]
    assert "To confirm, type ERASE" in asked and count_rows(runtime, "families") == 2
    send(office, "/console/family/erase", number=NUMBER, word="yes")
    assert count_rows(runtime, "families") == 2
    done = send(office, "/console/family/erase", number=NUMBER, word="erase").text  # type: ignore[attr-defined]
    assert "Family data erased" in done and count_rows(runtime, "families") == 1
    again = send(office, "/console/family/erase", number=NUMBER, word="erase")
    assert again.status_code == 404 and count_rows(runtime, "families") == 1  # type: ignore[attr-defined]
    assert "erased a family" in list_audited_actions(runtime)


def test_erasure_without_redis_changes_nothing_and_says_so(
    runtime: Runtime, two_families: Family, office: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: object) -> None:
        raise RedisConnectionError("away")

    monkeypatch.setattr(type(runtime.conversations), "discard", away)
    page = send(office, "/console/family/erase", number=NUMBER, word="ERASE")
    assert page.status_code == 503 and "Nothing was erased" in page.text  # type: ignore[attr-defined]
    assert count_rows(runtime, "families") == 2 and count_rows(runtime, "cases") == 2


def test_retention_page_shows_rules_and_runs(runtime: Runtime, two_families: Family, office: FlaskClient) -> None:
    assert list(RETENTION_RULE_TEXTS) == [rule.name for rule in RETENTION_RULES]
    assert "None yet." in office.get("/console/kept").text
    job.delete_expired(runtime, "ana_ruiz")
    page = office.get("/console/kept").text
    assert "30 days after the case is closed" in page and "No expired data." in page


def test_disclosure_page_shows_counts_only(runtime: Runtime, two_families: Family, office: FlaskClient) -> None:
    page = office.get("/console/demanded").text
    for line in ("Open cases, with what the family wrote</th><td>2", "in Redis</th><td>2"):
        assert line in page
    assert "Quill" not in page and "0177" not in page and two_families.address not in page
