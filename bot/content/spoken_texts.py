"""`flows/spoken.yaml`: what a caller hears instead of words that are for readers."""

from collections.abc import Iterable, Iterator, Mapping

from bot.base.yaml_source import Problem, Source
from bot.content.catalog import has_valid_placeholders
from bot.content.facts import Fact
from bot.flows.loader import placeholders, texts_of
from bot.flows.model import FlowSet, Model, Plural


class SpokenPair(Model):
    """A text as it is written, and as it is said."""

    written: str
    said: str


class SpokenTextsFile(Model):
    """All pairs, each text once."""

    spoken: list[SpokenPair]

    def build_mapping(self) -> dict[str, str]:
        """Written → said, in English."""
        return {pair.written: pair.said for pair in self.spoken}


def find_problems(source: Source, pairs: SpokenTextsFile) -> Iterator[Problem]:
    """What would go wrong in a call: a text that stands here twice, a value that the written text does not hold."""
    seen: set[str] = set()
    for number, pair in enumerate(pairs.spoken):
        if pair.written in seen:
            yield source.problem(("spoken", number), f"'{pair.written}' stands here twice: leave one of them out")
        if not (has_valid_placeholders(pair.said) and has_valid_placeholders(pair.written)):
            yield source.problem(("spoken", number), "a brace is not closed: write {name}, or a brace twice")
        elif more := placeholders(pair.said) - placeholders(pair.written):
            names = ", ".join(f"{{{name}}}" for name in sorted(more))
            yield source.problem(
                ("spoken", number, "said"), f"{names} does not stand in the written text: leave it out"
            )
        seen.add(pair.written)


def find_orphans(source: Source, flows: FlowSet, texts: Iterable[str], facts: Mapping[str, Fact]) -> Iterator[Problem]:
    """Pairs whose text is written nowhere any more: callers hear the new text as it is written."""
    said = (text for flow in flows.flows.values() for _, text in texts_of(flow) if not isinstance(text, Plural))
    known = {*said, *texts, *(fact.text for fact in facts.values())}
    for number, pair in enumerate(source.model(SpokenTextsFile).spoken):
        if pair.written not in known:
            yield source.problem(("spoken", number), f"no text reads '{pair.written}': write it here as it stands now")
