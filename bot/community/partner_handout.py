"""`python -m bot handout`: one sheet in one language, only of what may be said today; nobody stands on it uncalled.

What it states are facts and texts that the line says too: nothing is written for the paper that nobody reviewed.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from bot.announcements.join_poster import poster_of
from bot.base import settings
from bot.base.database import now
from bot.base.language_names import RIGHT_TO_LEFT_LANGUAGES, get_own_name
from bot.base.settings import Settings
from bot.base.yaml_source import SourceError
from bot.content import dates, partners
from bot.content.district import DAYS_OF_WEEK
from bot.content.facts import Partner
from bot.content.library import Library
from bot.content.texts import TextId
from bot.documents.handout import Handout, HandoutPartner, HandoutSection, LocalizedText, render_handout_pdf
from bot.documents.html_page import PageOverflowError, RendererUnavailableError
from bot.flows.model import Plural, Text
from bot.messaging import partner_directory
from bot.messaging.placeholder_values import FIRST_STRONG_ISOLATE, POP_ISOLATE, format_phone
from bot.runtime import Runtime, open_runtime

STANDARD_OUTPUT = Path("-")
RIGHTS = ("right_to_school", "no_status_questions")
IN_DANGER = "crisis_line"
MOST = 3
"""So many organizations stand under one heading: who speaks the language first, and among equals another one each
day, so that nobody is left out for good."""


@click.command()
@click.option("--language", default="en", help="One of the district's languages, such as es.")
@click.option("--school", help="As under 'schools' in the district file; left out: the whole district's sheet.")
@click.option(
    "-o",
    "out",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Where the PDF goes; '-' is standard output.  Left out: handout-LANGUAGE.pdf here.",
)
def handout(language: str, school: str | None, out: Path | None) -> None:
    """Draw the sheet to hand out: the right to school, who helps, whom to call, in one language on one page."""
    drawn = _drawn(language, school)
    out = out or Path(f"handout-{language}.pdf")
    if out == STANDARD_OUTPUT:
        sys.stdout.buffer.write(drawn)
        return
    try:
        out.write_bytes(drawn)
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror}") from None
    click.echo(f"written: {out}", err=True)


def _drawn(language: str, school: str | None) -> bytes:
    at = now()
    try:
        runtime = open_runtime(settings.load_settings())
        return render_handout_pdf(
            handout_of(runtime.settings, runtime.library, _standing(runtime, at), language, school, at)
        )
    except (settings.SettingsError, SourceError, RendererUnavailableError, PageOverflowError) as error:
        raise click.ClickException(str(error)) from None


def _standing(runtime: Runtime, at: datetime) -> dict[str, Partner]:
    """Where no database can be read (a fresh checkout) the file alone says who was called."""
    try:
        return partner_directory.get_current_partners(runtime, at)
    except SQLAlchemyError:
        click.echo("The database cannot be read: calls of staff to partners are not counted.", err=True)
        return dict(runtime.library.district.partners)


def handout_of(
    given: Settings,
    library: Library,
    listed: Mapping[str, Partner],
    language: str,
    school: str | None,
    at: datetime,
) -> Handout:
    """All that the sheet of this language says today.

    Raises `ClickException` for a language or school that the district file does not know, and where no number is set.
    """
    district = library.district
    if language not in district.languages:
        raise click.ClickException(f"'{language}' is not in the district file: choose {', '.join(district.languages)}.")
    way = poster_of(given, library, school)
    writer = _Writer(library, language, district.to_local_time(at).date())
    sections = tuple(section for section in _sections(writer, listed, school) if section)
    say = {"word": way.word, "number": way.phone}
    shown = (writer.text("poster_how", say), writer.text("poster_safe"))
    dated = writer.text("handout_dated", {"date": writer.today, "until": writer.until})
    notice = writer.text("handout_draft") if writer.draft else None
    return Handout(language, way.district, way.school, sections, shown, dated, way.link, way.phone, notice)


@dataclass
class _Writer:
    """Words in one language; notes whether any of them is a draft, and until when all of it holds."""

    library: Library
    language: str
    today: date
    until: date = date.max
    draft: bool = False

    def words(self, english: Text, values: Mapping[str, str | date] | None = None) -> LocalizedText:
        """This text, in English where it has no translation; the values are held apart from what is around them."""
        english = english.other if isinstance(english, Plural) else english
        found = self.library.catalogs.find_text(self.language, english)
        self.draft |= found.is_draft or found.is_missing
        language = "en" if found.is_missing else self.language
        known = {"district": self.library.district.name, "office_phone": self.library.district.office_phone}
        filled = {**known, **{name: _shown(value, language) for name, value in (values or {}).items()}}
        if language in RIGHT_TO_LEFT_LANGUAGES:
            filled = {name: f"{FIRST_STRONG_ISOLATE}{value}{POP_ISOLATE}" for name, value in filled.items()}
        return LocalizedText(found.text.format_map(filled) if "{" in found.text else found.text, language)

    def text(self, name: TextId, values: Mapping[str, str | date] | None = None) -> LocalizedText:
        """One of the program's own texts."""
        return self.words(self.library.texts[name], values)

    def label(self, flow: str) -> LocalizedText:
        """What a family calls a topic."""
        found = self.library.flows.flows[flow]
        return self.words(found.label or found.title)

    def opening(self, flow: str) -> tuple[LocalizedText, ...]:
        """What this flow says first ("… general information, not legal advice")."""
        found = self.library.flows.flows[flow]
        return tuple(map(self.words, found.steps[found.first_step].say))

    def facts(self, *names: str) -> tuple[LocalizedText, ...]:
        """Those of these facts that may be stated today, to the day on which the first of them ends."""
        district = self.library.district
        known = [self.library.facts[name] for name in names if name in self.library.facts]
        fit = [one for one in known if one.is_usable(self.today, district.policies, district.partners.values())]
        for fact in fit:
            ends = [fact.get_review_due_date(), *(district.policies[need].review_by for need in fact.needs)]
            self.until = min(self.until, *ends)
        return tuple(self.words(fact.text) for fact in fit)

    def helpers(self, found: Iterable[Partner]) -> tuple[HandoutPartner, ...]:
        """Each with what it does, costs and speaks, and the day on which somebody called it."""
        fresh = [one for one in found if one.is_recently_checked(self.today)]
        shown = partners.order_by_turn(fresh, self.language, self.today)[:MOST]
        for partner in shown:
            self.until = min(self.until, partner.get_last_valid_day())
        return tuple(map(self._helper, shown))

    def _helper(self, partner: Partner) -> HandoutPartner:
        does = [self.text(f"service_{service}").text for service in partner.services]  # type: ignore[arg-type]
        cost = self.text("cost_free" if partner.cost == "free" else "cost_low").text
        spoken = ", ".join(get_own_name(code) for code in partner.languages)
        checked = self.text("checked_on", {"date": partner.checked_on}).text
        shown = " · ".join(one for one in (", ".join(does), cost, self._apart(spoken)) if one)
        return HandoutPartner(partner.name, partner.phone, (LocalizedText(f"{shown} {checked}", self.language),))

    def _apart(self, text: str) -> str:
        return f"{FIRST_STRONG_ISOLATE}{text}{POP_ISOLATE}" if self.language in RIGHT_TO_LEFT_LANGUAGES else text


