"""`python -m bot poster`: the sheet for the wall of a school, with which families join."""

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
"""The simulator's number (bot/web/simulator/fake_twilio.py), for a sample poster without a Twilio account."""
NO_NUMBER = (
    "The poster needs the number that families write to: set TWILIO_WHATSAPP_FROM or TWILIO_SMS_FROM"
    " (a messaging service alone does not say it), for a channel that the district file has under 'channels'."
)
STANDARD_OUTPUT = Path("-")


@click.command()
@click.option("--school", help="As under 'schools' in the district file; left out: the whole district's poster.")
@click.option(
    "-o",
    "out",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Where the PDF goes; '-' is standard output.  Left out: poster.pdf or poster-SCHOOL.pdf here.",
)
def poster(school: str | None, out: Path | None) -> None:
    """Draw the poster with which families join: a code to scan, a number to text, every language of the district."""
    drawn = _drawn(school)
    out = out or Path(f"poster-{school}.pdf" if school else "poster.pdf")
    if out == STANDARD_OUTPUT:
        sys.stdout.buffer.write(drawn)
        return
    try:
        out.write_bytes(drawn)
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror}") from None
    click.echo(f"written: {out}", err=True)


def poster_of(given: Settings, library: Library, school: str | None) -> Poster:
    """All that the poster of this school says, or of the whole district.

    Raises `ClickException` for a school that the district file does not know, and where no number is set.
    """
    district = library.district
    if school is not None and school not in district.schools:
        known = ", ".join(district.schools)
        raise click.ClickException(f"There is no school '{school}' in the district file: choose {known}.")
    whatsapp, sms = _numbers(given, district)
    word, number = _word(district, school), format_phone(sms or whatsapp)
    lines = tuple(_line(library, language, word, number) for language in district.languages)
    name = district.schools[school].name if school else ""
    return Poster(district.name, name, lines, _link(whatsapp, sms, word), number, word)


def _drawn(school: str | None) -> bytes:
    try:
        given = settings.load_settings()
        return render_poster_pdf(poster_of(given, load_library(settings.ROOT, given.district_file), school))
    except (settings.SettingsError, SourceError, RendererUnavailableError, PageOverflowError) as error:
        raise click.ClickException(str(error)) from None


def _line(library: Library, language: str, word: str, number: str) -> PosterText:
    how = render_fixed_text(library, language, "poster_how", {"word": word, "number": number})
    title, safe = (render_fixed_text(library, language, text, {}) for text in ("poster_title", "poster_safe"))
    return PosterText(language, title, how, safe)


def _word(district: District, school: str | None) -> str:
    """What a family texts: the school by the first word of its name, if no other school's begins with it."""
    if school is None:
        return "JOIN"
    name = district.schools[school].name
    first = name.split()[0]
    return f"JOIN {first if district.find_school_in_text(first) == school else name}".upper()


def _numbers(given: Settings, district: District) -> tuple[str, str]:
    """(WhatsApp, SMS), each empty where the district does not use it."""
    whatsapp, sms = given.twilio_whatsapp_from.removeprefix("whatsapp:"), given.twilio_sms_from
    if not (whatsapp or sms or given.is_live):
        whatsapp = sms = EXAMPLE_NUMBER
    whatsapp = whatsapp if "whatsapp" in district.channels else ""
    sms = sms if "sms" in district.channels else ""
    if not (whatsapp or sms):
        raise click.ClickException(NO_NUMBER)
    return whatsapp, sms


def _link(whatsapp: str, sms: str, word: str) -> str:
    """What the code holds.

    For texts not RFC 5724 (`sms:…?body=…`): iPhones wanted `&body=` for years, other phones `?body=`.  `SMSTO:` is what
    the cameras of both understand.
    """
    return f"https://wa.me/{whatsapp.removeprefix('+')}?text={quote(word)}" if whatsapp else f"SMSTO:{sms}:{word}"
