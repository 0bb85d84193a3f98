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
from bot.flows.dialog_state import known_after
from bot.flows.effects import (
    Ask,
    AskLanguage,
    AskTopic,
    Effect,
    Escalation,
    FindPartners,
    Notice,
    Say,
    ShowMedia,
    StateFact,
)
from bot.flows.model import Plural, Severity, Text
from bot.flows.steps import ISO_DAY
from bot.messaging.placeholder_values import Values, isolated
from bot.store.families import sent_texts
from bot.store.lifecycle.data_summary import DataSummary
from bot.store.schools.school_statuses import SchoolStatus

DRAFT, ENGLISH, SOON = "notice_draft", "notice_english", "notice_soon"
AFTER_HOURS = "after_hours"
KEPT_DAYS = 90
"""So long a report or an answer can be led back to a family (bot/retention)."""
STATUSES: Mapping[str, TextId] = {
    "no_agents": "status_no_agents", "checking": "status_checking", "normal_day": "status_normal_day"
}  # fmt: skip
NOTICES: Mapping[str, TextId] = {DRAFT: "notice_draft", ENGLISH: "notice_english", SOON: "notice_soon"}


@dataclass
class Composer:
    """Writes one reply.

    `noticed` holds the notices that this conversation had; `extra` the case and the like; `about` what is known of
    the family (its school); `text` the message that is answered, where a school may be named; `statuses` gives what is
    verified about schools now, and is asked only where that is stated.  `said` collects which text was said in which
    wording.  Under `media_base` the files of
    `flows/media/` are served; without it none is shown.  `partners`: the list as it stands; left out: the file's.
    """

    library: Library
    language: str
    at: datetime
    noticed: list[str] = field(default_factory=list)
    extra: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    media_base: str = ""
    text: str = ""
    statuses: Callable[[], Mapping[str, SchoolStatus]] = dict
    partners: Mapping[str, Partner] | None = None
    held: Callable[[], DataSummary | None] = lambda: None
    """What is held about the family; None: nothing."""
    said: set[str] = field(default_factory=set)
    _seen: set[str] = field(default_factory=set)
    _severity: Severity = "follow_up"

    def compose(self, effects: Iterable[Effect]) -> str:
        """All that is said, as one text; empty if nothing is."""
        all_effects = list(effects)
        self.about = known_after(self.about, all_effects)
        severities = [one.severity for one in all_effects if isinstance(one, Escalation)]
        self._severity = severities[-1] if severities else "follow_up"
        urgent = "escalate_now" in severities
        parts = [part for effect in all_effects for part in self._say(effect, urgent)]
        parts += [self._after_hours(effect) for effect in all_effects if isinstance(effect, Escalation)]
        return "\n\n".join(part for part in [*parts, *self._notices()] if part)

    def outside_a_talk(self, english: str) -> str | None:
        """A text by itself, with the district's values; None if it needs values that only a conversation has."""
        wanted = set(re.findall(r"\{(\w+)\}", english))
        return self._text(english) if wanted <= {"district", "office_phone", "website", "schools"} else None

    def _say(self, effect: Effect, urgent: bool) -> Iterable[str]:
        if isinstance(effect, Say):
            yield self._text(effect.text, dict(effect.answers))
        elif isinstance(effect, Ask):
            lines = [self._text(effect.text, dict(effect.answers))]
            options = effect.options if effect.names else [self._text(label) for label in effect.options]
            lines += [f"{number}. {label}" for number, label in enumerate(options, 1)]
            yield "\n".join(lines)
        elif isinstance(effect, StateFact):
            yield self._fact(effect.fact, urgent)
        elif isinstance(effect, FindPartners):
            yield self._found(effect)
        elif isinstance(effect, ShowMedia):
            yield f"{self.media_base}{effect.file}" if self.media_base else ""
        elif isinstance(effect, Notice):
            yield self._named(effect.text_id)
        elif isinstance(effect, AskTopic):
            yield self._which_topic(effect)
        elif isinstance(effect, AskLanguage):
            yield self._languages()

    def _after_hours(self, effect: Escalation) -> str:
        """When staff will read what can wait, if nobody of the chain works now; once a conversation."""
        if effect.silent or effect.severity in ("escalate_now", "info") or AFTER_HOURS in self.noticed:
            return ""
        district = self.library.district
        when = district.find_first_read_time(effect.to, self.at, self.about.get("contact.school"))
        if when <= self.at:
            return ""
        self.noticed.append(AFTER_HOURS)
        told = dates.format_moment(district.to_local_time(when), self.language)
        return self._text(self.library.texts["after_hours"], {"when": told})

    def _text(self, text: Text, answers: Mapping[str, str] | None = None) -> str:
        wording = self._wording(text, answers or {})
        english = text.one if isinstance(text, Plural) else text
        self.said.add(sent_texts.build_key(english, self.language, wording.text))
        if wording.is_missing or wording.is_draft:
            self._seen.add(self._missing() if wording.is_missing else DRAFT)
        if "{" not in wording.text:
            return wording.text
        own = {name: self._shown(value) for name, value in (answers or {}).items()}
        return wording.text.format_map(self._values({**self.extra, **own}))

    def _values(self, given: Mapping[str, str]) -> Values:
        school = self.library.district.schools.get(self.about.get("contact.school", ""))
        return Values(self.library.district, self.language, self.at, school, self._severity, given)

    def _wording(self, text: Text, answers: Mapping[str, str]) -> CatalogText:
        if isinstance(text, Plural):
            number = answers.get(text.count, "")
            return self.library.catalogs.find_plural_text(self.language, text, int(number) if number.isdecimal() else 0)
        return self.library.catalogs.find_text(self.language, text)

    def _named(self, text_id: str) -> str:
        """One of the texts that belong to no flow; raises KeyError for an id that the library does not know."""
        return self._text(self.library.texts[text_id])  # type: ignore[index]  # checked when the library is loaded

    def _fact(self, name: str, urgent: bool) -> str:
        """The fact with the day it was checked.  A stale one is not said; in an emergency nothing stands in for it,
        and the day is left out: it is short, and the page shows it to staff."""
        if name in LIVE_FACT_IDS:
            return "\n".join(self._held()) if name == DATA_SUMMARY_FACT_ID else self._school_now()
        fact, district = self.library.facts.get(name), self.library.district
        if fact and fact.is_usable(self._today(), district.policies, self._standing()):
            named = self._named_here(fact.partners)
            listed = {f"partners_{fact.partners}": "\n".join(map(self._partner, named))} if fact.partners else {}
            stated = self._text(fact.text, listed)
            checked = min((one.checked_on for one in named), default=fact.reviewed_on)
            return stated if urgent else f"{stated} {self._checked(checked)}"
        return "" if urgent else self._named("fact_unavailable")

    def _school_now(self) -> str:
        """What is verified about the school that the message names, else the family's own; once a conversation."""
        found = self.statuses()
        own = self.about.get("contact.school", "")
        status = found.get((self.library.district.find_school_in_text(self.text) or own) if found else own)
        mark = f"status:{status.id}" if status else ""
        if status is None or mark in self.noticed:
            return ""
        self.noticed.append(mark)
        return self.statement(status)

    def statement(self, status: SchoolStatus) -> str:
        """A statement as families read it, with its time and until when it counts."""
        local, school = self.library.district.to_local_time, self.library.district.schools.get(status.school)
        values = {"school_name": school.name if school else self.library.district.name}
        values["time"] = dates.format_moment(local(status.checked_at), self.language)
        values["until"] = dates.format_moment(local(status.expires_at), self.language)
        texts: tuple[TextId, TextId] = (STATUSES[status.kind], "status_until")
        return " ".join(self._text(self.library.texts[one], values) for one in texts)

    def _held(self) -> Iterable[str]:
        """What is held about this family, a line each kind, and for how long."""
        found, cases_days = self.held(), self.library.district.retention.cases_days
        if found is None:
            yield self._named("held_nothing")
            return
        yield self._named("held_you")
        yield self._named("held_today")
        for count, text, days in _kinds(found, cases_days):
            if count:
                yield self._text(self.library.texts[text], {"count": str(count), "days": str(days)})
        if found.oldest_resolved_at:
            day = self.library.district.to_local_time(found.oldest_resolved_at + timedelta(days=cases_days)).date()
            yield self._text(self.library.texts["held_next"], {"date": dates.format_full_date(day, self.language)})

    def _today(self) -> date:
        return self.library.district.to_local_time(self.at).date()

    def _standing(self) -> list[Partner]:
        known = self.library.district.partners if self.partners is None else self.partners
        return list(known.values())

    def _named_here(self, kind: str | None) -> list[Partner]:
        """The organizations of this kind that were checked lately, in this family's order."""
        named = [one for one in self._standing() if one.kind == kind and one.is_recently_checked(self._today())]
        return partners.order_by_turn(named, self.language, self._today())

    def _partner(self, partner: Partner) -> str:
        cost = self._named("cost_free" if partner.cost == "free" else "cost_low")
        spoken = ", ".join(get_own_name(code) for code in partner.languages)
        return f"- {partner.name}, {partner.phone} ({cost}; {spoken})"

    def _found(self, effect: FindPartners) -> str:
        """Up to three organizations, a paragraph each; a person, where none was checked lately."""
        family = partners.HelpSeeker(self.language, effect.near)
        found = partners.find_matching(self._standing(), effect.what, family, self._today())
        return "\n\n".join(map(self._described, found)) or self._named("fact_unavailable")

    def _described(self, partner: Partner) -> str:
        does = ", ".join(self._named(f"service_{one}") for one in partner.services)
        lines = [self._partner(partner), *([does] if does else []), self._checked(partner.checked_on)]
        shown = "\n".join(lines)
        return isolated(shown) if self.language in RIGHT_TO_LEFT_LANGUAGES else shown

    def _checked(self, day: date) -> str:
        return self._text(self.library.texts["checked_on"], {"date": dates.format_full_date(day, self.language)})

    def _which_topic(self, effect: AskTopic) -> str:
        flows = self.library.flows.flows
        labels = [self._text(flows[name].label or flows[name].title) for name in effect.flows if name in flows]
        last, question = ("not_now", "also_asked") if effect.beside else ("someone_else", "which_topic")
        lines = [f"{number}. {label}" for number, label in enumerate([*labels, self._named(last)], 1)]
        return "\n".join([self._named(question), *lines])

    def _languages(self) -> str:
        names = [get_own_name(code) for code in self.library.district.languages]
        lines = [f"{number}. {name}" for number, name in enumerate(names, 1)]
        person = f"0. 👤 {self.library.district.office_phone}"
        return "\n".join([f"{self.library.district.name} 🌐", *lines, person, "🚨 911"])

    def _notices(self) -> Iterable[str]:
        """Once a conversation: that a machine translated this, or that it is English for want of a translation."""
        for text_id in sorted(self._seen - set(self.noticed)):
            self.noticed.append(text_id)
            yield self._notice(text_id)

    def _notice(self, text_id: str) -> str:
        return self.library.catalogs.translate(self.language, self.library.texts[NOTICES[text_id]])

    def _missing(self) -> str:
        """Why this is English: the language is being drafted, or it lacks this text."""
        waits = self.language in self.library.machine_languages and self.language not in self.library.catalogs.texts
        return SOON if waits else ENGLISH

    def _shown(self, answer: str) -> str:
        """A day that the family named, in its own way of writing days; other answers as they are."""
        return dates.format_day(date.fromisoformat(answer), self.language) if ISO_DAY.fullmatch(answer) else answer


def _kinds(found: DataSummary, cases_days: int) -> Iterable[tuple[int, TextId, int]]:
    """How many of each kind, how that is said, and after how many days it is deleted."""
    yield found.cases, "held_cases", cases_days
    yield found.messages, "held_messages", cases_days
    yield found.voice_notes, "held_voice", cases_days
    yield found.absences, "held_absences", KEPT_DAYS
    yield found.support_requests, "held_help", KEPT_DAYS
    yield found.suggestions, "held_suggestions", KEPT_DAYS
    yield found.meetings, "held_meetings", KEPT_DAYS
    yield found.consents, "held_consent", 0
