"""`python -m bot handout`: draw a handout in one language, with only texts and recently called partners valid today.

It uses only reviewed facts and texts that Puente also uses in messages.
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
"""How many organizations appear under one heading. Those that speak the language come first. Equal ones rotate daily,
so that each of them appears."""


@click.command()
@click.option("--language", default="en", help="One of the district's language codes, such as es.")
@click.option("--school", help="A school ID under 'schools' in the district file. Default: the whole district.")
@click.option(
    "-o",
    "out",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Path of the PDF, or '-' for standard output. Default: handout-LANGUAGE.pdf in this folder.",
)
def handout(language: str, school: str | None, out: Path | None) -> None:
    """Draw the handout: the right to school, who helps, and whom to call, in one language on one page."""
    pdf = _render_pdf(language, school)
    out = out or Path(f"handout-{language}.pdf")
    if out == STANDARD_OUTPUT:
        sys.stdout.buffer.write(pdf)
        return
    try:
        out.write_bytes(pdf)
    except OSError as error:
        raise click.ClickException(f"Cannot write {out}: {error.strerror}") from None
    click.echo(f"Wrote {out}", err=True)


def _render_pdf(language: str, school: str | None) -> bytes:
    current_time = now()
    try:
        runtime = open_runtime(settings.load_settings())
        listed = _load_partners(runtime, current_time)
        return render_handout_pdf(handout_of(runtime.settings, runtime.library, listed, language, school, current_time))
    except (settings.SettingsError, SourceError, RendererUnavailableError, PageOverflowError) as error:
        raise click.ClickException(str(error)) from None


def _load_partners(runtime: Runtime, current_time: datetime) -> dict[str, Partner]:
    """Load the partners with their newest checks, or from the file alone without a database, as in a fresh checkout."""
    try:
        return partner_directory.get_current_partners(runtime, current_time)
    except SQLAlchemyError:
        click.echo("Cannot read the database. Calls from staff to partners are not counted.", err=True)
        return dict(runtime.library.district.partners)


def handout_of(
    handout_settings: Settings,
    library: Library,
    listed: Mapping[str, Partner],
    language: str,
    school: str | None,
    current_time: datetime,
) -> Handout:
    """Build the handout in this language from what is valid at this moment.

    Raises `ClickException` for a language or school outside the district file, or if no number is set.
    """
    district = library.district
    if language not in district.languages:
        languages = ", ".join(district.languages)
        raise click.ClickException(f"'{language}' is not in the district file. Choose {languages}.")
    poster = poster_of(handout_settings, library, school)
    writer = _Writer(library, language, district.to_local_time(current_time).date())
    sections = tuple(section for section in _build_sections(writer, listed, school) if section)
    joining_texts = (
        writer.text("poster_how", {"word": poster.word, "number": poster.phone}),
        writer.text("poster_safe"),
    )
    dated = writer.text("handout_dated", {"date": writer.today, "until": writer.until})
    notice = writer.text("handout_draft") if writer.draft else None
    return Handout(
        language, poster.district, poster.school, sections, joining_texts, dated, poster.link, poster.phone, notice
    )


@dataclass
class _Writer:
    """Translates texts into one language. Notes whether any is a draft, and until when all of them are valid."""

    library: Library
    language: str
    today: date
    until: date = date.max
    draft: bool = False

    def words(self, english: Text, values: Mapping[str, str | date] | None = None) -> LocalizedText:
        """Translate a text, or keep English without a translation. In right-to-left text, values are isolated."""
        if isinstance(english, Plural):
            english = english.other
        entry = self.library.catalogs.find_text(self.language, english)
        self.draft |= entry.is_draft or entry.is_missing
        language = self.language
        if entry.is_missing:
            language = "en"
        filled = {"district": self.library.district.name, "office_phone": self.library.district.office_phone}
        for name, value in (values or {}).items():
            filled[name] = value if isinstance(value, str) else dates.format_full_date(value, language)
        if language in RIGHT_TO_LEFT_LANGUAGES:
            filled = {name: f"{FIRST_STRONG_ISOLATE}{value}{POP_ISOLATE}" for name, value in filled.items()}
        if "{" not in entry.text:
            return LocalizedText(entry.text, language)
        return LocalizedText(entry.text.format_map(filled), language)

    def text(self, name: TextId, values: Mapping[str, str | date] | None = None) -> LocalizedText:
        """Translate one of Puente's own texts."""
        return self.words(self.library.texts[name], values)

    def label(self, flow: str) -> LocalizedText:
        """Translate the label of a topic."""
        definition = self.library.flows.flows[flow]
        return self.words(definition.label or definition.title)

    def opening(self, flow: str) -> tuple[LocalizedText, ...]:
        """Translate what this flow says first, such as "… general information, not legal advice"."""
        definition = self.library.flows.flows[flow]
        return tuple(map(self.words, definition.steps[definition.first_step].say))

    def facts(self, *names: str) -> tuple[LocalizedText, ...]:
        """Translate those of these facts that are valid today, and limit `until` to the first that ends."""
        district = self.library.district
        existing = [self.library.facts[name] for name in names if name in self.library.facts]
        usable = [
            fact for fact in existing if fact.is_usable(self.today, district.policies, district.partners.values())
        ]
        for fact in usable:
            ends = [fact.get_review_due_date(), *(district.policies[need].review_by for need in fact.needs)]
            self.until = min(self.until, *ends)
        return tuple(self.words(fact.text) for fact in usable)

    def helpers(self, candidates: Iterable[Partner]) -> tuple[HandoutPartner, ...]:
        """Describe recently checked partners: services, cost, languages, and the day of the last call."""
        checked = [partner for partner in candidates if partner.is_recently_checked(self.today)]
        shown = partners.order_by_turn(checked, self.language, self.today)[:MOST]
        for partner in shown:
            self.until = min(self.until, partner.get_last_valid_day())
        return tuple(map(self._describe_partner, shown))

    def _describe_partner(self, partner: Partner) -> HandoutPartner:
        services = [self.text(f"service_{service}").text for service in partner.services]  # type: ignore[arg-type]
        cost = self.text("cost_free" if partner.cost == "free" else "cost_low").text
        languages = ", ".join(get_own_name(code) for code in partner.languages)
        if self.language in RIGHT_TO_LEFT_LANGUAGES:
            languages = f"{FIRST_STRONG_ISOLATE}{languages}{POP_ISOLATE}"
        checked = self.text("checked_on", {"date": partner.checked_on}).text
        description = " · ".join(part for part in (", ".join(services), cost, languages) if part)
        return HandoutPartner(partner.name, partner.phone, (LocalizedText(f"{description} {checked}", self.language),))


