"""List the texts that a person can record. A recording can't hold the values of a single caller.

The module composes texts like a reply and splits them like a call, so that the keys of recordings match those of calls.
A text without a translation appears in English, as in a reply. A speaker of Mam then records it in Mam.
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
"""The flows after the emergencies and before all other flows."""
TEXTS_GROUP, FACTS_GROUP = "texts", "facts"
"""The groups of the texts of flows/texts.yaml, and of facts that no flow states."""
DIGIT_PLACEHOLDER = "{digit}"
"""The placeholder in texts that name a key."""
EMERGENCY_SEVERITY: Severity = "escalate_now"


@dataclass(frozen=True)
class RecordableText:
    """Hold one utterance to record.

    `flow` and `place` are its first location.

    `is_draft`: no person has reviewed the translation. `is_missing`: there is no translation, and `text` is English.
    """

    key: str
    text: str
    english: str
    flow: str
    place: str
    is_draft: bool = False
    is_missing: bool = False


@dataclass(frozen=True)
class MachineOnlyText:
    """Hold a text that only a machine can speak, because it has values that only a conversation has."""

    flow: str
    english: str


@dataclass(frozen=True)
class RecordableTextList:
    """Hold the utterances to record, each once and the most important first, and the texts that can't be recorded."""

    items: tuple[RecordableText, ...]
    machine_only_texts: tuple[MachineOnlyText, ...]

    @property
    def keys(self) -> frozenset[str]:
        """Return the keys of their recordings."""
        return frozenset(item.key for item in self.items)


def collect_recordable_texts(library: Library, language: str, now: datetime) -> RecordableTextList:
    """List the texts to record in this language at this time (facts have dates)."""
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
    """List the flows for families: emergencies, the menu, the request for a person, then the rest by name."""
    flows = [flow for flow in library.flows.flows.values() if flow.for_ == "family"]
    return sorted(flows, key=lambda flow: (_rank_flow(library, flow.flow), flow.flow))


def is_emergency_flow(flow: Flow) -> bool:
    """Return whether this flow pages staff at once."""
    return any(step.escalate and step.escalate.severity == EMERGENCY_SEVERITY for step in flow.steps.values())


def _rank_flow(library: Library, name: str) -> int:
    """Return 0 for emergencies, then the ranks of the menu, the request for a person, general texts, and the rest."""
    flow = library.flows.flows.get(name)
    if flow and is_emergency_flow(flow):
        return 0
    priorities = (*PRIORITY_FLOWS, TEXTS_GROUP)
    return 1 + priorities.index(name) if name in priorities else 1 + len(priorities)


class _RecordableTextCollector:
    """Collect texts in the language, each with its English text."""

    def __init__(self, library: Library, language: str, now: datetime) -> None:
        self.library, self.language, self.now = library, language, now
        self.items: dict[str, RecordableText] = {}
        self.machine_only_texts: dict[str, MachineOnlyText] = {}

    def add_flow(self, flow: Flow) -> None:
        """Add all texts of a flow, with its facts."""
        for path, text in list_flow_texts(flow):
            self.add_text(flow.flow, ".".join(map(str, path)).removeprefix("steps."), text)
        for name in dict.fromkeys(fact for step in flow.steps.values() for fact in step.fact):
            self.add_fact(flow.flow, name)

    def add_text(self, flow: str, place: str, text: Text) -> None:
        """Add one text. A text that needs the values of a conversation goes to the machine-only texts."""
        if isinstance(text, Plural):
            english = text.one
        else:
            text = english = find_spoken_english(self.library, self.language, text)
        if DIGIT_PLACEHOLDER in english:
            self._add_key_texts(flow, place, english)
            return
        translated_text = self._compose_text(self.language, text)
        english_text = self._compose_text(SOURCE_LANGUAGE, text)
        if translated_text is None or english_text is None:
            self.machine_only_texts.setdefault(english, MachineOnlyText(flow, english))
        else:
            self._add_items(flow, place, (translated_text, english_text), english)

    def _add_key_texts(self, flow: str, place: str, english: str) -> None:
        """Add one recording for each key of the phone."""
        translated_text = self.library.catalogs.translate(self.language, english)
        for digit in "123456789":
            wordings = (translated_text.replace(DIGIT_PLACEHOLDER, digit), english.replace(DIGIT_PLACEHOLDER, digit))
            self._add_items(flow, f"{place}.{digit}", wordings, english)

    def _compose_text(self, language: str, text: Text) -> str | None:
        if isinstance(text, Plural):
            return None
        return self._build_composer(language).build_standalone_text(text)

    def add_fact(self, flow: str, name: str) -> None:
        """Add a fact that Puente can state now.

        The date of its check is a separate utterance for all facts with that date.
        """
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
        """Build a composer that adds no notices, because notices are separate texts."""
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
    """Yield each utterance with its English text.

    If the translation has a different number of utterances, each one gets the whole English text.
    """
    utterances, english_utterances = split_utterances(translated_text), split_utterances(english_text)
    whole_english = " ".join(english_utterance.text for english_utterance in english_utterances)
    english_texts = [utterance.text for utterance in english_utterances]
    if len(utterances) != len(english_utterances):
        english_texts = [whole_english] * len(utterances)
    for utterance, english in zip(utterances, english_texts, strict=True):
        yield utterance.text, english


def group_by_flow(items: Iterable[RecordableText]) -> Mapping[str, list[RecordableText]]:
    """Group the texts by flow, in their order."""
    groups: dict[str, list[RecordableText]] = {}
    for item in items:
        groups.setdefault(item.flow, []).append(item)
    return groups
