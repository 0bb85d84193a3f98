"""Turn the effects of a turn into the text that a family reads, in its language, with current facts and notices."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from bot.base.language_names import RIGHT_TO_LEFT_LANGUAGES, get_own_name
from bot.content import dates, partners
from bot.content.catalog import CatalogText
from bot.content.facts import DATA_SUMMARY_FACT_ID, LIVE_FACT_IDS, Fact, Partner
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
"""How long a report or an answer is linked to a family (bot/retention)."""
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
    """Composes one reply.

    `shown_notices` are the notices that this conversation had. `extra_values` fill in placeholders such as the case.
    `condition_values` describe the family (its school). `text` is the message that is answered, which may name a
    school.

    `load_statuses` returns the verified school statuses, and is called only for a reply that states one.
    `partners` is the directory with the staff's calls. Without it, the district file's list is used.
    `sent_text_keys` collects the texts of the reply. The files of `flows/media/` are served under `media_base`. Without
    it, no file is shown.
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
    partners: Mapping[str, Partner] | None = None
    load_data_summary: Callable[[], DataSummary | None] = lambda: None
    """Returns what Puente holds about the family, or None for nothing."""
    sent_text_keys: set[str] = field(default_factory=set)
    _needed_notices: set[str] = field(default_factory=set)
    _severity: Severity = "follow_up"

    def compose(self, effects: Iterable[Effect]) -> str:
        """Return the reply as one text, or "" if there is nothing to say."""
        all_effects = list(effects)
        self.condition_values = apply_attributes(self.condition_values, all_effects)
        severities = [escalation.severity for escalation in all_effects if isinstance(escalation, Escalation)]
        self._severity = severities[-1] if severities else "follow_up"
        is_urgent = "escalate_now" in severities
        parts = [part for effect in all_effects for part in self._render_effect(effect, is_urgent)]
        parts += [self._build_after_hours_notice(effect) for effect in all_effects if isinstance(effect, Escalation)]
        return "\n\n".join(part for part in [*parts, *self._render_new_notices()] if part)

    def build_standalone_text(self, english: str) -> str | None:
        """Return a text with the district's values, or None if it needs values from a conversation."""
        if not set(re.findall(r"\{(\w+)\}", english)) <= {"district", "office_phone", "website", "schools"}:
            return None
        return self._render_text(english)

    def _render_effect(self, effect: Effect, is_urgent: bool) -> Iterable[str]:
        if isinstance(effect, SayText):
            yield self._render_text(effect.text, dict(effect.answers))
        elif isinstance(effect, AskQuestion):
            yield self._render_question(effect)
        elif isinstance(effect, StateFact):
            yield self._render_fact(effect.fact, is_urgent)
        elif isinstance(effect, FindPartners):
            yield self._render_partner_matches(effect)
        elif isinstance(effect, ShowMedia) and self.media_base:
            yield f"{self.media_base}{effect.file}"
        elif isinstance(effect, Notice):
            yield self._render_text_by_id(effect.text_id)
        elif isinstance(effect, AskTopic):
            yield self._render_topic_question(effect)
        elif isinstance(effect, AskLanguage):
            yield self._render_language_menu()

    def _render_question(self, effect: AskQuestion) -> str:
        question = self._render_text(effect.text, dict(effect.answers))
        options = effect.options
        if not effect.has_proper_names:
            options = tuple(self._render_text(label) for label in options)
        return "\n".join([question, *(f"{number}. {label}" for number, label in enumerate(options, 1))])

    def _build_after_hours_notice(self, effect: Escalation) -> str:
        """Say, once a conversation, when staff will read the message if none of them works now."""
        if effect.is_silent or effect.severity in ("escalate_now", "info") or AFTER_HOURS_NOTICE in self.shown_notices:
            return ""
        district, school = self.library.district, self.condition_values.get("contact.school")
        first_read_time = district.find_first_read_time(effect.to, self.now, school)
        if first_read_time <= self.now:
            return ""
        self.shown_notices.append(AFTER_HOURS_NOTICE)
        formatted_time = dates.format_moment(district.to_local_time(first_read_time), self.language)
        return self._render_text(self.library.texts["after_hours"], {"when": formatted_time})

    def _render_text(self, text: Text, answers: Mapping[str, str] | None = None) -> str:
        wording = self._find_wording(text, answers or {})
        english = text.one if isinstance(text, Plural) else text
        self.sent_text_keys.add(sent_texts.build_key(english, self.language, wording.text))
        if wording.is_missing:
            self._needed_notices.add(self._get_missing_notice())
        elif wording.is_draft:
            self._needed_notices.add(DRAFT_NOTICE)
        if "{" not in wording.text:
            return wording.text
        answer_values = {name: self._format_answer(value) for name, value in (answers or {}).items()}
        return wording.text.format_map(self._build_values({**self.extra_values, **answer_values}))

    def _build_values(self, overrides: Mapping[str, str]) -> PlaceholderValues:
        school = self.library.district.schools.get(self.condition_values.get("contact.school", ""))
        return PlaceholderValues(self.library.district, self.language, self.now, school, self._severity, overrides)

    def _find_wording(self, text: Text, answers: Mapping[str, str]) -> CatalogText:
        if not isinstance(text, Plural):
            return self.library.catalogs.find_text(self.language, text)
        number = answers.get(text.count, "")
        if not number.isdecimal():
            number = "0"
        return self.library.catalogs.find_plural_text(self.language, text, int(number))

    def _render_text_by_id(self, text_id: str) -> str:
        """Render a text that belongs to no flow. Raise KeyError for an unknown id."""
        return self._render_text(self.library.texts[text_id])  # type: ignore[index]  # checked when the library is loaded

    def _render_fact(self, fact_id: str, is_urgent: bool) -> str:
        """Render a fact with the date of its check. A stale fact is not stated.

        An emergency reply stays short: it shows no date, and nothing in place of a stale fact.
        """
        if fact_id == DATA_SUMMARY_FACT_ID:
            return "\n".join(self._render_data_summary())
        if fact_id in LIVE_FACT_IDS:
            return self._render_school_status()
        fact, policies = self.library.facts.get(fact_id), self.library.district.policies
        if not fact or not fact.is_usable(self._get_today(), policies, self._list_partners()):
            if is_urgent:
                return ""
            return self._render_text_by_id("fact_unavailable")
        return self._render_usable_fact(fact, is_urgent)

    def _render_usable_fact(self, fact: Fact, is_urgent: bool) -> str:
        partner_values: dict[str, str] = {}
        checked_on = fact.reviewed_on
        if fact.partners:
            listed_partners = self._list_checked_partners(fact.partners)
            partner_values[f"partners_{fact.partners}"] = "\n".join(map(self._render_partner, listed_partners))
            checked_on = min((partner.checked_on for partner in listed_partners), default=checked_on)
        fact_text = self._render_text(fact.text, partner_values)
        if is_urgent:
            return fact_text
        return f"{fact_text} {self._render_checked_date(checked_on)}"

    def _render_school_status(self) -> str:
        """Render, once a conversation, the status of the school in the message, else of the family's school."""
        statuses = self.load_statuses()
        if not statuses:
            return ""
        named_school = self.library.district.find_school_in_text(self.text)
        status = statuses.get(named_school or self.condition_values.get("contact.school", ""))
        if status is None or f"status:{status.id}" in self.shown_notices:
            return ""
        self.shown_notices.append(f"status:{status.id}")
        return self.render_status(status)

    def render_status(self, status: SchoolStatus) -> str:
        """Render a school status for families, with the time of its check and of its end."""
        district = self.library.district
        to_local_time, values = district.to_local_time, {"school_name": district.get_place_name(status.school)}
        values["time"] = dates.format_moment(to_local_time(status.checked_at), self.language)
        values["until"] = dates.format_moment(to_local_time(status.expires_at), self.language)
        text_ids: tuple[TextId, TextId] = (STATUS_TEXT_IDS[status.kind], "status_until")
        return " ".join(self._render_text(self.library.texts[text_id], values) for text_id in text_ids)

    def _render_data_summary(self) -> Iterable[str]:
        """List what Puente holds about this family, one line for each kind, and for how long."""
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
        if self.partners is not None:
            return list(self.partners.values())
        return list(self.library.district.partners.values())

    def _list_checked_partners(self, kind: str | None) -> list[Partner]:
        """Return the recently checked partners of this kind, in this family's order."""
        checked_partners = [
            partner
            for partner in self._list_partners()
            if partner.kind == kind and partner.is_recently_checked(self._get_today())
        ]
        return partners.order_by_turn(checked_partners, self.language, self._get_today())

    def _render_partner(self, partner: Partner) -> str:
        cost = self._render_text_by_id(f"cost_{partner.cost}")
        language_names = ", ".join(get_own_name(code) for code in partner.languages)
        return f"- {partner.name}, {partner.phone} ({cost}; {language_names})"

    def _render_partner_matches(self, effect: FindPartners) -> str:
        """Render up to three partners, one paragraph each. Without a recent check, refer to a person."""
        seeker = partners.HelpSeeker(self.language, effect.near)
        matches = partners.find_matching(self._list_partners(), effect.need, seeker, self._get_today())
        return "\n\n".join(map(self._describe_partner, matches)) or self._render_text_by_id("fact_unavailable")

    def _describe_partner(self, partner: Partner) -> str:
        lines = [self._render_partner(partner)]
        if partner.services:
            lines.append(", ".join(self._render_text_by_id(f"service_{service}") for service in partner.services))
        lines.append(self._render_checked_date(partner.checked_on))
        description = "\n".join(lines)
        if self.language in RIGHT_TO_LEFT_LANGUAGES:
            return isolate_lines(description)
        return description

    def _render_checked_date(self, day: date) -> str:
        return self._render_text(self.library.texts["checked_on"], {"date": dates.format_full_date(day, self.language)})

    def _render_topic_question(self, effect: AskTopic) -> str:
        flows = self.library.flows.flows
        labels = [self._render_text(flows[name].label or flows[name].title) for name in effect.flows if name in flows]
        question_text_id, last_text_id = "which_topic", "someone_else"
        if effect.is_secondary:
            question_text_id, last_text_id = "also_asked", "not_now"
        labels.append(self._render_text_by_id(last_text_id))
        lines = [f"{number}. {label}" for number, label in enumerate(labels, 1)]
        return "\n".join([self._render_text_by_id(question_text_id), *lines])

    def _render_language_menu(self) -> str:
        names = [get_own_name(code) for code in self.library.district.languages]
        lines = [f"{number}. {name}" for number, name in enumerate(names, 1)]
        office_line = f"0. 👤 {self.library.district.office_phone}"
        return "\n".join([f"{self.library.district.name} 🌐", *lines, office_line, "🚨 911"])

    def _render_new_notices(self) -> Iterable[str]:
        """Render, once a conversation, that the text is machine-translated, or in English for lack of a translation."""
        for text_id in sorted(self._needed_notices - set(self.shown_notices)):
            self.shown_notices.append(text_id)
            yield self._render_notice(text_id)

    def _render_notice(self, text_id: str) -> str:
        return self.library.catalogs.translate(self.language, self.library.texts[NOTICE_TEXT_IDS[text_id]])

    def _get_missing_notice(self) -> str:
        """Return why this is in English: the language is being drafted, or it lacks this text."""
        is_drafted_later = self.language in self.library.machine_languages
        if is_drafted_later and self.language not in self.library.catalogs.texts:
            return SOON_NOTICE
        return ENGLISH_NOTICE

    def _format_answer(self, answer: str) -> str:
        """Format a date in the family's way of writing dates. Other answers stay unchanged."""
        if ISO_DATE_PATTERN.fullmatch(answer):
            return dates.format_day(date.fromisoformat(answer), self.language)
        return answer


def _list_summary_counts(summary: DataSummary, cases_days: int) -> Iterable[tuple[int, TextId, int]]:
    """Yield the number of rows of each kind, its text, and the days until its deletion."""
    yield summary.cases, "held_cases", cases_days
    yield summary.messages, "held_messages", cases_days
    yield summary.voice_notes, "held_voice", cases_days
    yield summary.absences, "held_absences", REPORT_RETENTION_DAYS
    yield summary.support_requests, "held_help", REPORT_RETENTION_DAYS
    yield summary.suggestions, "held_suggestions", REPORT_RETENTION_DAYS
    yield summary.meetings, "held_meetings", REPORT_RETENTION_DAYS
    yield summary.consents, "held_consent", 0
