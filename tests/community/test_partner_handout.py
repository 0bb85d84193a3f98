"""The handout: one page in every language, nothing expired or unapproved on it, numbers in the right order."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.exceptions import ClickException
from click.testing import CliRunner
from flask.testing import FlaskClient

from bot.base import settings
from bot.base.database import now
from bot.community import partner_handout as command
from bot.community.partner_handout import handout_of
from bot.content.facts import PARTNER_CHECK_VALID_DAYS, Partner
from bot.content.library import Library
from bot.documents.handout import Handout, render_handout_pdf, render_handout_png
from bot.messaging import partner_directory
from bot.runtime import Runtime
from tests.conftest import NOW
from tests.documents.conftest import drawing
from tests.documents.said import LANGUAGES
from tests.documents.seen import open_png, read_codes, read_page_texts, render_in_gray
from tests.web.console.conftest import member
from tests.web.console.test_login import cheap_passwords

pytestmark = pytest.mark.long

__all__ = ["cheap_passwords", "drawing"]  # these fixtures also apply here

NUMBERS = ("217-555-0160", "217-555-0161", "217-555-0162", "217-555-0163", "217-555-0110", "217-555-0100")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the developer's own numbers: the example district has others."""
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_SMS_FROM", "TWILIO_WHATSAPP_FROM", "TWILIO_MESSAGING_SERVICE_SID"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.chdir(tmp_path)


def build_handout(library: Library, language: str = "en", at: datetime = NOW, **partners: Partner) -> Handout:
    listed = partners or library.district.partners
    return handout_of(settings.load_settings(), library, listed, language, "lincoln", at)


def get_texts(handout: Handout) -> str:
    """Return all texts without the names."""
    parts = [words.text for section in handout.sections for words in (section.title, *section.texts)]
    helpers = [one for section in handout.sections for one in section.partners]
    parts += [text for one in helpers for text in (one.name, one.phone, *(words.text for words in one.lines))]
    return "\n".join([*parts, *(words.text for words in handout.instructions), handout.date_line.text])


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_page_in_every_language(library: Library, drawing: None, language: str) -> None:
    drawn = render_handout_pdf(build_handout(library, language))
    (text,) = read_page_texts(drawn)
    for number in (*NUMBERS, "988", "911"):
        assert number in text, f"{number} is written in its order in {language}"
    assert read_codes(render_in_gray(drawn)) == ["https://wa.me/12175550100?text=JOIN%20LINCOLN"]


def test_png_shows_the_same_page(library: Library, drawing: None) -> None:
    image = open_png(render_handout_png(build_handout(library, "ar")))
    assert image.width == 1275 and 1000 < image.height <= 1650


@pytest.mark.parametrize("language", ["ru", "vi"])
def test_many_partners_still_fit_one_page(library: Library, drawing: None, language: str) -> None:
    one = library.district.partners["prairie_legal"]
    many = {
        f"p{number}": one.model_copy(update={"name": f"Prairie Legal Aid {number}", "kind": kind})
        for number, kind in enumerate(("legal", "needs") * 6)
    }
    assert len(read_page_texts(render_handout_pdf(build_handout(library, language, **many)))) == 1


def test_handout_expires_with_its_first_part(library: Library) -> None:
    ends = min(one.get_last_valid_day() for one in library.district.partners.values())
    assert ends == library.district.partners["harvest"].checked_on + timedelta(days=PARTNER_CHECK_VALID_DAYS)
    assert (
        "after March 20, 2027" in build_handout(library).date_line.text
        and "November 24, 2026" in build_handout(library).date_line.text
    )


def test_expired_partner_and_fact_are_left_out(library: Library) -> None:
    late = get_texts(build_handout(library, at=NOW + timedelta(days=PARTNER_CHECK_VALID_DAYS)))
    assert "Prairie" not in late and "Harvest" not in late and "equal right to free public school" in late
    later = get_texts(build_handout(library, at=NOW + timedelta(days=366)))
    assert "equal right" not in later and "217-555-0100" in later and "911" in later


def test_policy_unsigned_by_counsel_is_left_out(library: Library) -> None:
    district = library.district.model_copy(update={"policies": {}})
    text = get_texts(build_handout(replace(library, district=district)))
    assert "do not ask about immigration status" not in text and "wait in the front office" not in text


def test_draft_translation_carries_a_notice(library: Library) -> None:
    assert build_handout(library, "en").notice is None
    assert build_handout(library, "es").notice is not None, "no catalog is reviewed yet"


def test_unknown_language_or_school_lists_choices(library: Library) -> None:
    with pytest.raises(ClickException, match="Choose en, es"):
        build_handout(library, "xx")
    with pytest.raises(ClickException, match="Choose lincoln"):
        handout_of(settings.load_settings(), library, {}, "en", "hogwarts", NOW)


def test_command_writes_the_file(drawing: None, tmp_path: Path) -> None:
    result = CliRunner().invoke(command.handout, ["--language", "es", "--school", "lincoln", "-o", "es.pdf"])
    assert result.exit_code == 0, result.output
    (text,) = read_page_texts((tmp_path / "es.pdf").read_bytes())
    assert "Lincoln Elementary" in text and "217-555-0160" in text


def test_wrong_number_is_removed_from_staff_download(runtime: Runtime, client: FlaskClient, drawing: None) -> None:
    viewer = member(runtime, client.application, "viewer")
    listed = viewer.get("/console/handouts?school=lincoln").text
    assert listed.count("Printable PDF</a>") == 16 and "/console/handouts/ar.png?school=lincoln" in listed
    assert "Prairie" in read_page_texts(viewer.get("/console/handouts/es.pdf?school=lincoln").data)[0]
    phone = runtime.library.district.partners["prairie_legal"].phone
    partner_directory.record_call(runtime, "prairie_legal", phone, False, "ana_ruiz", now())
    answer = viewer.get("/console/handouts/es.pdf?school=lincoln")
    assert "Prairie" not in read_page_texts(answer.data)[0] and answer.mimetype == "application/pdf"
    assert open_png(viewer.get("/console/handouts/zh.png").data).width == 1275
    assert viewer.get("/console/handouts/xx.pdf").status_code == 404
    assert viewer.get("/console/handouts/es.exe").status_code == 404
