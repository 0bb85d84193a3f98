"""Callers hear spoken wording. Stored texts and texts sent to the phone keep the written wording."""

from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.base import settings
from bot.base.yaml_source import SourceError, parse_yaml
from bot.content.babel_extractor import extract
from bot.content.catalog import Catalogs, CatalogText
from bot.content.library import Library, _load_spoken_texts
from bot.content.spoken_texts import find_orphans
from bot.flows.effects import StateFact
from bot.flows.loader import find_placeholders
from bot.messaging.reply_composer import ReplyComposer
from bot.speech import spoken_wording
from bot.speech.spoken_wording import (
    WRITTEN_ONLY_PATTERN,
    find_spoken_english,
    find_written_only_texts,
    is_check_date,
    render_spoken_reply,
)
from bot.speech.utterances import split_utterances
from bot.voice.recordable_texts import collect_recordable_texts
from tests.conftest import NOW

FILE = settings.ROOT / "flows/spoken.yaml"
MENU = "How can I help? Reply with a number, or write your question in your own words."
THANKS = "Thank you for asking. You can write here again, or call {office_phone}."
KEEP_WRITING = "No, keep writing"


def test_spoken_texts_never_mention_writing_replying_or_looking(library: Library) -> None:
    assert list(find_written_only_texts(library)) == []


def test_written_text_without_spoken_version_is_found(library: Library) -> None:
    less = replace(library, spoken_texts={one: two for one, two in library.spoken_texts.items() if one != MENU})
    assert [where for where, _ in find_written_only_texts(less)] == ["menu.steps.open.ask"]
    (line,) = spoken_wording.list_warnings(less)
    assert line.startswith("flows/spoken.yaml:1:1: menu.steps.open.ask: callers hear 'How can I help? Reply")


@pytest.mark.parametrize(
    "text",
    ["Reply 0.", "If you reply, we know.", "Write here.", "Type it.", "Text 1.", "See below.", "Is it real? {link}"],
)
def test_written_only_words_are_recognized(text: str) -> None:
    assert WRITTEN_ONLY_PATTERN.search(text)


def test_values_and_numbers_are_kept(library: Library) -> None:
    reply = f"Hello.\n\n{MENU}\n1. Is it safe?\n12. {KEEP_WRITING}\n\n{THANKS.format(office_phone='(217) 555-0100')}"
    assert render_spoken_reply(library, "en", reply) == (
        "Hello.\n\nHow can I help? Please press one of the numbers.\n1. Is it safe?\n12. No, keep the messages\n\n"
        "Thank you for asking. You can call here again, or call the school office: (217) 555-0100."
    )


def test_longer_text_is_not_split_at_a_shorter_one(library: Library) -> None:
    longer = "I did not understand that. Please reply with one of the numbers."
    assert render_spoken_reply(library, "en", longer) == library.spoken_texts[longer]
    assert render_spoken_reply(library, "en", f"She wrote: {KEEP_WRITING}") == f"She wrote: {KEEP_WRITING}"


def test_other_language_uses_spoken_texts_or_falls_back_to_written(library: Library) -> None:
    spanish = {
        MENU: CatalogText("¿Cómo puedo ayudar? Responda.", is_draft=True),
        KEEP_WRITING: CatalogText("No, sigan escribiendo"),
    }
    some = replace(library, catalogs=Catalogs({"es": {**spanish, library.spoken_texts[MENU]: CatalogText("Oprima.")}}))
    assert (
        render_spoken_reply(some, "es", "¿Cómo puedo ayudar? Responda.\n1. No, sigan escribiendo")
        == "Oprima.\n1. No, sigan escribiendo"
    )
    assert (
        find_spoken_english(some, "es", KEEP_WRITING) == KEEP_WRITING
        and find_spoken_english(some, "es", MENU) == library.spoken_texts[MENU]
    )
    items = {item.text for item in collect_recordable_texts(some, "es", NOW).items}
    assert "Oprima." in items and "¿Cómo puedo ayudar? Responda." not in items, "people record what is said"


@given(st.sampled_from(["en", "es", "ar", "so"]), st.text())
def test_unknown_text_is_spoken_unchanged(library: Library, language: str, text: str) -> None:
    assert render_spoken_reply(library, language, text) == text


def test_every_written_text_is_found_with_its_values(library: Library) -> None:
    for language in library.district.languages:
        for written in library.spoken_texts:
            spoken = find_spoken_english(library, language, written)
            values = {name: f"({name}) 217-555-0100" for name in find_placeholders(written)}
            own, wanted = (library.catalogs.translate(language, one).format_map(values) for one in (written, spoken))
            assert render_spoken_reply(library, language, own) == wanted, (language, written)


def test_catalogs_get_the_spoken_texts() -> None:
    found = [text for _, _, text, _ in extract(BytesIO(FILE.read_bytes()), (), (), {})]
    assert "Please press one of the numbers." in found and MENU not in found


def test_orphaned_pair_is_reported_with_its_line(library: Library) -> None:
    source = parse_yaml('spoken:\n  - written: "No such text."\n    said: "x"\n', "flows/spoken.yaml")
    (problem,) = find_orphans(source, library.flows, library.texts.values(), library.facts)
    assert str(problem).startswith("flows/spoken.yaml:2:") and "no text is 'No such text.'" in str(problem)
    assert not list(
        find_orphans(parse_yaml(FILE.read_text(), str(FILE)), library.flows, library.texts.values(), library.facts)
    )


@pytest.mark.parametrize(
    ("pairs", "wrong"),
    [
        ('  - written: "A."\n    said: "{office_phone}"\n', "{office_phone} is not in the written text"),
        ('  - written: "A."\n    said: "{office_phone"\n', "a brace is not closed"),
        ('  - written: "A."\n    said: "B."\n  - written: "A."\n    said: "C."\n', "'A.' appears twice"),
        ('  - written: "A."\n', "said"),
    ],
)
def test_invalid_spoken_pair_stops_the_start(tmp_path: Path, pairs: str, wrong: str) -> None:
    (tmp_path / "spoken.yaml").write_text(f"spoken:\n{pairs}")
    with pytest.raises(SourceError) as caught:
        _load_spoken_texts(tmp_path / "spoken.yaml")
    assert wrong in str(caught.value)


def test_fact_recording_outlives_its_next_check(library: Library) -> None:
    """Only the date is recorded again, once for all facts checked on that day."""
    later = {name: fact.model_copy(update={"reviewed_on": date(2026, 11, 24)}) for name, fact in library.facts.items()}
    for language in ("en", "so", "fa"):
        before = collect_recordable_texts(library, language, NOW).keys
        after = collect_recordable_texts(replace(library, facts=later), language, NOW).keys
        assert len(after - before) == 1 and len(before - after) <= len(
            {one.reviewed_on for one in library.facts.values()}
        )


@pytest.mark.parametrize("language", [*("en", "es", "zh", "ar", "ru", "ko", "so", "am")])
def test_fact_date_is_a_separate_utterance(library: Library, language: str) -> None:
    reply = ReplyComposer(library, language, NOW, shown_notices=["notice_draft"]).compose([StateFact("meals_form")])
    fact, day = (piece.text for piece in split_utterances(render_spoken_reply(library, language, reply)))
    assert is_check_date(library, language, day) and not is_check_date(library, language, fact) and "2026" in day
