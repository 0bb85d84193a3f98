"""`flows/spoken.yaml`: what a caller hears instead of words that are for readers."""

from collections.abc import Iterable, Iterator, Mapping

from bot.base.yaml_source import Problem, Source
from bot.content.catalog import has_valid_placeholders
from bot.content.facts import Fact
from bot.flows.loader import find_placeholders, list_flow_texts
from bot.flows.model import FlowSet, Plural, StrictModel


class SpokenPair(StrictModel):
    """A text as it is written, and as it is said."""

    written: str
    said: str


class SpokenTextsFile(StrictModel):
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
            yield source.build_problem(("spoken", number), f"'{pair.written}' stands here twice: leave one of them out")
        if not (has_valid_placeholders(pair.said) and has_valid_placeholders(pair.written)):
            yield source.build_problem(("spoken", number), "a brace is not closed: write {name}, or a brace twice")
        elif extra_names := find_placeholders(pair.said) - find_placeholders(pair.written):
            names = ", ".join(f"{{{name}}}" for name in sorted(extra_names))
            yield source.build_problem(
                ("spoken", number, "said"), f"{names} does not stand in the written text: leave it out"
            )
        seen.add(pair.written)


def find_orphans(source: Source, flows: FlowSet, texts: Iterable[str], facts: Mapping[str, Fact]) -> Iterator[Problem]:
    """Pairs whose text is written nowhere any more: callers hear the new text as it is written."""
    flow_texts = (
        text for flow in flows.flows.values() for _, text in list_flow_texts(flow) if not isinstance(text, Plural)
    )
    written_texts = {*flow_texts, *texts, *(fact.text for fact in facts.values())}
    for number, pair in enumerate(source.parse_model(SpokenTextsFile).spoken):
        if pair.written not in written_texts:
            yield source.build_problem(
                ("spoken", number), f"no text reads '{pair.written}': write it here as it stands now"
            )
