"""The catalogs and `bot check`: nothing is lost in translation, drafts are marked, mistakes are named."""

import re
from datetime import date

import pytest
from babel.messages.pofile import read_po

from bot.base import settings
from bot.content.catalog import parse_po
from bot.content.library import Library
from bot.content.lint import find_content_problems

LANGUAGES = ["es", "ht", "pt", "ar", "uk", "zh", "vi"]


def test_content_check_finds_no_errors(library: Library) -> None:
    errors, _ = find_content_problems(settings.ROOT, library, today=date(2026, 11, 24))
    assert errors == []


def test_passing_time_causes_warnings_but_no_errors(library: Library) -> None:
    errors, warnings = find_content_problems(settings.ROOT, library, today=date(2030, 1, 1))
    assert errors == [] and any("right_to_school" in warning for warning in warnings)


@pytest.mark.parametrize("language", LANGUAGES)
def test_unreviewed_translations_are_fuzzy(language: str) -> None:
    catalog = parse_po(language, (settings.ROOT / f"messages/{language}.po").read_bytes())
    headers = dict(catalog.mime_headers)
    reviewed = (settings.ROOT / f"messages/{language}.po").read_text()
    if "X-Reviewed-By: nobody yet" in reviewed:
        assert all(message.fuzzy for message in catalog if message.id), headers


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_survive_translation(language: str) -> None:
    with (settings.ROOT / f"messages/{language}.po").open("rb") as file:
        for message in read_po(file, locale=language):
            if not message.id:
                continue  # the header
            wanted = re.findall(r"\d[\d-]{2,}", str(message.id))
            assert sorted(wanted) == sorted(re.findall(r"\d[\d-]{2,}", str(message.string))), message.id
