"""Fixed findings of the fuzz tests: each would return unnoticed."""

import pytest
from flask.testing import FlaskClient

from bot.base.yaml_source import SourceError, decode_source
from bot.content.catalog import parse_po
from bot.runtime import Runtime
from bot.web.console.registration import issue_password
from tests.conftest import Family
from tests.web.console.test_console import log_in
from tests.web.console.test_login import cheap_passwords

__all__ = ["cheap_passwords"]  # this fixture also applies here


@pytest.mark.parametrize("body", ["", " ", "\x00", "\u2003\n", "\t"])
def test_blank_text_is_answered(family: Family, body: str) -> None:
    assert family.text(body) and family.status == 200
    family.text("español")
    assert family.text(body, MessageType="text") and family.status == 200


@pytest.mark.parametrize("number", ["0", "99", str(2**31), str(2**70)])
def test_missing_case_is_not_found_for_any_action(runtime: Runtime, client: FlaskClient, number: str) -> None:
    assert log_in(client, "root", issue_password(runtime, "root", "administrator", "ana_ruiz")) == 302
    client.application.config["WTF_CSRF_ENABLED"] = False
    for action in ("knock", "hand-back", "take", "done", "note"):
        assert client.post(f"/console/cases/{number}/{action}").status_code == 404, action
    for path in (f"/console/cases/{number}", f"/console/announcements/{number}", f"/console/leaders/{number}"):
        assert client.get(path).status_code == 404


def test_invalid_current_url_redirects_to_login(client: FlaskClient) -> None:
    asked = client.get("/console/", headers={"HX-Request": "true", "HX-Current-URL": "http://["})
    assert (asked.status_code, asked.headers["HX-Redirect"]) == (401, "/console/login?next=")


@pytest.mark.parametrize("data", [b"\xff\xfe", 'msgid ""\nmsgstr "á"'.encode("latin-1")])
def test_catalog_with_wrong_encoding_is_refused_with_its_place(data: bytes) -> None:
    with pytest.raises(SourceError) as bad:
        parse_po("es", data)
    assert "messages/es.po" in str(bad.value.problems[0])


def test_flow_with_wrong_encoding_is_refused_with_its_line() -> None:
    with pytest.raises(SourceError) as bad:
        decode_source("flow: x\ntitle: año".encode("latin-1"), "flows/x.yaml")
    assert bad.value.problems[0].line == 2 and "UTF-8" in str(bad.value.problems[0])