def _shown(value: str | date, language: str) -> str:
    return value if isinstance(value, str) else dates.format_full_date(value, language)


def _sections(writer: _Writer, listed: Mapping[str, Partner], school: str | None) -> Iterable[HandoutSection | None]:
    legal = [one for one in listed.values() if one.kind == "legal"]
    others = [one for one in listed.values() if one.kind != "legal"]
    yield _section(writer.label("right_to_school"), writer.facts(*RIGHTS))
    yield _section(writer.label("school_ice_policy"), writer.facts("enforcement_visit"))
    if rights := writer.facts("stay_silent"):
        yield _section(writer.label("know_your_rights"), (*rights, *writer.opening("know_your_rights")))
    yield _section(writer.label("legal_help"), writer.facts("who_may_advise"), writer.helpers(legal))
    yield _section(writer.label("find_help"), (), writer.helpers(others))
    person = (*_offices(writer, school),)
    yield _section(writer.label("talk_to_human"), writer.facts("free_interpreter"), person)
    yield HandoutSection(writer.label("danger_now"), (writer.text("handout_danger"), *writer.facts(IN_DANGER)))


def _section(
    title: LocalizedText, says: tuple[LocalizedText, ...], helpers: tuple[HandoutPartner, ...] = ()
) -> HandoutSection | None:
    """None where nothing of it may be said today."""
    return HandoutSection(title, says, helpers) if says or helpers else None


def _offices(writer: _Writer, school: str | None) -> Iterable[HandoutPartner]:
    district, office = writer.library.district, writer.library.district.office_hours
    if school is not None:
        yield HandoutPartner(district.schools[school].name, format_phone(district.schools[school].phone))
    days = tuple(DAYS_OF_WEEK.index(day) for day in office.days)
    open_at = dates.format_hours(office.start, office.end, days, writer.language)
    yield HandoutPartner(district.name, district.office_phone, (LocalizedText(open_at, writer.language),))