def _build_sections(
    writer: _Writer, listed: Mapping[str, Partner], school: str | None
) -> Iterable[HandoutSection | None]:
    legal = [partner for partner in listed.values() if partner.kind == "legal"]
    others = [partner for partner in listed.values() if partner.kind != "legal"]
    yield _build_section(writer.label("right_to_school"), writer.facts(*RIGHTS))
    yield _build_section(writer.label("school_ice_policy"), writer.facts("enforcement_visit"))
    if rights := writer.facts("stay_silent"):
        yield _build_section(writer.label("know_your_rights"), (*rights, *writer.opening("know_your_rights")))
    yield _build_section(writer.label("legal_help"), writer.facts("who_may_advise"), writer.helpers(legal))
    yield _build_section(writer.label("find_help"), (), writer.helpers(others))
    offices = tuple(_list_offices(writer, school))
    yield _build_section(writer.label("talk_to_human"), writer.facts("free_interpreter"), offices)
    yield HandoutSection(writer.label("danger_now"), (writer.text("handout_danger"), *writer.facts(IN_DANGER)))


def _build_section(
    title: LocalizedText, texts: tuple[LocalizedText, ...], helpers: tuple[HandoutPartner, ...] = ()
) -> HandoutSection | None:
    """Return None if nothing of the section is valid today."""
    if not texts and not helpers:
        return None
    return HandoutSection(title, texts, helpers)


def _list_offices(writer: _Writer, school: str | None) -> Iterable[HandoutPartner]:
    district, office = writer.library.district, writer.library.district.office_hours
    if school is not None:
        yield HandoutPartner(district.schools[school].name, format_phone(district.schools[school].phone))
    days = tuple(DAYS_OF_WEEK.index(day) for day in office.days)
    open_at = dates.format_hours(office.start, office.end, days, writer.language)
    yield HandoutPartner(district.name, district.office_phone, (LocalizedText(open_at, writer.language),))
