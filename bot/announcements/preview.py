"""What each phone will show, what it costs, and whom it will not reach: before anything is sent."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.announcements.audience import (
    RecipientRoute,
    find_whatsapp_template,
    get_leader_audience,
    stream_families,
    stream_routes,
)
from bot.announcements.call_script import build_call_script, can_read_aloud, estimate_call_minutes
from bot.announcements.current_translations import load_current_translations
from bot.announcements.personalization import AnnouncementMessageBuilder, collapse_to_one_line
from bot.announcements.text import get_translation_mark, render_text
from bot.announcements.translation_drafts import list_languages
from bot.base.database import Transaction
from bot.channels.message_parts import MAX_MESSAGE_UNITS, count_utf16_units
from bot.channels.sms_segments import compute_sms_cost
from bot.content.catalog import SOURCE_LANGUAGE
from bot.messaging.catalog_drafts import get_localized_library
from bot.runtime import Runtime
from bot.speech.text_to_speech import prepare_spoken_text
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.translations import AnnouncementTranslation


@dataclass(frozen=True)
class LanguagePreview:
    """One language.  `template` is what WhatsApp shows outside the 24 hours, if there is a template; `mark` "", or
    why it is not approved ("machine", "english"); counts are families."""

    language: str
    text: str
    template: str
    mark: str
    reviewed_by: str
    segments: int
    is_gsm: bool
    sms_count: int
    whatsapp_count: int
    template_count: int
    call_count: int
    held: int
    dollars: float
    is_too_long: bool
    script: str
    """What is read aloud, by a machine or by a person on the phone."""
    call_minutes: int = 0
    """What all its calls take."""
    uncallable_count: int = 0
    """Families whose way is the telephone, but neither a voice nor recordings read this language: they get a text."""

    @property
    def reached_count(self) -> int:
        """Families that get it now."""
        return self.sms_count + self.whatsapp_count + self.template_count + self.call_count


@dataclass(frozen=True)
class AnnouncementPreview:
    """All languages, the largest first.  `unreached` counts families by reason; `leaders` get the kit."""

    languages: tuple[LanguagePreview, ...]
    unreached_by_reason: dict[str, int]
    family_count: int
    leader_count: int
    dollars: float

    @property
    def reached_count(self) -> int:
        """So many families get it."""
        return sum(one.reached_count for one in self.languages)

    @property
    def unapproved_languages(self) -> tuple[LanguagePreview, ...]:
        """The languages that no person has approved and some family reads."""
        return tuple(one for one in self.languages if one.mark and (one.reached_count or one.held))


def build_preview(runtime: Runtime, announcement: Announcement) -> AnnouncementPreview:
    """As things stand now: who is reached how, in which words."""
    with runtime.database.read() as db:
        everybody = [
            one
            for one in stream_routes(runtime, announcement, stream_families(db, announcement.audience))
            if not _is_leader(one)
        ]
        leaders = get_leader_audience(announcement)
        leading = list(stream_routes(runtime, announcement, stream_families(db, leaders))) if leaders else []
        found = load_current_translations(db, announcement)
        calling = _estimate_minutes_by_language(db, runtime, announcement, found)
    ways = Counter(_get_route_key(one) for one in (*everybody, *leading) if not one.reason)
    messages = AnnouncementMessageBuilder(runtime, announcement)
    languages = dict.fromkeys((SOURCE_LANGUAGE, *list_languages(runtime, announcement), *(key[0] for key in ways)))
    shown = [
        _build_language_preview(
            runtime,
            announcement,
            messages,
            ways,
            _LanguageInput(language, found.get(language), calling.get(language, 0)),
        )
        for language in languages
    ]
    shown.sort(key=lambda one: (-(one.reached_count + one.held), one.language))
    unreached = Counter(one.reason for one in (*everybody, *leading) if one.reason)
    dollars = round(sum(one.dollars for one in shown), 2)
    return AnnouncementPreview(tuple(shown), dict(unreached), len(everybody) + len(leading), len(leading), dollars)


def _estimate_minutes_by_language(
    db: Transaction, runtime: Runtime, announcement: Announcement, found: Mapping[str, AnnouncementTranslation]
) -> dict[str, int]:
    """Language → the minutes of one call, where it can be read out."""
    minutes_of = {}
    for language in runtime.library.district.languages:
        library = get_localized_library(runtime, language)
        texts = build_call_script(library, announcement, language, found.get(language))
        if can_read_aloud(db, library, language, texts):
            minutes_of[language] = estimate_call_minutes(texts)
    return minutes_of


def _is_leader(route: RecipientRoute) -> bool:
    return route.family.role == "leader"


def _get_route_key(route: RecipientRoute) -> tuple[str, str]:
    return route.family.language, "template" if route.template else route.channel


@dataclass(frozen=True)
class _LanguageInput:
    """A language with its wording, and what a call in it takes; 0 where nothing reads it out."""

    language: str
    wording: AnnouncementTranslation | None
    minutes: int


def _build_language_preview(
    runtime: Runtime,
    announcement: Announcement,
    messages: AnnouncementMessageBuilder,
    ways: Counter[tuple[str, str]],
    language_input: _LanguageInput,
) -> LanguagePreview:
    language, wording = language_input.language, language_input.wording
    text = messages.render_body("text", language)
    counted, mark = compute_sms_cost(text), get_translation_mark(language, wording)
    held = bool(mark) and announcement.unapproved == "hold"
    sms, whatsapp, template, voice = (ways[(language, way)] for way in ("sms", "whatsapp", "template", "voice"))
    not_called = 0 if language_input.minutes else voice
    sms, voice = sms + not_called, voice - not_called
    rates = runtime.library.district.announcements.rates
    dollars = (
        sms * counted.segments * rates.sms_segment
        + whatsapp * rates.whatsapp
        + template * rates.whatsapp_template
        + voice * language_input.minutes * rates.voice_minute
    )
    return LanguagePreview(
        language=language,
        text=text,
        template=render_template_text(runtime, announcement, language, text),
        mark=mark,
        reviewed_by=(wording.reviewed_by or "") if wording else "",
        segments=counted.segments,
        is_gsm=counted.is_gsm,
        sms_count=0 if held else sms,
        whatsapp_count=0 if held else whatsapp,
        template_count=0 if held else template,
        call_count=0 if held else voice,
        held=sms + whatsapp + template + voice if held else 0,
        dollars=0.0 if held else round(dollars, 4),
        is_too_long=count_utf16_units(text) > MAX_MESSAGE_UNITS,
        script=prepare_spoken_text(
            render_text(get_localized_library(runtime, language), announcement, language, wording)
        ),
        call_minutes=0 if held else voice * language_input.minutes,
        uncallable_count=not_called,
    )


def render_template_text(runtime: Runtime, announcement: Announcement, language: str, text: str) -> str:
    """What WhatsApp shows of the template: its own words (`template_texts` of the district file) with ours put in."""
    if not find_whatsapp_template(runtime, announcement, language):
        return ""
    district = runtime.library.district
    texts = district.template_texts.get(f"announcement_{announcement.kind}", {}) or district.template_texts.get(
        "announcement", {}
    )
    whole = texts.get(language, "{{1}}: {{2}}")
    return whole.replace("{{1}}", district.name).replace("{{2}}", collapse_to_one_line(text))


def describe_preview(shown: AnnouncementPreview) -> Iterator[str]:
    """The same in a few lines, for a terminal."""
    yield f"{shown.reached_count} of {shown.family_count} families are reached, for about ${shown.dollars:.2f}."
    for reason, number in shown.unreached_by_reason.items():
        yield f"{number} are not: {reason}."
    for one in shown.unapproved_languages:
        what = "wait until somebody approves it" if one.held else "get it with the notice of the machine"
        yield f"{one.language}: not approved; {one.held or one.reached_count} families {what}."
    for one in shown.languages:
        if one.uncallable_count:
            yield f"{one.language}: nothing reads it out; {one.uncallable_count} families that are called get a text."
