"""What each phone will show, what it costs, and whom it will not reach: before anything is sent."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from bot.announcements.audience import Reach, leaders_of, meant, reached, template_for
from bot.announcements.call_script import can_read, minutes, read_out
from bot.announcements.current_translations import wordings_now
from bot.announcements.personalization import Messages, one_line
from bot.announcements.text import marked_as, text_in
from bot.announcements.translation_drafts import languages_of
from bot.channels.message_parts import MESSAGE_UNITS, units
from bot.channels.sms_segments import cost
from bot.content.catalog import SOURCE_LANGUAGE
from bot.messaging.catalog_drafts import library_for
from bot.runtime import Services
from bot.speech.text_to_speech import spoken
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.translations import Wording


@dataclass(frozen=True)
class Shown:
    """One language.  `template` is what WhatsApp shows outside the 24 hours, if there is a template; `mark` "", or
    why it is not approved ("machine", "english"); counts are families."""

    language: str
    text: str
    template: str
    mark: str
    reviewed_by: str
    segments: int
    gsm: bool
    by_sms: int
    by_whatsapp: int
    by_template: int
    by_voice: int
    held: int
    dollars: float
    too_long: bool
    script: str
    """What is read aloud, by a machine or by a person on the phone."""
    minutes: int = 0
    """What all its calls take."""
    cannot_be_called: int = 0
    """Families whose way is the telephone, but neither a voice nor recordings read this language: they get a text."""

    @property
    def people(self) -> int:
        """Families that get it now."""
        return self.by_sms + self.by_whatsapp + self.by_template + self.by_voice


@dataclass(frozen=True)
class Preview:
    """All languages, the largest first.  `unreached` counts families by reason; `leaders` get the kit."""

    shown: tuple[Shown, ...]
    unreached: dict[str, int]
    meant: int
    leaders: int
    dollars: float

    @property
    def reached(self) -> int:
        """So many families get it."""
        return sum(one.people for one in self.shown)

    @property
    def unapproved(self) -> tuple[Shown, ...]:
        """The languages that no person has approved and some family reads."""
        return tuple(one for one in self.shown if one.mark and (one.people or one.held))


def preview(services: Services, announcement: Announcement) -> Preview:
    """As things stand now: who is reached how, in which words."""
    with services.database.read() as db:
        everybody = [
            one for one in reached(services, announcement, meant(db, announcement.audience)) if not _leads(one)
        ]
        leaders = leaders_of(announcement)
        leading = list(reached(services, announcement, meant(db, leaders))) if leaders else []
        found = wordings_now(db, announcement)
        calling = _calls(db, services, announcement, found)
    ways = Counter(_way(one) for one in (*everybody, *leading) if not one.reason)
    messages = Messages(services, announcement)
    languages = dict.fromkeys((SOURCE_LANGUAGE, *languages_of(services, announcement), *(key[0] for key in ways)))
    shown = [
        _shown(services, announcement, messages, ways, _In(language, found.get(language), calling.get(language, 0)))
        for language in languages
    ]
    shown.sort(key=lambda one: (-(one.people + one.held), one.language))
    unreached = Counter(one.reason for one in (*everybody, *leading) if one.reason)
    dollars = round(sum(one.dollars for one in shown), 2)
    return Preview(tuple(shown), dict(unreached), len(everybody) + len(leading), len(leading), dollars)


def _calls(
    db: Connection, services: Services, announcement: Announcement, found: Mapping[str, Wording]
) -> dict[str, int]:
    """Language → the minutes of one call, where it can be read out."""
    minutes_of = {}
    for language in services.library.district.languages:
        library = library_for(services, language)
        texts = read_out(library, announcement, language, found.get(language))
        if can_read(db, library, language, texts):
            minutes_of[language] = minutes(texts)
    return minutes_of


def _leads(one: Reach) -> bool:
    return one.family.role == "leader"


def _way(one: Reach) -> tuple[str, str]:
    return one.family.language, "template" if one.template else one.channel


@dataclass(frozen=True)
class _In:
    """A language with its wording, and what a call in it takes; 0 where nothing reads it out."""

    language: str
    wording: Wording | None
    minutes: int


def _shown(
    services: Services, announcement: Announcement, messages: Messages, ways: Counter[tuple[str, str]], said: _In
) -> Shown:
    language, wording = said.language, said.wording
    text = messages.body("text", language)
    counted, mark = cost(text), marked_as(language, wording)
    held = bool(mark) and announcement.unapproved == "hold"
    sms, whatsapp, template, voice = (ways[(language, way)] for way in ("sms", "whatsapp", "template", "voice"))
    not_called = 0 if said.minutes else voice
    sms, voice = sms + not_called, voice - not_called
    rates = services.library.district.announcements.rates
    dollars = (
        sms * counted.segments * rates.sms_segment
        + whatsapp * rates.whatsapp
        + template * rates.whatsapp_template
        + voice * said.minutes * rates.voice_minute
    )
    return Shown(
        language=language,
        text=text,
        template=template_text(services, announcement, language, text),
        mark=mark,
        reviewed_by=(wording.reviewed_by or "") if wording else "",
        segments=counted.segments,
        gsm=counted.gsm,
        by_sms=0 if held else sms,
        by_whatsapp=0 if held else whatsapp,
        by_template=0 if held else template,
        by_voice=0 if held else voice,
        held=sms + whatsapp + template + voice if held else 0,
        dollars=0.0 if held else round(dollars, 4),
        too_long=units(text) > MESSAGE_UNITS,
        script=spoken(text_in(library_for(services, language), announcement, language, wording)),
        minutes=0 if held else voice * said.minutes,
        cannot_be_called=not_called,
    )


def template_text(services: Services, announcement: Announcement, language: str, text: str) -> str:
    """What WhatsApp shows of the template: its own words (`template_texts` of the district file) with ours put in."""
    if not template_for(services, announcement, language):
        return ""
    district = services.library.district
    texts = district.template_texts.get(f"announcement_{announcement.kind}", {}) or district.template_texts.get(
        "announcement", {}
    )
    whole = texts.get(language, "{{1}}: {{2}}")
    return whole.replace("{{1}}", district.name).replace("{{2}}", one_line(text))


def in_words(shown: Preview) -> Iterator[str]:
    """The same in a few lines, for a terminal."""
    yield f"{shown.reached} of {shown.meant} families are reached, for about ${shown.dollars:.2f}."
    for reason, number in shown.unreached.items():
        yield f"{number} are not: {reason}."
    for one in shown.unapproved:
        what = "wait until somebody approves it" if one.held else "get it with the notice of the machine"
        yield f"{one.language}: not approved; {one.held or one.people} families {what}."
    for one in shown.shown:
        if one.cannot_be_called:
            yield f"{one.language}: nothing reads it out; {one.cannot_be_called} families that are called get a text."
