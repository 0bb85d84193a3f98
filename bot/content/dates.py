"""Days in the family's words.  Babel writes them; for Haitian Creole it would write French, so we do it."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from babel.dates import format_date

from bot.content.languages import has_calendar

HAITIAN_DAYS = ("lendi", "madi", "mèkredi", "jedi", "vandredi", "samdi", "dimanch")
HAITIAN_MONTHS = (
    "janvye", "fevriye", "mas", "avril", "me", "jen", "jiyè", "out", "septanm", "oktòb", "novanm", "desanm"
)  # fmt: skip


@lru_cache(maxsize=512)
def day(moment: date, language: str) -> str:
    """A day with its weekday, no year: "Thursday, November 26"; for something close."""
    if language == "ht":
        return f"{HAITIAN_DAYS[moment.weekday()]} {moment.day} {HAITIAN_MONTHS[moment.month - 1]}"
    return format_date(moment, format=_pattern(language), locale=_calendar(language))


@lru_cache(maxsize=512)
def full(moment: date, language: str) -> str:
    """A day with its year: "November 23, 2026"; for when something was checked."""
    if language == "ht":
        return f"{moment.day} {HAITIAN_MONTHS[moment.month - 1]} {moment.year}"
    return format_date(moment, format="long", locale=_calendar(language))


def warm(languages: Sequence[str]) -> None:
    """Load the languages' calendars now, not with the first message."""
    for language in languages:
        day(date(2026, 1, 1), language)


def _calendar(language: str) -> str:
    return language if has_calendar(language) else "en"


def _pattern(language: str) -> str:
    """CLDR has no "weekday, day, month" for all languages under one name; these are its usual orders."""
    patterns = {"en": "EEEE, MMMM d", "zh": "M月d日EEEE", "vi": "EEEE, d MMMM", "es": "EEEE d 'de' MMMM"}
    patterns |= {"pt": "EEEE, d 'de' MMMM", "ko": "M월 d일 EEEE"}
    return patterns.get(language, "EEEE d MMMM")
