"""The hard rules that a machine can check (TOPICS.md), over every text in every language; the schema; the diagrams."""

import json
import re
from collections.abc import Iterator

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bot.base import settings
from bot.channels.sms_segments import compute_sms_cost
from bot.content.catalog import parse_po
from bot.content.library import Library
from bot.flows.mermaid import render_mermaid
from bot.flows.model import Flow

FLOWS = [
    path
    for path in sorted((settings.ROOT / "flows").glob("*.yaml"))
    if path.name not in {"facts.yaml", "texts.yaml", "spoken.yaml"}
]
NUMBER = re.compile(r"\d[\d-]+\d")
"""Three digits or more, with hyphens: phone numbers, but not hours and days."""
HARMLESS = {"911", "988"}
PROMISES = (
    "you are safe",
    "they cannot",
    "never share",
    "i called 911",
    "i have called",
    "help is coming",
    "police are coming",
)
ASKS_STATUS = re.compile(
    r"(are you|what is your|do you have)[^.?]*(status|visa|citizen|papers|documented|nationality)[^.?]*\?"
)


def list_english_texts(library: Library) -> list[str]:
    template = parse_po("en", (settings.ROOT / "messages/messages.pot").read_bytes())
    return [form for message in template if message.id for form in list_plural_forms(message.id)]


def list_plural_forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    """Return a text, or each plural form of one."""
    return [text] if isinstance(text, str) else list(text)


def list_all_texts(library: Library) -> Iterator[tuple[str, str]]:
    yield from (("en", text) for text in list_english_texts(library))
    for language in library.district.languages:
        if language != "en":
            catalog = parse_po(language, (settings.ROOT / f"messages/{language}.po").read_bytes())
            yield from (
                (language, form) for message in catalog if message.id for form in list_plural_forms(message.string)
            )


def test_every_number_comes_from_facts_or_district_file(library: Library) -> None:
    sources = "".join((settings.ROOT / name).read_text() for name in ("flows/facts.yaml", "district.yaml"))
    known = set(NUMBER.findall(sources)) | HARMLESS
    for language, text in list_all_texts(library):
        assert set(NUMBER.findall(text)) <= known, (language, text)


def test_translation_has_the_numbers_of_its_english(library: Library) -> None:
    for language in set(library.district.languages) - {"en"}:
        catalog = parse_po(language, (settings.ROOT / f"messages/{language}.po").read_bytes())
        for message in catalog:
            if message.id and message.string:
                here = sorted(NUMBER.findall(list_plural_forms(message.id)[0]))
                assert all(sorted(NUMBER.findall(form)) == here for form in list_plural_forms(message.string)), (
                    message.string
                )


def test_texts_make_no_promises_and_do_not_ask_status(library: Library) -> None:
    for text in list_english_texts(library):
        assert not any(words in text.lower() for words in PROMISES), text
        assert not ASKS_STATUS.search(text.lower()), text


@pytest.mark.parametrize("name", ["immigration_case", "legal_help", "know_your_rights", "family_detained"])
def test_legal_topics_end_with_a_person_and_give_no_dates(library: Library, name: str) -> None:
    choices = [choice for step in library.flows.flows[name].steps.values() for choice in step.choices.values()]
    assert any(choice.go in {"talk_to_human", "legal_help"} for choice in choices)


def test_every_topic_has_a_flow(library: Library) -> None:
    from bot.flows.topic_routing import HUMAN_ANSWERED_TOPICS, OPT_OUT_TOPIC

    for topic in HUMAN_ANSWERED_TOPICS - {OPT_OUT_TOPIC}:
        assert library.flows.find_by_intent(topic), topic


def test_every_emergency_says_911_first_and_that_it_cannot_call(library: Library) -> None:
    for name in ("enforcement_now", "child_alone_now", "danger_now", "self_harm_now", "abuse_violence_home"):
        flow = library.flows.flows[name]
        assert "911" in flow.steps[flow.first_step].say[0], name


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)
def test_every_flow_matches_the_editor_schema(path) -> None:  # type: ignore[no-untyped-def]
    schema = json.loads((settings.ROOT / "flows/flow.schema.json").read_text())
    assert path.read_text().startswith("# yaml-language-server: $schema=flow.schema.json\n")
    Draft202012Validator(schema).validate(yaml.safe_load(path.read_text()))


def test_schema_matches_the_grammar() -> None:
    written = json.loads((settings.ROOT / "flows/flow.schema.json").read_text())
    assert written == Flow.model_json_schema(by_alias=True), "run 'make messages'"


def test_every_flow_diagram_shows_all_steps(library: Library) -> None:
    for flow in library.flows.flows.values():
        drawn = render_mermaid(flow)
        assert all(f"step_{step}" in drawn for step in flow.steps)
    assert '"after 3 days"' in render_mermaid(library.flows.flows["talk_to_human"])
    assert '"no answer in 10 minutes"' in render_mermaid(library.flows.flows["family_detained"])


@pytest.mark.parametrize(
    ("text", "segments", "gsm"),
    [("a" * 160, 1, True), ("a" * 161, 2, True), ("€" * 80, 1, True), ("€" * 81, 2, True),
     ("ç" * 70, 1, False), ("ç" * 71, 2, False), ("😀" * 35, 1, False), ("😀" * 36, 2, False), ("", 1, True)],
)  # fmt: skip
def test_sms_cost_counts_segments(text: str, segments: int, gsm: bool) -> None:
    assert (compute_sms_cost(text).segments, compute_sms_cost(text).is_gsm) == (segments, gsm)


@given(st.text(max_size=400), st.text(max_size=40))
def test_longer_text_never_costs_less(text: str, more: str) -> None:
    assert compute_sms_cost(text + more).segments >= compute_sms_cost(text).segments
