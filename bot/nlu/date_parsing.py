"""A day in a family's own words: "mañana", "11/30", "vendredi", "30 tháng 11", "demen".  dateparser reads most."""

import re
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from bot.base.text_normalization import normalize_text

DATEPARSER_LANGUAGE_CODES = {"tl": "fil"}
"""Where dateparser names a language otherwise than we do; the others have the same code."""
LEADING_ARTICLE_PATTERN = re.compile(
    r"^(?:on|the|el|la|le|este|esta|proximo|o|a|na|no|ngày|vào|sa|ce|в|у)\s+", re.IGNORECASE
)
EAST_ASIAN_DATE_PATTERN = re.compile(r"(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日号號일]?")
BARE_NUMBER_PATTERN = re.compile(r"\d{1,3}")
"""Not a day: which month a bare "3" belongs to, or whether it is a choice, nobody knows."""
MAX_DATE_DISTANCE = timedelta(days=366)
"""What seems further away was read wrongly ("11/30" in Spanish as November 2030)."""
WEEKDAY_NUMBERS = {
    "ht": {"lendi": 0, "madi": 1, "mekredi": 2, "jedi": 3, "vandredi": 4, "samdi": 5, "dimanch": 6},
    "so": {"isniin": 0, "talaado": 1, "arbaco": 2, "khamiis": 3, "jimco": 4, "jimce": 4, "sabti": 5, "axad": 6},
}
MONTH_NAMES = {
    "ht": (
        "janvye", "fevriye", "mas", "avril", "me", "jen", "jiye", "out", "septanm", "oktob", "novanm", "desanm",
    ),
}  # fmt: skip
RELATIVE_DAY_OFFSETS = {
    "ht": {"jodi a": 0, "jodia": 0, "demen": 1, "apre demen": 2},
    "so": {"maanta": 0, "berri": 1, "berrito": 1},
}


def parse_day(text: str, language: str, today: date) -> date | None:
    """The day that an answer names, from `today` on; None where it names none, several, or a bare number."""
    normalized_text = normalize_text(text)
    if not normalized_text or BARE_NUMBER_PATTERN.fullmatch(normalized_text) or len(normalized_text) > 60:
        return None
    return (
        _parse_listed_words(normalized_text, language, today)
        or _parse_east_asian_date(text, today)
        or _parse_with_dateparser(text, language, today)
    )


def _parse_listed_words(normalized_text: str, language: str, today: date) -> date | None:
    """What dateparser does not know: Haitian Creole, and some Somali."""
    if normalized_text in RELATIVE_DAY_OFFSETS.get(language, {}):
        return today + timedelta(days=RELATIVE_DAY_OFFSETS[language][normalized_text])
    if normalized_text in WEEKDAY_NUMBERS.get(language, {}):
        return today + timedelta(days=(WEEKDAY_NUMBERS[language][normalized_text] - today.weekday() - 1) % 7 + 1)
    day_and_month = re.fullmatch(r"(?:le )?(\d{1,2}) (\w+)", normalized_text)
    months = MONTH_NAMES.get(language, ())
    return (
        _find_next_date(months.index(day_and_month[2]) + 1, int(day_and_month[1]), today)
        if day_and_month and day_and_month[2] in months
        else None
    )


def _parse_east_asian_date(text: str, today: date) -> date | None:
    match = EAST_ASIAN_DATE_PATTERN.search(text)
    return _find_next_date(int(match[1]), int(match[2]), today) if match else None


def _find_next_date(month: int, day: int, today: date) -> date | None:
    """This year's day, or next year's where it is over."""
    for year in (today.year, today.year + 1):
        try:
            candidate = date(year, month, day)
        except ValueError:
            continue
        if candidate >= today:
            return candidate
    return None


def _parse_with_dateparser(text: str, language: str, today: date) -> date | None:
    """In the family's language, else in English: many mix the two.  As written, then without "on the"."""
    dateparser_code = DATEPARSER_LANGUAGE_CODES.get(language, language)
    language_codes = [
        code for code in dict.fromkeys((dateparser_code, "en")) if code in _load_dateparser().language_codes
    ]
    spellings = dict.fromkeys((text.strip(), LEADING_ARTICLE_PATTERN.sub("", text.strip())))
    parsed_days = (
        _load_dateparser().parse_day(spelling, code, today) for code in language_codes for spelling in spellings
    )
    return next((parsed_day for parsed_day in parsed_days if parsed_day), None)


class _DateparserLibrary:
    """The library, loaded with the first question for a day: most conversations never ask one."""

    def __init__(self) -> None:
        import dateparser
        from dateparser.data.languages_info import language_order

        self.language_codes = frozenset(language_order)
        self._parse: Any = dateparser.parse

    def parse_day(self, text: str, language: str, today: date) -> date | None:
        """What it makes of the text in one language: a day, or a weekday; not a month, whose day it would invent."""
        day = self._call_parser(text, language, today, {"REQUIRE_PARTS": ["day"]})
        if day is None:
            day = self._call_parser(text, language, today, {})
            day_from_tomorrow = self._call_parser(text, language, today + timedelta(days=1), {})
            day = day if day and day_from_tomorrow and (day_from_tomorrow - day).days % 7 == 0 else None
        return day if day and today <= day <= today + MAX_DATE_DISTANCE else None

    def _call_parser(self, text: str, language: str, today: date, extra_settings: dict[str, Any]) -> date | None:
        base = datetime(today.year, today.month, today.day)
        settings = {"RELATIVE_BASE": base, "PREFER_DATES_FROM": "future", **extra_settings}
        parsed_time = self._parse(text, languages=[language], settings=settings)
        return parsed_time.date() if parsed_time else None


@cache
def _load_dateparser() -> _DateparserLibrary:
    return _DateparserLibrary()
