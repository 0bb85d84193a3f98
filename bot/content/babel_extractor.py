"""Extract the English of flows, facts, and texts for `messages/messages.pot` (babel.cfg, `make messages`)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from bot.base.yaml_source import Source, SourcePath, parse_yaml
from bot.content.district import District
from bot.content.facts import Fact, FactsFile
from bot.content.spoken_texts import SpokenTextsFile
from bot.content.texts import TextsFile
from bot.flows.loader import list_flow_texts
from bot.flows.model import Flow, Plural, Text

ExtractedMessage = tuple[int, str, str | tuple[str, str], list[str]]
PLACEHOLDER_COMMENT = "Do not translate words in braces, such as {office_phone}."
KIND_BY_FIELD = {"label": "an answer to choose", "ask": "a question", "says": "goes with a picture or a file"}


def extract(file: BinaryIO, keywords: Any, comment_tags: Any, options: Any) -> Iterable[ExtractedMessage]:
    """Yield (line, function, text, comments) of every text for families in one YAML file (Babel's interface)."""
    source = parse_yaml(file.read().decode("utf-8"), getattr(file, "name", "flow"))
    for path, text, comment in _find_texts(source):
        comments = [comment]
        if "{" in str(text):
            comments.append(PLACEHOLDER_COMMENT)
        line = source.build_problem(path, "").line
        if isinstance(text, Plural):
            yield line, "ngettext", (text.one, text.other), comments
        else:
            yield line, "gettext", text, comments


def _find_texts(source: Source) -> Iterator[tuple[SourcePath, Text, str]]:
    if "facts" in source.data:
        yield from _find_fact_texts(source)
    elif "texts" in source.data:
        for name, text in source.parse_model(TextsFile).texts.items():
            yield ("texts", name), text, f"Used by the program ({name})."
    elif "spoken" in source.data:
        for number, pair in enumerate(source.parse_model(SpokenTextsFile).spoken):
            comment = f"Said in a phone call instead of: {pair.written}"
            yield ("spoken", number, "said"), pair.said, comment
    elif "flow" in source.data:
        flow = source.parse_model(Flow)
        for path, flow_text in list_flow_texts(flow):
            kind = KIND_BY_FIELD.get(str(path[-1]), "a text")
            place = f", step {path[1]}" if len(path) > 1 else ""
            yield path, flow_text, f"Flow '{flow.title}'{place}: {kind}."


def _find_fact_texts(source: Source) -> Iterator[tuple[SourcePath, Text, str]]:
    """Yield the texts of the facts file, or of the district file, which also has the answers of staff."""
    if "schools" not in source.data:
        yield from _describe_facts(source.parse_model(FactsFile).facts)
        return
    district = source.parse_model(District)
    yield from _describe_facts(district.facts)
    for name, text in district.answers.items():
        yield ("answers", name), text, f"What a member of staff writes to a family ({name})."


def _describe_facts(facts: Mapping[str, Fact]) -> Iterator[tuple[SourcePath, Text, str]]:
    for name, fact in facts.items():
        yield ("facts", name, "text"), fact.text, f"A fact ({name}): keep its meaning exactly."
