"""`python -m bot poster`: draw the poster for a school's wall that explains how families join."""

import sys
from pathlib import Path
from urllib.parse import quote

import click

from bot.announcements.text import render_fixed_text
from bot.base import settings
from bot.base.settings import Settings
from bot.base.yaml_source import SourceError
from bot.content.district import District
from bot.content.library import Library, load_library
from bot.documents.html_page import PageOverflowError, RendererUnavailableError
from bot.documents.poster import Poster, PosterText, render_poster_pdf
from bot.messaging.placeholder_values import format_phone

EXAMPLE_NUMBER = "+12175550100"
"""The number of the simulator (bot/web/simulator/fake_twilio.py), for a sample poster without a Twilio account."""
NO_NUMBER = (
    "The poster needs the number that families write to. Set TWILIO_WHATSAPP_FROM or TWILIO_SMS_FROM for a channel"
    " under 'channels' in the district file. A messaging service alone doesn't show a number."
)
STANDARD_OUTPUT = Path("-")


@click.command()
@click.option("--school", help="A school ID under 'schools' in the district file. Default: the whole district.")
@click.option(
    "-o",
    "out",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Path of the PDF, or '-' for standard output. Default: poster.pdf or poster-SCHOOL.pdf in this folder.",
)
def poster(school: str | None, out: Path | None) -> None:
    """Draw the poster for joining: a code to scan, a number to text, and every language of the district."""
    pdf = _render_pdf(school)
    out = out or Path(f"poster-{school}.pdf" if school else "poster.pdf")
    if out == STANDARD_OUTPUT:
        sys.stdout.buffer.write(pdf)
        return
    try:
        out.write_bytes(pdf)
    except OSError as error:
        raise click.ClickException(f"Cannot write {out}: {error.strerror}") from None
    click.echo(f"Wrote {out}", err=True)


def poster_of(poster_settings: Settings, library: Library, school: str | None) -> Poster:
    """Build the poster of this school, or of the whole district.

    Raises `ClickException` for a school outside the district file, or if no number is set.
    """
    district = library.district
    if school is not None and school not in district.schools:
        known_schools = ", ".join(district.schools)
        raise click.ClickException(f"There is no school '{school}' in the district file. Choose {known_schools}.")
    whatsapp, sms = _get_numbers(poster_settings, district)
    keyword, number = _build_keyword(district, school), format_phone(sms or whatsapp)
    texts = tuple(_build_text(library, language, keyword, number) for language in district.languages)
    school_name = district.schools[school].name if school else ""
    return Poster(district.name, school_name, texts, _build_link(whatsapp, sms, keyword), number, keyword)


def _render_pdf(school: str | None) -> bytes:
    try:
        loaded_settings = settings.load_settings()
        library = load_library(settings.ROOT, loaded_settings.district_file)
        return render_poster_pdf(poster_of(loaded_settings, library, school))
    except (settings.SettingsError, SourceError, RendererUnavailableError, PageOverflowError) as error:
        raise click.ClickException(str(error)) from None


def _build_text(library: Library, language: str, keyword: str, number: str) -> PosterText:
    instruction = render_fixed_text(library, language, "poster_how", {"word": keyword, "number": number})
    title = render_fixed_text(library, language, "poster_title", {})
    promise = render_fixed_text(library, language, "poster_safe", {})
    return PosterText(language, title, instruction, promise)


def _build_keyword(district: District, school: str | None) -> str:
    """Return what a family texts. Uses the first word of the school's name if no other school starts with it."""
    if school is None:
        return "JOIN"
    name = district.schools[school].name
    first_word = name.split()[0]
    is_unique = district.find_school_in_text(first_word) == school
    return f"JOIN {first_word if is_unique else name}".upper()


def _get_numbers(poster_settings: Settings, district: District) -> tuple[str, str]:
    """Return the numbers for WhatsApp and SMS, each "" if the district does not use that channel."""
    whatsapp, sms = poster_settings.twilio_whatsapp_from.removeprefix("whatsapp:"), poster_settings.twilio_sms_from
    if not (whatsapp or sms or poster_settings.is_live):
        whatsapp = sms = EXAMPLE_NUMBER
    if "whatsapp" not in district.channels:
        whatsapp = ""
    if "sms" not in district.channels:
        sms = ""
    if not (whatsapp or sms):
        raise click.ClickException(NO_NUMBER)
    return whatsapp, sms


def _build_link(whatsapp: str, sms: str, keyword: str) -> str:
    """Return the content of the code to scan.

    Texts don't use RFC 5724 (`sms:…?body=…`), because iPhones expected `&body=` for years and other phones `?body=`.
    The cameras of both understand `SMSTO:`.
    """
    if whatsapp:
        return f"https://wa.me/{whatsapp.removeprefix('+')}?text={quote(keyword)}"
    return f"SMSTO:{sms}:{keyword}"
