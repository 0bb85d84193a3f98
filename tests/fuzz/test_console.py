"""Every page and form of the console, logged in and anonymous, with anything in every field."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from bot.runtime import Runtime
from bot.web.console.registration import issue_password
from tests.conftest import Family
from tests.fuzz.anything import TEXTS, share
from tests.web.console.conftest import busy, gathered
from tests.web.console.test_console import log_in
from tests.web.console.test_login import cheap_passwords

__all__ = ["busy", "cheap_passwords", "gathered"]  # these fixtures also apply here
pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]

WEB = Path(__file__).parents[2] / "bot/web"
SESSION_ENDING_PATHS = {
    "/console/logout",
    "/console/account/end",
    "/console/account/password",
    "/console/account/factor",
}
"""These end the session that the test needs; `test_anonymous_pages_survive_fuzzing` requests them too."""
RENDERED_PATHS = {
    "/console/handouts/<language>.<kind>",
    "/console/announcements/<int:announcement_id>/languages/<language>/flyer",
}
"""WeasyPrint takes seconds for each; tests/documents covers these."""


def list_field_names() -> list[str]:
    """Return every field and argument that pages or views name."""
    pages = "".join(path.read_text() for path in (*WEB.rglob("*.html"), *WEB.rglob("*.py")))
    return sorted(set(re.findall(r'(?:name=|get\(|getlist\(|form\[)"([a-z_]+)"', pages)) - {"csrf_token"})


def routes(app: Flask) -> list[tuple[str, str]]:
    return sorted(
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/console/") and rule.rule not in RENDERED_PATHS
    )


def fill_path(rule: str, draw: Callable[[Any], Any]) -> str:
    """Fill each placeholder of the address, mostly with existing values."""
    path = re.sub(r"<int:\w+>", lambda _: str(draw(st.one_of(st.integers(0, 3), st.integers(0, 2**70)))), rule)
    known = st.one_of(st.sampled_from(["lincoln", "es", "en", "menu", "ana_ruiz", "1", "x"]), TEXTS)
    return re.sub(r"<[^>]+>", lambda _: draw(known).replace("/", "-").replace("?", "-").replace("#", "-") or "x", path)


def send_request(client: FlaskClient, route: tuple[str, str], data: st.DataObject, fields: list[str]) -> int:
    draw, (method, rule) = data.draw, route
    given_ = draw(st.dictionaries(st.sampled_from(fields), TEXTS, max_size=10))
    if rule == "/console/people/do":
        given_.pop("id", None)  # otherwise it closes its own login
    place = {"data": given_} if method == "POST" else {"query_string": given_}
    headers = {"HX-Request": "true", "HX-Current-URL": draw(TEXTS).replace("\r", "").replace("\n", "")}
    shown = {name: value.encode("utf-8", "replace").decode("latin-1") for name, value in headers.items()}
    answer = client.open(fill_path(rule, draw), method=method, headers=shown if draw(st.booleans()) else {}, **place)
    answer.close()
    return answer.status_code


def test_administrator_pages_survive_fuzzing(runtime: Runtime, client: FlaskClient, busy: None, gathered: None) -> None:
    app, fields = client.application, list_field_names()
    assert log_in(client, "root", issue_password(runtime, "root", "administrator", "ana_ruiz")) == 302
    app.config["WTF_CSRF_ENABLED"] = False
    open_ = [one for one in routes(app) if one[1] not in SESSION_ENDING_PATHS]

    @share(0.12)
    @given(st.sampled_from(open_), st.data())
    def one(route: tuple[str, str], data: st.DataObject) -> None:
        status = send_request(client, route, data, fields)
        assert status < 500, route

    one()
    assert client.get("/console/account").status_code == 200, "the session went on"


def test_anonymous_pages_survive_fuzzing(runtime: Runtime, client: FlaskClient, family: Family) -> None:
    app, fields = client.application, list_field_names()
    app.config["WTF_CSRF_ENABLED"] = False

    @share(0.05)
    @given(st.sampled_from(routes(app)), st.data())
    def one(route: tuple[str, str], data: st.DataObject) -> None:
        assert send_request(client, route, data, fields) < 500, route

    one()
