"""Show before sending what each phone shows, what the announcement costs, and which families it doesn't reach."""

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
    """The preview of one language. Counts are families.

    `template` is what WhatsApp shows outside the 24-hour window, or "". `mark` is "" for an approved translation,
    "machine", or "english".
    """

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
    """The text that a voice or a person reads aloud on the phone."""
    call_minutes: int = 0
    """The length of all calls in this language together."""
    uncallable_count: int = 0
    """Families to call whose language neither a voice nor recordings can read. They get a text instead."""

    @property
    def reached_count(self) -> int:
        """Return how many families get it now."""
        return self.sms_count + self.whatsapp_count + self.template_count + self.call_count


@dataclass(frozen=True)
class AnnouncementPreview:
    """The preview of all languages, the largest first. Community leaders count as families and get the share kit."""

    languages: tuple[LanguagePreview, ...]
    unreached_by_reason: dict[str, int]
    family_count: int
    leader_count: int
    dollars: float

    @property
    def reached_count(self) -> int:
        """Return how many families get it."""
        return sum(preview.reached_count for preview in self.languages)

    @property
    def unapproved_languages(self) -> tuple[LanguagePreview, ...]:
        """Return the languages of families that no person has approved."""
        return tuple(preview for preview in self.languages if preview.mark and (preview.reached_count or preview.held))


def build_preview(runtime: Runtime, announcement: Announcement) -> AnnouncementPreview:
    """Build the preview from the current audience and translations."""
    with runtime.database.read() as db:
        family_routes = [
            route
            for route in stream_routes(runtime, announcement, stream_families(db, announcement.audience))
            if route.family.role != "leader"
        ]
        leader_routes = _list_leader_routes(db, runtime, announcement)
        by_language = load_current_translations(db, announcement)
        minutes = _estimate_minutes_by_language(db, runtime, announcement, by_language)
    routes = [*family_routes, *leader_routes]
    route_counts = Counter(_get_route_key(route) for route in routes if not route.reason)
    messages = AnnouncementMessageBuilder(runtime, announcement)
    used_languages = (language for language, _ in route_counts)
    languages = dict.fromkeys((SOURCE_LANGUAGE, *list_languages(runtime, announcement), *used_languages))
    previews = [
        _build_language_preview(
            runtime,
            announcement,
            messages,
            route_counts,
            _LanguageInput(language, by_language.get(language), minutes.get(language, 0)),
        )
        for language in languages
    ]
    previews.sort(key=lambda preview: (-(preview.reached_count + preview.held), preview.language))
    unreached = Counter(route.reason for route in routes if route.reason)
    dollars = round(sum(preview.dollars for preview in previews), 2)
    return AnnouncementPreview(tuple(previews), dict(unreached), len(routes), len(leader_routes), dollars)


def _list_leader_routes(db: Transaction, runtime: Runtime, announcement: Announcement) -> list[RecipientRoute]:
    leaders = get_leader_audience(announcement)
    if leaders is None:
        return []
    return list(stream_routes(runtime, announcement, stream_families(db, leaders)))


def _estimate_minutes_by_language(
    db: Transaction, runtime: Runtime, announcement: Announcement, by_language: Mapping[str, AnnouncementTranslation]
) -> dict[str, int]:
    """Return the minutes of one call by language, for languages that can be read aloud."""
    minutes = {}
    for language in runtime.library.district.languages:
        library = get_localized_library(runtime, language)
        texts = build_call_script(library, announcement, language, by_language.get(language))
        if can_read_aloud(db, library, language, texts):
            minutes[language] = estimate_call_minutes(texts)
    return minutes


def _get_route_key(route: RecipientRoute) -> tuple[str, str]:
    if route.template:
        return route.family.language, "template"
    return route.family.language, route.channel


@dataclass(frozen=True)
class _LanguageInput:
    """A language with its translation and the minutes of one call, or 0 if nothing can read it aloud."""

    language: str
    wording: AnnouncementTranslation | None
    minutes: int


def _build_language_preview(
    runtime: Runtime,
    announcement: Announcement,
    messages: AnnouncementMessageBuilder,
    route_counts: Counter[tuple[str, str]],
    language_input: _LanguageInput,
) -> LanguagePreview:
    language, wording = language_input.language, language_input.wording
    text = messages.render_body("text", language)
    cost, mark = compute_sms_cost(text), get_translation_mark(language, wording)
    sms, whatsapp, template, voice = (
        route_counts[(language, route)] for route in ("sms", "whatsapp", "template", "voice")
    )
    held = uncallable_count = 0
    if not language_input.minutes:
        uncallable_count, sms, voice = voice, sms + voice, 0
    if mark and announcement.unapproved == "hold":
        held = sms + whatsapp + template + voice
        sms = whatsapp = template = voice = 0
    rates = runtime.library.district.announcements.rates
    dollars = (
        sms * cost.segments * rates.sms_segment
        + whatsapp * rates.whatsapp
        + template * rates.whatsapp_template
        + voice * language_input.minutes * rates.voice_minute
    )
    return LanguagePreview(
        language=language,
        text=text,
        template=render_template_text(runtime, announcement, language, text),
        mark=mark,
        reviewed_by=(wording and wording.reviewed_by) or "",
        segments=cost.segments,
        is_gsm=cost.is_gsm,
        sms_count=sms,
        whatsapp_count=whatsapp,
        template_count=template,
        call_count=voice,
        held=held,
        dollars=round(dollars, 4),
        is_too_long=count_utf16_units(text) > MAX_MESSAGE_UNITS,
        script=prepare_spoken_text(
            render_text(get_localized_library(runtime, language), announcement, language, wording)
        ),
        call_minutes=voice * language_input.minutes,
        uncallable_count=uncallable_count,
    )


def render_template_text(runtime: Runtime, announcement: Announcement, language: str, text: str) -> str:
    """Return the template as WhatsApp shows it: the words from `template_texts` in the district file, filled in."""
    if not find_whatsapp_template(runtime, announcement, language):
        return ""
    district = runtime.library.district
    texts = district.template_texts.get(f"announcement_{announcement.kind}", {})
    texts = texts or district.template_texts.get("announcement", {})
    template_text = texts.get(language, "{{1}}: {{2}}")
    return template_text.replace("{{1}}", district.name).replace("{{2}}", collapse_to_one_line(text))


def describe_preview(shown: AnnouncementPreview) -> Iterator[str]:
    """Yield the preview as a few lines for a terminal."""
    yield f"{shown.reached_count} of {shown.family_count} families are reached, for about ${shown.dollars:.2f}."
    for reason, count in shown.unreached_by_reason.items():
        yield f"{count} are not: {reason}."
    for preview in shown.unapproved_languages:
        consequence = "get it with a notice that a machine translated it"
        if preview.held:
            consequence = "wait until a person approves it"
        count = preview.held or preview.reached_count
        yield f"{preview.language}: not approved; {count} families {consequence}."
    for preview in shown.languages:
        if preview.uncallable_count:
            count = preview.uncallable_count
            yield f"{preview.language}: nothing can read it aloud; {count} families to call get a text instead."
