"""Permissions: every route of the program × every role, against one table; and which cases staff see."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bot.content.district import OnCallGroup
from bot.content.library import Library
from bot.runtime import Runtime
from bot.store.cases.cases import Case
from bot.web.app import create_app
from bot.web.console.core.permissions import ACCOUNT_ROLES, ConsoleUser, find_on_call_roles, is_in_scope
from bot.web.console.registration import issue_password
from tests.conftest import Family
from tests.web.console.test_console import log_in, token
from tests.web.console.test_login import cheap_passwords

__all__ = ["cheap_passwords"]  # this fixture also applies here

ALL_ROLES = frozenset(ACCOUNT_ROLES)
ADMINISTRATOR = frozenset({"administrator"})
CASES = frozenset({"staff", "approver", "administrator"})
READS = CASES | {"records_officer"}
RECORDS = frozenset({"records_officer", "administrator"})
OFFICE = frozenset({"records_officer", "approver", "administrator"})
ANYONE, SIGNED, PUBLIC, DEVELOPMENT = "anyone", "signed", "public", "development"

TABLE: dict[str, frozenset[str] | str] = {
    "GET /console/": ALL_ROLES,
    "GET /console/account": ALL_ROLES,
    "POST /console/account/end": ALL_ROLES,
    "GET /console/account/factor": ALL_ROLES,
    "POST /console/account/factor": ALL_ROLES,
    "POST /console/account/language": ALL_ROLES,
    "POST /console/account/password": ALL_ROLES,
    "GET /console/agents": READS,
    "GET /console/agents/drilled.csv": READS,
    "GET /console/agents/<int:incident_id>": READS,
    "POST /console/agents/<int:incident_id>/do": CASES,
    "GET /console/agents/<int:incident_id>/part": READS,
    "GET /console/agents/protocol": ALL_ROLES,
    "GET /console/agents/quiz": CASES,
    "POST /console/agents/quiz": CASES,
    "GET /console/agents/start": CASES,
    "POST /console/agents/start": CASES,
    "GET /console/alerts": CASES,
    "GET /console/announcements": ALL_ROLES,
    "GET /console/announcements/<int:announcement_id>": ALL_ROLES,
    "POST /console/announcements/<int:announcement_id>/again": CASES,
    "POST /console/announcements/<int:announcement_id>/approve": CASES,
    "GET /console/announcements/<int:announcement_id>/edit": CASES,
    "POST /console/announcements/<int:announcement_id>/edit": CASES,
    "GET /console/announcements/<int:announcement_id>/languages": ALL_ROLES,
    "POST /console/announcements/<int:announcement_id>/languages": CASES,
    "GET /console/announcements/<int:announcement_id>/languages/<language>": CASES,
    "POST /console/announcements/<int:announcement_id>/languages/<language>": CASES,
    "POST /console/announcements/<int:announcement_id>/languages/<language>/again": CASES,
    "GET /console/announcements/<int:announcement_id>/languages/<language>/flyer": CASES,
    "GET /console/announcements/<int:announcement_id>/languages/<language>/recording": CASES,
    "POST /console/announcements/<int:announcement_id>/languages/<language>/recording": CASES,
    "POST /console/announcements/<int:announcement_id>/languages/<language>/recording/remove": CASES,
    "POST /console/announcements/<int:announcement_id>/pause": CASES,
    "GET /console/announcements/<int:announcement_id>/preview": CASES,
    "POST /console/announcements/<int:announcement_id>/release": CASES,
    "GET /console/announcements/<int:announcement_id>/report.csv": READS,
    "POST /console/announcements/<int:announcement_id>/resume": CASES,
    "POST /console/announcements/<int:announcement_id>/stop": CASES,
    "POST /console/announcements/<int:announcement_id>/test": CASES,
    "GET /console/announcements/<int:announcement_id>/watch": READS,
    "GET /console/announcements/<int:announcement_id>/watch/part": READS,
    "GET /console/announcements/count": CASES,
    "GET /console/announcements/new": CASES,
    "POST /console/announcements/new": CASES,
    "GET /console/attendance": ALL_ROLES,
    "GET /console/attendance.csv": ALL_ROLES,
    "GET /console/audit": OFFICE,
    "GET /console/cases/<int:case_id>": READS,
    "POST /console/cases/<int:case_id>/call": CASES,
    "POST /console/cases/<int:case_id>/draft": CASES,
    "POST /console/cases/<int:case_id>/give": CASES,
    "POST /console/cases/<int:case_id>/hand-back": CASES,
    "POST /console/cases/<int:case_id>/interpreter": CASES,
    "POST /console/cases/<int:case_id>/knock": CASES,
    "POST /console/cases/<int:case_id>/messages/<int:message_id>/again": CASES,
    "POST /console/cases/<int:case_id>/messages/<int:message_id>/approve": CASES,
    "POST /console/cases/<int:case_id>/messages/<int:message_id>/drop": CASES,
    "POST /console/cases/<int:case_id>/messages/<int:message_id>/send": CASES,
    "POST /console/cases/<int:case_id>/note": CASES,
    "POST /console/cases/<int:case_id>/refer": CASES,
    "POST /console/cases/<int:case_id>/resolve": CASES,
    "POST /console/cases/<int:case_id>/seen": CASES,
    "POST /console/cases/<int:case_id>/take": CASES,
    "GET /console/cases/<int:case_id>/talk": READS,
    "POST /console/cases/<int:case_id>/topic": CASES,
    "GET /console/cases/<int:case_id>/voice/<int:note_id>": READS,
    "GET /console/check-ins": CASES,
    "POST /console/check-ins": CASES,
    "POST /console/cases/<int:case_id>/visit": CASES,
    "POST /console/cases/<int:case_id>/visit/stop": CASES,
    "GET /console/consent": RECORDS,
    "POST /console/consent": RECORDS,
    "GET /console/demanded": OFFICE,
    "GET /console/family": RECORDS,
    "POST /console/family": RECORDS,
    "POST /console/family/copy": RECORDS,
    "POST /console/family/erase": RECORDS,
    "GET /console/kept": OFFICE,
    "GET /console/content": ALL_ROLES,
    "GET /console/well": ADMINISTRATOR,
    "GET /metrics": PUBLIC,
    "GET /console/digest": ALL_ROLES,
    "POST /console/digest/read": ALL_ROLES,
    "GET /console/figures": ALL_ROLES,
    "GET /console/flows": ALL_ROLES,
    "GET /console/flows/<name>": ALL_ROLES,
    "GET /console/gatherings": CASES,
    "GET /console/gatherings/<int:gathering_id>": CASES,
    "POST /console/gatherings/<int:gathering_id>/cancel": CASES,
    "GET /console/gatherings/<int:gathering_id>/edit": CASES,
    "POST /console/gatherings/<int:gathering_id>/edit": CASES,
    "GET /console/gatherings/<int:gathering_id>/families.csv": CASES,
    "POST /console/gatherings/<int:gathering_id>/interpreters": CASES,
    "POST /console/gatherings/<int:gathering_id>/interpreters/remove": CASES,
    "POST /console/gatherings/<int:gathering_id>/invite": CASES,
    "GET /console/gatherings/<int:gathering_id>/questions": CASES,
    "GET /console/gatherings/<int:gathering_id>/questions.csv": CASES,
    "POST /console/gatherings/<int:gathering_id>/ready": CASES,
    "POST /console/gatherings/<int:gathering_id>/sheet": CASES,
    "POST /console/gatherings/<int:gathering_id>/sheet/approve": CASES,
    "GET /console/gatherings/<int:gathering_id>/sheet/<language>": CASES,
    "POST /console/gatherings/<int:gathering_id>/sheet/<language>": CASES,
    "GET /console/gatherings/<int:gathering_id>/themes": CASES,
    "POST /console/gatherings/<int:gathering_id>/themes": CASES,
    "GET /console/gatherings/new": CASES,
    "POST /console/gatherings/new": CASES,
    "GET /console/directory": ALL_ROLES,
    "POST /console/directory/<name>/called": CASES,
    "GET /console/handouts": ALL_ROLES,
    "GET /console/handouts/<language>.<kind>": ALL_ROLES,
    "GET /console/inbox/rows": ALL_ROLES,
    "GET /console/interpreters": CASES,
    "POST /console/interpreters": CASES,
    "GET /console/leaders": CASES,
    "POST /console/leaders": CASES,
    "GET /console/leaders/<int:leader_id>": CASES,
    "POST /console/leaders/<int:leader_id>": CASES,
    "POST /console/leaders/<int:leader_id>/ask": CASES,
    "POST /console/leaders/requests/<int:request_id>": CASES,
    "POST /console/leaders/tasks": CASES,
    "GET /console/load": ALL_ROLES,
    "GET /console/login": ANYONE,
    "POST /console/login": ANYONE,
    "GET /console/login/code": ANYONE,
    "POST /console/login/code": ANYONE,
    "GET /console/login/district": ANYONE,
    "GET /console/login/district/back": ANYONE,
    "POST /console/logout": ALL_ROLES,
    "GET /console/needs": CASES,
    "POST /console/needs/<int:need_id>/done": CASES,
    "GET /console/on-call": ALL_ROLES,
    "GET /console/open/<secret>": READS,
    "GET /console/people": ADMINISTRATOR,
    "POST /console/people": ADMINISTRATOR,
    "POST /console/people/do": ADMINISTRATOR,
    "POST /console/people/password": ADMINISTRATOR,
    "POST /console/people/role": ADMINISTRATOR,
    "GET /console/phrases": CASES,
    "POST /console/phrases": CASES,
    "GET /console/recordings": CASES,
    "GET /console/recordings/<language>": CASES,
    "POST /console/recordings/<language>/<key>": CASES,
    "POST /console/recordings/review/<int:recording_id>": CASES,
    "GET /console/recordings/sound/<int:recording_id>.mp3": CASES,
    "POST /console/recordings/take-back/<int:recording_id>": CASES,
    "GET /console/register": ALL_ROLES,
    "POST /console/register/looked": READS,
    "GET /console/review": CASES,
    "POST /console/review/<int:correction_id>": CASES,
    "GET /console/schools": ALL_ROLES,
    "GET /console/schools/<school>": ALL_ROLES,
    "POST /console/schools/ready": frozenset({"approver", "administrator"}),
    "POST /console/schools/ready/confirm": CASES,
    "POST /console/schools/ready/drop": CASES,
    "POST /console/schools/ready/propose": CASES,
    "POST /console/schools/status": CASES,
    "POST /console/schools/withdraw": CASES,
    "GET /console/search": READS,
    "POST /console/search": READS,
    "GET /console/suggestions": CASES,
    "POST /console/suggestions": CASES,
    "POST /console/suggestions/<int:suggestion_id>": CASES,
    "POST /console/suggestions/<int:suggestion_id>/lines": CASES,
    "GET /console/static/<path:filename>": PUBLIC,
    "POST /console/verified-events": CASES,
    "POST /console/verified-events/<int:event_id>/withdraw": CASES,
    "GET /healthz": PUBLIC,
    "GET /g/<code>": PUBLIC,
    "GET /g/<code>.ics": PUBLIC,
    "GET /m/<code>": PUBLIC,
    "GET /m/<code>/kit": PUBLIC,
    "GET /m/<code>/kit/<language>.mp3": PUBLIC,
    "GET /m/<code>/kit/<language>.png": PUBLIC,
    "GET /media/<file>": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /recordings/<key>.mp3": PUBLIC,
    "GET /recordings/<key>.ogg": PUBLIC,
    "GET /static/<path:filename>": PUBLIC,
    "GET /simulator/": DEVELOPMENT,
    "GET /simulator/feed": DEVELOPMENT,
    "POST /simulator/follow-ups": DEVELOPMENT,
    "POST /simulator/call": DEVELOPMENT,
    "POST /simulator/hang-up": DEVELOPMENT,
    "POST /simulator/key": DEVELOPMENT,
    "POST /simulator/sound": DEVELOPMENT,
    "POST /simulator/take": DEVELOPMENT,
    "POST /simulator/send": DEVELOPMENT,
    "GET /simulator/static/<path:filename>": DEVELOPMENT,
    "GET /simulator/transcript": DEVELOPMENT,
    "POST /simulator/why": DEVELOPMENT,
    "POST /webhooks/twilio/messages": SIGNED,
    "POST /webhooks/twilio/status": SIGNED,
    "POST /webhooks/twilio/voice": SIGNED,
}
"""Every route and who may call it. A route without a row fails: add it here, and set `allowed`."""


def routes(app: Flask) -> set[str]:
    return {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def request_route(client: FlaskClient, route: str) -> tuple[int, str]:
    """Return the status and the redirect address."""
    method, rule = route.split(" ", 1)
    path = re.sub(r"<[^>]*>", "x", re.sub(r"<int:[^>]*>", "1", rule))
    answer = client.open(path, method=method)
    return answer.status_code, answer.headers.get("Location", "")


def logged_in(runtime: Runtime, app: Flask, role: str, staff: str | None = None) -> FlaskClient:
    client = app.test_client()
    password = issue_password(runtime, f"{role} {staff}", role, staff)
    assert log_in(client, f"{role} {staff}", password) == 302
    return client


@pytest.fixture
def app(runtime: Runtime, family: Family) -> Iterator[Flask]:
    """The app with one case of the family liaisons; forms need no token here."""
    family.text("I want to talk to a person")
    yield family.client.application


def test_every_route_has_a_table_row_and_vice_versa(app: Flask, runtime: Runtime) -> None:
    assert routes(app) == set(TABLE)
    strict = runtime.settings.model_copy(update={"environment": "production"})
    in_production = routes(create_app(runtime=replace(runtime, settings=strict)))
    assert in_production == {route for route, who in TABLE.items() if who != DEVELOPMENT}


@pytest.mark.long
@pytest.mark.parametrize("role", ACCOUNT_ROLES)
def test_every_role_opens_only_its_routes(app: Flask, runtime: Runtime, role: str) -> None:
    client = logged_in(runtime, app, role, "ana_ruiz")
    for route, who in TABLE.items():
        app.config["WTF_CSRF_ENABLED"] = False
        if who == SIGNED:
            assert request_route(client, route)[0] in (400, 403), route
        elif who != DEVELOPMENT:
            allowed = who in (ANYONE, PUBLIC) or role in who
            assert (request_route(client, route)[0] == 403) is not allowed, (route, role)
        if route in ("POST /console/logout", "POST /console/account/end"):
            app.config["WTF_CSRF_ENABLED"] = True
            client = logged_in(runtime, app, role, "ana_ruiz")


@pytest.mark.long
@pytest.mark.parametrize("role", ACCOUNT_ROLES)
def test_menu_lists_only_pages_the_role_can_open(app: Flask, runtime: Runtime, role: str) -> None:
    client = logged_in(runtime, app, role, "ana_ruiz")
    nav = client.get("/console/account").text.split("<nav", 1)[1].split("</nav>", 1)[0]
    links, headings = re.findall(r'href="([^"]+)"', nav), re.findall(r'<p class="group"[^>]*>([^<]+)', nav)
    assert len(links) == len(set(links)) >= 10 and links.index("/console/") < 2
    assert ("/console/people" in links) == (role == "administrator")
    assert ("/console/gatherings" in links) == (role in CASES)
    assert "<ul" in nav and not re.findall(r"<ul[^>]*>\s*</ul>", nav) and 3 <= len(headings) <= 6
    assert [one for one in links if client.get(one).status_code >= 400] == []


def test_anonymous_can_open_only_login(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    for route, who in TABLE.items():
        client = app.test_client()
        if who == SIGNED:
            assert request_route(client, route)[0] in (400, 403), route
        elif isinstance(who, frozenset):
            status, where = request_route(client, route)
            assert status == 302 and where.startswith("/console/login"), route
        elif who != DEVELOPMENT:
            assert request_route(client, route)[0] != 403, route


def test_route_without_permission_is_refused_to_all(app: Flask, runtime: Runtime) -> None:
    app = create_app(runtime=runtime)
    app.add_url_rule("/console/new", view_func=lambda: "secret")
    app.add_url_rule("/new", endpoint="other", view_func=lambda: "secret")
    client = logged_in(runtime, app, "administrator")
    for path in ("/console/new", "/new"):
        assert client.get(path).status_code == 403
        assert app.test_client().get(path).status_code == 302


def test_case_outside_scope_looks_like_a_missing_case(app: Flask, runtime: Runtime) -> None:
    assert logged_in(runtime, app, "staff", "ana_ruiz").get("/console/cases/1").status_code == 200
    other = logged_in(runtime, app, "staff", "grace_wu")
    hidden, absent = other.get("/console/cases/1"), other.get("/console/cases/99")
    assert hidden.status_code == 404 and hidden.text.replace("case 1", "case 99") == absent.text
    form = {"csrf_token": token(other.get("/console/account").text), "topic": "legal_help"}
    for action in ("done", "topic"):
        assert other.post(f"/console/cases/1/{action}", data=form).status_code == 404
    for role in ("records_officer", "approver", "administrator"):
        assert logged_in(runtime, app, role).get("/console/cases/1").status_code == 200


CASE = Case(
    id=1, contact_id=1, topic="bullying", severity="escalate_day", role="principal", about="", language="es",
    school="lincoln", answers={}, state="alerted", opened_at=datetime(2026, 11, 24, tzinfo=UTC), alerted_at=None,
    rounds=1, first_round=0, chased_at=None, page_at=None, delay_notice_at=None, claimed_by=None, claimed_at=None, resolved_by=None, resolved_at=None,
    flagged="",
)  # fmt: skip


def can_see(
    library: Library, staff: str | None, case: Case, schools: tuple[str, ...] = (), **chains: OnCallGroup
) -> bool:
    district = library.district
    people = {name: one.model_copy(update={"schools": schools}) for name, one in district.staff.items()}
    own = district.model_copy(update={"staff": people, "on_call": {**district.on_call, **chains}})
    return is_in_scope(own, ConsoleUser(1, "login", "staff", staff), case)


def test_staff_see_cases_of_their_roles(library: Library) -> None:
    assert {who for who in library.district.staff if can_see(library, who, CASE)} == {"sam_ortiz", "ruth_adams"}
    assert not can_see(library, None, CASE) and not can_see(library, "gone", CASE)
    for_default = {who for who in library.district.staff if can_see(library, who, replace(CASE, role="no such chain"))}
    assert set(library.district.on_call["default"].people) <= for_default


def test_staff_see_cases_of_their_schools(library: Library) -> None:
    assert can_see(library, "sam_ortiz", CASE, schools=("lincoln", "harbor"))
    assert not can_see(library, "sam_ortiz", CASE, schools=("harbor",))
    assert can_see(library, "sam_ortiz", replace(CASE, school=None), schools=("harbor",))
    own = OnCallGroup(people=("ruth_adams", "dana_cole"), schools={"lincoln": ("kim_novak",), "harbor": ("lee_tran",)})
    assert can_see(library, "kim_novak", CASE, principal=own) and not can_see(library, "lee_tran", CASE, principal=own)


def test_staff_see_cases_they_claimed_or_are_alerted_for(library: Library) -> None:
    mine = replace(CASE, claimed_by="grace_wu")
    assert can_see(library, "grace_wu", mine, schools=("harbor",)) and not can_see(library, "kim_novak", mine)
    backup = library.district.staff["ana_ruiz"].backup
    role = OnCallGroup(people=("ana_ruiz", "dana_cole"))
    assert backup and can_see(library, backup, CASE, principal=role)
    first = library.district.on_call["default"].people[0]
    assert "default" in library.district.paging.widen_to and "default" in find_on_call_roles(library.district, first)
    widened = replace(CASE, rounds=2 + library.district.paging.widen_to.index("default"))
    assert can_see(library, first, widened) and not can_see(library, first, CASE)


@pytest.mark.parametrize("role", ACCOUNT_ROLES)
def test_only_three_roles_see_every_case(library: Library, role: str) -> None:
    seen = is_in_scope(library.district, ConsoleUser(1, "login", role, None), CASE)
    assert seen is (role in {"records_officer", "approver", "administrator"})
