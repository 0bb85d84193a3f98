"""A day in a family's own words: "mañana", "11/30", "vendredi", "30 tháng 11", "demen".  dateparser reads most."""

import re
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from bot.base.text_normalization import normalise

OF_DATEPARSER = {"tl": "fil"}
"""Where dateparser names a language otherwise than we do; the others have the same code."""
ARTICLES = re.compile(r"^(?:on|the|el|la|le|este|esta|proximo|o|a|na|no|ngày|vào|sa|ce|в|у)\s+", re.IGNORECASE)
ASIAN = re.compile(r"(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日号號일]?")
ONLY_DIGITS = re.compile(r"\d{1,3}")
"""Not a day: which month a bare "3" belongs to, or whether it is a choice, nobody knows."""
FAR = timedelta(days=366)
"""What seems further away was read wrongly ("11/30" in Spanish as November 2030)."""
OWN_DAYS = {
    "ht": {"lendi": 0, "madi": 1, "mekredi": 2, "jedi": 3, "vandredi": 4, "samdi": 5, "dimanch": 6},
    "so": {"isniin": 0, "talaado": 1, "arbaco": 2, "khamiis": 3, "jimco": 4, "jimce": 4, "sabti": 5, "axad": 6},
}
OWN_MONTHS = {
    "ht": (
        "janvye", "fevriye", "mas", "avril", "me", "jen", "jiye", "out", "septanm", "oktob", "novanm", "desanm",
    ),
}  # fmt: skip
OWN_WORDS = {
    "ht": {"jodi a": 0, "jodia": 0, "demen": 1, "apre demen": 2},
    "so": {"maanta": 0, "berri": 1, "berrito": 1},
}


def day_in(text: str, language: str, today: date) -> date | None:
    """The day that an answer names, from `today` on; None where it names none, several, or a bare number."""
    said = normalise(text)
    if not said or ONLY_DIGITS.fullmatch(said) or len(said) > 60:
        return None
    return _own(said, language, today) or _asian(text, today) or _parsed(text, language, today)


def _own(said: str, language: str, today: date) -> date | None:
    """What dateparser does not know: Haitian Creole, and some Somali."""
    if said in OWN_WORDS.get(language, {}):
        return today + timedelta(days=OWN_WORDS[language][said])
    if said in OWN_DAYS.get(language, {}):
        return today + timedelta(days=(OWN_DAYS[language][said] - today.weekday() - 1) % 7 + 1)
    month = re.fullmatch(r"(?:le )?(\d{1,2}) (\w+)", said)
    months = OWN_MONTHS.get(language, ())
    return _next(months.index(month[2]) + 1, int(month[1]), today) if month and month[2] in months else None


def _asian(text: str, today: date) -> date | None:
    match = ASIAN.search(text)
    return _next(int(match[1]), int(match[2]), today) if match else None


def _next(month: int, day: int, today: date) -> date | None:
    """This year's day, or next year's where it is over."""
    for year in (today.year, today.year + 1):
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if found >= today:
            return found
    return None


def _parsed(text: str, language: str, today: date) -> date | None:
    """In the family's language, else in English: many mix the two.  As written, then without "on the"."""
    own = OF_DATEPARSER.get(language, language)
    names = [one for one in dict.fromkeys((own, "en")) if one in _dateparser().known]
    ways = dict.fromkeys((text.strip(), ARTICLES.sub("", text.strip())))
    read = (_dateparser().read(way, one, today) for one in names for way in ways)
    return next((found for found in read if found), None)


class _Dateparser:
    """The library, loaded with the first question for a day: most conversations never ask one."""

    def __init__(self) -> None:
        import dateparser
        from dateparser.data.languages_info import language_order

        self.known = frozenset(language_order)
        self._parse: Any = dateparser.parse

    def read(self, text: str, language: str, today: date) -> date | None:
        """What it makes of the text in one language: a day, or a weekday; not a month, whose day it would invent."""
        found = self._day(text, language, today, {"REQUIRE_PARTS": ["day"]})
        if found is None:
            found = self._day(text, language, today, {})
            later = self._day(text, language, today + timedelta(days=1), {})
            found = found if found and later and (later - found).days % 7 == 0 else None
        return found if found and today <= found <= today + FAR else None

    def _day(self, text: str, language: str, today: date, more: dict[str, Any]) -> date | None:
        base = datetime(today.year, today.month, today.day)
        settings = {"RELATIVE_BASE": base, "PREFER_DATES_FROM": "future", **more}
        found = self._parse(text, languages=[language], settings=settings)
        return found.date() if found else None


@cache
def _dateparser() -> _Dateparser:
    return _Dateparser()
