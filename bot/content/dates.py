"""Write dates in the family's language. Babel writes them, except for Haitian Creole, where it would write French."""

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
    """Write a near date with its weekday and no year: "Thursday, November 26"."""
    if language == "ht":
        return f"{HAITIAN_DAYS[moment.weekday()]} {moment.day} {HAITIAN_MONTHS[moment.month - 1]}"
    return format_date(moment, format=_get_day_pattern(language), locale=_choose_locale(language))


def format_full_date(moment: date, language: str) -> str:
    """Write a date with its year: "November 23, 2026"."""
    if language == "ht":
        return f"{moment.day} {HAITIAN_MONTHS[moment.month - 1]} {moment.year}"
    return format_date(moment, format="long", locale=_choose_locale(language))


def format_moment(moment: datetime, language: str) -> str:
    """Write a date and a time: "Monday, November 30, 7:30 AM"."""
    return f"{format_day(moment.date(), language)}, {format_clock_time(moment.time(), language)}"


@lru_cache(maxsize=128)
def format_hours(start: time, end: time, days: Sequence[int], language: str) -> str:
    """Write working hours: "Mon-Fri, 7:30 AM-4:30 PM". `days` are weekdays in order, from 0 (Monday)."""
    day_names = [_format_weekday(days[0], language)]
    if len(days) > 1:
        day_names.append(_format_weekday(days[-1], language))
    return f"{'-'.join(day_names)}, {format_clock_time(start, language)}-{format_clock_time(end, language)}"


def _format_weekday(day: int, language: str) -> str:
    if language == "ht":
        return HAITIAN_DAYS[day]
    # With "stand-alone", Babel reuses the day names of the first language without its own for every later one.
    return str(get_day_names("abbreviated", "format", _choose_locale(language))[day])


def format_clock_time(moment: time, language: str) -> str:
    """Write a time: "7:30 AM". Narrow spaces are replaced, because they double the cost of an SMS (UCS-2)."""
    pattern, locale = ("HH:mm", "en") if language == "ht" else ("short", _choose_locale(language))
    return format_time(moment, pattern, locale=locale).replace("\u202f", " ")


def preload_calendars(languages: Sequence[str]) -> None:
    """Load the calendars of these languages now, not with the first message."""
    for language in languages:
        format_day(date(2026, 1, 1), language)


def _choose_locale(language: str) -> str:
    return language if has_calendar(language) else "en"


def _get_day_pattern(language: str) -> str:
    """Return the pattern for weekday, day, and month. CLDR has no single name for it; these are its usual orders."""
    patterns = {"en": "EEEE, MMMM d", "zh": "M月d日EEEE", "vi": "EEEE, d MMMM", "es": "EEEE d 'de' MMMM"}
    patterns |= {"pt": "EEEE, d 'de' MMMM", "ko": "M월 d일 EEEE"}
    return patterns.get(language, "EEEE d MMMM")
