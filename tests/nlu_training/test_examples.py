"""The example files: their labels, their parts, and their authors."""

from itertools import combinations
from pathlib import Path

import pytest

from bot.base.settings import ROOT
from bot.base.text_normalization import normalize_text
from bot.nlu.intents import EMERGENCY_INTENTS
from bot.nlu_training.examples import EXAMPLES_FOLDER, PARTS, parse_example, read_examples

FOLDER = ROOT / "flows" / EXAMPLES_FOLDER


@pytest.mark.parametrize(
    ("label", "intent", "page_class"),
    [
        ("report_absence", "report_absence", "topic"),
        ("danger_now", "danger_now", "danger_now"),
        ("near/danger_now/school_info", "school_info", "near_miss"),
        ("everyday/school", None, "everyday"),
        ("everyday/other", "out_of_scope", "everyday"),
        ("attack/police", "restricted_request", "attack"),
    ],
)
def test_label_names_topic_and_page_class(label: str, intent: str | None, page_class: str) -> None:
    example = parse_example(label, "text", "en")
    assert (example.intent, example.page_class) == (intent, page_class)


@pytest.mark.parametrize("label", ["near/danger_now", "near/menu/school_info", "attack/other", "weather", ""])
def test_unknown_label_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match="unknown label"):
        parse_example(label, "text", "en")


def test_line_without_a_tab_is_named(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "me.en.tsv").write_text("greeting_identity\thello\nno tab here\n")
    with pytest.raises(ValueError, match=r"me\.en\.tsv:2: write a label, a tab"):
        read_examples(tmp_path, "train")


def test_an_author_belongs_to_one_part() -> None:
    authors = {part: {path.name.partition(".")[0] for path in (FOLDER / part).glob("*.tsv")} for part in PARTS}
    for first, second in combinations(PARTS, 2):
        assert not authors[first] & authors[second]


def test_no_test_message_is_a_training_message() -> None:
    trained = {normalize_text(example.text) for part in ("train", "tune") for example in read_examples(FOLDER, part)}
    assert [
        example.text
        for example in read_examples(FOLDER, "test")
        if normalize_text(example.text) in trained and len(example.text.split()) > 3
    ] == []


def test_test_part_covers_every_language_and_kind() -> None:
    examples = read_examples(FOLDER, "test")
    assert len({example.lang for example in examples}) == 16
    kinds = {example.page_class for example in examples}
    assert {*EMERGENCY_INTENTS, "near_miss", "attack", "out_of_scope", "topic"} <= kinds
