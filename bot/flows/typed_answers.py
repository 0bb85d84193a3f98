"""Answers of a kind: a day, a telephone number.  Read from the family's own words, kept in one form for all."""

from datetime import date
from typing import Literal

import phonenumbers

from bot.nlu.date_parsing import parse_day

DEFAULT_PHONE_REGION = "US"
"""A number without a country code is read as one of here."""


def read_answer(kind: Literal["date", "phone"], text: str, language: str, today: date) -> str:
    """The day as ISO 8601, or the number as E.164; empty if the text is no such thing."""
    if kind == "phone":
        return _parse_phone(text)
    day = parse_day(text, language, today)
    return day.isoformat() if day else ""


def _parse_phone(text: str) -> str:
    """The one number that stands in the text; two would be a guess."""
    numbers = [
        match.number
        for match in phonenumbers.PhoneNumberMatcher(text[:200], DEFAULT_PHONE_REGION, phonenumbers.Leniency.POSSIBLE)
    ]
    if len(numbers) != 1:
        return ""
    return phonenumbers.format_number(numbers[0], phonenumbers.PhoneNumberFormat.E164)
