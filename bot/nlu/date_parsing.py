"""Parse a day from a family's text ("mañana", "11/30", "vendredi", "30 tháng 11", "demen"), mostly with dateparser."""

import re
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from bot.base.text_normalization import normalize_text

DATEPARSER_LANGUAGE_CODES = {"tl": "fil"}
"""The languages for which dateparser uses another code."""
LEADING_ARTICLE_PATTERN = re.compile(
    r"^(?:on|the|el|la|le|este|esta|proximo|o|a|na|no|ngày|vào|sa|ce|в|у)\s+", re.IGNORECASE
)
EAST_ASIAN_DATE_PATTERN = re.compile(r"(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日号號일]?")
BARE_NUMBER_PATTERN = re.compile(r"\d{1,3}")
"""Not a day, because the month of a bare "3" is unclear, and it can be a choice."""
MAX_DATE_DISTANCE = timedelta(days=366)
"""A day further away is a parsing error (in Spanish, dateparser reads "11/30" as November 2030)."""
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
    """Return the day that an answer names, today or later. Return None for no day, several days, or a bare number."""
    normalized_text = normalize_text(text)
    if not normalized_text or BARE_NUMBER_PATTERN.fullmatch(normalized_text) or len(normalized_text) > 60:
        return None
    return (
        _parse_listed_words(normalized_text, language, today)
        or _parse_east_asian_date(text, today)
        or _parse_with_dateparser(text, language, today)
    )


def _parse_listed_words(normalized_text: str, language: str, today: date) -> date | None:
    """Parse days that dateparser doesn't have: Haitian Creole, and some Somali."""
    if normalized_text in RELATIVE_DAY_OFFSETS.get(language, {}):
        return today + timedelta(days=RELATIVE_DAY_OFFSETS[language][normalized_text])
    if normalized_text in WEEKDAY_NUMBERS.get(language, {}):
        return today + timedelta(days=(WEEKDAY_NUMBERS[language][normalized_text] - today.weekday() - 1) % 7 + 1)
    day_and_month = re.fullmatch(r"(?:le )?(\d{1,2}) (\w+)", normalized_text)
    months = MONTH_NAMES.get(language, ())
    if day_and_month is None or day_and_month[2] not in months:
        return None
    return _find_next_date(months.index(day_and_month[2]) + 1, int(day_and_month[1]), today)


def _parse_east_asian_date(text: str, today: date) -> date | None:
    match = EAST_ASIAN_DATE_PATTERN.search(text)
    return _find_next_date(int(match[1]), int(match[2]), today) if match else None


def _find_next_date(month: int, day: int, today: date) -> date | None:
    """Return this date in the current year, or in the next year if it has passed."""
    for year in (today.year, today.year + 1):
        try:
            candidate = date(year, month, day)
        except ValueError:
            continue
        if candidate >= today:
            return candidate
    return None


def _parse_with_dateparser(text: str, language: str, today: date) -> date | None:
    """Parse in the family's language, then in English, because many families mix the two.

    Try the text as written, then without a leading article such as "on the".
    """
    dateparser_code = DATEPARSER_LANGUAGE_CODES.get(language, language)
    dateparser = _load_dateparser()
    language_codes = [code for code in dict.fromkeys((dateparser_code, "en")) if code in dateparser.language_codes]
    spellings = dict.fromkeys((text.strip(), LEADING_ARTICLE_PATTERN.sub("", text.strip())))
    days = (dateparser.parse_day(spelling, code, today) for code in language_codes for spelling in spellings)
    return next((day for day in days if day), None)


class _DateparserLibrary:
    """Load dateparser with the first question for a day, because most conversations never ask one."""

    def __init__(self) -> None:
        import dateparser
        from dateparser.data.languages_info import language_order

        self.language_codes = frozenset(language_order)
        self._parse: Any = dateparser.parse

    def parse_day(self, text: str, language: str, today: date) -> date | None:
        """Return the day or weekday that the text names in one language.

        Return None for a month alone, for which dateparser would invent a day.
        """
        day = self._call_parser(text, language, today, {"REQUIRE_PARTS": ["day"]})
        if day is None:
            day = self._call_parser(text, language, today, {})
            day_from_tomorrow = self._call_parser(text, language, today + timedelta(days=1), {})
            if not day or not day_from_tomorrow or (day_from_tomorrow - day).days % 7 != 0:
                return None
        is_near = today <= day <= today + MAX_DATE_DISTANCE
        return day if is_near else None

    def _call_parser(self, text: str, language: str, today: date, extra_settings: dict[str, Any]) -> date | None:
        base = datetime(today.year, today.month, today.day)
        settings = {"RELATIVE_BASE": base, "PREFER_DATES_FROM": "future", **extra_settings}
        parsed_time = self._parse(text, languages=[language], settings=settings)
        return parsed_time.date() if parsed_time else None


@cache
def _load_dateparser() -> _DateparserLibrary:
    return _DateparserLibrary()
