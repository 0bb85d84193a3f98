"""`python -m bot poster`: its texts, school, and number, and the whole command."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.exceptions import ClickException
from click.testing import CliRunner, Result

from bot.announcements import join_poster as command
from bot.announcements.join_poster import EXAMPLE_NUMBER, poster_of
from bot.base import settings
from bot.base.settings import Settings
from bot.base.text_normalization import NormalizedText
from bot.content.district import School
from bot.content.library import Library
from bot.documents.html_page import RendererUnavailableError
from bot.documents.poster import Poster
from bot.web.simulator.fake_twilio import SENDER_NUMBER
from tests.documents.conftest import drawing
from tests.documents.seen import read_codes, read_page_texts, render_in_gray

pytestmark = pytest.mark.long

__all__ = ["drawing"]  # this fixture also applies here

TWILIO = {"twilio_account_sid": "AC" + "1" * 32, "twilio_auth_token": "token"}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the developer's own numbers: the example district has others."""
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_SMS_FROM", "TWILIO_WHATSAPP_FROM", "TWILIO_MESSAGING_SERVICE_SID"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def build_settings(**more: str) -> Settings:
    return settings.load_settings(**(TWILIO | more if more else {}))


def with_district(library: Library, **more: object) -> Library:
    return replace(library, district=library.district.model_copy(update=more))


def build_poster(
    library: Library, school: str | None = None, channels: Sequence[str] = ("whatsapp", "sms"), **more: str
) -> Poster:
    return poster_of(build_settings(**more), with_district(library, channels=channels), school)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command.poster, arguments)


def test_poster_code_opens_whatsapp_when_available(library: Library) -> None:
    found = build_poster(
        library, "lincoln", twilio_whatsapp_from="whatsapp:+12175550123", twilio_sms_from="+12175550124"
    )
    assert found.link == "https://wa.me/12175550123?text=JOIN%20LINCOLN"
    assert (found.word, found.phone) == ("JOIN LINCOLN", "217-555-0124")
    assert (found.district, found.school) == ("Riverbend Public Schools", "Lincoln Elementary")


def test_poster_code_opens_sms_without_whatsapp(library: Library) -> None:
    numbers = {"twilio_whatsapp_from": "+12175550123", "twilio_sms_from": "+12175550124"}
    off = build_poster(library, "lincoln", channels=("sms",), **numbers)
    assert (off.link, off.phone) == ("SMSTO:+12175550124:JOIN LINCOLN", "217-555-0124")
    assert build_poster(library, twilio_sms_from="72345").link == "SMSTO:72345:JOIN"


def test_whatsapp_only_poster_shows_whatsapp_number(library: Library) -> None:
    assert build_poster(library, twilio_whatsapp_from="+12175550123").phone == "217-555-0123"
    numbers = {"twilio_whatsapp_from": "+12175550123", "twilio_sms_from": "+12175550124"}
    assert build_poster(library, channels=("whatsapp",), **numbers).phone == "217-555-0123"


@pytest.mark.parametrize(
    ("channels", "more"),
    [
        (("whatsapp", "sms"), {"twilio_messaging_service_sid": "MG" + "1" * 32}),
        (("sms",), {"twilio_whatsapp_from": "+12175550123"}),
        (("whatsapp",), {"twilio_sms_from": "+12175550123"}),
    ],
)
def test_missing_number_names_the_setting(library: Library, channels: tuple[str, ...], more: dict[str, str]) -> None:
    with pytest.raises(ClickException, match="Set TWILIO_WHATSAPP_FROM or TWILIO_SMS_FROM"):
        build_poster(library, channels=channels, **more)


def test_development_poster_shows_simulator_number(library: Library) -> None:
    assert EXAMPLE_NUMBER == SENDER_NUMBER
    assert build_poster(library).phone == "217-555-0100"
    assert build_poster(library).link == "https://wa.me/12175550100?text=JOIN"


def test_every_language_includes_join_word_and_number(library: Library) -> None:
    lines = {line.language: line for line in build_poster(library, "harbor").texts}
    assert tuple(lines) == library.district.languages
    assert "Mensajes de Riverbend Public Schools" in lines["es"].title
    for language, line in lines.items():
        assert "JOIN HARBOR" in line.instructions and "217-555-0100" in line.instructions, language
        assert "STOP" in line.reassurance and "{" not in line.title + line.instructions + line.reassurance, language
    assert len({line.reassurance for line in lines.values()}) == len(lines)


def test_ambiguous_first_word_uses_the_full_school_name(library: Library) -> None:
    second = School(name="Lincoln High School", phone="+12175550150")
    schools = {**library.district.schools, "lincoln_high": second}
    twins = with_district(library, schools=schools)
    assert poster_of(build_settings(), twins, "lincoln_high").word == "JOIN LINCOLN HIGH SCHOOL"
    assert poster_of(build_settings(), twins, "harbor").word == "JOIN HARBOR"


def test_join_word_matches_the_join_command(library: Library) -> None:
    from bot.flows.commands import match_command

    for school in library.district.schools:
        ordered = match_command(NormalizedText(build_poster(library, school).word), library.phrasebook)
        assert ordered and ordered.kind == "join" and library.district.find_school_in_text(ordered.argument) == school


def test_unknown_school_lists_known_schools() -> None:
    result = run("--school", "hogwarts")
    assert result.exit_code == 1
    for part in ("no school 'hogwarts'", "lincoln", "harbor", "riverbend"):
        assert part in result.output
    assert list(Path().glob("*.pdf")) == []


def test_missing_renderer_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(poster: Poster) -> bytes:
        raise RendererUnavailableError("No page can be drawn here: install Pango.")

    monkeypatch.setattr(command, "render_poster_pdf", missing)
    result = run()
    assert result.exit_code == 1 and "install Pango" in result.output and "Traceback" not in result.output


def test_output_path_is_respected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "render_poster_pdf", lambda poster: f"%PDF {poster.school}\0\xff".encode("latin-1"))
    assert run("-o", "-").stdout_bytes == b"%PDF \0\xff"
    assert list(tmp_path.glob("*.pdf")) == []
    assert run("--school", "lincoln").exit_code == 0
    assert (tmp_path / "poster-lincoln.pdf").read_bytes() == b"%PDF Lincoln Elementary\0\xff"
    assert run("-o", str(tmp_path / "other.pdf")).exit_code == 0
    assert (tmp_path / "other.pdf").read_bytes() == b"%PDF \0\xff"
    result = run("-o", str(tmp_path / "no" / "such.pdf"))
    assert result.exit_code == 1 and "Cannot write" in result.output


@pytest.mark.long
def test_poster_command_writes_a_complete_pdf(drawing: None) -> None:
    written = run("--school", "lincoln", "-o", "-").stdout_bytes
    (text,) = read_page_texts(written)
    for part in ("Riverbend Public Schools", "Lincoln Elementary", "JOIN LINCOLN", "217-555-0100"):
        assert part in text
    assert read_codes(render_in_gray(written)) == ["https://wa.me/12175550100?text=JOIN%20LINCOLN"]
