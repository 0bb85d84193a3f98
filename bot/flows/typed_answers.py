"""Read answers of a kind (a day, a phone number) from the family's text, and return them in one standard form."""

from datetime import date
from typing import Literal

import phonenumbers

from bot.nlu.date_parsing import parse_day

DEFAULT_PHONE_REGION = "US"
"""The region of numbers without a country code."""


def read_answer(kind: Literal["date", "phone"], text: str, language: str, today: date) -> str:
    """Return the day as ISO 8601 or the number as E.164, or "" if the text holds none."""
    if kind == "phone":
        return _parse_phone(text)
    day = parse_day(text, language, today)
    return day.isoformat() if day else ""


def _parse_phone(text: str) -> str:
    """Return the only number in the text. With two numbers, the choice would be a guess."""
    numbers = [
        match.number
        for match in phonenumbers.PhoneNumberMatcher(text[:200], DEFAULT_PHONE_REGION, phonenumbers.Leniency.POSSIBLE)
    ]
    if len(numbers) != 1:
        return ""
    return phonenumbers.format_number(numbers[0], phonenumbers.PhoneNumberFormat.E164)
