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
from bot.flows.loader import texts_of
from bot.flows.model import Flow, Plural, Severity, Text
from bot.messaging.reply_composer import DRAFT, ENGLISH, SOON, Composer
from bot.speech.spoken_wording import NOT_HEARD, english_said, said
from bot.speech.utterances import pieces, recording_key

FIRST = ("menu", "talk_to_human")
"""After the emergencies, and before everything else."""
TEXTS, FACTS = "texts", "facts"
"""Where the texts of flows/texts.yaml, and facts that no flow states, are listed."""
DIGIT = "{digit}"
"""Stands in the texts that name a key."""
URGENT: Severity = "escalate_now"


@dataclass(frozen=True)
class Item:
    """One piece that can be recorded.  `flow` and `place` say where it stands first; `draft`: no person has reviewed
    the translation; `missing`: there is none, and `text` is the English."""

    key: str
    text: str
    english: str
    flow: str
    place: str
    draft: bool = False
    missing: bool = False


@dataclass(frozen=True)
class Apart:
    """A text that only a machine can say: it holds what only a conversation knows."""

    flow: str
    english: str


@dataclass(frozen=True)
class Sayable:
    """The pieces, the most important first and each once; and what cannot be recorded."""

    items: tuple[Item, ...]
    apart: tuple[Apart, ...]

    @property
    def keys(self) -> frozenset[str]:
        """Under which recordings of it stand."""
        return frozenset(item.key for item in self.items)


def sayable(library: Library, language: str, at: datetime) -> Sayable:
    """What can be said in this language as things stand at that moment (facts are dated)."""
    found = _Writer(library, language, at)
    for flow in in_order(library):
        found.flow(flow)
    for name, text in library.texts.items():
        if not name.startswith(NOT_HEARD):
            found.text(TEXTS, name, text)
    for fact in library.facts:
        found.fact(FACTS, fact)
    items = sorted(found.items.values(), key=lambda item: _rank(library, item.flow))
    return Sayable(tuple(items), tuple(found.apart.values()))


def in_order(library: Library) -> list[Flow]:
    """The flows that families walk: emergencies, the menu, the way to a person, then the rest by name."""
    flows = [flow for flow in library.flows.flows.values() if flow.for_ == "family"]
    return sorted(flows, key=lambda flow: (_rank(library, flow.flow), flow.flow))


def emergency(flow: Flow) -> bool:
    """Whether somebody is paged at once from it."""
    return any(step.escalate and step.escalate.severity == URGENT for step in flow.steps.values())


def _rank(library: Library, name: str) -> int:
    """0 for emergencies, then the menu, the way to a person, the texts of all conversations, the rest."""
    flow = library.flows.flows.get(name)
    if flow and emergency(flow):
        return 0
    first = (*FIRST, TEXTS)
    return 1 + first.index(name) if name in first else 1 + len(first)


class _Writer:
    """Composes in the language and, beside it, in English."""

    def __init__(self, library: Library, language: str, at: datetime) -> None:
        self.library, self.language, self.at = library, language, at
        self.items: dict[str, Item] = {}
        self.apart: dict[str, Apart] = {}

    def flow(self, flow: Flow) -> None:
        """All that a flow says, with the facts that it states."""
        for path, text in texts_of(flow):
            self.text(flow.flow, ".".join(map(str, path)).removeprefix("steps."), text)
        for name in dict.fromkeys(fact for step in flow.steps.values() for fact in step.fact):
            self.fact(flow.flow, name)

    def text(self, flow: str, place: str, text: Text) -> None:
        """One text; apart, if it needs what only a conversation has."""
        english = text.one if isinstance(text, Plural) else english_said(self.library, self.language, text)
        text = text if isinstance(text, Plural) else english
        if DIGIT in english:
            self._keys(flow, place, english)
            return
        own, beside = (self._alone(language, text) for language in (self.language, SOURCE_LANGUAGE))
        if own is None or beside is None:
            self.apart.setdefault(english, Apart(flow, english))
        else:
            self._keep(flow, place, (own, beside), english)

    def _keys(self, flow: str, place: str, english: str) -> None:
        """The words for a key: a recording for each of them."""
        own = self.library.catalogs.translate(self.language, english)
        for digit in "123456789":
            said = (own.replace(DIGIT, digit), english.replace(DIGIT, digit))
            self._keep(flow, f"{place}.{digit}", said, english)

    def _alone(self, language: str, text: Text) -> str | None:
        return None if isinstance(text, Plural) else self._composer(language).outside_a_talk(text)

    def fact(self, flow: str, name: str) -> None:
        """A fact that may be stated now; the day on which it was checked is a piece of its own, for all facts of it."""
        fact = self.library.facts.get(name)
        if name in LIVE_FACT_IDS or fact is None:
            return
        if fact.partners:
            self.apart.setdefault(fact.text, Apart(flow, fact.text))
            return
        if fact.is_usable(self._today(), self.library.district.policies, ()):
            both = (self._stated(self.language, name), self._stated(SOURCE_LANGUAGE, name))
            self._keep(flow, f"fact.{name}", both, fact.text)

    def _stated(self, language: str, name: str) -> str:
        return said(self.library, language, self._composer(language).compose([StateFact(name)]))

    def _composer(self, language: str) -> Composer:
        """One that adds no notice: those are texts of their own."""
        return Composer(self.library, language, self.at, noticed=[DRAFT, ENGLISH, SOON])

    def _today(self) -> date:
        return self.library.district.to_local_time(self.at).date()

    def _keep(self, flow: str, place: str, both: tuple[str, str], english: str) -> None:
        wording = self.library.catalogs.find_text(self.language, english)
        for number, (text, beside) in enumerate(_side_by_side(*both)):
            key = recording_key(self.language, text)
            where = f"{flow}.{place}#{number}"[:160]
            self.items.setdefault(key, Item(key, text, beside, flow, where, wording.is_draft, wording.is_missing))


def _side_by_side(own: str, english: str) -> Iterator[tuple[str, str]]:
    """The pieces of both; where a translation has other paragraphs, the whole English beside each."""
    cut, beside = pieces(own), pieces(english)
    whole = " ".join(piece.text for piece in beside)
    for number, piece in enumerate(cut):
        yield piece.text, beside[number].text if len(cut) == len(beside) else whole


def by_flow(items: Iterable[Item]) -> Mapping[str, list[Item]]:
    """Flow → its pieces, in their order."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.flow, []).append(item)
    return found
