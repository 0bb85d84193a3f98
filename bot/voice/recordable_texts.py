"""What of the line's texts a person can say aloud once and for all: a recording cannot know a caller's own values.

Everything is composed as a reply composes it and cut as a call cuts it, so that what is recorded is what is looked for.
Where a text has no translation, its English stands here as it stands in a reply: a speaker of Mam says that in Mam.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.facts import LIVE_FACT_IDS
from bot.content.library import Library
from bot.flows.effects import StateFact
from bot.flows.loader import list_flow_texts
from bot.flows.model import Flow, Plural, Severity, Text
from bot.messaging.reply_composer import DRAFT_NOTICE, ENGLISH_NOTICE, SOON_NOTICE, ReplyComposer
from bot.speech.spoken_wording import UNSPOKEN_TEXT_PREFIXES, find_spoken_english, render_spoken_reply
from bot.speech.utterances import compute_recording_key, split_utterances

PRIORITY_FLOWS = ("menu", "talk_to_human")
"""After the emergencies, and before everything else."""
TEXTS_GROUP, FACTS_GROUP = "texts", "facts"
"""Where the texts of flows/texts.yaml, and facts that no flow states, are listed."""
DIGIT_PLACEHOLDER = "{digit}"
"""Stands in the texts that name a key."""
EMERGENCY_SEVERITY: Severity = "escalate_now"


@dataclass(frozen=True)
class RecordableText:
    """One piece that can be recorded.  `flow` and `place` say where it stands first; `draft`: no person has reviewed
    the translation; `missing`: there is none, and `text` is the English."""

    key: str
    text: str
    english: str
    flow: str
    place: str
    is_draft: bool = False
    is_missing: bool = False


@dataclass(frozen=True)
class MachineOnlyText:
    """A text that only a machine can say: it holds what only a conversation knows."""

    flow: str
    english: str


@dataclass(frozen=True)
class RecordableTextList:
    """The pieces, the most important first and each once; and what cannot be recorded."""

    items: tuple[RecordableText, ...]
    machine_only_texts: tuple[MachineOnlyText, ...]

    @property
    def keys(self) -> frozenset[str]:
        """Under which recordings of it stand."""
        return frozenset(item.key for item in self.items)


def collect_recordable_texts(library: Library, language: str, now: datetime) -> RecordableTextList:
    """What can be said in this language as things stand at that moment (facts are dated)."""
    collector = _RecordableTextCollector(library, language, now)
    for flow in list_family_flows(library):
        collector.add_flow(flow)
    for name, text in library.texts.items():
        if not name.startswith(UNSPOKEN_TEXT_PREFIXES):
            collector.add_text(TEXTS_GROUP, name, text)
    for fact in library.facts:
        collector.add_fact(FACTS_GROUP, fact)
    items = sorted(collector.items.values(), key=lambda item: _rank_flow(library, item.flow))
    return RecordableTextList(tuple(items), tuple(collector.machine_only_texts.values()))


def list_family_flows(library: Library) -> list[Flow]:
    """The flows that families walk: emergencies, the menu, the way to a person, then the rest by name."""
    flows = [flow for flow in library.flows.flows.values() if flow.for_ == "family"]
    return sorted(flows, key=lambda flow: (_rank_flow(library, flow.flow), flow.flow))


def is_emergency_flow(flow: Flow) -> bool:
    """Whether somebody is paged at once from it."""
    return any(step.escalate and step.escalate.severity == EMERGENCY_SEVERITY for step in flow.steps.values())


def _rank_flow(library: Library, name: str) -> int:
    """0 for emergencies, then the menu, the way to a person, the texts of all conversations, the rest."""
    flow = library.flows.flows.get(name)
    if flow and is_emergency_flow(flow):
        return 0
    priorities = (*PRIORITY_FLOWS, TEXTS_GROUP)
    return 1 + priorities.index(name) if name in priorities else 1 + len(priorities)


class _RecordableTextCollector:
    """Composes in the language and, beside it, in English."""

    def __init__(self, library: Library, language: str, now: datetime) -> None:
        self.library, self.language, self.now = library, language, now
        self.items: dict[str, RecordableText] = {}
        self.machine_only_texts: dict[str, MachineOnlyText] = {}

    def add_flow(self, flow: Flow) -> None:
        """All that a flow says, with the facts that it states."""
        for path, text in list_flow_texts(flow):
            self.add_text(flow.flow, ".".join(map(str, path)).removeprefix("steps."), text)
        for name in dict.fromkeys(fact for step in flow.steps.values() for fact in step.fact):
            self.add_fact(flow.flow, name)

    def add_text(self, flow: str, place: str, text: Text) -> None:
        """One text; apart, if it needs what only a conversation has."""
        english = text.one if isinstance(text, Plural) else find_spoken_english(self.library, self.language, text)
        text = text if isinstance(text, Plural) else english
        if DIGIT_PLACEHOLDER in english:
            self._add_key_texts(flow, place, english)
            return
        translated_text, english_text = (
            self._compose_text(language, text) for language in (self.language, SOURCE_LANGUAGE)
        )
        if translated_text is None or english_text is None:
            self.machine_only_texts.setdefault(english, MachineOnlyText(flow, english))
        else:
            self._add_items(flow, place, (translated_text, english_text), english)

    def _add_key_texts(self, flow: str, place: str, english: str) -> None:
        """The words for a key: a recording for each of them."""
        translated_text = self.library.catalogs.translate(self.language, english)
        for digit in "123456789":
            wordings = (translated_text.replace(DIGIT_PLACEHOLDER, digit), english.replace(DIGIT_PLACEHOLDER, digit))
            self._add_items(flow, f"{place}.{digit}", wordings, english)

    def _compose_text(self, language: str, text: Text) -> str | None:
        return None if isinstance(text, Plural) else self._build_composer(language).build_standalone_text(text)

    def add_fact(self, flow: str, name: str) -> None:
        """A fact that may be stated now; the day on which it was checked is a piece of its own, for all facts of it."""
        fact = self.library.facts.get(name)
        if name in LIVE_FACT_IDS or fact is None:
            return
        if fact.partners:
            self.machine_only_texts.setdefault(fact.text, MachineOnlyText(flow, fact.text))
            return
        if fact.is_usable(self._get_today(), self.library.district.policies, ()):
            wordings = (self._compose_fact(self.language, name), self._compose_fact(SOURCE_LANGUAGE, name))
            self._add_items(flow, f"fact.{name}", wordings, fact.text)

    def _compose_fact(self, language: str, name: str) -> str:
        return render_spoken_reply(self.library, language, self._build_composer(language).compose([StateFact(name)]))

    def _build_composer(self, language: str) -> ReplyComposer:
        """One that adds no notice: those are texts of their own."""
        return ReplyComposer(
            self.library, language, self.now, shown_notices=[DRAFT_NOTICE, ENGLISH_NOTICE, SOON_NOTICE]
        )

    def _get_today(self) -> date:
        return self.library.district.to_local_time(self.now).date()

    def _add_items(self, flow: str, place: str, wordings: tuple[str, str], english: str) -> None:
        wording = self.library.catalogs.find_text(self.language, english)
        for number, (text, english_utterance) in enumerate(_pair_utterances(*wordings)):
            key = compute_recording_key(self.language, text)
            item_place = f"{flow}.{place}#{number}"[:160]
            self.items.setdefault(
                key,
                RecordableText(key, text, english_utterance, flow, item_place, wording.is_draft, wording.is_missing),
            )


def _pair_utterances(translated_text: str, english_text: str) -> Iterator[tuple[str, str]]:
    """The pieces of both; where a translation has other paragraphs, the whole English beside each."""
    utterances, english_utterances = split_utterances(translated_text), split_utterances(english_text)
    whole_english = " ".join(utterance.text for utterance in english_utterances)
    for number, utterance in enumerate(utterances):
        yield (
            utterance.text,
            english_utterances[number].text if len(utterances) == len(english_utterances) else whole_english,
        )


def group_by_flow(items: Iterable[RecordableText]) -> Mapping[str, list[RecordableText]]:
    """Flow → its pieces, in their order."""
    groups: dict[str, list[RecordableText]] = {}
    for item in items:
        groups.setdefault(item.flow, []).append(item)
    return groups
