"""Parse phone numbers, find their country, and detect numbers that cost too much."""

import phonenumbers
from phonenumbers import PhoneNumberType

DEFAULT_COUNTRY = "US"
HIGH_COST_NUMBER_TYPES = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})
NON_GEOGRAPHIC_REGION = "001"
"""The region of satellite, network, and premium codes that belong to no country (+870, +881, +882, +883, +979)."""


def parse_e164(text: str) -> str | None:
    """Return the number as E.164 (+12175550100) without its extension, or None if it cannot be a number."""
    try:
        number = phonenumbers.parse(text, DEFAULT_COUNTRY)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def get_region(address: str) -> str:
    """Return the country of a number ("US"), "001" for no country, or "" if the address is not a number."""
    number = _parse_number(address.removeprefix("voice:"))
    if number is None:
        return ""
    return phonenumbers.region_code_for_number(number) or _get_region_by_code(number.country_code or 0)


def is_high_cost_number(address: str) -> bool:
    """Return whether Puente must not text or call this number, because its owner earns money from each message."""
    number = _parse_number(address.removeprefix("voice:"))
    if address.startswith("whatsapp:") or number is None:
        return False
    return get_region(address) == NON_GEOGRAPHIC_REGION or phonenumbers.number_type(number) in HIGH_COST_NUMBER_TYPES


def _get_region_by_code(code: int) -> str:
    """Find the region by country code, for numbers that no numbering plan has (fictional or new)."""
    return str(phonenumbers.region_code_for_country_code(code))


def _parse_number(address: str) -> phonenumbers.PhoneNumber | None:
    if not address.startswith("+"):
        return None
    try:
        return phonenumbers.parse(address)
    except phonenumbers.NumberParseException:
        return None
