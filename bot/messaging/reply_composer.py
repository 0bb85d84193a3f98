"""From effects to the words a family reads: its language, the values filled in, facts in date, notices where due."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from bot.base.language_names import RIGHT_TO_LEFT_LANGUAGES, get_own_name
from bot.content import dates, partners
from bot.content.catalog import CatalogText
from bot.content.facts import DATA_SUMMARY_FACT_ID, LIVE_FACT_IDS, Partner
from bot.content.library import Library
from bot.content.texts import TextId
from bot.flows.dialog_state import apply_attributes
from bot.flows.effects import (
    AskLanguage,
    AskQuestion,
    AskTopic,
    Effect,
    Escalation,
    FindPartners,
    Notice,
    SayText,
    ShowMedia,
    StateFact,
)
from bot.flows.model import Plural, Severity, Text
from bot.flows.steps import ISO_DATE_PATTERN
from bot.messaging.placeholder_values import PlaceholderValues, isolate_lines
from bot.store.families import sent_texts
from bot.store.lifecycle.data_summary import DataSummary
from bot.store.schools.school_statuses import SchoolStatus

DRAFT_NOTICE, ENGLISH_NOTICE, SOON_NOTICE = "notice_draft", "notice_english", "notice_soon"
AFTER_HOURS_NOTICE = "after_hours"
REPORT_RETENTION_DAYS = 90
"""So long a report or an answer can be led back to a family (bot/retention)."""
STATUS_TEXT_IDS: Mapping[str, TextId] = {
    "no_agents": "status_no_agents", "checking": "status_checking", "normal_day": "status_normal_day"
}  # fmt: skip
NOTICE_TEXT_IDS: Mapping[str, TextId] = {
    DRAFT_NOTICE: "notice_draft",
    ENGLISH_NOTICE: "notice_english",
    SOON_NOTICE: "notice_soon",
}


@dataclass
class ReplyComposer:
    """Writes one reply.

    `noticed` holds the notices that this conversation had; `extra` the case and the like; `about` what is known of
    the family (its school); `text` the message that is answered, where a school may be named; `statuses` gives what is
    verified about schools now, and is asked only where that is stated.  `said` collects which text was said in which
    wording.  Under `media_base` the files of
    `flows/media/` are served; without it none is shown.  `load_partners` returns the directory with the staff's calls; without it, the file's list is used.
    """

    library: Library
    language: str
    now: datetime
    shown_notices: list[str] = field(default_factory=list)
    extra_values: Mapping[str, str] = field(default_factory=dict)
    condition_values: Mapping[str, str] = field(default_factory=dict)
    media_base: str = ""
    text: str = ""
    load_statuses: Callable[[], Mapping[str, SchoolStatus]] = dict
    load_partners: Callable[[], Mapping[str, Partner]] | None = None
    load_data_summary: Callable[[], DataSummary | None] = lambda: None
    """What is held about the family; None: nothing."""
    sent_text_keys: set[str] = field(default_factory=set)
    _needed_notices: set[str] = field(default_factory=set)
    _severity: Severity = "follow_up"

    def compose(self, effects: Iterable[Effect]) -> str:
        """All that is said, as one text; empty if nothing is."""
        all_effects = list(effects)
        self.condition_values = apply_attributes(self.condition_values, all_effects)
        severities = [escalation.severity for escalation in all_effects if isinstance(escalation, Escalation)]
        self._severity = severities[-1] if severities else "follow_up"
        is_urgent = "escalate_now" in severities
        parts = [part for effect in all_effects for part in self._render_effect(effect, is_urgent)]
        parts += [self._build_after_hours_notice(effect) for effect in all_effects if isinstance(effect, Escalation)]
        return "\n\n".join(part for part in [*parts, *self._render_new_notices()] if part)

    def build_standalone_text(self, english: str) -> str | None:
        """A text by itself, with the district's values; None if it needs values that only a conversation has."""
        placeholder_names = set(re.findall(r"\{(\w+)\}", english))
        return (
            self._render_text(english)
            if placeholder_names <= {"district", "office_phone", "website", "schools"}
            else None
        )

    def _render_effect(self, effect: Effect, is_urgent: bool) -> Iterable[str]:
        if isinstance(effect, SayText):
            yield self._render_text(effect.text, dict(effect.answers))
        elif isinstance(effect, AskQuestion):
            lines = [self._render_text(effect.text, dict(effect.answers))]
            options = (
                effect.options if effect.has_proper_names else [self._render_text(label) for label in effect.options]
            )
            lines += [f"{number}. {label}" for number, label in enumerate(options, 1)]
            yield "\n".join(lines)
        elif isinstance(effect, StateFact):
            yield self._render_fact(effect.fact, is_urgent)
        elif isinstance(effect, FindPartners):
            yield self._render_partner_matches(effect)
        elif isinstance(effect, ShowMedia):
            yield f"{self.media_base}{effect.file}" if self.media_base else ""
        elif isinstance(effect, Notice):
            yield self._render_text_by_id(effect.text_id)
        elif isinstance(effect, AskTopic):
            yield self._render_topic_question(effect)
        elif isinstance(effect, AskLanguage):
            yield self._render_language_menu()

    def _build_after_hours_notice(self, effect: Escalation) -> str:
        """When staff will read what can wait, if nobody of the chain works now; once a conversation."""
        if effect.is_silent or effect.severity in ("escalate_now", "info") or AFTER_HOURS_NOTICE in self.shown_notices:
            return ""
        district = self.library.district
        first_read_time = district.find_first_read_time(
            effect.to, self.now, self.condition_values.get("contact.school")
        )
        if first_read_time <= self.now:
            return ""
        self.shown_notices.append(AFTER_HOURS_NOTICE)
        formatted_time = dates.format_moment(district.to_local_time(first_read_time), self.language)
        return self._render_text(self.library.texts["after_hours"], {"when": formatted_time})

    def _render_text(self, text: Text, answers: Mapping[str, str] | None = None) -> str:
        wording = self._find_wording(text, answers or {})
        english = text.one if isinstance(text, Plural) else text
        self.sent_text_keys.add(sent_texts.build_key(english, self.language, wording.text))
        if wording.is_missing or wording.is_draft:
            self._needed_notices.add(self._get_missing_notice() if wording.is_missing else DRAFT_NOTICE)
        if "{" not in wording.text:
            return wording.text
        answer_values = {name: self._format_answer(value) for name, value in (answers or {}).items()}
        return wording.text.format_map(self._build_values({**self.extra_values, **answer_values}))

    def _build_values(self, overrides: Mapping[str, str]) -> PlaceholderValues:
        school = self.library.district.schools.get(self.condition_values.get("contact.school", ""))
        return PlaceholderValues(self.library.district, self.language, self.now, school, self._severity, overrides)

    def _find_wording(self, text: Text, answers: Mapping[str, str]) -> CatalogText:
        if isinstance(text, Plural):
            number = answers.get(text.count, "")
            return self.library.catalogs.find_plural_text(self.language, text, int(number) if number.isdecimal() else 0)
        return self.library.catalogs.find_text(self.language, text)

    def _render_text_by_id(self, text_id: str) -> str:
        """One of the texts that belong to no flow; raises KeyError for an id that the library does not know."""
        return self._render_text(self.library.texts[text_id])  # type: ignore[index]  # checked when the library is loaded

    def _render_fact(self, fact_id: str, is_urgent: bool) -> str:
        """The fact with the day it was checked.  A stale one is not said; in an emergency nothing stands in for it,
        and the day is left out: it is short, and the page shows it to staff."""
        if fact_id in LIVE_FACT_IDS:
            return (
                "\n".join(self._render_data_summary())
                if fact_id == DATA_SUMMARY_FACT_ID
                else self._render_school_status()
            )
        fact, district = self.library.facts.get(fact_id), self.library.district
        if fact and fact.is_usable(self._get_today(), district.policies, self._list_partners()):
            listed_partners = self._list_checked_partners(fact.partners)
            partner_values = (
                {f"partners_{fact.partners}": "\n".join(map(self._render_partner, listed_partners))}
                if fact.partners
                else {}
            )
            fact_text = self._render_text(fact.text, partner_values)
            checked_on = min((partner.checked_on for partner in listed_partners), default=fact.reviewed_on)
            return fact_text if is_urgent else f"{fact_text} {self._render_checked_date(checked_on)}"
        return "" if is_urgent else self._render_text_by_id("fact_unavailable")

    def _render_school_status(self) -> str:
        """What is verified about the school that the message names, else the family's own; once a conversation."""
        statuses = self.load_statuses()
        family_school = self.condition_values.get("contact.school", "")
        status = statuses.get(
            (self.library.district.find_school_in_text(self.text) or family_school) if statuses else family_school
        )
        notice_id = f"status:{status.id}" if status else ""
        if status is None or notice_id in self.shown_notices:
            return ""
        self.shown_notices.append(notice_id)
        return self.render_status(status)

    def render_status(self, status: SchoolStatus) -> str:
        """A statement as families read it, with its time and until when it counts."""
        to_local_time, school = self.library.district.to_local_time, self.library.district.schools.get(status.school)
        values = {"school_name": school.name if school else self.library.district.name}
        values["time"] = dates.format_moment(to_local_time(status.checked_at), self.language)
        values["until"] = dates.format_moment(to_local_time(status.expires_at), self.language)
        text_ids: tuple[TextId, TextId] = (STATUS_TEXT_IDS[status.kind], "status_until")
        return " ".join(self._render_text(self.library.texts[text_id], values) for text_id in text_ids)

    def _render_data_summary(self) -> Iterable[str]:
        """What is held about this family, a line each kind, and for how long."""
        summary, cases_days = self.load_data_summary(), self.library.district.retention.cases_days
        if summary is None:
            yield self._render_text_by_id("held_nothing")
            return
        yield self._render_text_by_id("held_you")
        yield self._render_text_by_id("held_today")
        for count, text_id, days in _list_summary_counts(summary, cases_days):
            if count:
                yield self._render_text(self.library.texts[text_id], {"count": str(count), "days": str(days)})
        if summary.oldest_resolved_at:
            day = self.library.district.to_local_time(summary.oldest_resolved_at + timedelta(days=cases_days)).date()
            yield self._render_text(
                self.library.texts["held_next"], {"date": dates.format_full_date(day, self.language)}
            )

    def _get_today(self) -> date:
        return self.library.district.to_local_time(self.now).date()

    def _list_partners(self) -> list[Partner]:
        current_partners = self.load_partners() if self.load_partners else self.library.district.partners
        return list(current_partners.values())

    def _list_checked_partners(self, kind: str | None) -> list[Partner]:
        """The organizations of this kind that were checked lately, in this family's order."""
        checked_partners = [
            partner
            for partner in self._list_partners()
            if partner.kind == kind and partner.is_recently_checked(self._get_today())
        ]
        return partners.order_by_turn(checked_partners, self.language, self._get_today())

    def _render_partner(self, partner: Partner) -> str:
        cost = self._render_text_by_id("cost_free" if partner.cost == "free" else "cost_low")
        language_names = ", ".join(get_own_name(code) for code in partner.languages)
        return f"- {partner.name}, {partner.phone} ({cost}; {language_names})"

    def _render_partner_matches(self, effect: FindPartners) -> str:
        """Up to three organizations, a paragraph each; a person, where none was checked lately."""
        seeker = partners.HelpSeeker(self.language, effect.near)
        matches = partners.find_matching(self._list_partners(), effect.need, seeker, self._get_today())
        return "\n\n".join(map(self._describe_partner, matches)) or self._render_text_by_id("fact_unavailable")

    def _describe_partner(self, partner: Partner) -> str:
        service_names = ", ".join(self._render_text_by_id(f"service_{service}") for service in partner.services)
        lines = [
            self._render_partner(partner),
            *([service_names] if service_names else []),
            self._render_checked_date(partner.checked_on),
        ]
        description = "\n".join(lines)
        return isolate_lines(description) if self.language in RIGHT_TO_LEFT_LANGUAGES else description

    def _render_checked_date(self, day: date) -> str:
        return self._render_text(self.library.texts["checked_on"], {"date": dates.format_full_date(day, self.language)})

    def _render_topic_question(self, effect: AskTopic) -> str:
        flows = self.library.flows.flows
        labels = [self._render_text(flows[name].label or flows[name].title) for name in effect.flows if name in flows]
        last_text_id, question_text_id = (
            ("not_now", "also_asked") if effect.is_secondary else ("someone_else", "which_topic")
        )
        lines = [
            f"{number}. {label}" for number, label in enumerate([*labels, self._render_text_by_id(last_text_id)], 1)
        ]
        return "\n".join([self._render_text_by_id(question_text_id), *lines])

    def _render_language_menu(self) -> str:
        names = [get_own_name(code) for code in self.library.district.languages]
        lines = [f"{number}. {name}" for number, name in enumerate(names, 1)]
        office_line = f"0. 👤 {self.library.district.office_phone}"
        return "\n".join([f"{self.library.district.name} 🌐", *lines, office_line, "🚨 911"])

    def _render_new_notices(self) -> Iterable[str]:
        """Once a conversation: that a machine translated this, or that it is English for want of a translation."""
        for text_id in sorted(self._needed_notices - set(self.shown_notices)):
            self.shown_notices.append(text_id)
            yield self._render_notice(text_id)

    def _render_notice(self, text_id: str) -> str:
        return self.library.catalogs.translate(self.language, self.library.texts[NOTICE_TEXT_IDS[text_id]])

    def _get_missing_notice(self) -> str:
        """Why this is English: the language is being drafted, or it lacks this text."""
        is_being_drafted = (
            self.language in self.library.machine_languages and self.language not in self.library.catalogs.texts
        )
        return SOON_NOTICE if is_being_drafted else ENGLISH_NOTICE

    def _format_answer(self, answer: str) -> str:
        """A day that the family named, in its own way of writing days; other answers as they are."""
        return (
            dates.format_day(date.fromisoformat(answer), self.language)
            if ISO_DATE_PATTERN.fullmatch(answer)
            else answer
        )


def _list_summary_counts(summary: DataSummary, cases_days: int) -> Iterable[tuple[int, TextId, int]]:
    """How many of each kind, how that is said, and after how many days it is deleted."""
    yield summary.cases, "held_cases", cases_days
    yield summary.messages, "held_messages", cases_days
    yield summary.voice_notes, "held_voice", cases_days
    yield summary.absences, "held_absences", REPORT_RETENTION_DAYS
    yield summary.support_requests, "held_help", REPORT_RETENTION_DAYS
    yield summary.suggestions, "held_suggestions", REPORT_RETENTION_DAYS
    yield summary.meetings, "held_meetings", REPORT_RETENTION_DAYS
    yield summary.consents, "held_consent", 0
