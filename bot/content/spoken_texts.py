"""Read `flows/spoken.yaml`: what callers hear instead of texts that are for readers."""

from collections.abc import Iterable, Iterator, Mapping

from bot.base.yaml_source import Problem, Source
from bot.content.catalog import has_valid_placeholders
from bot.content.facts import Fact
from bot.flows.loader import find_placeholders, list_flow_texts
from bot.flows.model import FlowSet, Plural, StrictModel


class SpokenPair(StrictModel):
    """A written text, and what a caller hears instead."""

    written: str
    said: str


class SpokenTextsFile(StrictModel):
    """All pairs. Each written text appears once."""

    spoken: list[SpokenPair]

    def build_mapping(self) -> dict[str, str]:
        """Map written texts to spoken texts, in English."""
        return {pair.written: pair.said for pair in self.spoken}


def find_problems(source: Source, pairs: SpokenTextsFile) -> Iterator[Problem]:
    """Find errors that would break a call: a duplicate text, or a placeholder that is not in the written text."""
    seen: set[str] = set()
    for number, pair in enumerate(pairs.spoken):
        if pair.written in seen:
            yield source.build_problem(("spoken", number), f"'{pair.written}' appears twice: remove one of them")
        if not (has_valid_placeholders(pair.said) and has_valid_placeholders(pair.written)):
            yield source.build_problem(("spoken", number), "a brace is not closed: write {name}, or double the brace")
        elif extra_names := find_placeholders(pair.said) - find_placeholders(pair.written):
            names = ", ".join(f"{{{name}}}" for name in sorted(extra_names))
            yield source.build_problem(("spoken", number, "said"), f"{names} is not in the written text: remove it")
        seen.add(pair.written)


def find_orphans(source: Source, flows: FlowSet, texts: Iterable[str], facts: Mapping[str, Fact]) -> Iterator[Problem]:
    """Find pairs whose written text no longer exists, so that callers hear the new text as it is written."""
    flow_texts = (
        text for flow in flows.flows.values() for _, text in list_flow_texts(flow) if not isinstance(text, Plural)
    )
    written_texts = {*flow_texts, *texts, *(fact.text for fact in facts.values())}
    for number, pair in enumerate(source.parse_model(SpokenTextsFile).spoken):
        if pair.written not in written_texts:
            yield source.build_problem(
                ("spoken", number), f"no text is '{pair.written}': copy the current text to this place"
            )
