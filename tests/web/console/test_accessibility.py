"""Every page of the console: axe finds no fault, nothing is blocked, and nothing exceeds a phone's screen."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from bot.base.database import now
from bot.store.staff import staff_accounts
from bot.web.console.auth import credentials
from bot.web.console.registration import issue_password
from tests.web.console.conftest import Served

pytestmark = [pytest.mark.long, pytest.mark.browser]

PHONE, DESKTOP = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
FILL = {
    "case_id": ["1", "2"],
    "name": ["report_absence"],
    "announcement_id": ["1", "2"],
    "language": ["es"],
    "incident_id": ["1"],
    "school": ["lincoln"],
    "gathering_id": ["1"],
    "leader_id": ["1"],
}
"""Values for the placeholders in an address. Add a new placeholder here."""
NON_PAGES = {
    *("console.static", "console.to_district", "console.from_district", "console.open_link"),
    *("console.recording", "console.announcement_report", "console.attendance_csv"),
    *("console.recording", "console.announcement_report"),
    *("console.questions_file", "console.coming_file", "console.voice_note"),
    *("console.recording", "console.announcement_report", "console.handout_file"),
    *("console.said_sound",),
}
"""Not pages: they redirect the browser, or serve a file."""
MAIN = {
    "/console/",
    "/console/cases/1",
    "/console/cases/2",
    "/console/on-call",
    "/console/figures",
    "/console/interpreters",
    "/console/attendance",
    "/console/check-ins",
    "/console/needs",
    "/console/announcements/new",
    "/console/announcements/1",
    "/console/announcements/1/languages/es",
    "/console/announcements/1/preview",
    "/console/announcements/2/watch",
    "/console/schools/lincoln",
    "/console/register",
    "/console/gatherings/new",
    "/console/gatherings/1",
    "/console/gatherings/1/questions",
    "/console/leaders",
    "/console/recordings/es",
}

OPEN_MAIN = "document.querySelectorAll('main details').forEach(one => { one.open = true })"
OPEN_ALL = OPEN_MAIN.replace("main ", "")
"""The menu covers what is below it, so axe can't judge its colors: it is opened on only one page."""


@contextmanager
def open_page(browser: Browser, served: Served, language: str, screen: dict[str, int], scheme: str) -> Iterator[Page]:
    context = browser.new_context(
        base_url=served.url,
        viewport=screen,
        locale=language,
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
    page.on("console", lambda line: problems.append(f"{page.url}: {line.text}") if line.type == "error" else None)
    yield page
    context.close()
    assert [one for one in problems if "401" not in one] == [], "the pages' own errors, blocked styles and scripts too"


def log_in(page: Page, name: str, password: str) -> None:
    page.goto("/console/login")
    page.locator("[name=name]").fill(name)
    page.locator("[name=password]").fill(password)
    page.locator("main button").click()


def administrator(served: Served, language: str) -> tuple[str, str]:
    password = issue_password(served.runtime, "ruth", "administrator", "ana_ruiz")
    with served.runtime.database.write() as db:
        login = staff_accounts.find_by_name(db, "ruth")
        assert login is not None
        staff_accounts.set_language(db, login.id, language)
    return "ruth", password


def with_factor(served: Served) -> tuple[str, str]:
    password = issue_password(served.runtime, "omar", "administrator")
    with served.runtime.database.write() as db:
        login = staff_accounts.find_by_name(db, "omar")
        assert login is not None
        sealed = served.runtime.database.vault.encrypt(
            pyotp.random_base32(), credentials.build_secret_context(login.id)
        )
        staff_accounts.set_second_factor(db, login.id, sealed, [], 0, now())
    return "omar", password


def list_paths(served: Served) -> list[str]:
    """Return every console address that a browser may open."""
    rules = [rule for rule in served.app.url_map.iter_rules() if rule.endpoint.startswith("console.")]
    asked = [rule for rule in rules if "GET" in (rule.methods or ()) and rule.endpoint not in NON_PAGES]
    with served.app.test_request_context():
        build = served.app.url_map.bind("").build
        return sorted(build(rule.endpoint, dict(parts)) for rule in asked for parts in _filled(rule.arguments))


def _filled(arguments: set[str]) -> Iterator[tuple[tuple[str, str], ...]]:
    """Return the placeholders of an address, in every combination."""
    yield from product(*([(part, value) for value in FILL[part]] for part in sorted(arguments)))


def is_page(page: Page, path: str) -> bool:
    """Return whether it is a whole page and not a part that another page fetches."""
    answer = page.request.get(path)
    assert answer.ok, f"{path}: {answer.status}"
    return "<!doctype html>" in answer.text().lower()


def find_faults(page: Page, language: str) -> list[str]:
    """Return the faults of the open page, one line each."""
    found = Axe().run(page).response["violations"]
    lines = [f"{one['id']}: {node['html'][:160]} {node['failureSummary']}" for one in found for node in one["nodes"]]
    if page.locator("html").get_attribute("lang") != language:
        lines.append("another language than the person's")
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if wide > 0:
        lines.append(f"sticks out by {wide} pixels")
    return [f"{page.url}: {line}" for line in lines]


def test_main_pages_are_accessible_on_a_phone(browser: Browser, served: Served) -> None:
    with open_page(browser, served, "es", PHONE, "light") as page:
        log_in(page, *administrator(served, "es"))
        wrong = []
        for path in sorted(MAIN):
            page.goto(path)
            wrong += find_faults(page, "es")
    assert wrong == []


@pytest.mark.long
@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize(("screen", "scheme"), [(PHONE, "dark"), (DESKTOP, "light"), (DESKTOP, "dark")])
def test_every_page_is_accessible(
    browser: Browser, served: Served, language: str, screen: dict[str, int], scheme: str
) -> None:
    with open_page(browser, served, language, screen, scheme) as page:
        log_in(page, *administrator(served, language))
        pages = [path for path in list_paths(served) if is_page(page, path)]
        wrong = []
        for path in pages:
            page.goto(path)
            page.evaluate(OPEN_ALL if path == "/console/" else OPEN_MAIN)
            wrong += find_faults(page, language)
    assert set(pages) >= MAIN and len(pages) > 12
    assert wrong == []


@pytest.mark.long
@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("screen", [PHONE, DESKTOP])
def test_login_is_accessible(browser: Browser, served: Served, language: str, screen: dict[str, int]) -> None:
    name, password = with_factor(served)
    with open_page(browser, served, language, screen, "light") as page:
        page.goto("/console/login")
        wrong = find_faults(page, language)
        log_in(page, name, "no such password")
        wrong += find_faults(page, language)
        log_in(page, name, password)
        page.wait_for_url("**/console/login/code")
        wrong += find_faults(page, language)
        page.locator("[name=code]").fill("000000")
        page.locator("main button").click()
        page.locator("[role=alert]").wait_for()
        wrong += find_faults(page, language)
    assert wrong == []
