"""The English of code, console, and docs: no banned idiom, short sentences in the docs, and each class name once."""

import re
from collections import Counter
from pathlib import Path

import pytest

from bot.base.settings import ROOT
from tests.bench.code import BANNED_IDIOMS, find_class_names, list_prose

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "decisions").glob("*.md")])
OTHER_FILES = [
    *(ROOT / "deploy").rglob("*.yaml"),
    ROOT / "bot" / "web" / "console" / "words" / "console.pot",
    ROOT / "Makefile",
    ROOT / ".ci" / "run",
]
"""The catalog `console.pot` holds every text of the console."""
MAX_SENTENCE_WORDS = 25
STORED_VALUES = {"leader agreed, told staff"}
"""Values in databases of earlier releases."""
FAMILY_TEXT_FILES = {"bot/content/texts.py"}
"""Texts for families are warm and short. Their reviewers decide about words such as "nobody"."""


@pytest.mark.parametrize("folder", ["bot", "tests/bench", "tests/stand_in"])
def test_code_has_no_banned_idiom(folder: str) -> None:
    for path in sorted((ROOT / folder).rglob("*.py")):
        if str(path.relative_to(ROOT)) in FAMILY_TEXT_FILES or path.name == "code.py":
            continue
        prose = [text for text in list_prose(path) if " " in text and text not in STORED_VALUES]
        found = [text[:90] for text in prose if BANNED_IDIOMS.search(_drop_code(text))]
        assert found == [], path.relative_to(ROOT)


@pytest.mark.parametrize("path", [*PAGES, *OTHER_FILES], ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_have_no_banned_idiom(path: Path) -> None:
    assert BANNED_IDIOMS.findall(_drop_code(path.read_text())) == []


@pytest.mark.parametrize("path", sorted((ROOT / "flows").glob("*.yaml")), ids=lambda path: path.name)
def test_titles_and_comments_of_flows_have_no_banned_idiom(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if re.match(r"\s*(#|title:|about:)", line)]
    assert [line for line in lines if BANNED_IDIOMS.search(line)] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sentences_of_the_docs_are_short(path: Path) -> None:
    sentences = _split_sentences(path.read_text())
    assert [sentence for sentence in sentences if _count_words(sentence) > MAX_SENTENCE_WORDS] == []


def test_a_class_name_occurs_once_in_the_program() -> None:
    names = Counter(find_class_names(ROOT))
    assert [name for name, count in names.items() if count > 1] == []


def _count_words(sentence: str) -> int:
    return sum(any(letter.isalnum() for letter in word) for word in sentence.split())


def _drop_code(text: str) -> str:
    """Leave out code, quotes of other sources, and links."""
    text = re.sub(r"```.*?```|<!--.*?-->", " ", text, flags=re.DOTALL)
    return re.sub(r"`[^`\n]*`|“[^”]*”|\"[^\"\n]*\"|https?://\S+", " ", text)


def _split_sentences(text: str) -> list[str]:
    paragraphs: list[str] = []
    for source_line in _drop_code(text).splitlines():
        line = re.sub(r"^\s*(?:[-*]|\d+\.)\s+", "\n", source_line)
        if line.startswith(("#", "|", "\n")) or not line.strip():
            paragraphs += [] if line.startswith(("#", "|")) else [line.strip()]
        elif paragraphs:
            paragraphs[-1] += f" {line.strip()}"
        else:
            paragraphs.append(line.strip())
    return [sentence for paragraph in paragraphs for sentence in re.split(r"(?<=[.!?:;])\s+", paragraph)]
