"""The console in the user's language, and its catalogs, which must be complete and current."""

import subprocess
import sys
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from bot.base import settings
from bot.content import babel_constants, catalog_merge, lint
from bot.content.catalog import parse_po
from bot.content.library import Library
from bot.runtime import Runtime
from bot.store.staff import staff_accounts
from bot.web.console.core.console_i18n import CATALOG_DIR, _
from tests.web.console.conftest import member
from tests.web.console.test_console import token

POT = CATALOG_DIR / "console.pot"


@pytest.mark.parametrize(
    ("asked", "language", "title"),
    [
        ("es-MX,es;q=0.9,en;q=0.8", "es", "Entrar"),
        ("en-US", "en", "Log in"),
        ("fr", "en", "Log in"),
        ("", "en", "Log in"),
    ],
)
def test_browser_language_applies_before_login(client: FlaskClient, asked: str, language: str, title: str) -> None:
    page = client.get("/console/login", headers={"Accept-Language": asked}).text
    assert f'<html lang="{language}">' in page and f"<h1>{title}</h1>" in page


def test_account_language_applies_after_login(runtime: Runtime, ana: FlaskClient) -> None:
    form = {"csrf_token": token(ana.get("/console/account").text), "language": "es"}
    ana.post("/console/account/language", data=form)
    page = ana.get("/console/on-call", headers={"Accept-Language": "en"}).text
    assert '<html lang="es">' in page and "Calendario de guardias" in page and "Ana Ruiz (usted)" in page
    assert "martes 24 de noviembre" in page and "7:30" in page
    other = member(runtime, ana.application, "staff", "grace_wu")
    assert "On-call schedule" in other.get("/console/on-call", headers={"Accept-Language": "es"}).text


def test_unknown_language_falls_back_to_english(runtime: Runtime, ana: FlaskClient) -> None:
    with runtime.database.write() as db:
        staff_accounts.set_language(db, 1, "tlh")
    assert '<html lang="en">' in ana.get("/console/on-call").text


def test_error_page_uses_account_language(runtime: Runtime, ana: FlaskClient) -> None:
    with runtime.database.write() as db:
        staff_accounts.set_language(db, 1, "es")
    assert "No hay ningún caso 99." in ana.get("/console/cases/99").text
    assert _("There is no case {number}.", number=7) == "There is no case 7.", "outside of a page: English"


def extract_texts(tmp_path: Path, folder: Path = settings.ROOT) -> set[str]:
    """Return what `make messages` would extract."""
    out = tmp_path / "now.pot"
    command = [sys.executable, "-m", "babel.messages.frontend", "-q", "extract", "-F", str(CATALOG_DIR / "babel.cfg")]
    subprocess.run([*command, "-k", "N_", "-o", str(out), "bot"], cwd=folder, check=True)
    return {str(message.id) for message in parse_po("en", out.read_bytes()) if message.id}


def test_texts_in_code_constants_and_templates_are_extracted(tmp_path: Path) -> None:
    found = extract_texts(tmp_path)
    assert {"Log in", "There is no case {number}.", "took", "Inbox"} <= found


@pytest.mark.long
def test_check_reports_missing_catalog_entries(tmp_path: Path, library: Library) -> None:
    root = settings.ROOT
    assert not [line for line in lint.find_content_problems(root, library, date(2026, 11, 24))[0] if "console" in line]
    for name in ("messages", "bot/web/console/words", "flows"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(root / name)
    own = tmp_path / "bot/web/console/words"
    own.unlink()
    own.mkdir()
    (own / "console.pot").write_text(POT.read_text() + '\nmsgid "Brand new"\nmsgstr ""\n')
    po = CATALOG_DIR / "es.po"
    (own / "es.po").write_text(po.read_text().replace("{number} caracteres", "{numero} caracteres"))
    errors = [
        line for line in lint.find_content_problems(tmp_path, library, date(2026, 11, 24))[0] if "console" in line
    ]
    assert any("not translated yet: 'Brand new'" in line for line in errors)
    assert any("{numero}" in line for line in errors) and all(
        line.startswith(str(lint.CONSOLE_TEMPLATE_PATH.parent)) for line in errors
    )
    (own / "es.po").write_text("msgid oops\n")
    errors, _warnings = lint.find_content_problems(tmp_path, library, date(2026, 11, 24))
    assert any(line.startswith("bot/web/console/words/es.po:") and "not a PO file" in line for line in errors)


def test_merge_keeps_translations_and_reviewers(tmp_path: Path) -> None:
    po = tmp_path / "es.po"
    po.write_text((CATALOG_DIR / "es.po").read_text().replace("nobody yet", "Rosa Lind"))
    before = po.read_text()
    catalog_merge.merge_catalog(po, parse_po("en", POT.read_bytes()))
    assert po.read_text() == before
    catalog_merge.merge_catalog(po, parse_po("en", POT.read_bytes() + b'\nmsgid "Brand new"\nmsgstr ""\n'))
    assert "Brand new" in po.read_text() and "X-Reviewed-By: Rosa Lind" in po.read_text()


def test_only_constants_are_extracted() -> None:
    module = b'"""Not this."""\nWORDS = {"a": "One", 2: "Two", "n": 3}\nMORE = "Three"\nKEY = 7\ndef no() -> str:\n    return "x"\n'
    assert [found[2] for found in babel_constants.extract(BytesIO(module), (), (), {})] == ["One", "Two", "Three"]
