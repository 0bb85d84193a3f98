"""Days in the family's words.  Babel writes them; for Haitian Creole it would write French, so we do it."""

from collections.abc import Sequence
from datetime import date, datetime, time
from functools import lru_cache

from babel.dates import format_date, format_time, get_day_names

from bot.base.language_names import has_calendar

HAITIAN_DAYS = ("lendi", "madi", "mèkredi", "jedi", "vandredi", "samdi", "dimanch")
HAITIAN_MONTHS = (
    "janvye", "fevriye", "mas", "avril", "me", "jen", "jiyè", "out", "septanm", "oktòb", "novanm", "desanm"
)  # fmt: skip


def format_day(moment: date, language: str) -> str:
    """A day with its weekday, no year: "Thursday, November 26"; for something close."""
    if language == "ht":
        return f"{HAITIAN_DAYS[moment.weekday()]} {moment.day} {HAITIAN_MONTHS[moment.month - 1]}"
    return format_date(moment, format=_get_day_pattern(language), locale=_choose_locale(language))


def format_full_date(moment: date, language: str) -> str:
    """A day with its year: "November 23, 2026"; for when something was checked."""
    if language == "ht":
        return f"{moment.day} {HAITIAN_MONTHS[moment.month - 1]} {moment.year}"
    return format_date(moment, format="long", locale=_choose_locale(language))


def format_moment(moment: datetime, language: str) -> str:
    """A day and an hour: "Monday, November 30, 7:30 AM"."""
    return f"{format_day(moment.date(), language)}, {format_clock_time(moment.time(), language)}"


@lru_cache(maxsize=128)
def format_hours(start: time, end: time, days: Sequence[int], language: str) -> str:
    """Hours of work: "Mon-Fri, 7:30 AM-4:30 PM"; `days` are weekdays from 0 (Monday), the first to the last."""
    day_names = [_format_weekday(days[0], language), *([_format_weekday(days[-1], language)] if len(days) > 1 else [])]
    return f"{'-'.join(day_names)}, {format_clock_time(start, language)}-{format_clock_time(end, language)}"


def _format_weekday(day: int, language: str) -> str:
    if language == "ht":
        return HAITIAN_DAYS[day]
    # not "stand-alone": Babel then gives every language the first one's that it was asked for without days of its own
    return str(get_day_names("abbreviated", "format", _choose_locale(language))[day])


def format_clock_time(moment: time, language: str) -> str:
    """An hour: "7:30 AM".  Narrow spaces would make a text twice as dear (UCS-2)."""
    pattern, locale = ("HH:mm", "en") if language == "ht" else ("short", _choose_locale(language))
    return format_time(moment, pattern, locale=locale).replace("\u202f", " ")


def preload_calendars(languages: Sequence[str]) -> None:
    """Load the languages' calendars now, not with the first message."""
    for language in languages:
        format_day(date(2026, 1, 1), language)


def _choose_locale(language: str) -> str:
    return language if has_calendar(language) else "en"


def _get_day_pattern(language: str) -> str:
    """CLDR has no "weekday, day, month" for all languages under one name; these are its usual orders."""
    patterns = {"en": "EEEE, MMMM d", "zh": "M月d日EEEE", "vi": "EEEE, d MMMM", "es": "EEEE d 'de' MMMM"}
    patterns |= {"pt": "EEEE, d 'de' MMMM", "ko": "M월 d일 EEEE"}
    return patterns.get(language, "EEEE d MMMM")
